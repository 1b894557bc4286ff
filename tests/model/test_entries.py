"""When an entry of the schedule is due: by elapsed time, by the reader's clock, in quiet hours."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.entries import (
    Anchor,
    Audience,
    Entry,
    QuietHours,
    Schedule,
    When,
    find_due_time,
    find_late_send_after,
    find_misplaced,
    find_send_after,
    parse_quiet,
    parse_when,
)
from onboarding.model.sessions import Session, SessionKey, SessionStatus
from onboarding.model.time_zones import zone_named

START = datetime(2026, 12, 17, 14, 0, tzinfo=UTC)
SESSION = Session(
    key=SessionKey("https://ringcentral.example", "1", "2"),
    title="Launch",
    start=START,
    duration=timedelta(hours=1),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=15),
)
WALL = datetime
"""A wall time: Hypothesis and settings give times without a zone."""

NIGHT = QuietHours(time(21), time(8))
ZONES = [
    "Pacific/Auckland",
    "Asia/Kolkata",
    "Europe/Berlin",
    "America/New_York",
    "Pacific/Honolulu",
]


def utc(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def entry(when: str, to: Audience = Audience.ALL) -> Entry:
    return Entry("reminder", "reminder", "reminder", parse_when(when), to)


def session_at(start: datetime) -> Session:
    return replace(SESSION, start=start)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("-1d 09:00", "-1d 09:00"),
        ("start - 1d  9:00", "-1d 09:00"),
        ("START-5m", "-5m"),
        ("-60m", "-1h"),
        ("-24h", "-1d"),
        ("\u22121h", "-1h"),
        ("+0m", "+0d"),
        ("-90m", "-90m"),
        ("end+1d 09:00", "end+1d 09:00"),
        ("end-10m", "end-10m"),
        ("+0d 07:30", "+0d 07:30"),
    ],
)
def test_a_time_has_one_form_however_it_is_written(written, normal):
    assert str(parse_when(written)) == normal
    assert parse_when(normal) == parse_when(written)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "is no time of an entry"),
        ("1d", "is no time of an entry"),
        ("-1w", "is no time of an entry"),
        ("noon", "is no time of an entry"),
        ("-1d 9", "is no time of an entry"),
        ("-1d 25:00", "'25:00' is no clock time"),
        ("-1d 09:60", "'09:60' is no clock time"),
        ("-1h 09:00", "has a clock time without days. Write -1d 09:00"),
        ("-400d", "more than 366 days"),
        ("-999999d 09:00", "more than 366 days"),
    ],
)
def test_what_is_no_time_is_refused_in_words(written, why):
    with pytest.raises(ValueError, match=why):
        parse_when(written)


@pytest.mark.parametrize("written", ["21:00-", "-08:00", "21:00", "21:00-21:00", "21-8", "a-b"])
def test_what_is_no_quiet_time_is_refused(written):
    with pytest.raises(ValueError, match=r"21:00-08:00|09:00"):
        parse_quiet(written)


@given(st.integers(0, 366 * 24 * 60), st.sampled_from(Anchor), st.booleans())
def test_every_time_is_read_back_from_its_own_form(minutes, anchor, is_before):
    when = When(timedelta(minutes=-minutes if is_before else minutes), anchor)
    assert parse_when(str(when)) == when


@pytest.mark.parametrize(
    ("when", "zone", "due"),
    [
        # Elapsed time is the same for all readers.
        ("-1d", "Europe/Berlin", "2026-12-16 14:00"),
        ("-1h", "Pacific/Auckland", "2026-12-17 13:00"),
        ("start-5m", "Pacific/Honolulu", "2026-12-17 13:55"),
        ("+10m", "Europe/Berlin", "2026-12-17 14:10"),
        ("end+2h", "Europe/Berlin", "2026-12-17 17:00"),
        # A clock time is the reader's: the session is on the 18th in Auckland, at 03:00.
        ("-1d 09:00", "Europe/Berlin", "2026-12-16 08:00"),
        ("-1d 09:00", "Pacific/Auckland", "2026-12-16 20:00"),
        ("-1d 09:00", "Pacific/Honolulu", "2026-12-16 19:00"),
        ("-1d 09:00", "Asia/Kolkata", "2026-12-16 03:30"),
        ("end+1d 09:00", "Pacific/Auckland", "2026-12-18 20:00"),
        ("end+1d 09:00", "America/New_York", "2026-12-18 14:00"),
        ("-7d 09:00", "UTC-03:30", "2026-12-10 12:30"),
    ],
)
def test_when_an_entry_is_due_for_a_reader(when, zone, due):
    assert find_due_time(entry(when), SESSION, zone, None, START) == utc(due)


@pytest.mark.parametrize(
    ("start", "when", "due"),
    [
        # 2026-03-29: Berlin has no 02:00 to 03:00. The day before has 23 hours left.
        ("2026-03-30 13:00", "-1d 02:30", "2026-03-29 01:30"),
        ("2026-03-29 13:00", "-1d", "2026-03-28 13:00"),
        ("2026-03-29 13:00", "-1d 15:00", "2026-03-28 14:00"),
        # 2026-10-25: Berlin has 02:00 to 03:00 twice, and the first is summer time.
        ("2026-10-26 14:00", "-1d 02:30", "2026-10-25 00:30"),
        ("2026-10-25 14:00", "-1d 15:00", "2026-10-24 13:00"),
        ("2026-10-24 14:00", "end+1d 09:00", "2026-10-25 08:00"),
    ],
)
def test_a_clock_time_at_a_change_of_daylight_saving(start, when, due):
    assert find_due_time(entry(when), session_at(utc(start)), "Europe/Berlin", None, START) == utc(
        due
    )


@given(
    st.datetimes(WALL(2026, 1, 1), WALL(2027, 1, 1)),
    st.integers(0, 30),
    st.times(),
    st.sampled_from(ZONES),
)
def test_every_clock_time_is_shown_by_the_readers_clock_or_lies_in_no_ones(
    start, days, clock, zone
):
    clock = clock.replace(second=0, microsecond=0)
    session = session_at(start.replace(tzinfo=UTC))
    due = find_due_time(
        Entry("a", "a", "a", When(-timedelta(days=days), Anchor.START, clock)),
        session, zone, None, START,
    )  # fmt: skip
    local = due.astimezone(zone_named(zone))
    day = session.start.astimezone(zone_named(zone)).date() - timedelta(days=days)
    wall = datetime.combine(day, clock)
    # In a gap it is shown later, by an hour in each of these zones.
    assert local.replace(tzinfo=None) - wall in {timedelta(), timedelta(hours=1)}
    if local.replace(tzinfo=None) != wall:
        earlier = (due - timedelta(hours=1)).astimezone(zone_named(zone))
        assert earlier.utcoffset() != local.utcoffset()


BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("start", "when", "now", "due"),
    [
        pytest.param("2026-12-17 14:00", "-1d 22:00", "2026-12-01 00:00", "2026-12-17 07:00",
                     id="it waits for the end of quiet hours"),
        pytest.param("2026-12-17 14:00", "-1d 21:00", "2026-12-01 00:00", "2026-12-17 07:00",
                     id="the first minute is quiet"),
        pytest.param("2026-12-17 14:00", "+0d 08:00", "2026-12-01 00:00", "2026-12-17 07:00",
                     id="the end is not"),
        pytest.param("2026-12-17 14:00", "-1d 20:59", "2026-12-01 00:00", "2026-12-16 19:59",
                     id="nor is the minute before"),
        pytest.param("2026-12-17 08:00", "-2h", "2026-12-01 00:00", "2026-12-17 07:00",
                     id="45 minutes before the arrival are enough"),
        pytest.param("2026-12-17 07:45", "-2h", "2026-12-01 00:00", "2026-12-17 07:00",
                     id="and so are exactly 30"),
        pytest.param("2026-12-17 07:30", "-1h", "2026-12-16 12:00", "2026-12-16 19:59",
                     id="too near: the last minute before they began"),
        pytest.param("2026-12-17 07:30", "-1h", "2026-12-16 19:59", "2026-12-16 19:59",
                     id="that minute is not past yet"),
        pytest.param("2026-12-17 07:30", "-1h", "2026-12-16 20:00", "2026-12-17 06:30",
                     id="that minute is past: at its time"),
        pytest.param("2026-12-17 21:00", "end+30m", "2026-12-01 00:00", "2026-12-18 07:00",
                     id="after the session it waits for the morning"),
    ],
)  # fmt: skip
def test_quiet_hours(start, when, now, due):
    session = session_at(utc(start))
    assert find_due_time(entry(when), session, BERLIN, NIGHT, utc(now)) == utc(due)


def test_who_may_be_missing_does_not_wait_for_the_morning():
    session = session_at(utc("2026-12-17 22:00"))
    missing = entry("start-5m", Audience.MISSING)
    assert find_due_time(missing, session, BERLIN, NIGHT, START) == utc("2026-12-17 21:55")


@pytest.mark.parametrize(
    ("night", "when", "start", "due"),
    [
        # The night of 2026-03-29 is an hour shorter, that of 2026-10-25 an hour longer.
        (QuietHours(time(21), time(8)), "-1d 23:00", "2026-03-29 13:00", "2026-03-29 06:00"),
        (QuietHours(time(21), time(8)), "-1d 23:00", "2026-10-25 14:00", "2026-10-25 07:00"),
        # They end at a time that does not exist, or twice.
        (QuietHours(time(21), time(2, 30)), "-1d 23:00", "2026-03-29 13:00", "2026-03-29 01:30"),
        (QuietHours(time(21), time(2, 30)), "-1d 23:00", "2026-10-25 14:00", "2026-10-25 00:30"),
    ],
)
def test_quiet_hours_at_a_change_of_daylight_saving(night, when, start, due):
    session = session_at(utc(start))
    assert find_due_time(entry(when), session, BERLIN, night, utc("2026-01-01 00:00")) == utc(due)


def test_quiet_hours_within_a_day():
    noon = QuietHours(time(12), time(14))
    session = session_at(utc("2026-12-17 16:00"))
    assert find_due_time(entry("+0d 13:00"), session, BERLIN, noon, START) == utc(
        "2026-12-17 13:00"
    )
    assert find_due_time(entry("+0d 11:59"), session, BERLIN, noon, START) == utc(
        "2026-12-17 10:59"
    )


@given(
    st.datetimes(WALL(2026, 1, 3), WALL(2026, 12, 30)),
    st.sampled_from(ZONES),
    st.times(),
    st.times(),
)
def test_every_moment_is_quiet_exactly_if_the_readers_clock_says_so(moment, zone, begin, end):
    begin, end = (t.replace(second=0, microsecond=0) for t in (begin, end))
    if begin == end:
        return
    at = moment.replace(tzinfo=UTC)
    local = at.astimezone(zone_named(zone))
    changes = {(at + timedelta(hours=hours)).astimezone(zone_named(zone)).utcoffset()
               for hours in range(-30, 31)}  # fmt: skip
    if len(changes) > 1:
        return  # the table above has these nights
    clock = local.time()
    inside = begin <= clock < end if begin < end else clock >= begin or clock < end
    assert (QuietHours(begin, end).find_span(at, zone) is not None) is inside


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ("-1d", ""),
        ("+59m", ""),
        ("end-1m", ""),
        ("end+0d 20:00", ""),
        ("+1h", r"reminder: \+1h is after the session's end. Write end\+1h"),
        ("+1d 09:00", "is after the session's end"),
        ("end+0d 09:00", "is before the session's end"),
    ],
)
def test_an_entry_that_does_not_fit_its_session_is_named(when, says):
    found = find_misplaced(entry(when), SESSION, BERLIN)
    assert bool(found) is bool(says)
    if says:
        with pytest.raises(ValueError, match=says):
            raise ValueError(found)


@pytest.mark.parametrize(
    ("send_after", "due"),
    [
        (None, None),
        (WALL(2026, 12, 1, 9), utc("2026-12-01 08:00")),
        (parse_when("-14d 09:00"), utc("2026-12-03 08:00")),
    ],
)
def test_from_when_on_people_are_invited(send_after, due):
    assert find_send_after(Schedule(send_after=send_after), SESSION) == due


@pytest.mark.parametrize(
    ("send_after", "is_late"),
    [
        (None, False),
        (WALL(2026, 12, 17, 14, 44), False),
        (WALL(2026, 12, 17, 14, 45), True),
        (WALL(2036, 12, 1, 9), True),
        (parse_when("-14d 09:00"), False),
        (parse_when("+1m"), True),
    ],
)
def test_a_time_from_which_on_no_one_is_invited_in_time_is_said(send_after, is_late):
    said = find_late_send_after(Schedule(send_after=send_after), SESSION)

    assert ("send_after: " in said and "Write an earlier time." in said) == is_late


def test_how_long_after_the_session_the_last_entry_may_fall_due():
    assert Schedule().longest_after_end == timedelta()
    late = Schedule((entry("-1d"), entry("end+2h"), entry("end+1d 09:00")))
    assert late.longest_after_end == timedelta(days=2)
