"""A calendar entry in words, as the person who approves it reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.kinds import RULES, Kind
from onboarding.reports.calendar_words import describe_calendar
from tests.reports.reviews import HANNA, render

ENTRY = """BEGIN:VCALENDAR
METHOD:{method}
BEGIN:VEVENT
SUMMARY:Robots\\, and more
DTSTART:20260512T{start}Z
DTEND:20260512T{end}Z
UID:1@example.com
{more}END:VEVENT
END:VCALENDAR"""


def describe(method="REQUEST", start="130000", end="143000", more="", time_zone="Europe/Berlin"):
    entry = ENTRY.format(method=method, start=start, end=end, more=more)
    return dict(describe_calendar(entry, time_zone))


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("REQUEST", "An invitation: the calendar shows it by itself, and follows later changes."),
        ("PUBLISH", "An entry to add to the calendar; it asks for no answer."),
        ("CANCEL", "A cancellation: the calendar removes the entry."),
        ("REFRESH", "REFRESH"),
    ],
)
def test_it_says_what_the_calendar_does(method, words):
    assert describe(method)["What it does"] == words


@pytest.mark.parametrize(
    ("end", "time_zone", "time"),
    [
        (
            "143000",
            "Europe/Berlin",
            "Tuesday, 12 May 2026, 15:00 to 16:30, Central European Summer Time",
        ),
        ("143000", "America/Los_Angeles", "Tuesday, 12 May 2026, 06:00 to 07:30, Pacific Daylight"),
        (
            "230000",
            "Europe/Berlin",
            "Tuesday, 12 May 2026, 15:00 to Wednesday, 13 May 2026, 01:00, Central European",
        ),
    ],
    ids=["here", "elsewhere", "past midnight"],
)
def test_times_are_in_the_sessions_zone(end, time_zone, time):
    assert describe(end=end, time_zone=time_zone)["Time"].startswith(time)


def test_people_answer_and_reminder_are_said():
    more = (
        "ORGANIZER;CN=Events:mailto:events@example.com\n"
        "ATTENDEE;CN=Ada;RSVP={}:mailto:ada@example.com\n"
        "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:{}\nEND:VALARM\n"
    )

    asks = describe(more=more.format("TRUE", "-PT15M"))
    quiet = describe(more=more.format("FALSE", "20260512T124500Z"))

    assert (asks["Organizer"], asks["For"]) == ("events@example.com", "ada@example.com")
    assert asks["Answer"] == "The organizer asks for an answer."
    assert asks["Reminder"] == "15 minutes before the start"
    assert quiet["Answer"] == "No answer is asked for."
    assert quiet["Reminder"] == "12 May 2026, 14:45"


@pytest.mark.parametrize("kind", [kind for kind in Kind if RULES[kind].has_calendar])
def test_the_program_can_read_what_it_writes(kind):
    words = dict(describe_calendar(render(HANNA, kind).calendar, "Europe/Berlin"))

    assert words["Title"] == "Robots in the warehouse"
    assert words["Time"].startswith("Tuesday, 12 May 2026, 15:00 to 16:30")


@given(st.text())
def test_text_that_is_no_entry_is_not_described(text):
    assert describe_calendar(text, "Europe/Berlin") == ()


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=20))
def test_an_entry_with_any_value_is_described_or_not_but_never_fails(name, value):
    found = describe_calendar(ENTRY.format(method="X", start=value, end="1", more=name), "UTC")

    assert isinstance(found, tuple)
