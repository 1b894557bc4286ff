"""Which entries a person is due: once, in time, for the right occasion, and never from the past."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.answers import Answer
from onboarding.model.entries import Attendance, Audience, Entry, QuietHours, Schedule, parse_when
from onboarding.model.people import Role
from onboarding.model.sessions import SessionStatus
from onboarding.plan.entries_due import (
    OVERTAKEN,
    SESSION_OVER,
    TOO_LATE,
    Reader,
    Timetable,
    is_near,
    list_past,
    plan_entries,
)
from tests.samples import SPRING_LAUNCH

START = datetime(2026, 12, 17, 14, 0, tzinfo=UTC)
SESSION = replace(
    SPRING_LAUNCH,
    start=START,
    duration=timedelta(hours=1),
    time_zone="Europe/Berlin",
    join_offset=timedelta(minutes=15),
    status=SessionStatus.SCHEDULED,
)
LONG_AGO = START - timedelta(days=30)
ADA = Reader("ada@example.com", Role.PANELIST, "Europe/Berlin", LONG_AGO)


def keyed(key: str, when: str, to=Audience.ALL) -> Entry:
    return Entry(key, key, key, parse_when(when), to)


def listed(key: str, *whens: str) -> list[Entry]:
    return [Entry(f"{key}@{when}", key, key, parse_when(when)) for when in whens]


MATERIAL = keyed("material", "-10d 09:00")
REMINDERS = listed("reminder", "-7d 09:00", "-1d 09:00", "-1h")
MISSING = keyed("missing", "-5m", Audience.MISSING)
THANKS = keyed("thanks", "end+1d 09:00", Audience.JOINED)
FULL = Schedule((MATERIAL, *REMINDERS, MISSING, THANKS))


def timetable(now: datetime, schedule=FULL, session=SESSION, seen=None) -> Timetable:
    if seen is None:
        seen = {entry.id: {session.start: LONG_AGO} for entry in schedule.entries}
    return Timetable(schedule, session, now, seen)


def plan(now: str, reader=ADA, **changes):
    """What is due, and what was missed, at a time in UTC of the weeks around the session."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    planned = plan_entries(reader, timetable(at, **changes))
    return (
        [due.entry.id for due in planned.due],
        {due.entry.id: due.reason for due in planned.missed},
    )


def had(*ids: str, start=START, reader=ADA) -> Reader:
    return replace(reader, entries=dict.fromkeys(ids, (start,)))


EARLIER = ("material", "reminder@-7d 09:00", "reminder@-1d 09:00")


@pytest.mark.parametrize(
    ("now", "reader", "due", "missed"),
    [
        pytest.param("2026-12-07T07:59", ADA, [], {}, id="a minute before its time"),
        pytest.param("2026-12-07T08:00", ADA, ["material"], {}, id="at its time"),
        pytest.param("2026-12-07T08:05", had("material"), [], {}, id="once"),
        pytest.param("2026-12-09T20:00", ADA, ["material"], {}, id="late, but of use"),
        pytest.param(
            "2026-12-16T12:00", ADA, ["reminder@-1d 09:00"],
            {"material": OVERTAKEN, "reminder@-7d 09:00": OVERTAKEN},
            id="of several the latest goes",
        ),
        pytest.param("2026-12-17T13:00", had(*EARLIER), ["reminder@-1h"], {}, id="an hour before"),
        pytest.param("2026-12-17T13:45", had(*EARLIER), ["reminder@-1h"], {}, id="at the arrival"),
        pytest.param(
            "2026-12-17T13:46", had(*EARLIER), [], {"reminder@-1h": TOO_LATE},
            id="past the arrival, and 46 minutes late",
        ),
        pytest.param(
            "2026-12-17T15:00", had(*EARLIER), [], {"reminder@-1h": SESSION_OVER}, id="over"
        ),
    ],
)  # fmt: skip
def test_what_is_due(now, reader, due, missed):
    assert plan(now, reader) == (due, missed)


