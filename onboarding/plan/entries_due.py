"""Which entries of the schedule a person is due, has missed, or has still to come. Pure.

Entries are not queued ahead: each run computes what is due now. Everything that a decision rests on
is in `Reader` and `Timetable`, which can also be made from the ledger alone, without a call.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from types import MappingProxyType

from onboarding.model.answers import Answer
from onboarding.model.entries import (
    NEEDS_ATTENDANCE,
    QUIET_BEFORE_ARRIVAL,
    Attendance,
    Audience,
    Entry,
    Schedule,
    find_due_time,
    find_misplaced,
    find_send_after,
)
from onboarding.model.people import Role
from onboarding.model.sessions import Session, SessionStatus, has_ended

SAME_OCCASION = timedelta(hours=12)
"""A session that moves by less is the same occasion: who has an entry does not get it again."""

LATEST = timedelta(minutes=15)
"""How far behind its time an entry may leave after the panel's arrival time, or in quiet hours."""

LATEST_MISSING = timedelta(minutes=5)
"""The same for an entry to people who are missing: by then they have joined another way."""

USE_UNTIL = timedelta(days=7)
"""How long after its time an entry for after the session is of use."""

DECLINED_UNTIL = timedelta(hours=24)
"""From so long before the start, entries go also to people who have declined."""

FARTHEST = timedelta(days=3)
"""An entry is not farther than this from its time by the session's clock.

That are the readers' clocks, a day of quiet hours, and the day that a run looks ahead.
"""

LONG_AGO = datetime.min.replace(tzinfo=UTC)

TOO_LATE = "too late"
OVERTAKEN = "a later one was due at the same time"
SESSION_OVER = "the session was over"


