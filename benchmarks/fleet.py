"""Messages a second that a fleet of workers sends: 1, 2 and 4 workers, and chunks of several sizes.

    python benchmarks/fleet.py [--workers 1 2 4] [--chunks 25 50] [--messages 1980]

Everything is on this machine: PostgreSQL (started for it, without flushing to the disk), the
simulated RingCentral in this process, smtp-sink as the mail server, and the workers, each a real
`onboarding worker --role send`. All messages are queued, and all workers have started, before the
first job is there. The time is that from the first to the last `sent` in the history. "50 ms" is a
mail server whose replies take so long: there each worker brings its own connections, since they are
what limits it.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from slow_line import slow_line
from throughput import run_sink, verdict

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.postgresql import RunningServer, run_server
from tests.stage import ROOMY, Stage, panelist, stage

REPLY_TAKES = 0.05
"""Seconds until the slow server's reply arrives."""

GAIN = 1.8
"""Two workers with a slow server send at least so many times what one sends."""

THIS = str(Path(__file__).resolve())
PEOPLE = 99
"""As many as a webinar may have besides the host: so a chunk of more is a whole webinar."""

CONNECTIONS = 8
SLOW_CONNECTIONS = 2
"""For each worker, as by default. With many more, the time counts in which they are opened, one
after the other: a chunk of 99 messages is sent in not much more."""

POLL = 0.2

LEFT = "SELECT count(*) FROM deliveries WHERE state = 'queued'"
PLANNED = """
SELECT count(*) FROM deliveries WHERE state = 'queued' AND NOT EXISTS (
    SELECT FROM procrastinate_jobs WHERE queue_name = 'plan' AND status IN ('todo', 'doing')
)
"""
READY = "SELECT count(*) FROM workers"
HOLD = """
CREATE TABLE held AS SELECT task_name, queueing_lock, args FROM procrastinate_jobs
WHERE queue_name = 'send';
DELETE FROM procrastinate_jobs WHERE queue_name = 'send';
"""
RELEASE = """
SELECT procrastinate_defer_jobs_v1(array_agg(
    ROW('send', task_name, 0, NULL, queueing_lock, args, NULL)::procrastinate_job_to_defer_v1
)) FROM held
"""
SENT = "SELECT count(*), extract(epoch FROM max(at) - min(at)) FROM events WHERE what = 'sent'"


@dataclass(frozen=True)
class Case:
    """What is measured once."""

    workers: int
    messages: int
    chunk: int = 200
    is_slow: bool = False

    @property
    def connections(self) -> int:
        """Of all workers together."""
        return SLOW_CONNECTIONS * self.workers if self.is_slow else CONNECTIONS


def be_worker(chunk: int, words: Sequence[str]) -> None:
    """Be a worker with chunks of another size."""
    from onboarding.pipeline import deliver  # noqa: PLC0415 -- before what copies the number

    deliver.CHUNK = chunk
    from onboarding.cli.main import main as start  # noqa: PLC0415

    sys.argv = ["onboarding", *words]
    start()


@asynccontextmanager
async def worker(scene: Stage, case: Case, role: str) -> AsyncIterator[None]:
    """Run a worker until the block ends."""
    words = ["--be-worker", str(case.chunk), "worker", "--role", role]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, THIS, *words),
        cwd=scene.folder,
        env={**os.environ, **scene.variables},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def wait_until(database: RunningServer, name: str, query: str, wanted: int) -> None:
    """Wait until a query gives a number."""
    # Other processes write there, so there is no event to wait for.
    while (await asyncio.to_thread(database.execute, query, name))[0][0] != wanted:  # noqa: ASYNC110
        await asyncio.sleep(POLL)


async def measure(database: RunningServer, case: Case, port: int) -> float:
    """Queue the messages, let the workers send them, and return how many a second."""
    guests = [panelist(number) for number in range(1, PEOPLE + 1)]
    webinars = case.messages // PEOPLE
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        scene = await stack.enter_async_context(
            stage(folder, guests, more=webinars - 1, limits=ROOMY)
        )
        place = database.make_ledger()
        name = place.url.database or ""
        scene.variables |= {
            "ONBOARDING_LEDGER__DATABASE": str(place),
            "ONBOARDING_SMTP__PORT": str(port),
            "ONBOARDING_SMTP__MAX_CONNECTIONS": str(case.connections),
        }
        async with worker(scene, case, "plan"):
            await wait_until(database, name, PLANNED, webinars * PEOPLE)
        await asyncio.to_thread(database.execute, HOLD, name)
        for _number in range(case.workers):
            await stack.enter_async_context(worker(scene, case, "send"))
        await wait_until(database, name, READY, case.workers)
        await asyncio.to_thread(database.execute, RELEASE, name)
        await wait_until(database, name, LEFT, 0)
        ((sent, seconds),) = await asyncio.to_thread(database.execute, SENT, name)
    return int(str(sent)) / float(str(seconds))


def measure_once(database: RunningServer, case: Case) -> float:
    """Measure one case with servers of its own, and print it."""
    with run_sink() as port:
        if case.is_slow:
            with slow_line(port, REPLY_TAKES) as slow:
                rate = asyncio.run(measure(database, case, slow))
        else:
            rate = asyncio.run(measure(database, case, port))
    server = f"{1000 * REPLY_TAKES:.0f} ms" if case.is_slow else "fast"
    print(f"{server:>6}{case.workers:9}{case.connections:13}{case.chunk:7}{rate:12.1f}", flush=True)
    return rate


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--be-worker"]:
        be_worker(int(sys.argv[2]), sys.argv[3:])
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--chunks", type=int, nargs="*", default=[25, 50])
    parser.add_argument("--messages", type=int, default=1_980)
    given = parser.parse_args()
    print(f"{'server':>6}{'workers':>9}{'connections':>13}{'chunk':>7}{'messages/s':>12}")
    with run_server() as database:
        for number in given.workers:
            measure_once(database, Case(number, given.messages))
        slow = {
            number: measure_once(database, Case(number, given.messages, is_slow=True))
            for number in given.workers
        }
        for chunk in given.chunks:
            measure_once(database, Case(2, given.messages, chunk))
    if 1 in slow and 2 in slow:
        gain = slow[2] / slow[1]
        print(f"two workers, slow server: {gain:.2f} times one (at least {GAIN}: ", end="")
        print(f"{verdict(gain >= GAIN)})")


if __name__ == "__main__":
    main()
