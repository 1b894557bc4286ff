"""How fast RingCentral and the mail server may be used; all processes share these limits.

`reserve_call` keeps a sliding window for each group of RingCentral's calls, and `update_limit`
corrects it by what the answers say. `reserve_send` keeps an even rate (the generic cell rate
algorithm, without a burst) and a cap for each day. Both either count a call or message, or say how
long to wait. Nothing here waits: `pipeline.rate_limiter` and `pipeline.send` do.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import limits, paces
from onboarding.ledger.sql import insert
from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, RateLimitStatus

DEFAULT_WINDOW = 60.0
"""Seconds, until an answer says otherwise."""

ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SendRate:
    """The least time between two messages, and the most messages within any 24 hours."""

    interval: timedelta = timedelta()
    """0: no limit."""

    per_day: int | None = None
    """None: no limit."""


def reserve_call(connection: sa.Connection, name: str, most: int, now: datetime) -> timedelta:
    """Count a call and return zero, or count nothing and return how long to wait before asking.

    `most` calls per window are believed until an answer says otherwise. The limit is kept for a
    window that begins at any time, because we don't know when RingCentral's windows begin.
    """
    sql.lock(connection, f"limit {name}")
    limit = _load_limit(connection, name, now)
    if limit is None:
        _insert_limit(connection, name, most, now)
        return timedelta()
    # By the stored limit: an answer may have corrected it. The caller's `most` is a first guess.
    wait = limit.time_to_wait(now)
    if not wait:
        limit = replace(limit, made=[*limit.recent_calls(now), now], calls=limit.calls + 1)
    _store_limit(connection, name, limit)
    return wait


def count_calls_left(connection: sa.Connection, name: str, most: int, now: datetime) -> int:
    """Count the calls that may still be made in the window that ends now; reserves none."""
    limit = _load_limit(connection, name, now)
    if limit is None:
        return most
    return 0 if limit.time_to_wait(now) else limit.most - len(limit.recent_calls(now))


def update_limit(
    connection: sa.Connection, name: str, status: RateLimitStatus, now: datetime
) -> None:
    """Correct a limit by what an answer said; there is none before a call was reserved."""
    sql.lock(connection, f"limit {name}")
    limit = _load_limit(connection, name, now)
    if limit is not None:
        _store_limit(connection, name, limit.as_corrected(status, now))


def reserve_send(connection: sa.Connection, name: str, rate: SendRate, now: datetime) -> timedelta:
    """Count a message and return zero, or count nothing and return how long to wait before asking.

    `name` is the account at the mail server that the rate belongs to. Messages are never closer
    together than `rate.interval`, so no window of any length holds a burst. The cap counts by the
    hour, so a message counts against it for 24 to 25 hours.
    """
    sql.lock(connection, f"pace {name}")
    pace = _load_pace(connection, name, rate, now)
    wait = pace.time_to_wait(rate, now)
    if not wait:
        pace = pace.with_message(rate, now)
    # Stored even while there is a wait: a time in the future is brought near once, and not again at
    # each question.
    _store_pace(connection, name, pace)
    return wait


@dataclass(frozen=True, slots=True)
class _Block:
    """From when until when no call may be made."""

    begin: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _CallLimit:
    """A limit of calls as the ledger stores it; `made` are the last calls' times, oldest first."""

    most: int
    window: float
    made: list[datetime]
    block: _Block | None
    calls: int

    def recent_calls(self, now: datetime) -> list[datetime]:
        """The calls of the window that ends now."""
        begin = now - timedelta(seconds=self.window)
        return [made_at for made_at in self.made if made_at > begin]

    def time_to_wait(self, now: datetime) -> timedelta:
        """How long until one more call fits."""
        if self.block:
            return self.block.until - now
        recent = self.recent_calls(now)
        if len(recent) < self.most:
            return timedelta()
        # When that call leaves the window, one more fits. Not simply the oldest: an answer may
        # have lowered `most` below what is in the window already.
        return recent[-self.most] + timedelta(seconds=self.window) - now

    def as_corrected(self, status: RateLimitStatus, now: datetime) -> "_CallLimit":
        """The same limit as an answer says it is.

        There are never more calls left than the answer says: calls that the same user made
        elsewhere count as made just now. With none left we wait for a whole window, after a 429 for
        as long as it says.
        """
        most, window = status.limit or self.most, status.window or self.window
        made, pause = self.recent_calls(now), 0.0
        if status.penalty is not None:
            # The `remaining` of 0 that comes with a 429 would make us wait longer.
            pause = status.penalty
        elif status.remaining is not None:
            # Never a call less: our own calls that are still under way are in `made`, and may be
            # missing in the answer's figure. A negative count adds none.
            made += [now] * (most - status.remaining - len(made))
            pause = window if status.remaining == 0 else 0.0
        corrected = replace(self, most=most, window=window, made=made)
        return corrected.with_block(now, timedelta(seconds=pause))

    def with_block(self, now: datetime, pause: timedelta) -> "_CallLimit":
        """The same limit with no call allowed during a pause; a block that lasts longer stays."""
        until = max(now + pause, self.block.until if self.block else now)
        return replace(self, block=_Block(now, until) if until > now else None)


