"""A calendar entry in words, for a person who approves it. Pure.

Reads what `messages.calendar` writes. An entry that can't be read is shown as it is, never guessed
at.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from icalendar import Calendar, Event

from onboarding.reports.page import format_local_time, zone_full_name

METHODS = {
    "REQUEST": "An invitation: the calendar shows it by itself, and follows later changes.",
    "PUBLISH": "An entry to add to the calendar; it asks for no answer.",
    "CANCEL": "A cancellation: the calendar removes the entry.",
}
"""What a calendar program does with each method (RFC 5546 1.4)."""


def describe_calendar(entry: str, time_zone: str) -> tuple[tuple[str, str], ...]:
    """Describe an entry as labels and texts, with times in a zone; empty if it can't be read."""
    try:
        calendar = Calendar.from_ical(entry)
        event = calendar.events[0]
        return tuple(_describe_event(calendar, event, time_zone))
    except (ValueError, LookupError, AttributeError, TypeError):
        # What icalendar raises for text that is no entry, or lacks what every entry has.
        return ()


def _describe_event(calendar: Calendar, event: Event, time_zone: str) -> Iterator[tuple[str, str]]:
    method = str(calendar.get("method", ""))
    yield "What it does", METHODS.get(method, method)
    yield "Title", str(event.get("summary", ""))
    yield "Time", _format_span(event.decoded("dtstart"), event.decoded("dtend"), time_zone)
    yield from _describe_place_and_people(event)
    for alarm in event.walk("VALARM"):
        yield "Reminder", _describe_alarm(alarm.get("trigger").dt, time_zone)
    if description := str(event.get("description", "")):
        yield "Description", description


def _describe_place_and_people(event: Event) -> Iterator[tuple[str, str]]:
    for label, name in (("Place", "location"), ("Organizer", "organizer"), ("For", "attendee")):
        if name in event:
            yield label, str(event[name]).removeprefix("mailto:")
    # A published entry has no attendee (RFC 5546 3.2.1), so nothing to answer.
    if (attendee := event.get("attendee")) is not None:
        asks_back = attendee.params.get("RSVP", "").upper() == "TRUE"
        wish = "The organizer asks for an answer." if asks_back else "No answer is asked for."
        yield "Answer", wish


def _format_span(start: datetime, end: datetime, time_zone: str) -> str:
    """Format start and end; the end's date only where it is another day."""
    first, last = (
        format_local_time(moment, time_zone, "EEEE, d MMMM y") for moment in (start, end)
    )
    until = format_local_time(end, time_zone, "HH:mm")
    # Sessions may go on over midnight, in the reader's zone if not in their own.
    until = until if first == last else f"{last}, {until}"
    begin = format_local_time(start, time_zone, "HH:mm")
    return f"{first}, {begin} to {until}, {zone_full_name(start, time_zone)}"


def _describe_alarm(trigger: datetime | timedelta, time_zone: str) -> str:
    if isinstance(trigger, datetime):
        return format_local_time(trigger, time_zone, "d MMMM y, HH:mm")
    minutes = abs(trigger) // timedelta(minutes=1)
    return f"{minutes} minutes {'before' if trigger < timedelta() else 'after'} the start"
