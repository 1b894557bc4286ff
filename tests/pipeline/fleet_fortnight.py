"""The fortnight with two workers of a fleet instead of cron, on a ledger that both share.

Both do the jobs of a tick at the same time, and one of them may be killed. Its jobs come again, or
are lost; so may be one of the other's.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa

from onboarding.ledger.places import ServerPlace
from onboarding.ledger.postgresql import _open_engine
from onboarding.ledger.settings import find_place
from tests.pipeline.fortnight import Fortnight, Outage
from tests.pipeline.worker_at import add_ticks, take_back


class FleetFortnight(Fortnight):
    """A script that two workers live through."""

    module: ClassVar[str] = "tests.pipeline.worker_at"
    tells_each_code: ClassVar[bool] = False

    async def _run(self, moment: datetime, outage: Outage | None) -> datetime:
        """Let both workers do what falls due; returns when the last one has ended."""
        self._in_ledger(lambda connection: add_ticks(connection, moment))
        chance = self.rng.random()
        self.log.append(f"{moment}: {outage or ''} {chance:.2f}")
        first, second = self.processes
        known = len(self.scene.ringcentral.requests)
        victim = await first.start(moment)
        await second.start(moment)
        end = asyncio.create_task(first.end())
        self.was_killed = False
        if chance < 0.25 and not self.script.is_near_start(moment):
            await self._kill(victim, end, known)
        if self.was_killed:
            are_lost = self.rng.random() < 0.5
            self._in_ledger(lambda connection: take_back(connection, are_lost=are_lost))
        code, ended = await end
        other_code, other_ended = await second.end()
        self.code = max(code, other_code)
        if outage is None and not self.was_killed:
            self.codes.append((moment, self.code))
        return max(filter(None, (ended, other_ended)))

    def _in_ledger(self, statement: Callable[[sa.Connection], object]) -> None:
        place = find_place(self.config.ledger)
        assert isinstance(place, ServerPlace)
        engine = _open_engine(place, 30.0)
        try:
            with engine.begin() as connection:
                statement(connection)
        finally:
            engine.dispose()
