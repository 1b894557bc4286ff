"""The rate limiter waits for RingCentral's limits, says so, and shares them through the ledger."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from onboarding.errors import TryLater
from onboarding.ledger.rate_limits import reserve_call
from onboarding.ledger.store import Ledger
from onboarding.model.ports import RateLimitStatus
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.rate_limiter import LedgerRateLimiter, account_name
from tests.ledger.making import NOW

WINDOW = timedelta(seconds=60)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "ledger.db"


@dataclass
class Clock:
    """A clock that sleeping moves on, and a progress that notes the waits."""

    now: datetime = NOW
    waits: list[float] = field(default_factory=list)

    def read(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def waiting(self, reason: str, seconds: float) -> None:
        assert reason == "RingCentral allows no more log-ins just now"
        self.waits.append(seconds)


@pytest.mark.anyio
async def test_limiter_waits_visibly_until_there_is_room(database):
    clock = Clock()
    async with Ledger(database) as ledger:
        limiter = LedgerRateLimiter(ledger, "account", clock, clock.read, clock.sleep)
        for _ in range(11):
            await limiter.wait_turn("Auth")

    assert clock.waits == [60.0, 60.0]
    assert clock.now == NOW + 2 * WINDOW


@pytest.mark.anyio
@pytest.mark.parametrize(("penalty", "waited"), [(600.0, [600.0]), (601.0, None), (3600.0, None)])
async def test_limiter_waits_ten_minutes_at_most_and_says_when_it_may_go_on(
    database, penalty, waited
):
    clock = Clock()
    async with Ledger(database) as ledger:
        limiter = LedgerRateLimiter(ledger, "account", clock, clock.read, clock.sleep)
        await limiter.wait_turn("Auth")
        await limiter.update("Auth", RateLimitStatus(penalty=penalty))
        if waited:
            await limiter.wait_turn("Auth")
        else:
            until = format_machine_time(NOW + timedelta(seconds=penalty))
            with pytest.raises(TryLater, match=f"no more log-ins until {until}"):
                await limiter.wait_turn("Auth")

    assert clock.waits == (waited or [])


@pytest.mark.anyio
async def test_limiter_gives_up_after_ten_minutes_of_short_waits(database):
    """Others who share the limit may be quicker every time."""
    clock = Clock()
    async with Ledger(database) as ledger:

        async def sleep(seconds: float) -> None:
            await clock.sleep(seconds)
            for _ in range(5):
                await ledger.run(reserve_call, "account Auth", 5, clock.now)

        limiter = LedgerRateLimiter(ledger, "account", clock, clock.read, sleep)
        for _ in range(5):
            await limiter.wait_turn("Auth")
        with pytest.raises(TryLater):
            await limiter.wait_turn("Auth")

    assert sum(clock.waits) == 600


@pytest.mark.anyio
async def test_limiter_learns_for_all_who_share_the_ledger(database):
    clock = Clock()
    async with Ledger(database) as ledger:
        first = LedgerRateLimiter(ledger, "account", clock, clock.read, clock.sleep)
        second = LedgerRateLimiter(ledger, "account", clock, clock.read, clock.sleep)
        await first.wait_turn("Auth")
        await first.update("Auth", RateLimitStatus(penalty=45.0))
        await second.wait_turn("Auth")

    assert clock.waits == [45.0]


@pytest.mark.anyio
async def test_limiter_keeps_groups_and_accounts_apart(database):
    clock = Clock()
    async with Ledger(database) as ledger:
        for account, group in [("one", "Auth"), ("one", "Heavy"), ("two", "Auth")]:
            for _ in range(5):
                await LedgerRateLimiter(ledger, account, clock, clock.read, clock.sleep).wait_turn(
                    group
                )

    assert clock.waits == []


def test_account_name_tells_users_apart_and_no_secret():
    names = {
        account_name("https://a.example", client, token)
        for client in ("x", "y")
        for token in ("jwt-1", "jwt-2")
    }

    assert len(names) == 4
    assert not any("jwt" in name for name in names)


def test_account_name_is_the_same_for_every_process():
    assert all(
        name == other for name, other in pairwise(account_name("a", "b", "c") for _ in range(3))
    )
