"""What each mailbox should hold at a webinar's end, by a second reading of the rules.

Written from the rules and not from `plan`, with the standard library's clocks alone, so that the
two can differ. It knows no outage: a script whose outages end before the next thing happens comes
to the same messages in the same order.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ARRIVAL = timedelta(minutes=15)
LATEST = timedelta(minutes=15)
"""So far behind its time an entry is still in time, at night too."""

DURATION = HOUR
SAME_OCCASION = 12 * HOUR
QUIET = (time(21), time(8))
ZONE = "Europe/Berlin"
"""The session's."""


@dataclass(frozen=True)
class Line:
    """One entry: `days` and `clock` by the reader's, or `minutes` of elapsed time. `to` whom."""

    key: str
    id: str
    days: int = 0
    clock: time | None = None
    minutes: int = 0
    is_after_end: bool = False
    to: str = "all"

    @property
    def is_listed(self) -> bool:
        return self.id != self.key


SCHEDULE = (
    Line("material", "material", -10, time(9)),
    Line("reminder", "reminder@-7d 09:00", -7, time(9)),
    Line("reminder", "reminder@-1d 09:00", -1, time(9)),
    Line("reminder", "reminder@-1h", minutes=-60),
    Line("missing", "missing", minutes=5, to="missing"),
    Line("thanks", "thanks", 1, time(9), is_after_end=True, to="joined"),
)
MESSAGES = """
[messages]
quiet = "21:00-08:00"
material = "-10d 09:00"
reminder = ["-7d 09:00", "-1d 09:00", "-1h"]
missing = { when = "start+5m", to = "missing" }
thanks = { when = "end+1d 09:00", to = "joined" }
"""


class Move(NamedTuple):
    """A new start of the session, and when it is set."""

    at: datetime
    start: datetime


@dataclass(frozen=True)
class Reader:
    """A person: when they come onto the roster, leave it, and decline; None for never.

    `bounces`: then their mail server says that there is no such address. `comes`: so many minutes
    after the session's start they come into the room.
    """

    email: str
    zone: str
    joins: datetime
    leaves: datetime | None = None
    declines: datetime | None = None
    bounces: datetime | None = None
    comes: int | None = None

    def is_meant(self, line: Line) -> bool:
        """Whether an entry is for them, by who has come when it is due."""
        if line.to == "missing":
            return self.comes is None or self.comes > line.minutes
        return line.to == "all" or self.comes is not None

    def wants(self, planned: datetime, at: datetime, start: datetime) -> bool:
        """Whether an entry goes to them: who has declined gets only what is near the start."""
        has_declined = self.declines is not None and at >= self.declines
        return not (has_declined and planned < start - DAY)

    def is_there(self, moment: datetime) -> bool:
        return self.joins <= moment and (self.leaves is None or moment < self.leaves)


class Due(NamedTuple):
    """One message: its kind or entry, the start that it tells, and when it is sent.

    `planned` is when its entry is due, which may be before the person, or the start, was there.
    """

    label: str
    start: datetime
    at: datetime
    planned: datetime | None = None


def list_due(reader: Reader, moves: Sequence[Move], until: datetime) -> list[Due]:
    """List the messages for a reader, in order. The first move is the start as it is first seen."""
    due = [Due("invitation", _find_start(moves, reader.joins), reader.joins)]
    entries: list[Due] = []
    ends = [*(move.at for move in moves[1:]), until]
    for number, (move, end) in enumerate(zip(moves, ends, strict=True)):
        if number and reader.is_there(move.at) and reader.joins < move.at:
            due.append(Due("update", move.start, move.at))
        entries += _list_entries(reader, moves[: number + 1], end, entries)
    if reader.leaves:
        due.append(Due("cancellation", _find_start(moves, reader.leaves), reader.leaves))
    every = [*due, *(entry for entry in entries if not _is_overtaken(entry, entries))]
    sent = [message for message in every if not reader.bounces or message.at < reader.bounces]
    return sorted(sent, key=lambda message: message.at)


def _is_overtaken(entry: Due, entries: Sequence[Due]) -> bool:
    """Whether a later entry is sent in its place: of several that are due at once, one goes."""
    return any(
        entry.at == other.at and entry.planned and other.planned and entry.planned < other.planned
        for other in entries
    )


def _find_start(moves: Sequence[Move], moment: datetime) -> datetime:
    return [move.start for move in moves if move.at <= moment][-1]


def _list_entries(
    reader: Reader, moves: Sequence[Move], until: datetime, had: Sequence[Due]
) -> Iterator[Due]:
    """List the entries that fall due while the session has the start of the last move."""
    since, start = moves[-1]
    seen = min(move.at for move in moves if _is_same(move.start, start))
    for line in SCHEDULE:
        starts = [message.start for message in had if message.label == line.id]
        if any(line.is_after_end or _is_same(earlier, start) for earlier in starts):
            continue
        begins = max(since, reader.joins)
        planned = find_due(line, start, reader.zone, begins)
        if planned < seen or (line.is_listed and planned < reader.joins):
            continue
        at = find_sent(line, planned, begins, start, reader.zone)
        is_late = not line.is_after_end and at > max(planned, start - ARRIVAL)
        if not reader.wants(planned, at, start) or not reader.is_meant(line):
            continue
        if at < until and reader.is_there(at) and not is_late:
            yield Due(line.id, start, at, planned)


def _is_same(start: datetime, other: datetime) -> bool:
    return abs(start - other) < SAME_OCCASION


def find_due(line: Line, start: datetime, zone: str, now: datetime) -> datetime:
    """Find when a line is due for a reader in a zone, quiet hours and all."""
    anchor = start + DURATION if line.is_after_end else start
    planned = anchor + line.minutes * MINUTE
    if line.clock:
        day = anchor.astimezone(ZoneInfo(zone)).date() + line.days * DAY
        planned = _at(datetime.combine(day, line.clock), zone)
    local = planned.astimezone(ZoneInfo(zone))
    # At night too: the session is under way.
    if line.to == "missing":
        return planned
    if QUIET[1] <= local.time() < QUIET[0]:
        return planned
    begin, end = _find_night(planned, zone)
    if line.is_after_end or end + HOUR / 2 <= start - ARRIVAL:
        return end
    last = begin - timedelta(minutes=1)
    return last if now <= last else planned


def find_sent(
    line: Line, planned: datetime, begins: datetime, start: datetime, zone: str
) -> datetime:
    """Find when a line is sent to a reader who is there from `begins` on."""
    if begins <= planned + LATEST or line.to == "missing":
        return max(planned, begins)
    begin, end = _find_night(begins, zone)
    can_wait = line.is_after_end or end + HOUR / 2 <= start - ARRIVAL
    return end if planned < begin <= begins and can_wait else begins


def _find_night(moment: datetime, zone: str) -> tuple[datetime, datetime]:
    """Find the quiet hours that a moment lies in, or else the next ones."""
    local = moment.astimezone(ZoneInfo(zone))
    evening = local.date() - (DAY if local.time() < QUIET[1] else timedelta())
    begin = _at(datetime.combine(evening, QUIET[0]), zone)
    return begin, _at(datetime.combine(evening + DAY, QUIET[1]), zone)


def _at(wall: datetime, zone: str) -> datetime:
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