def _load_limit(connection: sa.Connection, name: str, now: datetime) -> _CallLimit | None:
    """Load a limit as it counts at `now`.

    A time in the future was stored before the clock was set back. A call then counts as made now,
    and a block begins again, so that neither lasts longer than it would have. No figure is larger
    than what is believed: an older version stored what an answer said.
    """
    row = connection.execute(sa.select(limits).where(limits.c.name == name)).one_or_none()
    if row is None:
        return None
    return _CallLimit(
        most=min(row.most, MOST_CALLS),
        window=min(row.window, LONGEST_WINDOW),
        made=[min(datetime.fromisoformat(made_at), now) for made_at in row.made[-MOST_CALLS:]],
        block=_load_block(row.blocked_at, row.blocked_until, now),
        calls=row.calls,
    )


def _load_block(begin: datetime | None, until: datetime | None, now: datetime) -> _Block | None:
    if begin is None or until is None:
        return None
    if begin > now:
        begin, until = now, now + (until - begin)
    return _Block(begin, until) if until > now else None


def _insert_limit(connection: sa.Connection, name: str, most: int, now: datetime) -> None:
    values = {
        "name": name,
        "most": most,
        "window": DEFAULT_WINDOW,
        "made": [now.isoformat()],
        "calls": 1,
    }
    connection.execute(limits.insert().values(values))


def _store_limit(connection: sa.Connection, name: str, limit: _CallLimit) -> None:
    values = {
        "most": limit.most,
        "window": limit.window,
        "made": [made_at.isoformat() for made_at in limit.made],
        "blocked_at": limit.block and limit.block.begin,
        "blocked_until": limit.block and limit.block.until,
        "calls": limit.calls,
    }
    connection.execute(limits.update().where(limits.c.name == name).values(values))


@dataclass(frozen=True, slots=True)
class _SendPace:
    """When an account's next message may leave, and how many left in each hour of the last day."""

    free_at: datetime
    hours: Mapping[str, int]

    def time_to_wait(self, rate: SendRate, now: datetime) -> timedelta:
        """How long until a message may leave."""
        wait_for_cap = _wait_for_cap(self.hours, rate.per_day, now)
        return max(self.free_at - now, wait_for_cap, timedelta())

    def with_message(self, rate: SendRate, now: datetime) -> "_SendPace":
        """The pace once a message leaves now."""
        hour = _format_hour(now)
        hours = {**self.hours, hour: self.hours.get(hour, 0) + 1}
        # From now and not from `free_at`: time that passed unused must not allow a burst.
        return _SendPace(now + rate.interval, hours)


def _load_pace(connection: sa.Connection, name: str, rate: SendRate, now: datetime) -> _SendPace:
    row = connection.execute(sa.select(paces).where(paces.c.name == name)).one_or_none()
    if row is None:
        return _SendPace(now, {})
    # At most one interval from now: the rate may have been raised since, or the clock set back.
    free_at = min(row.free_at, now + rate.interval)
    return _SendPace(free_at, _count_last_day(row.hours, now))


def _store_pace(connection: sa.Connection, name: str, pace: _SendPace) -> None:
    values = {"free_at": pace.free_at, "hours": dict(pace.hours)}
    new = insert(paces).values(name=name, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=values))


def _count_last_day(hours: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Keep what still counts against the cap.

    An hour in the future counts as the present one: the clock was set back.
    """
    kept: Counter[str] = Counter()
    for hour, sent in hours.items():
        # From the hour's end: only the hour of a message is known, and it may have left at :59.
        if _parse_hour(hour) + ONE_HOUR + ONE_DAY > now:
            kept[min(hour, _format_hour(now), key=_parse_hour)] += sent
    return dict(kept)


def _wait_for_cap(hours: Mapping[str, int], per_day: int | None, now: datetime) -> timedelta:
    """How long until enough of the last day's messages no longer count against the cap."""
    if per_day is None:
        return timedelta()
    excess = sum(hours.values()) + 1 - per_day
    if excess <= 0:
        return timedelta()
    # All are written in UTC, so the order of the texts is that of the times.
    for hour in sorted(hours):
        excess -= hours[hour]
        if excess <= 0:
            return _parse_hour(hour) + ONE_HOUR + ONE_DAY - now
    # Only a cap of 0 leads here: nothing is ever sent.
    return ONE_DAY


def _format_hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _parse_hour(hour: str) -> datetime:
    return datetime.fromisoformat(hour)
