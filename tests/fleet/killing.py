"""A fleet of real workers that are killed at random while they send, and then left alone.

    python -m tests.fleet.killing [--seed N]

runs it at its full size: 4,059 messages, 3 workers, 20 kills, one each 2 seconds. Each worker is
`onboarding worker`, started again whenever it ends, as systemd does. Only one that has sent since
its start is killed. The database is restarted once, without a warning. The recording server knows
what it has truly got, and from which worker, by the name in its EHLO.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.command import OWN
from tests.pipeline.recording import Recorder, recording
from tests.postgresql import RunningServer, run_server
from tests.stage import ROOMY, Stage, panelist, stage

WORKERS = 3
CONNECTIONS = 6
"""Of all workers together."""

MOST_PEOPLE = 99
"""Besides the host, in one webinar."""

POLL = 0.2
"""Seconds between two questions whether all is done. Nothing else depends on it."""

PATIENCE = 900
"""Seconds in which a fleet that is left alone has to finish. It takes a minute or two."""

ENDED = "SELECT count(*) FROM deliveries WHERE state NOT IN ('queued', 'sending')"


@dataclass(frozen=True)
class Plan:
    """How large it is, and how its kills come: `pause` is the time between two of them."""

    people: int
    webinars: int
    kills: int
    pause: Callable[["Fleet"], Awaitable[None]]
    seed: int

    @property
    def messages(self) -> int:
        return self.people * self.webinars


@dataclass
class Machine:
    """A place where a worker is started again whenever it ends."""

    name: str
    process: asyncio.subprocess.Process
    pid: int = 0
    had_sent: int = 0
    """How many messages came from here when the worker was started."""
    codes: list[int] = field(default_factory=list)

    async def live(self, server: Recorder, finished: asyncio.Event) -> None:
        """Start workers until all is done; the last one ends by a signal."""
        while not finished.is_set():
            assert self.process.stdin is not None
            self.process.stdin.write(b"start\n")
            self.had_sent, self.pid = server.senders[self.name], await self._read()
            self.codes.append(await self._read())
            self.pid = 0

    def end(self, by: signal.Signals) -> None:
        """Send a signal to the worker, if there is one."""
        with suppress(ProcessLookupError):
            if self.pid:
                os.kill(self.pid, by)

    async def _read(self) -> int:
        assert self.process.stdout is not None
        return int(await self.process.stdout.readline())


@dataclass
class Fleet:
    """The workers, and what has happened to them."""

    plan: Plan
    scene: Stage
    server: Recorder
    database: RunningServer
    name: str
    machines: list[Machine]
    rng: random.Random
    kills: int = 0
    open_at_restart: int = 0

    async def wait_for_messages(self, number: int) -> None:
        """Wait until the server has taken so many more messages."""
        wanted = min(len(self.server.received) + number, self.plan.messages)
        while len(self.server.received) < wanted:
            self.server.news.clear()
            await self.server.news.wait()

    async def kill(self) -> None:
        """Kill workers that have sent, with a pause between them, and restart the database once."""
        while self.kills < self.plan.kills:
            await self.plan.pause(self)
            victim = await self._choose_sender()
            victim.end(signal.SIGKILL)
            victim.pid = 0
            self.kills += 1
            if self.kills == self.plan.kills // 2:
                self.open_at_restart = self.server.open_now
                await asyncio.to_thread(self.database.control, "restart", "-m", "immediate")

    async def _choose_sender(self) -> Machine:
        """Choose one of those that have sent since their start; waits until there is one."""
        while not (senders := [machine for machine in self.machines if self._has_sent(machine)]):
            await self.wait_for_messages(1)
        return self.rng.choice(senders)

    def _has_sent(self, machine: Machine) -> bool:
        return machine.pid != 0 and self.server.senders[machine.name] > machine.had_sent

    async def finish(self) -> None:
        """Leave the workers alone until nothing is left to be sent."""
        async with asyncio.timeout(PATIENCE):
            while await self.count(ENDED) < self.plan.messages:  # noqa: ASYNC110 -- another process sets it
                await asyncio.sleep(POLL)

    async def count(self, query: str) -> int:
        """Ask the database for one number."""
        (row,) = await asyncio.to_thread(self.database.execute, query, self.name)
        return int(str(row[0]))

    async def states(self) -> dict[str, str]:
        """Map each Message-ID to its state."""
        query = "SELECT message_id, state FROM deliveries"
        rows = await asyncio.to_thread(self.database.execute, query, self.name)
        return {str(name): str(state) for name, state in rows}

    async def check(self) -> str:
        """Check the promise. Returns the figures in words; raises AssertionError."""
        after = await self.states()
        doubtful = {name for name, state in after.items() if state == "in_doubt"}
        lost = {name for name, state in after.items() if state != "sent"} - doubtful
        missing = set(after) - set(self.server.taken) - doubtful
        twice = [name for name, times in self.server.taken.items() if times > 1]
        most = self.kills * CONNECTIONS + self.open_at_restart
        figures = (
            f"{len(after)} messages, {self.kills} kills, {self.open_at_restart} connections open "
            f"at the restart: {len(twice)} twice, {len(lost) + len(missing)} lost, "
            f"{len(doubtful)} in doubt (at most {most}); at most {self.server.most_open} "
            f"connections at once"
        )
        assert len(after) == self.plan.messages, figures
        assert not twice, figures
        assert not lost, figures
        assert not missing, figures
        assert len(doubtful) <= most, figures
        return figures


@asynccontextmanager
async def prepare_fleet(folder: Path, plan: Plan) -> AsyncIterator[Fleet]:
    """Set up webinars of the same guests, the servers, and machines without workers yet."""
    people = [panelist(number) for number in range(1, plan.people + 1)]
    async with AsyncExitStack() as stack:
        # A server of its own: a restart would end the connections of other tests.
        database = stack.enter_context(run_server())
        scene = await stack.enter_async_context(
            stage(folder, people, more=plan.webinars - 1, limits=ROOMY)
        )
        server = await stack.enter_async_context(recording())
        place = database.make_ledger()
        scene.variables["ONBOARDING_LEDGER__DATABASE"] = str(place)
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = str(CONNECTIONS)
        machines = [
            await stack.enter_async_context(_machine(scene, f"worker-{number}.example.com"))
            for number in range(WORKERS)
        ]
        name = place.url.database or ""
        yield Fleet(plan, scene, server, database, name, machines, random.Random(plan.seed))


@asynccontextmanager
async def _machine(scene: Stage, name: str) -> AsyncIterator[Machine]:
    root = Path(__file__).parents[2]
    own = {"ONBOARDING_SMTP__EHLO_NAME": name, "PYTHONPATH": str(root)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.pipeline.again", "worker"),
        cwd=scene.folder,
        env={**OWN, **scene.variables, **own},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    machine = Machine(name, process)
    try:
        yield machine
    finally:
        machine.end(signal.SIGKILL)
        await process.communicate(b"")


async def kill_fleet(folder: Path, plan: Plan) -> tuple[Fleet, str]:
    """Kill a fleet as planned, let it finish, and check what came of it; returns the figures."""
    async with prepare_fleet(folder, plan) as fleet:
        finished = asyncio.Event()
        lives = [
            asyncio.create_task(machine.live(fleet.server, finished)) for machine in fleet.machines
        ]
        try:
            await fleet.kill()
            await fleet.finish()
            figures = await fleet.check()
            finished.set()
            for machine in fleet.machines:
                machine.end(signal.SIGTERM)
            await asyncio.gather(*lives)
        finally:
            for life in lives:
                life.cancel()
        return fleet, figures


async def _two_seconds(_fleet: Fleet) -> None:
    await asyncio.sleep(2)


def main() -> None:
    """Run it at its full size, and print what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    seed = parser.parse_args().seed
    sys.stdout.write(f"seed {seed}\n")
    sys.stdout.flush()
    plan = Plan(people=MOST_PEOPLE, webinars=41, kills=20, pause=_two_seconds, seed=seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _fleet, figures = asyncio.run(kill_fleet(Path(folder), plan))
    sys.stdout.write(f"{figures}; {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
