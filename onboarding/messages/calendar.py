"""The calendar entry that stays right when the session moves: RFC 5545 by `icalendar`, RFC 5546 for its methods.

One entry per session is built by the library and cut where a person's own lines come (as `mime`
does for mail). Times are UTC, so nobody's daylight-saving rules can move them. The links for
calendars on the web are `add_to`'s.

Links that add a session to a calendar on the web. Pure text; the `.ics` entry is `calendar`'s work.

They hold title and times and never the join link: whatever stands in them ends up in those sites'
logs.
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlencode

from icalendar import Calendar, Event, vCalAddress, vText

from onboarding.messages.headers import INSIDE_A_CHARACTER, transport_address
from onboarding.messages.request import MessageRequest
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.model.kinds import RULES, Kind

PRODUCT = "-//webinar-onboarding//letters//EN"
PERSONAL = ("UID", "SEQUENCE", "DTSTAMP", "DESCRIPTION", "LOCATION", "URL", "ATTENDEE")
_MARK = "x-personal"


class Occasion(NamedTuple):
    """What the entries of everybody at one session share."""

    title: str
    start: datetime
    end: datetime
    method: str
    organizer: str
    organizer_name: str


def method_of(kind: Kind, brand: BrandSettings) -> str:
    """Name the entry's METHOD; the MIME parameter has to be the same."""
    return RULES[kind].calendar_method or brand.calendar.value.upper()


def calendar_entry(
    letter: MessageRequest, brand: BrandSettings, title: str, name: str, description: str
) -> str:
    """Write a person's calendar entry (CRLF line ends). `title`, `name` and `description` are display-ready.

    UID stays the same for a session and an invitee, and SEQUENCE grows with their messages, so
    calendars take each entry as the newer version of the last (RFC 5545 3.8.7.4).
    """
    own = personal_lines(letter, brand, name, description)
    return "".join(own.get(part, part) for part in calendar_frame(letter, brand, title))


def calendar_frame(letter: MessageRequest, brand: BrandSettings, title: str) -> tuple[str, ...]:
    """Write the lines that the entries of everybody at one session share; a personal line is only named."""
    session, method = letter.session, method_of(letter.kind, brand)
    return _build_frame(
        Occasion(title, session.start, session.end, method, brand.sender_address, brand.sender_name)
    )


def personal_lines(
    letter: MessageRequest, brand: BrandSettings, name: str, description: str
) -> dict[str, str]:
    """Write one person's lines of `PERSONAL`; a line that is not due is empty."""
    asks_back = (
        brand.calendar is CalendarMethod.REQUEST
    )  # RFC 5546 3.2.1, 3.2.5: no attendee in what is published
    link = letter.join_link.get_secret_value() if letter.join_link else ""
    return {
        "UID": fold_line("UID", uid(letter, brand.sender_address.rpartition("@")[2])),
        "SEQUENCE": fold_line("SEQUENCE", str(letter.number - 1)),
        "DTSTAMP": fold_line("DTSTAMP", _format_time(letter.date.replace(microsecond=0))),
        "DESCRIPTION": fold_line("DESCRIPTION", escape(description)) if description else "",
        "LOCATION": fold_line("LOCATION", escape(link)) if link else "",
        "URL": fold_line("URL", link) if link else "",
        "ATTENDEE": _attendee_line(name, transport_address(letter.recipient)) if asks_back else "",
    }


@lru_cache(maxsize=8)
def _format_time(second: datetime) -> str:
    return f"{second.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def uid(letter: MessageRequest, domain: str) -> str:
    """Name the entry for good: the same for every message to this invitee about this session (RFC 5545 3.8.4.7)."""
    key = letter.session.key
    digest = hashlib.sha256(
        "\n".join((key.server, str(key), letter.invitee.key)).encode()
    ).hexdigest()
    return f"{digest[:40]}@{domain}"


@lru_cache(maxsize=64)
def _build_frame(occasion: Occasion) -> tuple[str, ...]:
    """Let `icalendar` build the entry, and cut it: library's text, then a personal line's name, and so on."""
    event = Event()
    event.add("summary", occasion.title)
    event.add("dtstart", occasion.start.astimezone(UTC))
    event.add("dtend", occasion.end.astimezone(UTC))
    event.add("status", "CANCELLED" if occasion.method == "CANCEL" else "CONFIRMED")
    organizer = vCalAddress(f"mailto:{occasion.organizer}")
    organizer.params["CN"] = vText(occasion.organizer_name)
    event.add("organizer", organizer)
    for name in PERSONAL:
        event[name] = vText(_MARK)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", occasion.method)
    calendar.add_component(event)
    lines = calendar.to_ical().decode().splitlines(keepends=True)
    marked = {f"{name}:{_MARK}\r\n": name for name in PERSONAL}
    return tuple(marked.get(line, line) for line in lines)


def _attendee_line(name: str, address: str) -> str:
    """Write the one attendee; a parameter's value can hold no double quote (RFC 5545 3.1).

    A caret begins an escape there (RFC 6868 3.1). Some readers take a backslash for one too: a
    slash shows the name.
    """
    shown = name.replace("^", "^^").replace('"', "'").replace("\\", "/")
    parameters = f'CN="{shown}";PARTSTAT=NEEDS-ACTION;ROLE=REQ-PARTICIPANT;RSVP=TRUE'
    return fold_line(f"ATTENDEE;{parameters}", f"mailto:{address}")


def escape(text: str) -> str:
    """Write a TEXT value (RFC 5545 3.3.11)."""
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


LONGEST_CONTENT_LINE = 75
"""Octets, without the line end (RFC 5545 3.1)."""


def fold_line(name: str, value: str) -> str:
    """Write a content line, folded between characters."""
    if len(name) + len(value) < LONGEST_CONTENT_LINE and value.isascii():
        return f"{name}:{value}\r\n"
    octets = f"{name}:{value}".encode()
    if octets.isascii():
        rest = [
            octets[at : at + LONGEST_CONTENT_LINE - 1]
            for at in range(LONGEST_CONTENT_LINE, len(octets), LONGEST_CONTENT_LINE - 1)
        ]
        return b"\r\n ".join((octets[:LONGEST_CONTENT_LINE], *rest)).decode() + "\r\n"
    folded, start, room = [], 0, LONGEST_CONTENT_LINE
    while len(octets) - start > room:
        end = start + room
        while octets[end] in INSIDE_A_CHARACTER:
            end -= 1
        folded.append(octets[start:end])
        start, room = end, LONGEST_CONTENT_LINE - 1
    folded.append(octets[start:])
    return b"\r\n ".join(folded).decode() + "\r\n"


GOOGLE = "https://calendar.google.com/calendar/render"
OUTLOOK = "https://outlook.office.com/calendar/0/deeplink/compose"


@lru_cache(maxsize=64)
def add_to_google(title: str, start: datetime, end: datetime) -> str:
    """Address Google Calendar's form for a new entry; times in UTC, basic format."""
    dates = "/".join(f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in (start, end))
    return f"{GOOGLE}?{urlencode({'action': 'TEMPLATE', 'text': title, 'dates': dates}, quote_via=quote)}"


@lru_cache(maxsize=64)
def add_to_outlook(title: str, start: datetime, end: datetime) -> str:
    """Address the form for a new entry of Outlook on the web; times in UTC, extended format."""
    at, until = (f"{one.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for one in (start, end))
    asked = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": title,
        "startdt": at,
        "enddt": until,
    }
    return f"{OUTLOOK}?{urlencode(asked, quote_via=quote)}"
