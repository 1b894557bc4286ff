"""Starts `run --all` at given times in processes of their own, which can be killed: it forks.

    python -m tests.pipeline.cron_at

As `again`, but the clock is passed in: each line on standard input is a time. For each it forks a
child that runs every webinar as cron does, tells the child's process id, waits for its death, and
tells its exit code and the time by its own clock then (nothing if it was killed).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from onboarding.cli.run_all import run_all
from onboarding.cli.run_options import RunOptions
from onboarding.config import Config, load
from onboarding.errors import OnboardingError
from onboarding.pipeline.clock import Clock as RunClock
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.target import all_targets
from tests.cli.command import OWN
from tests.clock import Clock
from tests.stage import Stage

AS_CRON = RunOptions(linger=timedelta(minutes=4))
"""What `onboarding schedule cron` prints."""


async def run_at(moment: datetime, config: Config) -> tuple[int, datetime]:
    """Run every webinar at a time; returns the exit code, and the time at which the run ended."""
    clock = Clock(moment)
    passed_in = RunClock(clock.now, clock.sleep, lambda: 0.5, clock.linger)
    try:
        return await run_all(config, AS_CRON, asyncio.Event(), passed_in), clock.now()
    except OnboardingError as error:
        return error.exit_code, clock.now()


RunAt = Callable[[datetime, Config], Coroutine[Any, Any, tuple[int, datetime]]]
"""Works at a time; returns the exit code, and the time at which the work ended."""


@dataclass
class CronProcesses:
    """Real processes that run every webinar, one at a time."""

    process: asyncio.subprocess.Process

    async def start(self, moment: datetime) -> int:
        """Start a run at a time; returns its process id."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{moment.isoformat()}\n".encode())
        return int(await self._line())

    async def end(self) -> tuple[int, datetime | None]:
        """Wait for the run's end; returns its exit code and when it ended; None: killed."""
        code, _, moment = (await self._line()).partition(" ")
        ended = datetime.fromisoformat(moment) if moment else None
        assert ended or int(code) == -signal.SIGKILL, "a run broke: see cron.log"
        return int(code), ended

    async def close(self) -> None:
        await self.process.communicate(b"")

    async def _line(self) -> str:
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 60)
        return line.decode().strip()


async def open_processes(
    scene: Stage, certificates: Path, module: str = "tests.pipeline.cron_at"
) -> CronProcesses:
    """Have processes of a stage ready, which trust the authorities in a folder."""
    root = Path(__file__).parents[2]
    with (scene.folder / "cron.log").open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module),
            cwd=scene.folder,
            env={
                **OWN,
                **scene.variables,
                "SSL_CERT_DIR": str(certificates),
                "PYTHONPATH": str(root),
                "PYTHONWARNINGS": "error",
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=words,
        )
    return CronProcesses(process)


def child(run: RunAt, moment: datetime, config: Config, told: int) -> None:
    os.dup2(2, 1)  # its own words must not mix with what we tell
    # An error that is none of ours ends this process with its traceback, and tells no time.
    code, ended = asyncio.run(run(moment, config))
    os.write(told, ended.astimezone(UTC).isoformat().encode())
    os._exit(code)


def serve(run: RunAt, environ: Mapping[str, str]) -> None:
    """Do for each line of standard input what `run` does at that time."""
    config = load(None, environ)
    for goal in all_targets(config):
        load_templates(config, goal)
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            child(run, datetime.fromisoformat(line.strip()), config, writing)
        os.close(writing)
        tell(str(pid))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        tell(f"{code} {os.read(reading, 100).decode()}")
        os.close(reading)


def tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve(run_at, os.environ)
