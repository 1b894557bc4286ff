"""Three machines share one ledger on PostgreSQL: killed at random, each message is sent once.

Each machine is what cron starts on it: the real `onboarding run --all`, again and again. They may
all work at the same time, and the database server is restarted once without a warning.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from onboarding.errors import EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER
from tests import postgresql
from tests.pipeline.recording import Recorder, recording
from tests.pipeline.test_crash import CONNECTIONS, KILLED, WEBINARS, Runs, runs, states
from tests.postgresql import RunningServer, run_server
from tests.stage import ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

PEOPLE = 40
MESSAGES = PEOPLE * len(WEBINARS)
MACHINES = 3
KILLS = 8
FURTHEST = 60
"""At most so many moments to a kill, of all machines together."""


@dataclass
class Fleet:
    """The machines, and what has happened to them."""

    scene: Stage
    server: Recorder
    database: RunningServer
    machines: list[Runs]
    rng: random.Random = field(default_factory=lambda: random.Random(20270301))
    kills: int = 0
    is_restarted: bool = False

    async def live(self, machine: Runs) -> None:
        """Start runs on one machine, and kill some of them, until there have been enough kills."""
        while self.kills < KILLS and len(self.server.taken) < MESSAGES:
            victim = await machine.start()
            if not self.server.victim:
                self.server.aim(victim, self.rng.randint(1, FURTHEST))
            code = await machine.end()
            self.kills += code == KILLED
            if self.server.victim == victim:
                self.server.victim = 0
            await self._restart_once()

    async def _restart_once(self) -> None:
        """Restart the database when half of the kills are done; it closes nothing in order."""
        if self.is_restarted or self.kills < KILLS // 2:
            return
        self.is_restarted = True
        await asyncio.to_thread(self.database.control, "restart", "-m", "immediate")

    async def finish(self, machine: Runs) -> int:
        """Start runs on one machine until one says that nothing is left; returns its exit code."""
        code = EXIT_TRY_LATER
        while code == EXIT_TRY_LATER:
            await machine.start()
            code = await machine.end()
        return code


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[Fleet]:
    """Three webinars of the same guests, a recording mail server, machines with one ledger."""
    people = [panelist(number) for number in range(1, PEOPLE + 1)]
    async with AsyncExitStack() as stack:
        # A server of its own: a restart would end the connections of other tests.
        database = stack.enter_context(run_server())
        more = len(WEBINARS) - 1
        scene = await stack.enter_async_context(stage(folder, people, more=more, limits=ROOMY))
        server = await stack.enter_async_context(recording())
        scene.variables["ONBOARDING_LEDGER__DATABASE"] = str(database.make_ledger())
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = str(CONNECTIONS)
        machines = [await stack.enter_async_context(runs(scene)) for _ in range(MACHINES)]
        yield Fleet(scene, server, database, machines)


@pytest.mark.skipif(bool(postgresql.find_missing()), reason=postgresql.find_missing())
async def test_killed_at_random_and_with_a_restart_every_message_is_there_once_or_in_doubt(
    tmp_path,
):
    async with fleet(tmp_path) as ours:
        await asyncio.gather(*map(ours.live, ours.machines))
        assert ours.kills > KILLS // 2, "the messages were sent before there were enough kills"
        assert ours.is_restarted

        # Left alone, they finish by themselves.
        codes = await asyncio.gather(*map(ours.finish, ours.machines))
        assert await ours.finish(ours.machines[0]) == max(codes)

        after = await states(ours.scene)
        doubtful = {name for name, state in after.items() if state == "in_doubt"}
        assert len(after) == MESSAGES
        assert {name for name, state in after.items() if state != "sent"} == doubtful
        assert set(ours.server.taken.values()) == {1}
        assert set(after) - set(ours.server.taken) <= doubtful
        assert len(doubtful) <= (ours.kills + MACHINES) * CONNECTIONS
        assert max(codes) == (EXIT_NEEDS_A_PERSON if doubtful else 0)
