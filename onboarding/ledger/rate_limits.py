"""How fast RingCentral and the mail server may be used, kept in the ledger so that all processes share the limits.

`reserve_call` keeps a sliding window for each group of RingCentral's calls, and `update_limit`
corrects it by what the answers say. `reserve_send` keeps an even rate (the generic cell rate
algorithm, without a burst) and a cap for each day. Both either count one in or say how long to
wait; nothing here waits: that is `pipeline.rate_limiter` and `pipeline.send`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger.schema import limits, paces
from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, RateLimitStatus

DEFAULT_WINDOW = 60.0
"""Seconds, until an answer says otherwise."""

ONE_HOUR = timedelta(hours=1)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SendRate:
    """The time between two messages (none: no limit), and how many may be sent within any 24 hours (None: any)."""

    interval: timedelta = timedelta()
    per_day: int | None = None


def reserve_call(connection: sa.Connection, name: str, most: int, now: datetime) -> timedelta:
    """Count a call in and return no time at all, or count nothing and return how long to wait before asking again.

    `most` calls per window are believed until an answer says otherwise. It holds for every window,
    at any time that one may begin: nothing here knows when RingCentral's windows begin.
    """
    limit = _load_limit(connection, name, now)
    if limit is None:
        _insert_limit(connection, name, most, now)
        return timedelta()
    wait = limit.time_to_wait(now)
    if not wait:
        limit = replace(limit, made=[*limit.recent_calls(now), now], calls=limit.calls + 1)
    _store_limit(connection, name, limit)
    return wait


def update_limit(
    connection: sa.Connection, name: str, allowance: RateLimitStatus, now: datetime
) -> None:
    """Correct a limit by what an answer said; nothing is stored for a limit under which no call was reserved.

    There are never more calls left than the answer says: calls that the same user made elsewhere
    count as made just now. With none left we wait for a whole window, after a 429 for as long as it
    says.
    """
    limit = _load_limit(connection, name, now)
    if limit is None:
        return
    most, window = allowance.limit or limit.most, allowance.window or limit.window
    made, pause = limit.recent_calls(now), 0.0
    if allowance.penalty is not None:
        # A 429 says how long it lasts; the `remaining` of 0 that comes with it would make us wait
        # longer.
        pause = allowance.penalty
    elif allowance.remaining is not None:
        made += [now] * (most - allowance.remaining - len(made))
        pause = window if allowance.remaining == 0 else 0.0
    limit = replace(limit, most=most, window=window, made=made)
    _store_limit(connection, name, limit.with_block(now, timedelta(seconds=pause)))


def reserve_send(connection: sa.Connection, name: str, rate: SendRate, now: datetime) -> timedelta:
    """Count a message in and return no time at all, or count nothing and return how long to wait before asking again.

    `name` is the account at the mail server whose rate it is. Messages are never closer together
    than `rate.interval`, so no window of any length holds a burst. The cap counts by the hour, so a
    message counts against it for 24 to 25 hours.
    """
    row = connection.execute(sa.select(paces).where(paces.c.name == name)).one_or_none()
    # At most one interval from now: the rate may have been raised since, or the clock set back.
    free_at = min(row.free_at, now + rate.interval) if row else now
    hours = _count_last_day(row.hours if row else {}, now)
    wait = max(free_at - now, _wait_for_cap(hours, rate.per_day, now), timedelta())
    if not wait:
        hour = _format_hour(now)
        free_at, hours = now + rate.interval, {**hours, hour: hours.get(hour, 0) + 1}
    # Stored even while there is a wait: a time in the future is brought near once, and not again at
    # each question.
    values = {"free_at": free_at, "hours": hours}
    if row:
        connection.execute(paces.update().where(paces.c.name == name).values(values))
    else:
        connection.execute(paces.insert().values(name=name, **values))
    return wait


@dataclass(frozen=True, slots=True)
class _Block:
    """From when until when no call may be made."""

    begin: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _CallLimit:
    """A limit as the ledger holds it; `made` are the times of the last calls, oldest first."""

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
        return recent[-self.most] + timedelta(seconds=self.window) - now

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


def _count_last_day(hours: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Keep what still counts against the cap; an hour in the future (the clock was set back) counts as this one."""
    kept: Counter[str] = Counter()
    for hour, sent in hours.items():
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
    for hour in sorted(hours):
        excess -= hours[hour]
        if excess <= 0:
            return _parse_hour(hour) + ONE_HOUR + ONE_DAY - now
    return ONE_DAY  # a cap of 0: nothing is ever sent


def _format_hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _parse_hour(hour: str) -> datetime:
    return datetime.fromisoformat(hour)
