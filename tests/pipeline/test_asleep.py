"""A run that sleeps past its lease's term, just before a body would leave, sends nothing."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.config import load
from onboarding.ledger.leases import TERM
from onboarding.pipeline import run, services
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.clock import Clock, Instant, instant
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from tests.cli.command import OWN
from tests.stage import NAME, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

LONG = TERM.total_seconds()
GUEST = panelist(1)["email"]


async def run_with(scene: Stage, moment: Callable[[], Instant]) -> Result:
    """A run whose lease is measured by these moments."""
    clock = replace(Clock(), now=scene.clock.now, instant=moment)
    async with services.open_services(scene.config, NoProgress(), clock, asyncio.Event()) as opened:
        goal = find_target(opened.config, NAME)
        async with webinar_lease(opened, goal) as lease:
            ready = await run.prepare_run(opened, goal, Options())
            return await run.execute_plan(opened, ready, lease)


@pytest.mark.parametrize(
    ("woken", "leaves"),
    [
        pytest.param(Instant(LONG - 1, LONG - 1), True, id="within the term"),
        pytest.param(
            Instant(LONG, 0), False, id="the machine slept, and its monotonic clock with it"
        ),
        pytest.param(Instant(0, LONG), False, id="the clock was set back meanwhile"),
        pytest.param(Instant(-3600, LONG + 1), False, id="by an hour"),
        pytest.param(Instant(-3600, 1), True, id="only the clock was set back"),
    ],
)
@pytest.mark.parametrize("size", ["small", "of several pieces"])
async def test_time_since_the_lease_was_renewed_decides_whether_a_body_may_leave(
    tmp_path, woken, leaves, size
):
    async with stage(tmp_path, [panelist(1)]) as scene:
        if size != "small":
            scene.variables["ONBOARDING_BRAND__IMPRINT"] = "long " * 20_000
        moments = iter([Instant(0, 0)])

        result = await run_with(scene, lambda: next(moments, woken))

        assert (result.sent, scene.told()) == ((1, [GUEST]) if leaves else (0, []))
        assert await scene.states() == {GUEST: "sent" if leaves else "in_doubt"}


async def test_message_that_was_left_is_in_doubt_for_the_next_run(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        moments = iter([Instant(0, 0)])
        first = await run_with(scene, lambda: next(moments, Instant(LONG, LONG)))
        second = await scene.run()

        assert (first.exit_code, second.exit_code, scene.told()) == (75, 1, [])
        await scene.decide(LockedWebinar.resolve_resend)
        await scene.run()
        assert scene.told() == [GUEST]


async def test_stopped_process_sends_no_second_copy_when_it_wakes_up(tmp_path):
    """It stops itself just before the body; meanwhile another machine sends the message."""
    async with stage(tmp_path, [panelist(1)], limits=ROOMY) as scene:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.pipeline.test_asleep"),
            cwd=tmp_path,
            env={**OWN, **scene.variables, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        _, status = await asyncio.to_thread(os.waitpid, process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        with sqlite3.connect(tmp_path / "onboarding.db") as ledger:
            assert ledger.execute("SELECT state FROM deliveries").fetchall() == [("sending",)]
            ledger.execute(
                "UPDATE leases SET machine = 'another', until = '2026-01-01 00:00:00.000000'"
            )
        ledger.close()
        assert await scene.decide(LockedWebinar.resolve_resend) == [GUEST]
        await scene.run()
        assert scene.told() == [GUEST]

        os.kill(process.pid, signal.SIGCONT)
        await process.wait()

        assert scene.told() == [GUEST]
        assert await scene.states() == {GUEST: "sent"}


class StopsItself:
    """The real clocks of a process that stops before it sends, for longer than the lease's term."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> Instant:
        self.asked += 1
        slept = LONG if self.asked > 1 else 0
        if slept:
            os.kill(os.getpid(), signal.SIGSTOP)
        now = instant()
        return Instant(now.wall + slept, now.boot + slept)


async def sleeper() -> None:
    async with services.open_services(
        load(None, os.environ), NoProgress(), Clock(instant=StopsItself())
    ) as opened:
        goal = find_target(opened.config, NAME)
        async with webinar_lease(opened, goal) as lease:
            ready = await run.prepare_run(opened, goal, Options())
            await run.execute_plan(opened, ready, lease)


if __name__ == "__main__":
    asyncio.run(sleeper())
