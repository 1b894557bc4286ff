"""The calendar entry of a message, and the links that add a session to a calendar on the web.

The entry (`.ics`) follows the session when it moves: the same UID, a higher SEQUENCE (RFC 5545, and
RFC 5546 for the methods). `icalendar` builds one entry per session, which is then cut where a
person's own lines come, as `mime` does with a message. Times are in UTC, so no change of
daylight-saving rules can move them.

The links have title and times, and never the join link: those sites store their addresses in logs.
Writes text only; `mime` attaches it.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote, urlencode

from icalendar import Alarm, Calendar, Event, vCalAddress, vText

from onboarding.messages.headers import INSIDE_A_CHARACTER, transport_address
from onboarding.messages.request import MessageRequest
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.model.addresses import address_key
from onboarding.model.answers import Answer
from onboarding.model.kinds import RULES

PRODUCT = "-//webinar-onboarding//letters//EN"
PERSONAL = ("UID", "SEQUENCE", "DTSTAMP", "DESCRIPTION", "LOCATION", "URL", "ATTENDEE")
_PLACEHOLDER = "x-personal"

NOT_ANSWERED = "NEEDS-ACTION"
"""The PARTSTAT of who has not answered (RFC 5545 3.2.12)."""

CANCEL = "CANCEL"
"""The METHOD that takes an entry out of its reader's calendar (RFC 5546 3.2.5)."""

ENTRY_METHODS = (*(method.value.upper() for method in CalendarMethod), CANCEL)


class Occasion(NamedTuple):
    """What the entries of all people at one session share."""

    title: str
    start: datetime
    end: datetime
    arrive_by: datetime
    method: str
    organizer: str
    organizer_name: str


def method_of(request: MessageRequest, brand: BrandSettings) -> str:
    """Return the entry's METHOD; the MIME parameter has to be the same (RFC 6047 2.4).

    Empty for a message that carries no entry.
    """
    rules = RULES[request.kind]
    if not rules.has_calendar:
        return ""
    # A cancellation has CANCEL by its kind, however the brand's entries are published.
    return rules.calendar_method or (REQUEST if has_attendee(request, brand) else PUBLISH)


REQUEST, PUBLISH = CalendarMethod.REQUEST.value.upper(), CalendarMethod.PUBLISH.value.upper()


def has_attendee(request: MessageRequest, brand: BrandSettings) -> bool:
    """Whether the entry names its reader as the one who attends.

    What is published names none (RFC 5546 3.2.1). An organizer can't be asked by themselves:
    calendars take such an entry for a meeting of their own, and show no button.
    """
    return brand.calendar is CalendarMethod.REQUEST and not _is_organizer(
        request.recipient, brand.organizer_address
    )


# Asked several times for each message.
@lru_cache(maxsize=256)
def _is_organizer(recipient: str, organizer: str) -> bool:
    return address_key(recipient) == address_key(organizer)


def calendar_entry(
    request: MessageRequest,
    brand: BrandSettings,
    title: str,
    name: str,
    description: str,
    *,
    asks_for_answer: bool = False,
) -> str:
    """Write a person's calendar entry (CRLF line ends); empty where the message carries none.

    `title`, `name` and `description` are plain text, ready to be shown. UID is the same in all of a
    person's entries about a session, and SEQUENCE grows, so calendars take each entry as a newer
    version of the last one (RFC 5545 3.8.7.4). `asks_for_answer`: someone reads the answers.
    """
    method = method_of(request, brand)
    if not method:
        return ""
    lines = personal_lines(request, brand, name, description, asks_for_answer=asks_for_answer)
    frame = calendar_frame(request, brand, title, method)
    return "".join([lines.get(part, part) for part in frame])


def calendar_frame(
    request: MessageRequest, brand: BrandSettings, title: str, method: str
) -> tuple[str, ...]:
    """Write what all entries of one session share; a personal line is only named."""
    session = request.session
    return _build_frame(
        Occasion(
            title=title,
            start=session.start,
            end=session.end,
            arrive_by=session.arrive_by,
            method=method,
            organizer=brand.organizer_address,
            organizer_name=brand.organizer_name,
        )
    )


def personal_lines(
    request: MessageRequest,
    brand: BrandSettings,
    name: str,
    description: str,
    *,
    asks_for_answer: bool,
) -> dict[str, str]:
    """Write one person's lines of `PERSONAL`; a line that is not due is empty."""
    link = request.join_link.get_secret_value() if request.join_link else ""
    attendee = ""
    if has_attendee(request, brand):
        # An answer to a cancellation would be of no use to anyone.
        asks = asks_for_answer and RULES[request.kind].calendar_method != CANCEL
        address = transport_address(request.recipient)
        attendee = _attendee_line(name, address, request.participation, asks=asks)
    return {
        "UID": fold_line("UID", request.uid),
        "SEQUENCE": fold_line("SEQUENCE", str(request.sequence)),
        "DTSTAMP": fold_line("DTSTAMP", _format_time(request.date.replace(microsecond=0))),
        "DESCRIPTION": fold_line("DESCRIPTION", escape(description)) if description else "",
        "LOCATION": fold_line("LOCATION", escape(link)) if link else "",
        # A URI is not escaped, unlike TEXT (RFC 5545 3.3.13): else its commas would break the link.
        "URL": fold_line("URL", link) if link else "",
        "ATTENDEE": attendee,
    }


