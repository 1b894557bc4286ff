"""How often RingCentral may be called; all processes share these limits.

`reserve_call` keeps a sliding window for each group of RingCentral's calls, and `update_limit`
corrects it by what the answers say. A call is counted, or it is said how long to wait. Nothing here
waits: `pipeline.rate_limiter` does. The mail server's rate is in `send_rate`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import limits
from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, RateLimitStatus

DEFAULT_WINDOW = 60.0
"""Seconds, until an answer says otherwise."""


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
