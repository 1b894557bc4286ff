"""Reads a calendar's answer to our entry: who answers, and what (RFC 5546 3.2.3, 3.2.7).

`icalendar` parses; a text that can't be read gives no answer. Pure. Whether an answer counts
is decided in `model.answers`: anyone can write one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from icalendar import Calendar, Component

from onboarding.inbox.parts import MimePart, list_parts, read_addresses, read_part_text
from onboarding.model.answers import Answer

ICALENDAR = frozenset({"text/calendar", "application/ics", "application/calendar"})
"""Content types in which answers come."""

MAX_EVENTS = 20
MAX_SEQUENCE = 2**31 - 1
"""The largest INTEGER (RFC 5545 3.3.8)."""

_PARTICIPATION = {
    "ACCEPTED": Answer.ACCEPTED,
    "DECLINED": Answer.DECLINED,
    "TENTATIVE": Answer.TENTATIVE,
    "DELEGATED": Answer.DELEGATED,
}
"""PARTSTAT, as far as it is an answer (RFC 5545 3.2.12)."""


@dataclass(frozen=True, slots=True)
class CalendarAnswer:
    """An answer as it came in.

    `attendee` is the address that answers by its own word, `senders` are those that the mail comes
    from. `stamp` is when it was written (aware), `sequence` the version of the entry that it is
    about. `start` is the time that is proposed instead, for COUNTER. `delegates` are the people
    who are sent in the attendee's place.
    """

    uid: str
    answer: Answer
    attendee: str
    senders: tuple[str, ...]
    sequence: int
    stamp: datetime
    start: datetime | None = None
    delegates: tuple[str, ...] = ()


def read_answer(message: MimePart) -> CalendarAnswer | None:
    """Read the answer that a message brings; None where it brings none."""
    senders = tuple(read_addresses(message, "From", "Reply-To", "Sender"))
    # Not in a message that is returned or forwarded: that holds our own entry.
    for part in list_parts(message):
        if _is_calendar(part):
            for found in _read_answers(read_part_text(part), senders):
                return found
    return None


def _is_calendar(part: MimePart) -> bool:
    name = (part.get_filename() or "").lower()
    return part.get_content_type() in ICALENDAR or name.endswith(".ics")


def _read_answers(text: str, senders: tuple[str, ...]) -> Iterator[CalendarAnswer]:
    try:
        found = list(_parse_answers(text, senders))
    # The library raises ValueError, and for odd values any of the others. What can't be read is no
    # answer: the mail is left to a person, as all that is not ours.
    except (*ODD_VALUES, RecursionError):
        return
    yield from found


ODD_VALUES = (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError)
"""What `icalendar` raises for values that are none."""


def _parse_answers(text: str, senders: tuple[str, ...]) -> Iterator[CalendarAnswer]:
    for calendar in Calendar.from_ical(text, multiple=True):
        method = str(calendar.get("METHOD", "")).strip().upper()
        if method not in {"REPLY", "COUNTER"}:
            continue
        for event in calendar.walk("VEVENT")[:MAX_EVENTS]:
            yield from _read_event(event, method, senders)


def _read_event(
    event: Component, method: str, senders: tuple[str, ...]
) -> Iterator[CalendarAnswer]:
    """Read one event of an answer."""
    uid, sequence = str(event.get("UID", "")).strip(), int(event.get("SEQUENCE", 0))
    attendee = _find_attendee(event, senders)
    if not uid or attendee is None or not 0 <= sequence <= MAX_SEQUENCE:
        return
    answer = _find_answer(method, str(attendee.params.get("PARTSTAT", "")))
    if answer is None:
        return
    yield CalendarAnswer(
        uid=uid,
        answer=answer,
        attendee=_address(attendee),
        senders=senders,
        sequence=sequence,
        # Without a time it is older than any other.
        stamp=_read_time(event, "DTSTAMP") or datetime(1970, 1, 1, tzinfo=UTC),
        start=_read_time(event, "DTSTART") if answer is Answer.COUNTER else None,
        delegates=tuple(map(_bare, _list_values(attendee.params.get("DELEGATED-TO")))),
    )


def _find_attendee(event: Component, senders: tuple[str, ...]) -> Any:
    """Find the one who answers: RFC 5546 3.2.3 wants one attendee. None if there is none."""
    attendees = _list_values(event.get("ATTENDEE"))
    if len(attendees) > MAX_EVENTS:
        return None
    own_addresses = [address.lower() for address in senders]
    own = [found for found in attendees if _address(found) in own_addresses]
    # An entry of a whole panel would else answer for people who did not.
    return next(iter(own or attendees), None)


def _find_answer(method: str, participation: str) -> Answer | None:
    if method == "COUNTER":
        return Answer.COUNTER
    return _PARTICIPATION.get(participation.strip().upper())


def _list_values(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _address(attendee: object) -> str:
    return _bare(attendee).lower()


def _bare(value: object) -> str:
    text = str(value).strip().strip('"')
    return text[len("mailto:") :] if text.lower().startswith("mailto:") else text


def _read_time(event: Component, name: str) -> datetime | None:
    value = getattr(event.get(name), "dt", None)
    if isinstance(value, datetime):
        # RFC 5545 wants DTSTAMP in UTC; without a zone it is taken for that.
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return None
