"""Messages on a schedule: the entries of a webinar, when each is due for a reader, and what is odd.

An entry says which template goes to which people at what time before or after the session. It moves
with the session, and a clock time is the reader's own. Pure: `config.schedule` reads the settings,
`plan` decides what a run sends.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from onboarding.model.durations import MINUTE
from onboarding.model.people import Role
from onboarding.model.sessions import END_GRACE, Session
from onboarding.model.time_zones import format_in_zone, zone_named

MOST_DISTANT = timedelta(days=366)
"""No entry is farther from the session: more is a typing error."""

EARLIEST_ATTENDANCE = timedelta(minutes=-15)
"""From when on, counted from the start, an entry may ask who has joined."""

QUIET_BEFORE_ARRIVAL = timedelta(minutes=30)
"""An entry waits for the end of quiet hours if that leaves so much time before the arrival."""

TIME_TO_SEND = timedelta(hours=1)
"""How long a session stays its webinar's current one after its last entry was due."""

DAY = timedelta(days=1)
_UNITS = {"m": MINUTE, "h": timedelta(hours=1), "d": DAY}
_WHEN = re.compile(
    r"(?:(start|end)\s*)?([+\u2212\u2013-])\s*(\d{1,6})\s*([mhd])(?:\s+(\d{1,2}):(\d{2}))?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


class Anchor(StrEnum):
    """What the time of an entry counts from."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class When:
    """A time before or after a session: `-1d 09:00`, `end+1d 09:00`, `start-5m`.

    Without `clock` it is exact elapsed time: `-1d` is 24 hours. With one, `offset` is whole
    calendar days in the reader's zone, and `clock` the wall time on that day.
    """

    offset: timedelta
    anchor: Anchor = Anchor.START
    clock: time | None = None

    def __str__(self) -> str:
        # Two spellings of one time have one form: it is a part of an entry's id.
        size = abs(self.offset)
        unit = "d" if self.clock else next(unit for unit in "dhm" if not size % _UNITS[unit])
        sign = "-" if self.offset < timedelta() else "+"
        anchor = "end" if self.anchor is Anchor.END else ""
        clock = f" {self.clock:%H:%M}" if self.clock else ""
        return f"{anchor}{sign}{size // _UNITS[unit]}{unit}{clock}"

    def moment(self, start: datetime, end: datetime, zone: str) -> datetime:
        """Find the moment (UTC) for a reader in this zone, of a session with this start and end."""
        anchor = end if self.anchor is Anchor.END else start
        if self.clock is None:
            return anchor + self.offset
        day = anchor.astimezone(zone_named(zone)).date() + self.offset
        return _at_wall_time(datetime.combine(day, self.clock), zone)


def _at_wall_time(wall: datetime, zone: str) -> datetime:
    """Find when clocks in a zone show a time (UTC).

    One that does not exist moves forward by the gap, one that exists twice means the first.
    """
    # `fold=0` is both: in a gap it counts with the offset before it, so the result lies behind it.
    return wall.replace(tzinfo=zone_named(zone), fold=0).astimezone(UTC)


def parse_when(written: str) -> When:
    """Read the time of an entry. Raises ValueError, in words, for anything else."""
    found = _WHEN.fullmatch(written.strip())
    if not found:
        raise ValueError(
            f"{written!r} is no time of an entry. Write -1d 09:00, -1h, start-5m or end+1d 09:00."
        )
    anchor, sign, count, unit, hour, minute = found.groups()
    size = int(count) * _UNITS[unit.lower()]
    if size > MOST_DISTANT:
        raise ValueError(f"{written!r} is more than {MOST_DISTANT.days} days from the session.")
    if hour and unit.lower() != "d":
        raise ValueError(
            f"{written!r} has a clock time without days. Write -1d {hour}:{minute}, "
            "or leave the clock time out."
        )
    clock = parse_clock(f"{hour}:{minute}") if hour else None
    offset = size if sign == "+" else -size
    return When(offset, Anchor((anchor or "start").lower()), clock)


def parse_clock(written: str) -> time:
    """Read a wall time as HH:MM. Raises ValueError, in words, for anything else."""
    found = _CLOCK.fullmatch(written.strip())
    if not found:
        raise ValueError(f"{written!r} is no clock time. Write it as 09:00.")
    return time(int(found[1]), int(found[2]))


class Audience(StrEnum):
    """The people that an entry goes to, beside a list of roles.

    Of a person whose attendance is unknown we can say neither that they have joined nor that they
    are missing, so they get neither.
    """

    ALL = "all"
    JOINED = "joined"
    MISSING = "missing"
    ACCEPTED = "accepted"
    UNANSWERED = "unanswered"


Recipients = Audience | frozenset[Role]

NEEDS_ATTENDANCE = frozenset({Audience.JOINED, Audience.MISSING})
"""Audiences that are known only once the panel comes in."""


NEEDS_ANSWERS = frozenset({Audience.ACCEPTED, Audience.UNANSWERED})
"""Audiences that depend on what calendars have answered."""

READ_ANSWERS = "Configure [replies], so that calendar answers are read, or write another `to`."


class Attendance(StrEnum):
    """Whether a person of the panel has joined the session."""

    JOINED = "joined"
    MISSING = "missing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a webinar's schedule.

    `id` names it in the ledger: the key of a table, or, for an item of a list, the key and the
    normalised time (`reminder@-1d 09:00`). `template` is the name of its templates. `attach` are
    files that travel with it.
    """

    id: str
    key: str
    template: str
    when: When
    to: Recipients = Audience.ALL
    attach: tuple[Path, ...] = ()

    @property
    def is_listed(self) -> bool:
        """Whether it is an item of a list: a changed one is then another entry."""
        return self.id != self.key

    @property
    def is_after_end(self) -> bool:
        """Whether it is for the time after the session."""
        return self.when.anchor is Anchor.END and self.when.offset >= timedelta()


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours in which no entry leaves, by the reader's clock: from `begin` to before `end`."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def find_span(self, moment: datetime, zone: str) -> tuple[datetime, datetime] | None:
        """Find the quiet hours (UTC) in which a moment lies for a reader; None if in none."""
        today = moment.astimezone(zone_named(zone)).date()
        # Hours over midnight begin the day before.
        for day in (today - DAY, today):
            last_day = day + DAY if self.end <= self.begin else day
            begin = _at_wall_time(datetime.combine(day, self.begin), zone)
            end = _at_wall_time(datetime.combine(last_day, self.end), zone)
            if begin <= moment < end:
                return begin, end
        return None


def parse_quiet(written: str) -> QuietHours:
    """Read quiet hours as `21:00-08:00`. Raises ValueError, in words, for anything else."""
    begin, _, end = written.replace("\u2013", "-").partition("-")
    if not (begin.strip() and end.strip()):
        raise ValueError(f"{written!r} has no begin or no end. Write it as 21:00-08:00.")
    quiet = QuietHours(parse_clock(begin), parse_clock(end))
    if quiet.begin == quiet.end:
        raise ValueError(f"{written!r} begins and ends at the same time. Write it as 21:00-08:00.")
    return quiet


@dataclass(frozen=True, slots=True)
class Schedule:
    """The messages of one webinar on a schedule.

    `quiet` is None without quiet hours. Before `send_after` no one is invited: it is a time before
    the session, or a wall time without zone, and both are in the session's zone. `faults` are
    sentences on what is wrong with the settings: what they name is left out, the rest goes on.
    """

    entries: tuple[Entry, ...] = ()
    quiet: QuietHours | None = None
    send_after: When | datetime | None = None
    faults: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entries)

    def find(self, entry_id: str) -> Entry | None:
        """Find an entry by its id; None if the schedule has none."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)

    @property
    def longest_after_end(self) -> timedelta:
        """How long after the session's end its last entry falls due, for any reader."""
        # A day more: a clock time is the reader's, and their day may begin later than ours.
        return max((_after_end(entry) for entry in self.entries), default=timedelta())

    @property
    def end_grace(self) -> timedelta:
        """How long after its end a session is still its webinar's current one.

        Until its last entry was due, and a run could send it.
        """
        return max(END_GRACE, self.longest_after_end + TIME_TO_SEND)