@dataclass(frozen=True, slots=True)
class Reader:
    """What has to be known of a person to say which entries they are due.

    `zone` is the one that their clock shows. `invited_at` and `entries` are those of their
    `Mailbox`.
    """

    key: str
    role: Role
    zone: str
    invited_at: datetime | None
    entries: Mapping[str, tuple[datetime, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    answer: Answer | None = None
    attendance: Attendance = Attendance.UNKNOWN


@dataclass(frozen=True, slots=True)
class Timetable:
    """A session's schedule at one moment.

    `seen` says when a run first saw an entry: id -> start of the session then -> moment.
    """

    schedule: Schedule
    session: Session
    now: datetime
    seen: Mapping[str, Mapping[datetime, datetime]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @property
    def is_over(self) -> bool:
        """Whether only entries after the end are of use."""
        return has_ended(self.session.status, self.session.end, self.now)

    def find_first_seen(self, entry: Entry) -> datetime:
        """Find when a run first saw an entry for this occasion; now, if none has."""
        starts = self.seen.get(entry.id, {})
        times = [at for start, at in starts.items() if _is_same(start, self.session.start)]
        seen_at = min(times, default=self.now)
        # A time that is still to come is from a clock that was ahead. It hides nothing: a run that
        # is too late for an entry says so.
        return seen_at if seen_at <= self.now else LONG_AGO


@dataclass(frozen=True, slots=True)
class DueEntry:
    """An entry and when it is due for one person (UTC); `reason` says why they do not get it."""

    entry: Entry
    due_at: datetime
    reason: str = ""

    @property
    def expires_at(self) -> datetime:
        """When an entry for after the session is of no use any more."""
        return self.due_at + USE_UNTIL


@dataclass(frozen=True, slots=True)
class ReaderEntries:
    """One person's part of the schedule: what goes now, what they missed, and what comes, by time.

    Of what comes it is not known yet who will have joined, or answered. `unsure` is due now if it
    turns out that the person has joined, or has not.
    """

    due: tuple[DueEntry, ...] = ()
    missed: tuple[DueEntry, ...] = ()
    upcoming: tuple[DueEntry, ...] = ()
    unsure: tuple[DueEntry, ...] = ()

    @property
    def next(self) -> DueEntry | None:
        """What they are sent next."""
        return next(iter((*self.due, *self.upcoming)), None)


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One entry of the schedule.

    `first` and `last` are when it is due for the earliest and the latest reader (UTC): they differ
    where readers have different clocks. `waiting` counts the people who are still to get it, as far
    as is known now; `had` those who have had it or missed it.
    """

    entry: Entry
    first: datetime
    last: datetime
    waiting: int
    had: int


class _Fate(Enum):
    """What becomes of an entry for one person at one moment."""

    NONE = auto()
    UPCOMING = auto()
    DUE = auto()
    LATE = auto()
    OVER = auto()
    UNSURE = auto()


def plan_entries(reader: Reader, timetable: Timetable) -> ReaderEntries:
    """Decide which entries a person is due now.

    Of several that are due, because no run came in between, the latest goes; the others are missed.
    """
    by_fate = _sort_by_fate(reader, timetable)
    candidates = by_fate[_Fate.DUE]
    latest = max((due.due_at for due in candidates), default=timetable.now)
    missed = [
        *(_miss(due, TOO_LATE) for due in by_fate[_Fate.LATE]),
        *(_miss(due, SESSION_OVER) for due in by_fate[_Fate.OVER]),
        *(_miss(due, OVERTAKEN) for due in candidates if due.due_at < latest),
    ]
    return ReaderEntries(
        due=tuple(due for due in candidates if due.due_at == latest),
        missed=tuple(sorted(missed, key=_when)),
        upcoming=tuple(sorted(by_fate[_Fate.UPCOMING], key=_when)),
        unsure=tuple(sorted(by_fate[_Fate.UNSURE], key=_when)),
    )


def _sort_by_fate(reader: Reader, timetable: Timetable) -> Mapping[_Fate, list[DueEntry]]:
    by_fate: dict[_Fate, list[DueEntry]] = {fate: [] for fate in _Fate}
    for due in _list_open(reader, timetable):
        fate = _find_fate(due, reader, timetable)
        if fate is _Fate.DUE and (waits_until := _find_quiet_end(due, reader, timetable)):
            by_fate[_Fate.UPCOMING].append(replace(due, due_at=waits_until))
        else:
            by_fate[fate].append(due)
    return by_fate


def _when(due: DueEntry) -> datetime:
    return due.due_at


def _miss(due: DueEntry, reason: str) -> DueEntry:
    return DueEntry(due.entry, due.due_at, reason)


def _list_open(reader: Reader, timetable: Timetable) -> Iterator[DueEntry]:
    """List the entries that a person has neither had nor missed, and may get at some time."""
    for entry in timetable.schedule.entries:
        if _is_covered(reader, entry, timetable.session):
            continue
        if find_misplaced(entry, timetable.session, reader.zone) or not _may_go_to(entry, reader):
            continue
        due = DueEntry(entry, find_due_at(entry, reader.zone, timetable))
        if not _comes_before_them(due, reader, timetable):
            yield due


def find_due_at(entry: Entry, zone: str, timetable: Timetable) -> datetime:
    """Find when an entry is due for a reader in this zone (UTC), quiet hours and all."""
    schedule, session = timetable.schedule, timetable.session
    due = find_due_time(entry, session, zone, schedule.quiet, timetable.now)
    held_until = find_send_after(schedule, session)
    # `send_after` is about the time before the session: it must not shift a thank-you.
    if held_until is None or entry.is_after_end:
        return due
    return max(due, held_until)


def _is_covered(reader: Reader, entry: Entry, session: Session) -> bool:
    """Whether the person had or missed an entry for this occasion; after the end, for any."""
    starts = reader.entries.get(entry.id, ())
    if entry.is_after_end:
        return bool(starts)
    return any(_is_same(start, session.start) for start in starts)


def _is_same(start: datetime, other: datetime) -> bool:
    return abs(start - other) < SAME_OCCASION


def _may_go_to(entry: Entry, reader: Reader) -> bool:
    """Whether the person's role is among the recipients. Attendance and answers come later."""
    return isinstance(entry.to, Audience) or reader.role in entry.to


def _comes_before_them(due: DueEntry, reader: Reader, timetable: Timetable) -> bool:
    """Whether an entry's time was past before it was there, or before the person was.

    A schedule that is written late, a session that is moved near, or a person who is added late
    must not set off a heap of old messages. An entry with a name of its own, such as material, goes
    to people who are added late as well; an item of a list is about its time.
    """
    if due.due_at < timetable.find_first_seen(due.entry):
        return True
    invited_at = reader.invited_at
    # Invited in the future: by a clock that was ahead, so when is not known.
    if invited_at is None or invited_at > timetable.now:
        return False
    return due.entry.is_listed and due.due_at < invited_at


def _find_fate(due: DueEntry, reader: Reader, timetable: Timetable) -> _Fate:
    """Decide what becomes of an open entry."""
    entry, now = due.entry, timetable.now
    if _has_declined(due, reader, timetable.session):
        return _Fate.NONE
    if due.due_at > now:
        is_lost = timetable.is_over and not entry.is_after_end
        return _Fate.NONE if is_lost else _Fate.UPCOMING
    # No reminder of what a person does not know yet.
    if reader.invited_at is None:
        return _Fate.NONE
    fate = _find_fate_by_time(due, timetable)
    # And none to a person it is not meant for, as far as that is known.
    if not _is_in_audience(entry, reader):
        is_unsure = fate is _Fate.DUE and _needs_attendance(entry, reader)
        return _Fate.UNSURE if is_unsure else _Fate.NONE
    return fate


def _find_fate_by_time(due: DueEntry, timetable: Timetable) -> _Fate:
    """Decide what becomes of an entry when its time has come."""
    if due.entry.is_after_end:
        return _Fate.DUE if timetable.now < due.expires_at else _Fate.LATE
    if timetable.is_over:
        return _Fate.OVER
    return _Fate.LATE if _is_too_late(due, timetable) else _Fate.DUE


def _find_quiet_end(due: DueEntry, reader: Reader, timetable: Timetable) -> datetime | None:
    """Find until when an entry that is behind its time waits, because the hours are quiet now.

    None: it goes now. One that is due in quiet hours is moved already (`find_due_time`). This one
    was not: its person was added at night, or no run came in time.
    """
    quiet, session = timetable.schedule.quiet, timetable.session
    if quiet is None or due.entry.to is Audience.MISSING:
        return None
    # A few minutes are how often cron comes: it is still the entry's own time.
    if timetable.now <= due.due_at + LATEST:
        return None
    span = quiet.find_span(timetable.now, reader.zone)
    # Due since they began: then it can't wait for their end.
    if span is None or due.due_at >= span[0]:
        return None
    can_wait = due.entry.is_after_end or span[1] + QUIET_BEFORE_ARRIVAL <= session.arrive_by
    return span[1] if can_wait else None


def _needs_attendance(entry: Entry, reader: Reader) -> bool:
    """Whether only the person's attendance is missing to say if an entry goes to them."""
    return reader.attendance is Attendance.UNKNOWN and entry.to in NEEDS_ATTENDANCE


def _is_too_late(due: DueEntry, timetable: Timetable) -> bool:
    return timetable.now >= find_deadline(due, timetable.session)


def find_deadline(due: DueEntry, session: Session) -> datetime:
    """Find the moment from which on an entry does not leave any more."""
    if due.entry.is_after_end:
        return due.expires_at
    limit = LATEST_MISSING if due.entry.to is Audience.MISSING else LATEST
    # Exactly as late as it may be is not too late, and times are in seconds.
    latest = max(session.arrive_by, due.due_at + limit) + timedelta(seconds=1)
    return min(latest, session.end)


def _has_declined(due: DueEntry, reader: Reader, session: Session) -> bool:
    """Whether the person has declined. Near the start they may come all the same."""
    is_early = due.due_at < session.start - DECLINED_UNTIL
    return reader.answer is Answer.DECLINED and is_early


def _is_in_audience(entry: Entry, reader: Reader) -> bool:
    match entry.to:
        case Audience.ALL:
            return True
        case Audience.JOINED:
            return reader.attendance is Attendance.JOINED
        case Audience.MISSING:
            return reader.attendance is Attendance.MISSING
        case Audience.ACCEPTED:
            return reader.answer is Answer.ACCEPTED
        case Audience.UNANSWERED:
            return reader.answer is None
        case roles:
            return reader.role in roles


def is_near(schedule: Schedule, session: Session, now: datetime) -> bool:
    """Whether an entry may be due now, or within a day, for a reader anywhere.

    A cheap look at the schedule alone: far from all its times nothing has to be computed for each
    person.
    """
    usual = [
        entry.when.moment(session.start, session.end, session.time_zone)
        for entry in schedule.entries
    ]
    # Until the end a person who is added late may still be due what others had long ago.
    last = [max(session.end, moment) + FARTHEST + USE_UNTIL for moment in usual]
    return any(moment - FARTHEST <= now <= until for moment, until in zip(usual, last, strict=True))


def list_past(timetable: Timetable, zone: str) -> list[Entry]:
    """List the entries that no one gets, because their time was past when they were first seen."""
    if timetable.session.status is not SessionStatus.SCHEDULED:
        return []
    return [
        entry
        for entry in timetable.schedule.entries
        if not find_misplaced(entry, timetable.session, zone)
        and find_due_at(entry, zone, timetable) < timetable.find_first_seen(entry)
    ]
