"""Rate limits that all processes sharing the ledger keep together: the `Gate` of RingCentral's calls.

It counts what was sent, believes what RingCentral's answers say, and says how long to wait; the waiting itself is
`LedgerGate.enter`'s. The mail server's pace is `pace`.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.errors import TryLater
from onboarding.ledger.schema import limits
from onboarding.ledger.store import Ledger
from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, Allowance, Progress

DEFAULTS = {"Heavy": 10, "Medium": 40, "Light": 50, "Auth": 5}
"""Calls per user and minute until an answer says otherwise (`docs/ringcentral.md`, "Rate limits")."""

IN_WORDS = {"Heavy": "webinar calls", "Medium": "directory calls", "Auth": "log-ins"}

WINDOW = 60.0
"""Seconds, until an answer says otherwise."""

LONGEST_WAIT = timedelta(minutes=10)
"""Altogether for one call: what takes longer is left to a later run."""


def reserve(connection: sa.Connection, name: str, most: int, now: datetime) -> timedelta:
    """Count a call in and return no time at all, or count nothing and return how long to wait before asking again.

    `most` is believed until an answer says otherwise. It holds for every window, whenever one may begin: nothing here
    knows when RingCentral's do.
    """
    limit = _limit(connection, name, now)
    if limit is None:
        _first_call(connection, name, most, now)
        return timedelta()
    wait = limit.wait(now)
    if not wait:
        limit = replace(limit, made=[*limit.recent(now), now], calls=limit.calls + 1)
    _store(connection, name, limit)
    return wait


def learned(connection: sa.Connection, name: str, allowance: Allowance, now: datetime) -> None:
    """Believe an answer: never more than it says is left, a whole window's wait when that is nothing, a penalty.

    Calls that the same user made elsewhere count as made just now. There is nothing to learn about a limit under
    which no call was reserved.
    """
    limit = _limit(connection, name, now)
    if limit is None:
        return
    most, window = allowance.limit or limit.most, allowance.window or limit.window
    made, still = limit.recent(now), 0.0
    if allowance.penalty is not None:
        still = allowance.penalty  # a 429 says itself how long; that nothing remains is no news then
    elif allowance.remaining is not None:
        made += [now] * (most - allowance.remaining - len(made))
        still = window if allowance.remaining == 0 else 0.0
    limit = replace(limit, most=most, window=window, made=made)
    _store(connection, name, limit.blocked(now, timedelta(seconds=still)))


@dataclass(frozen=True, slots=True)
class _Block:
    """From when until when no call may be made."""

    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit as the ledger holds it; `made` are the times of the last calls, oldest first."""

    most: int
    window: float
    made: list[datetime]
    block: _Block | None
    calls: int

    def recent(self, now: datetime) -> list[datetime]:
        """The calls of the window that ends now."""
        return [at for at in self.made if at > now - timedelta(seconds=self.window)]

    def wait(self, now: datetime) -> timedelta:
        """How long until one more call fits."""
        if self.block:
            return self.block.until - now
        recent = self.recent(now)
        if len(recent) < self.most:
            return timedelta()
        return recent[-self.most] + timedelta(seconds=self.window) - now

    def blocked(self, now: datetime, still: timedelta) -> "_Limit":
        """The same limit with nothing allowed for so long; a block that lasts longer stays."""
        until = max(now + still, self.block.until if self.block else now)
        return replace(self, block=_Block(now, until) if until > now else None)


def _limit(connection: sa.Connection, name: str, now: datetime) -> _Limit | None:
    """Read a limit as it counts at `now`.

    A time that is still to come was written before the clock was set back. A call then counts as made now, and a
    block begins again, so that neither lasts longer than it would have. No figure is larger than what is believed:
    an older version wrote down what it was told.
    """
    row = connection.execute(sa.select(limits).where(limits.c.name == name)).one_or_none()
    if row is None:
        return None
    made = [min(datetime.fromisoformat(at), now) for at in row.made[-MOST_CALLS:]]
    block = _block(row.blocked_at, row.blocked_until, now)
    return _Limit(min(row.most, MOST_CALLS), min(row.window, LONGEST_WINDOW), made, block, row.calls)


def _block(at: datetime | None, until: datetime | None, now: datetime) -> _Block | None:
    if at is None or until is None:
        return None
    if at > now:
        at, until = now, now + (until - at)
    return _Block(at, until) if until > now else None


def _first_call(connection: sa.Connection, name: str, most: int, now: datetime) -> None:
    connection.execute(limits.insert().values(name=name, most=most, window=WINDOW, made=_stored([now]), calls=1))


def _store(connection: sa.Connection, name: str, limit: _Limit) -> None:
    values = {
        "most": limit.most,
        "window": limit.window,
        "made": _stored(limit.made),
        "blocked_at": limit.block and limit.block.at,
        "blocked_until": limit.block and limit.block.until,
        "calls": limit.calls,
    }
    connection.execute(limits.update().where(limits.c.name == name).values(values))


def _stored(made: list[datetime]) -> list[str]:
    return [at.isoformat() for at in made]


@dataclass(frozen=True, slots=True)
class LedgerGate:
    """The Gate of one RingCentral user: waits until the shared ledger has room for a call.

    `account` names the user whose limits these are (`account_name`); `now` gives aware UTC time, `sleep` waits seconds.
    """

    ledger: Ledger
    account: str
    progress: Progress
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]

    async def enter(self, group: str) -> None:
        """Wait until a call of that group may be made, and count it. Raises TryLater where that takes too long."""
        name, most = f"{self.account} {group}", DEFAULTS.get(group, DEFAULTS["Heavy"])
        waited = timedelta()
        while wait := await self.ledger.run(reserve, name, most, self.now()):
            waited += wait
            if waited > LONGEST_WAIT:
                raise self._too_long(group, wait)
            seconds = wait.total_seconds()
            self.progress.waiting(f"RingCentral allows no more {_in_words(group)} just now", seconds)
            await self.sleep(seconds)

    async def learned(self, group: str, allowance: Allowance) -> None:
        """Note what an answer said, for this process and all others."""
        await self.ledger.run(learned, f"{self.account} {group}", allowance, self.now())

    def _too_long(self, group: str, wait: timedelta) -> TryLater:
        again = (self.now() + wait).astimezone()
        return TryLater(
            f"RingCentral allows no more {_in_words(group)} until {again:%Y-%m-%d %H:%M}.",
            hint="Nothing is lost: run again then.",
        )


def _in_words(group: str) -> str:
    return IN_WORDS.get(group, group)


def account_name(server: str, client_id: str, token: str) -> str:
    """Name the user whose limits are counted, without naming their secret: limits are per user and app."""
    return f"ringcentral {hashlib.sha256(f'{server} {client_id} {token}'.encode()).hexdigest()[:16]}"
