"""Rate limits that all processes sharing the ledger keep together: the `Gate` of RingCentral's calls.

It counts what was sent, believes what RingCentral's answers say, and says how long to wait; the waiting itself is
`LedgerGate.enter`'s. The mail server's pace is `pace`.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger.schema import limits
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Allowance, Progress

DEFAULTS = {"Heavy": 10, "Medium": 40, "Light": 50, "Auth": 5}
"""Calls per user and minute until an answer says otherwise (`docs/ringcentral.md`, "Rate limits")."""

IN_WORDS = {"Heavy": "webinar calls", "Medium": "directory calls", "Auth": "log-ins"}

WINDOW = 60.0
"""Seconds, until an answer says otherwise."""


def reserve(connection: sa.Connection, name: str, most: int, now: datetime) -> timedelta:
    """Count a call in and return no time at all, or count nothing and return how long to wait before asking again.

    `most` is believed until an answer says otherwise. It holds for every window, whenever one may begin: nobody here
    knows when RingCentral's do.
    """
    limit = _limit(connection, name)
    if limit is None:
        _first_call(connection, name, most, now)
        return timedelta()
    wait = limit.wait(now)
    if not wait:
        made = _stored([*limit.recent(now), now])
        connection.execute(limits.update().where(limits.c.name == name).values(made=made, calls=limits.c.calls + 1))
    return wait


def learned(connection: sa.Connection, name: str, allowance: Allowance, now: datetime) -> None:
    """Believe an answer: never more than it says is left, a whole window's wait when that is nothing, a penalty.

    Calls that the same user made elsewhere count as made just now. There is nothing to learn about a limit under
    which no call was reserved.
    """
    limit = _limit(connection, name)
    if limit is None:
        return
    most, window = allowance.limit or limit.most, allowance.window or limit.window
    made, still = limit.recent(now), 0.0
    if allowance.penalty is not None:
        still = allowance.penalty  # a 429 says itself how long; that nothing remains is no news then
    elif allowance.remaining is not None:
        made += [now] * (most - allowance.remaining - len(made))
        still = window if allowance.remaining == 0 else 0.0
    blocked_until = max(limit.blocked_until or now, now + timedelta(seconds=still))
    values = {"most": most, "window": window, "made": _stored(made), "blocked_until": blocked_until}
    connection.execute(limits.update().where(limits.c.name == name).values(values))


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit as the ledger holds it; `made` are the times of the last calls, oldest first."""

    most: int
    window: float
    made: list[datetime]
    blocked_until: datetime | None

    def recent(self, now: datetime) -> list[datetime]:
        """The calls of the window that ends now. A time still to come (the clock was set back) counts as now."""
        return [min(at, now) for at in self.made if at > now - timedelta(seconds=self.window)]

    def wait(self, now: datetime) -> timedelta:
        """How long until one more call fits."""
        if self.blocked_until and self.blocked_until > now:
            return self.blocked_until - now
        recent = self.recent(now)
        if len(recent) < self.most:
            return timedelta()
        return recent[-self.most] + timedelta(seconds=self.window) - now


def _limit(connection: sa.Connection, name: str) -> _Limit | None:
    row = connection.execute(sa.select(limits).where(limits.c.name == name)).one_or_none()
    if row is None:
        return None
    return _Limit(row.most, row.window, [datetime.fromisoformat(at) for at in row.made], row.blocked_until)


def _first_call(connection: sa.Connection, name: str, most: int, now: datetime) -> None:
    connection.execute(limits.insert().values(name=name, most=most, window=WINDOW, made=_stored([now]), calls=1))


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
        """Wait until a call of that group may be made, and count it."""
        name, most = f"{self.account} {group}", DEFAULTS.get(group, DEFAULTS["Heavy"])
        while wait := await self.ledger.run(reserve, name, most, self.now()):
            seconds = wait.total_seconds()
            self.progress.waiting(f"RingCentral allows no more {IN_WORDS.get(group, group)} just now", seconds)
            await self.sleep(seconds)

    async def learned(self, group: str, allowance: Allowance) -> None:
        """Note what an answer said, for this process and all others."""
        await self.ledger.run(learned, f"{self.account} {group}", allowance, self.now())


def account_name(server: str, client_id: str, token: str) -> str:
    """Name the user whose limits are counted, without naming their secret: limits are per user and app."""
    return f"ringcentral {hashlib.sha256(f'{server} {client_id} {token}'.encode()).hexdigest()[:16]}"