NIGHT = Schedule(FULL.entries, QuietHours(time(21), time(8)))
ADDED_AT_NIGHT = replace(ADA, invited_at=datetime(2026, 12, 9, 22, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("now", "reader", "due", "upcoming"),
    [
        pytest.param(
            "2026-12-09T22:00", ADDED_AT_NIGHT, [], "2026-12-10T07:00", id="added at night"
        ),
        pytest.param("2026-12-10T07:00", ADDED_AT_NIGHT, ["material"], "", id="in the morning"),
        pytest.param(
            "2026-12-10T00:30", replace(ADDED_AT_NIGHT, zone="America/New_York"),
            ["material"], "", id="not night where they are",
        ),
        pytest.param(
            "2026-12-16T22:00", had("material", "reminder@-7d 09:00"), [], "2026-12-17T07:00",
            id="no run came all day",
        ),
        pytest.param(
            "2026-12-18T21:00",
            replace(had(*EARLIER, "reminder@-1h"), attendance=Attendance.JOINED),
            [], "2026-12-19T07:00", id="after the end",
        ),
    ],
)  # fmt: skip
def test_what_is_behind_its_time_waits_for_the_end_of_quiet_hours(now, reader, due, upcoming):
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    planned = plan_entries(reader, timetable(at, NIGHT))

    assert [entry.entry.id for entry in planned.due] == due
    assert planned.missed == ()
    first = planned.next
    if upcoming:
        assert first.due_at == datetime.fromisoformat(upcoming).replace(tzinfo=UTC)


def test_what_is_a_few_minutes_behind_goes_in_quiet_hours_too():
    evening = Schedule((keyed("evening", "-1d 20:58"),), QuietHours(time(21), time(8)))
    assert plan("2026-12-16T20:13", schedule=evening) == (["evening"], {})
    assert plan("2026-12-16T20:14", schedule=evening) == ([], {})


def test_what_would_be_too_late_in_the_morning_goes_in_quiet_hours():
    quiet = QuietHours(time(21), time(14, 30))
    late = Schedule((keyed("late", "-1d 19:00"),), quiet)
    assert plan("2026-12-16T23:00", schedule=late) == (["late"], {})


def test_exactly_fifteen_minutes_behind_and_past_the_arrival_is_in_time():
    late = Schedule((keyed("last", "-20m"),))
    assert plan("2026-12-17T13:55", schedule=late) == (["last"], {})
    assert plan("2026-12-17T13:56", schedule=late) == ([], {"last": TOO_LATE})


@pytest.mark.parametrize(
    ("attendance", "now", "due", "missed"),
    [
        (Attendance.UNKNOWN, "2026-12-17T13:55", [], {}),
        (Attendance.JOINED, "2026-12-17T13:55", [], {}),
        (Attendance.MISSING, "2026-12-17T13:55", ["missing"], {}),
        (Attendance.MISSING, "2026-12-17T14:00", ["missing"], {}),
        (Attendance.MISSING, "2026-12-17T14:01", [], {"missing": TOO_LATE}),
        (Attendance.MISSING, "2026-12-18T08:00", [], {"missing": SESSION_OVER}),
        (Attendance.UNKNOWN, "2026-12-18T08:00", [], {}),
        (Attendance.JOINED, "2026-12-18T08:00", ["thanks"], {}),
        (Attendance.JOINED, "2026-12-25T07:59", ["thanks"], {}),
        (Attendance.JOINED, "2026-12-25T08:00", [], {"thanks": TOO_LATE}),
    ],
)
def test_who_joined_and_who_is_missing(attendance, now, due, missed):
    reader = replace(had(*EARLIER, "reminder@-1h"), attendance=attendance)
    assert plan(now, reader) == (due, missed)


@pytest.mark.parametrize(
    ("to", "answer", "goes"),
    [
        (Audience.ACCEPTED, Answer.ACCEPTED, True),
        (Audience.ACCEPTED, Answer.TENTATIVE, False),
        (Audience.ACCEPTED, None, False),
        (Audience.UNANSWERED, None, True),
        (Audience.UNANSWERED, Answer.ACCEPTED, False),
        (Audience.ALL, Answer.DECLINED, False),
        (frozenset({Role.PANELIST}), None, True),
        (frozenset({Role.HOST}), None, False),
    ],
)
def test_recipients(to, answer, goes):
    schedule = Schedule((keyed("note", "-2d", to),))
    due, _ = plan("2026-12-15T14:00", replace(ADA, answer=answer), schedule=schedule)
    assert due == (["note"] if goes else [])


def test_who_has_declined_gets_entries_in_the_last_day_and_after():
    declined = replace(ADA, answer=Answer.DECLINED)
    assert plan("2026-12-16T08:00", declined) == ([], {})
    assert plan("2026-12-17T13:00", declined) == (["reminder@-1h"], {})


def test_no_entry_comes_before_the_invitation():
    not_invited = replace(ADA, invited_at=None)
    assert plan("2026-12-16T12:00", not_invited) == ([], {})
    late = replace(ADA, invited_at=datetime(2026, 12, 16, 12, tzinfo=UTC))
    # An item of a list is about its time, and an entry of its own about what it says.
    assert plan("2026-12-16T12:00", late) == (["material"], {})


def test_a_schedule_that_is_written_late_sends_nothing_of_the_past():
    now = datetime(2026, 12, 14, tzinfo=UTC)
    late = timetable(now, seen={})
    planned = plan_entries(ADA, late)
    assert (planned.due, planned.missed) == ((), ())
    assert [due.entry.id for due in planned.upcoming] == [
        "reminder@-1d 09:00", "reminder@-1h", "missing", "thanks",
    ]  # fmt: skip
    assert [entry.id for entry in list_past(late, "Europe/Berlin")] == [
        "material", "reminder@-7d 09:00",
    ]  # fmt: skip


def test_what_a_clock_that_was_ahead_has_seen_or_invited_hides_nothing():
    later = START + timedelta(days=300)
    seen = {entry.id: {START: later} for entry in FULL.entries}
    reader = replace(had(*EARLIER[:2]), invited_at=later)

    assert plan("2026-12-16T08:01", reader, seen=seen) == (["reminder@-1d 09:00"], {})


def test_a_changed_item_of_a_list_covers_what_falls_due_after_it_was_first_seen():
    schedule = Schedule(tuple(listed("reminder", "-2d 09:00")))
    (entry,) = schedule.entries
    changed_at = datetime(2026, 12, 15, 10, tzinfo=UTC)
    seen = {entry.id: {START: changed_at}}
    assert plan("2026-12-15T10:00", schedule=schedule, seen=seen) == ([], {})
    earlier = {entry.id: {START: changed_at - timedelta(hours=3)}}
    assert plan("2026-12-15T10:00", schedule=schedule, seen=earlier) == ([entry.id], {})


def test_a_changed_table_keeps_its_id_so_who_has_it_does_not_get_it_again():
    changed = Schedule((keyed("material", "-2d"),))
    assert plan("2026-12-15T14:00", had("material"), schedule=changed) == ([], {})
    assert plan("2026-12-15T14:00", ADA, schedule=changed) == (["material"], {})


@pytest.mark.parametrize(
    ("moved_by", "again"),
    [
        (timedelta(hours=11, minutes=59), False),
        (timedelta(hours=12), True),
        (timedelta(hours=-12), True),
        (timedelta(days=3), True),
    ],
)
def test_a_moved_session_makes_an_entry_due_again_only_from_twelve_hours_on(moved_by, again):
    moved = replace(SESSION, start=START + moved_by)
    noticed = datetime(2026, 12, 10, tzinfo=UTC)
    entry = keyed("reminder", "-1d")
    seen = {"reminder": {START: LONG_AGO, moved.start: noticed}}
    at = moved.start - timedelta(days=1)
    planned = plan_entries(had("reminder"), timetable(at, Schedule((entry,)), moved, seen))
    assert [due.entry.id for due in planned.due] == (["reminder"] if again else [])


def test_a_moved_session_sets_off_nothing_whose_new_time_is_past():
    nearer = replace(SESSION, start=START - timedelta(days=4))
    noticed = datetime(2026, 12, 8, 9, tzinfo=UTC)
    seen = {entry.id: {START: LONG_AGO, nearer.start: noticed} for entry in FULL.entries}
    for reader in (ADA, had("material", "reminder@-7d 09:00")):
        planned = plan_entries(reader, timetable(noticed, session=nearer, seen=seen))
        assert (planned.due, planned.missed) == ((), ())
        assert planned.next.entry.id == "reminder@-1d 09:00"


def test_a_thank_you_is_sent_once_however_the_session_moves():
    moved = replace(SESSION, start=START + timedelta(days=7))
    joined = replace(had("thanks"), attendance=Attendance.JOINED)
    now = moved.end + timedelta(days=2)
    seen = {entry.id: {START: LONG_AGO, moved.start: LONG_AGO} for entry in FULL.entries}
    planned = plan_entries(joined, timetable(now, session=moved, seen=seen))
    assert [due.entry.id for due in planned.due] == []


def test_a_session_that_ends_early_has_only_what_comes_after_it():
    finished = replace(SESSION, status=SessionStatus.FINISHED)
    now = datetime(2026, 12, 17, 12, tzinfo=UTC)
    planned = plan_entries(ADA, timetable(now, session=finished))
    assert [due.entry.id for due in planned.upcoming] == ["thanks"]
    assert {due.reason for due in planned.missed} == {SESSION_OVER}


def test_nothing_is_due_that_does_not_fit_its_session():
    schedule = Schedule((keyed("typo", "+1d 09:00"), keyed("early", "end+0d 09:00")))
    for hours in range(-48, 72):
        planned = plan_entries(ADA, timetable(START + timedelta(hours=hours), schedule))
        assert planned == plan_entries(ADA, timetable(LONG_AGO, Schedule()))


def test_send_after_moves_what_would_come_before_it():
    schedule = replace(FULL, send_after=datetime.fromisoformat("2026-12-12T09:00"))
    assert plan("2026-12-12T07:59", schedule=schedule) == ([], {})
    # Both were moved to the same moment, so none of them is the later one.
    due, missed = plan("2026-12-12T08:00", schedule=schedule)
    assert (due, missed) == (["material", "reminder@-7d 09:00"], {})


@pytest.mark.parametrize(
    ("now", "near"),
    [
        ("2026-12-01", False),
        ("2026-12-05", True),
        ("2026-12-17", True),
        ("2026-12-28", True),
        ("2026-12-29", False),
    ],
)
def test_far_from_all_entries_nothing_has_to_be_computed(now, near):
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert is_near(FULL, SESSION, at) is near
    assert not is_near(Schedule(), SESSION, at)


@given(st.sampled_from(["Pacific/Auckland", "Europe/Berlin", "Pacific/Honolulu"]), st.data())
def test_whatever_is_due_for_any_reader_is_near(zone, data):
    schedule = Schedule(
        FULL.entries, data.draw(st.sampled_from([None, QuietHours(time(9), time(8))]))
    )
    now = START + timedelta(hours=data.draw(st.integers(-24 * 20, 24 * 20)))
    reader = replace(ADA, zone=zone, attendance=Attendance.JOINED)
    if plan_entries(reader, timetable(now, schedule)).due:
        assert is_near(schedule, SESSION, now)


WHENS = ["-10d 09:00", "-3d", "-1d 09:00", "-2h", "-20m", "+5m", "end+1h", "end+1d 09:00"]


@given(
    whens=st.lists(st.sampled_from(WHENS), unique=True, min_size=1),
    zone=st.sampled_from(["Pacific/Auckland", "Europe/Berlin", "Pacific/Honolulu"]),
    quiet=st.sampled_from([None, QuietHours(time(21), time(8))]),
    minutes=st.lists(st.integers(1, 700), min_size=60, max_size=120),
    moves=st.lists(st.tuples(st.integers(0, 119), st.integers(-30, 30)), max_size=3),
)
def test_every_person_gets_every_entry_at_most_once_an_occasion_and_only_in_time(
    whens, zone, quiet, minutes, moves
):
    """Runs at odd times, over a session that moves: the ledger's part is played by the test."""
    schedule = Schedule(tuple(keyed(f"e{i}", when) for i, when in enumerate(whens)), quiet)
    session, now, reader = SESSION, START - timedelta(days=14), replace(ADA, zone=zone)
    seen = {entry.id: {} for entry in schedule.entries}
    got: dict[str, list[datetime]] = {}
    shifts = dict(moves)
    for step, gap in enumerate(minutes):
        now += timedelta(minutes=gap)
        if step in shifts and now < session.start - timedelta(days=2):
            session = replace(session, start=session.start + timedelta(hours=shifts[step]))
        for times in seen.values():
            times.setdefault(session.start, now)
        planned = plan_entries(reader, Timetable(schedule, session, now, seen))
        for due in (*planned.due, *planned.missed):
            starts = got.setdefault(due.entry.id, [])
            assert all(abs(start - session.start) >= timedelta(hours=12) for start in starts)
            assert not (starts and due.entry.is_after_end)
            starts.append(session.start)
        for due in planned.due:
            assert due.due_at <= now
            if not due.entry.is_after_end:
                assert now < session.end
        assert all(due.due_at > now for due in planned.upcoming)
        reader = replace(reader, entries={id_: tuple(times) for id_, times in got.items()})