@lru_cache(maxsize=8)
def _format_time(second: datetime) -> str:
    return f"{second.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@lru_cache(maxsize=64)
def _build_frame(occasion: Occasion) -> tuple[str, ...]:
    """Let `icalendar` build the entry, and cut it at the personal lines.

    Returns lines of text, and names of `PERSONAL` where a person's own line comes.
    """
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", occasion.method)
    calendar.add_component(_build_event(occasion))
    event, alarm, rest = calendar.to_ical().decode().partition("BEGIN:VALARM\r\n")
    # A mark is far shorter than a folded line, so each is found as a line of its own.
    marked = {f"{name}:{_PLACEHOLDER}\r\n": name for name in PERSONAL}
    # Not in the alarm: its DESCRIPTION is the title, which may be any words.
    return (*(marked.get(line, line) for line in event.splitlines(keepends=True)), alarm + rest)


def _build_event(occasion: Occasion) -> Event:
    event = Event()
    event.add("summary", occasion.title)
    # In UTC: a VTIMEZONE makes the entry ten times as slow to build, and the rules in it get old.
    event.add("dtstart", occasion.start.astimezone(UTC))
    event.add("dtend", occasion.end.astimezone(UTC))
    event.add("status", "CANCELLED" if occasion.method == CANCEL else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{occasion.organizer}")
    organizer.params["CN"] = vText(occasion.organizer_name)
    event.add("organizer", organizer)
    for name in PERSONAL:
        event[name] = vText(_PLACEHOLDER)
    # What is cancelled reminds no one (RFC 5546 3.2.5 admits no alarm).
    if occasion.method != CANCEL:
        event.add_component(_build_alarm(occasion))
    return event


def _build_alarm(occasion: Occasion) -> Alarm:
    """Build the one reminder: when the panel should be there."""
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    # A DISPLAY alarm has to have a text (RFC 5545 3.6.6).
    alarm.add("description", occasion.title)
    # Before the start, not at a time: it moves along if a reader moves the entry.
    alarm.add("trigger", occasion.arrive_by - occasion.start)
    return alarm


def _attendee_line(name: str, address: str, answer: Answer | None, *, asks: bool) -> str:
    """Write the one attendee, with their answer where it still holds.

    Without it, a calendar that takes our word would ask again after each update.
    A parameter's value can't have a double quote (RFC 5545 3.1), and a caret begins an escape there
    (RFC 6868 3.1). Some readers take a backslash for one too, so it becomes a slash.
    """
    shown = name.replace("^", "^^").replace('"', "'").replace("\\", "/")
    # Also with an answer: who is asked can still change their mind.
    rsvp = "TRUE" if asks else "FALSE"
    participation = answer.upper() if answer else NOT_ANSWERED
    parameters = f'CN="{shown}";PARTSTAT={participation};ROLE=REQ-PARTICIPANT;RSVP={rsvp}'
    return fold_line(f"ATTENDEE;{parameters}", f"mailto:{address}")


def escape(text: str) -> str:
    """Write a TEXT value (RFC 5545 3.3.11)."""
    # The backslash comes first, for all others add one.
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


LONGEST_CONTENT_LINE = 75
"""Octets, without the line end (RFC 5545 3.1)."""


def fold_line(name: str, value: str) -> str:
    """Write a content line, folded between characters."""
    # nearly all lines are short, and each message has several
    if len(name) + len(value) < LONGEST_CONTENT_LINE and value.isascii():
        return f"{name}:{value}\r\n"
    octets = f"{name}:{value}".encode()
    length = len(octets)
    if octets.isascii():
        inner: Iterable[int] = range(LONGEST_CONTENT_LINE, length, LONGEST_CONTENT_LINE - 1)
    else:
        inner = _find_cuts(octets)
    cuts = (0, *inner, length)
    return b"\r\n ".join([octets[start:end] for start, end in pairwise(cuts)]).decode() + "\r\n"


def _find_cuts(octets: bytes) -> Iterator[int]:
    """Find where a line is folded, never inside a character."""
    start, room = 0, LONGEST_CONTENT_LINE
    while len(octets) - start > room:
        start += room
        # RFC 5545 3.1 warns of this: who decodes line by line would lose the character.
        while octets[start] in INSIDE_A_CHARACTER:
            start -= 1
        yield start
        # from the second line on, one octet is the space that begins it
        room = LONGEST_CONTENT_LINE - 1


GOOGLE = "https://calendar.google.com/calendar/render"
OUTLOOK = "https://outlook.office.com/calendar/0/deeplink/compose"


@lru_cache(maxsize=64)
def add_to_google(title: str, start: datetime, end: datetime) -> str:
    """Make the address of Google Calendar's form for a new entry."""
    dates = f"{_format_time(start)}/{_format_time(end)}"
    fields = {"action": "TEMPLATE", "text": title, "dates": dates}
    return f"{GOOGLE}?{urlencode(fields, quote_via=quote)}"


@lru_cache(maxsize=64)
def add_to_outlook(title: str, start: datetime, end: datetime) -> str:
    """Make the address of the form for a new entry of Outlook on the web."""
    fields = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": title,
        "startdt": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "enddt": f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    return f"{OUTLOOK}?{urlencode(fields, quote_via=quote)}"
