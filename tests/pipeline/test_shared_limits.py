"""A 429 that one process gets holds all others back, too."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.ledger.store import Ledger
from onboarding.pipeline.rate_limiter import LedgerRateLimiter
from tests.clock import Clock
from tests.ledger.making import as_setting

pytestmark = pytest.mark.anyio

PENALTY = 45.0
ANOTHER_WORKER = """
import asyncio, sys
from datetime import datetime
from onboarding.cli.terminal import NoProgress
from onboarding.ledger.settings import LedgerSettings, find_place
from onboarding.ledger.store import Ledger
from onboarding.model.ports import RateLimitStatus
from onboarding.pipeline.rate_limiter import LedgerRateLimiter

async def main():
    now = datetime.fromisoformat(sys.argv[2])
    async with Ledger(find_place(LedgerSettings(database=sys.argv[1]))) as ledger:
        gate = LedgerRateLimiter(ledger, "user", NoProgress(), lambda: now, asyncio.sleep)
        await gate.wait_turn("Heavy")
        # As the client does after a 429.
        await gate.update("Heavy", RateLimitStatus(penalty=float(sys.argv[3])))

asyncio.run(main())
"""


async def test_429_that_another_process_got_holds_this_one_back(postgresql_server):
    place, clock = postgresql_server.make_ledger(), Clock()
    words = [as_setting(place), clock.now().isoformat(), str(PENALTY)]
    async with Ledger(place) as ledger:
        gate = LedgerRateLimiter(ledger, "user", NoProgress(), clock.now, clock.sleep)
        await gate.wait_turn("Heavy")
        assert clock.slept == []
        command = [sys.executable, "-c", ANOTHER_WORKER, *words]
        await asyncio.to_thread(subprocess.run, command, check=True)
        clock.pass_time(seconds=5)

        await gate.wait_turn("Heavy")
        await gate.wait_turn("Medium")

    assert sum(clock.slept) == PENALTY - timedelta(seconds=5).total_seconds()
