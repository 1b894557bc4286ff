"""The promise about crashes: killed at 50 random moments, each message is sent once or in doubt.

The command is the real one, killed by the kernel (`again` only saves Python's start). The moments
come from a seeded generator and are counted by the mail server, which knows what it has truly got.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.errors import EXIT_NEEDS_A_PERSON
from onboarding.pipeline.status import read_status
from onboarding.pipeline.target import find_target
from tests.cli.command import OWN
from tests.pipeline.recording import Recorder, recording
from tests.stage import ROOMY, Stage, panelist, stage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_ledger")]

PEOPLE = 67
WEBINARS = ("launch", "launch2", "launch3")
"""Of 67 people each: 201 messages."""
KILLS = 50
CONNECTIONS = 2
FURTHEST = 80
"""At most so many moments to a kill; a message has about eleven, so the last kill finds some."""
KILLED = -9


@dataclass
class Runs:
    """The real `onboarding run --all`, started as often as it is asked for."""

    process: asyncio.subprocess.Process

    async def start(self) -> int:
        """Start a run; returns its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"run\n")
        return await self._number()

    async def end(self) -> int:
        """Wait for the run's end; returns its exit code."""
        return await self._number()

    async def _number(self) -> int:
        assert self.process.stdout is not None
        return int(await asyncio.wait_for(self.process.stdout.readline(), 60))


@asynccontextmanager
async def runs(scene: Stage) -> AsyncIterator[Runs]:
    """Have runs of the stage's webinars ready."""
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.pipeline.again", "run", "--all", "--wait", "0"),
        cwd=scene.folder,
        env={**OWN, **scene.variables, "PYTHONPATH": str(root), "PYTHONWARNINGS": "error"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield Runs(process)
    finally:
        await process.communicate(b"")


@asynccontextmanager
async def crowd(folder: Path) -> AsyncIterator[tuple[Stage, Recorder, Runs]]:
    """Three webinars of the same guests, a recording mail server, and runs of all three."""
    people = [panelist(number) for number in range(1, PEOPLE + 1)]
    async with (
        stage(folder, people, more=len(WEBINARS) - 1, limits=ROOMY) as scene,
        recording() as server,
    ):
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = str(CONNECTIONS)
        async with runs(scene) as started:
            yield scene, server, started


async def states(scene: Stage) -> dict[str, str]:
    """Map each Message-ID of all webinars to its state; what a dead run was sending is in doubt."""
    now = datetime.now(UTC)
    known = [
        await read_status(scene.config, find_target(scene.config, name), now, NoProgress())
        for name in WEBINARS
    ]
    return {
        record.delivery.message_id: record.delivery.state
        for each in known
        for record in each.current
    }


async def test_killed_at_50_random_moments_every_message_is_there_once_or_in_doubt(tmp_path):
    rng = random.Random(20270301)
    async with crowd(tmp_path) as (scene, server, started):
        doubtful: set[str] = set()
        killed = 0
        while killed < KILLS:
            server.aim(await started.start(), rng.randint(1, FURTHEST))
            assert await started.end() == KILLED
            killed += 1
            doubts = {name for name, state in (await states(scene)).items() if state == "in_doubt"}
            assert doubtful <= doubts
            assert len(doubts - doubtful) <= CONNECTIONS
            doubtful = doubts

        await started.start()
        assert await started.end() == EXIT_NEEDS_A_PERSON

        after = await states(scene)
        assert len(after) == PEOPLE * len(WEBINARS)
        assert {name for name, state in after.items() if state != "sent"} == doubtful
        assert set(server.taken.values()) == {1}
        assert set(after) - set(server.taken) <= doubtful
        assert doubtful & set(server.taken), (
            "no kill came between a body's end and its record: the moments are poor"
        )