def _after_end(entry: Entry) -> timedelta:
    if not entry.is_after_end:
        return timedelta()
    return entry.when.offset + (DAY if entry.when.clock else timedelta())


def find_send_after(schedule: Schedule, session: Session) -> datetime | None:
    """Find from when on people are invited (UTC); None if at once."""
    match schedule.send_after:
        case None:
            return None
        case datetime() as wall:
            return _at_wall_time(wall, session.time_zone)
        case When() as when:
            return when.moment(session.start, session.end, session.time_zone)


def find_late_send_after(schedule: Schedule, session: Session) -> str:
    """Say that people would be invited when it is too late; else empty."""
    begin = find_send_after(schedule, session)
    if begin is None or begin < session.arrive_by:
        return ""
    return (
        f"send_after: {format_in_zone(begin, session.time_zone)} is not before the panel's arrival "
        "time, so no one is invited in time. Write an earlier time."
    )


# Asked for each person, and a panel has few zones: `run --all` asks for all webinars at each run.
@lru_cache(maxsize=1024)
def find_due_time(
    entry: Entry, session: Session, zone: str, quiet: QuietHours | None, now: datetime
) -> datetime:
    """Find when an entry is due for a reader in this zone (UTC), quiet hours heeded.

    In quiet hours it waits for their end, if that leaves QUIET_BEFORE_ARRIVAL; else it is due in
    the last minute before they began, unless that is past; else at its time. Who may be missing
    needs the message now, so that does not wait.
    """
    planned = entry.when.moment(session.start, session.end, zone)
    span = quiet.find_span(planned, zone) if quiet and entry.to is not Audience.MISSING else None
    if span is None:
        return planned
    begin, end = span
    if entry.is_after_end or end + QUIET_BEFORE_ARRIVAL <= session.arrive_by:
        return end
    last_minute = begin - MINUTE
    return last_minute if now <= last_minute else planned


@lru_cache(maxsize=1024)
def find_misplaced(entry: Entry, session: Session, zone: str) -> str:
    """Say why an entry's time does not fit the session, so that it goes to no one; else empty."""
    moment = entry.when.moment(session.start, session.end, zone)
    if entry.is_after_end and moment < session.end:
        return f"{entry.id}: {entry.when} is before the session's end. Write a later time."
    if not entry.is_after_end and moment >= session.end:
        after = replace(entry.when, anchor=Anchor.END)
        return (
            f"{entry.id}: {entry.when} is after the session's end. "
            f"Write {after} for a message after it, or a - for one before."
        )
    return ""


def find_unread_answers(schedule: Schedule, *, is_read: bool) -> str:
    """Say which entries depend on calendar answers while these are not read; else empty."""
    ids = [entry.id for entry in schedule.entries if entry.to in NEEDS_ANSWERS]
    if is_read or not ids:
        return ""
    return f"Calendar answers are not read here, so people count as unanswered: {', '.join(ids)}."


def list_repeated(entries: Iterable[Entry]) -> list[str]:
    """List the ids that several entries have."""
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for entry in entries:
        if entry.id in seen:
            repeated[entry.id] = None
        seen.add(entry.id)
    return [*repeated]
