"""Another day: where the end, or the reader's time zone, is on the other side of midnight."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from babel import Locale
from selectolax.lexbor import LexborHTMLParser

from onboarding.messages.context import SessionWords
from onboarding.messages.context_types import SessionContext
from onboarding.model.kinds import RULES, Kind
from tests.messages.samples import (
    SESSION,
    as_email,
    compose,
    find_part,
    make_invitee,
    make_request,
    protect,
)

BERLIN, TOKYO, CHICAGO = "Europe/Berlin", "Asia/Tokyo", "America/Chicago"
HOUR = timedelta(hours=1)


def context(time_zone: str, start: datetime, duration: timedelta = HOUR) -> SessionContext:
    """A session of Berlin, as a reader of another zone sees it."""
    session = replace(SESSION, start=start, duration=duration, time_zone=BERLIN)
    request = make_request(person=make_invitee(time_zone=time_zone), session=session)
    return SessionWords().of(request, Locale("en", "US"))[2]


@pytest.mark.parametrize(
    ("start", "duration", "end_date", "end_days"),
    [
        (datetime(2026, 5, 12, 20, 0, tzinfo=UTC), HOUR, "Tuesday, May 12, 2026", 0),
        (datetime(2026, 5, 12, 21, 0, tzinfo=UTC), HOUR, "Wednesday, May 13, 2026", 1),
        (datetime(2026, 5, 12, 21, 30, tzinfo=UTC), HOUR, "Wednesday, May 13, 2026", 1),
        (datetime(2026, 5, 12, 22, 0, tzinfo=UTC), HOUR, "Wednesday, May 13, 2026", 0),
        (datetime(2026, 5, 12, 9, 0, tzinfo=UTC), 37 * HOUR, "Thursday, May 14, 2026", 2),
        # A day of 23 hours: Central Europe's clocks change.
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 23 * HOUR, "Monday, March 30, 2026", 1),
        (datetime(2026, 12, 31, 22, 30, tzinfo=UTC), HOUR, "Friday, January 1, 2027", 1),
    ],
)
def test_end_is_counted_in_days_of_the_readers_zone(start, duration, end_date, end_days):
    session = context(BERLIN, start, duration)

    assert (session.end_date, session.end_days) == (end_date, end_days)


@pytest.mark.parametrize(
    ("time_zone", "start", "date", "zone_days"),
    [
        ("", datetime(2026, 5, 12, 20, 0, tzinfo=UTC), "Tuesday, May 12, 2026", 0),
        (TOKYO, datetime(2026, 5, 12, 13, 0, tzinfo=UTC), "Tuesday, May 12, 2026", 0),
        (TOKYO, datetime(2026, 5, 12, 15, 0, tzinfo=UTC), "Wednesday, May 13, 2026", 1),
        (CHICAGO, datetime(2026, 5, 12, 2, 0, tzinfo=UTC), "Monday, May 11, 2026", -1),
        (CHICAGO, datetime(2026, 5, 12, 13, 0, tzinfo=UTC), "Tuesday, May 12, 2026", 0),
    ],
)
def test_another_date_than_the_sessions_own_is_seen(time_zone, start, date, zone_days):
    session = context(time_zone, start)

    assert (session.date, session.zone_days) == (date, zone_days)


def test_own_date_time_and_zone_are_the_sessions():
    session = context(TOKYO, datetime(2026, 5, 12, 18, 0, tzinfo=UTC))

    assert (session.own_date, session.own_start, session.own_zone) == (
        "Tuesday, May 12, 2026",
        "8:00\u00a0PM",
        "Central European Summer Time",
    )


def words_of(
    template_set,
    language: str,
    start: datetime,
    kind: Kind = Kind.INVITATION,
    own: str = "America/New_York",
    reader: str = BERLIN,
) -> list[str]:
    """The words of HTML, text and calendar entry, each on one line."""
    session = replace(SESSION, start=start, time_zone=own)
    person = make_invitee(language=language, time_zone=reader)
    message = as_email(
        compose(template_set, make_request(kind, person, session=session), protect())
    )
    html = LexborHTMLParser(find_part(message, "text/html")).body.text(separator=" ")
    entry = find_part(message, "text/calendar") if RULES[kind].has_calendar else ""
    calendar = entry.replace("\n ", "").replace("\\", "")
    return [" ".join(words.split()) for words in (html, find_part(message, "text/plain"), calendar)]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("language", "end"),
    [("en", "to 12:45 AM (next day)"), ("de", "bis 00:45 Uhr (am nächsten Tag)")],
)
def test_letter_says_that_the_end_is_on_the_next_day(template_set, language, end, kind):
    late = datetime(2026, 5, 12, 21, 15, tzinfo=UTC)

    html, text, _calendar = words_of(template_set, language, late, kind)

    assert (end in html, end in text) == (True, True)
    assert not [words for words in (html, text) if "your time zone" in words or "Ihrer" in words]


LATE, EARLY = datetime(2026, 5, 12, 23, 0, tzinfo=UTC), datetime(2026, 5, 12, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("language", "date", "note", "own"),
    [
        (
            "en",
            "Wednesday, May 13, 2026",
            "next day in your time zone",
            "Eastern Daylight Time: Tuesday, May 12, 2026, 7:00 PM",
        ),
        (
            "de",
            "Mittwoch, 13. Mai 2026",
            "in Ihrer Zeitzone der nächste Tag",
            "Nordamerikanische Ostküsten-Sommerzeit: Dienstag, 12. Mai 2026, 19:00 Uhr",
        ),
    ],
)
def test_letter_says_that_the_date_is_a_day_later_in_the_readers_zone(
    template_set, language, date, note, own, kind
):
    html, text, _calendar = words_of(template_set, language, LATE, kind)

    assert (f"{date} {note}" in html, own in html) == (True, True)
    assert (f"{date} ({note})" in text, f"({own})" in text) == (True, True)


@pytest.mark.parametrize(
    ("language", "note", "own"),
    [
        ("en", "day before in your time zone", "Tuesday, May 12, 2026, 4:00 AM"),
        ("de", "in Ihrer Zeitzone der Tag davor", "Dienstag, 12. Mai 2026, 04:00 Uhr"),
    ],
)
def test_letter_says_that_the_date_is_a_day_earlier_in_the_readers_zone(
    template_set, language, note, own
):
    html, text, _calendar = words_of(template_set, language, EARLY, own=BERLIN, reader=CHICAGO)

    assert (note in html, own in html, f"({note})" in text, own in text) == (True,) * 4


@pytest.mark.parametrize(
    ("language", "arrival"),
    [
        ("en", "by 11:50 PM, Tuesday, May 12, 2026 (Central European Summer Time)"),
        ("de", "um 23:50 Uhr da, Dienstag, 12. Mai 2026 (Mitteleuropäische Sommerzeit)"),
    ],
)
def test_calendar_entry_says_on_which_day_to_be_there(template_set, language, arrival):
    *_, calendar = words_of(template_set, language, datetime(2026, 5, 12, 22, 5, tzinfo=UTC))

    assert arrival in calendar


def test_letter_on_one_day_says_nothing_of_another(template_set):
    for words in words_of(template_set, "en", datetime(2026, 5, 12, 13, 0, tzinfo=UTC)):
        assert not [said for said in ("next day", "day before", "Eastern") if said in words]
