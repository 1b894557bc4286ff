"""Waits until RingCentral allows a call: `model.ports.RateLimiter` with the ledger's limits.

All processes that share the ledger share one limit. `ledger.rate_limits` counts the calls and says
how long to wait; this waits, shows the wait, and gives up when it gets too long. The mail server's
rate is waited for in `pipeline.delivery_run.wait_for_rate`.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.errors import TryLater
from onboarding.ledger.rate_limits import count_calls_left, reserve_call, update_limit
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Progress, RateLimitStatus
from onboarding.model.time_zones import format_machine_time
from onboarding.ringcentral.settings import RingCentralSettings

CALLS_PER_MINUTE = {"Heavy": 10, "Medium": 40, "Light": 50, "Auth": 5}
"""Per user, until an answer says otherwise (`docs/ringcentral.md`, "Rate limits")."""

GROUP_NAMES = {"Heavy": "webinar calls", "Medium": "directory calls", "Auth": "log-ins"}

LONGEST_CALL_WAIT = timedelta(minutes=10)
"""Altogether for one call: a longer wait is left to a later run."""


@dataclass(frozen=True, slots=True)
class LedgerRateLimiter:
    """The rate limiter of one RingCentral user.

    `account` names the user with these limits (`account_name`); `now` gives aware UTC time,
    `sleep` waits seconds.
    """

    ledger: Ledger
    account: str
    progress: Progress
    now: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]]

    async def wait_turn(self, group: str) -> None:
        """Wait until a call of that group may be made, and count it.

        Raises TryLater if that takes too long.
        """
        # RingCentral counts each group by itself, for each user and app.
        name = f"{self.account} {group}"
        # An unknown group counts as webinar calls: too slow does no harm, a 429 costs a penalty.
        limit = CALLS_PER_MINUTE.get(group, CALLS_PER_MINUTE["Heavy"])
        waited = timedelta()
        # Asked again after each wait, since another process may have made the call that was free.
        while wait := await self.ledger.run(reserve_call, name, limit, self.now()):
            waited += wait
            if waited > LONGEST_CALL_WAIT:
                raise self._wait_error(group, wait)
            seconds = wait.total_seconds()
            self.progress.waiting(
                f"RingCentral allows no more {_group_name(group)} just now", seconds
            )
            await self.sleep(seconds)

    async def count_left(self, group: str) -> int:
        """Count the calls of that group that may be made now."""
        limit = CALLS_PER_MINUTE.get(group, CALLS_PER_MINUTE["Heavy"])
        name = f"{self.account} {group}"
        return await self.ledger.run(count_calls_left, name, limit, self.now())

    async def update(self, group: str, status: RateLimitStatus) -> None:
        """Store what an answer said, for this process and all others."""
        await self.ledger.run(update_limit, f"{self.account} {group}", status, self.now())

    def _wait_error(self, group: str, wait: timedelta) -> TryLater:
        until = format_machine_time(self.now() + wait)
        return TryLater(
            f"RingCentral allows no more {_group_name(group)} until {until}.",
            hint="Nothing is lost: run again then.",
        )


def account_name(server: str, client_id: str, token: str) -> str:
    """Name the user for the count of calls (limits are per user and app), without the secret."""
    # The name is stored in the ledger, which holds no secret. 16 hex digits can't be turned back
    # into a JWT, and are enough to keep a few users apart.
    digest = hashlib.sha256(f"{server} {client_id} {token}".encode()).hexdigest()
    return f"ringcentral {digest[:16]}"


def account_of(settings: RingCentralSettings) -> str:
    """Name the user of these settings, as `account_name` does."""
    secret = settings.jwt.get_secret_value() if settings.jwt else ""
    return account_name(settings.server, settings.client_id, secret)


def _group_name(group: str) -> str:
    return GROUP_NAMES.get(group, group)
