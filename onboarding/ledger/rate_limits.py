"""Rate limits that all processes sharing the ledger keep together: the `RateLimiter` of RingCentral's calls.

It counts what was sent, believes what RingCentral's answers say, and says how long to wait; the waiting itself is
`LedgerRateLimiter.enter`'s. The mail server's pace is `pace`.

How fast the mail server is used: one even pace and one daily cap for all processes that share the ledger.

The generic cell rate algorithm without a burst: the ledger keeps when the next message may leave, and nothing else has
to be agreed upon. It says how long to wait and does not wait. RingCentral's limits are `limits`.
"""

import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from onboarding.errors import TryLater
from onboarding.ledger.schema import limits, paces
from onboarding.ledger.store import Ledger
from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, Progress, RateLimitStatus

DEFAULTS = {"Heavy": 10, "Medium": 40, "Light": 50, "Auth": 5}
"""Calls per user and minute until an answer says otherwise (`docs/ringcentral.md`, "Rate limits")."""

IN_WORDS = {"Heavy": "webinar calls", "Medium": "directory calls", "Auth": "log-ins"}

WINDOW = 60.0
"""Seconds, until an answer says otherwise."""

LONGEST_WAIT = timedelta(minutes=10)
"""Altogether for one call: what takes longer is left to a later run."""


def reserve_call(connection: sa.Connection, name: str, most: int, now: datetime) -> timedelta:
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


def learned(connection: sa.Connection, name: str, allowance: RateLimitStatus, now: datetime) -> None:
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
class LedgerRateLimiter:
    """The Gate of one RingCentral user: waits until the shared ledger has room for a call.

    `account` names the user whose limits these are (`account_name`); `now` gives aware UTC time, `sleep` waits seconds.
    """

    ledger: Ledger
    account: str
    progress: Progress
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]

    async def wait_turn(self, group: str) -> None:
        """Wait until a call of that group may be made, and count it. Raises TryLater where that takes too long."""
        name, most = f"{self.account} {group}", DEFAULTS.get(group, DEFAULTS["Heavy"])
        waited = timedelta()
        while wait := await self.ledger.run(reserve_call, name, most, self.now()):
            waited += wait
            if waited > LONGEST_WAIT:
                raise self._too_long(group, wait)
            seconds = wait.total_seconds()
            self.progress.waiting(f"RingCentral allows no more {_in_words(group)} just now", seconds)
            await self.sleep(seconds)

    async def update(self, group: str, allowance: RateLimitStatus) -> None:
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


HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SendRate:
    """The time between two messages (none: as fast as it goes), and how many may leave within any 24 hours."""

    interval: timedelta = timedelta()
    per_day: int | None = None


def reserve_send(connection: sa.Connection, name: str, pace: SendRate, now: datetime) -> timedelta:
    """Count a message in and return no time at all, or count nothing and return how long to wait before asking again.

    `name` stands for the account at the mail server whose pace it is. Messages are never closer together than
    `pace.interval`, so no window of any length holds a burst. The cap counts by the hour, so a message weighs on it
    for 24 to 25 hours.
    """
    row = connection.execute(sa.select(paces).where(paces.c.name == name)).one_or_none()
    # At most one interval away: the rate may have been raised since, or the clock set back.
    free_at = min(row.free_at, now + pace.interval) if row else now
    hours = _of_the_last_day(row.hours if row else {}, now)
    wait = max(free_at - now, _until_the_cap_allows(hours, pace, now), timedelta())
    if not wait:
        hour = _hour(now)
        free_at, hours = now + pace.interval, {**hours, hour: hours.get(hour, 0) + 1}
    # Also while there is a wait: else a time that is still to come would be bounded again and again.
    values = {"free_at": free_at, "hours": hours}
    if row:
        connection.execute(paces.update().where(paces.c.name == name).values(values))
    else:
        connection.execute(paces.insert().values(name=name, **values))
    return wait


def _of_the_last_day(hours: Mapping[str, int], now: datetime) -> dict[str, int]:
    """Keep what still weighs on the cap; an hour still to come (the clock was set back) counts as the present one."""
    kept: Counter[str] = Counter()
    for hour, left in hours.items():
        if _begin(hour) + HOUR + DAY > now:
            kept[min(hour, _hour(now), key=_begin)] += left
    return dict(kept)


def _until_the_cap_allows(hours: dict[str, int], pace: SendRate, now: datetime) -> timedelta:
    """How long until enough of the last day's messages no longer count."""
    over = sum(hours.values()) + 1 - (pace.per_day or 0)
    if pace.per_day is None or over <= 0:
        return timedelta()
    for hour in sorted(hours):
        over -= hours[hour]
        if over <= 0:
            return _begin(hour) + HOUR + DAY - now
    return DAY


def _hour(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()


def _begin(hour: str) -> datetime:
    return datetime.fromisoformat(hour)
