"""Works at given times as a worker of a fleet, in processes of their own, which can be killed.

    python -m tests.pipeline.worker_at

As `cron_at`, but a process does the jobs that wait, with others at the same time, until none waits
and none is at work. What procrastinate's engine does by wall time is done here by the clock that is
passed in: a tick comes to its time when all jobs of the tick before have ended.
"""

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.config import Config
from onboarding.errors import EXIT_NEEDS_A_PERSON, OnboardingError
from onboarding.fleet.values import JobName, JobQueue
from onboarding.fleet.worker import Worker, WorkerOptions, open_worker, open_worker_services
from onboarding.ledger.jobs import NewJob, add_jobs
from onboarding.pipeline import services
from tests.clock import Clock
from tests.pipeline.cron_at import serve

TICKS = 5
"""Ticks, a minute apart, until cron would start again."""

POLL = 0.02
"""Seconds of real time until a worker looks again for a job, while another one is at work."""

_TAKE = """
    UPDATE procrastinate_jobs SET status = 'doing' WHERE id = (
        SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND (
            task_name != 'tick'
            OR NOT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE status = 'doing')
        )
        ORDER BY task_name = 'tick', id LIMIT 1 FOR UPDATE SKIP LOCKED
    ) RETURNING id, task_name, args::text
"""


class TakenJob(NamedTuple):
    """A job that a worker is at work on."""

    id: int
    name: JobName
    args: dict[str, object]


def add_ticks(connection: sa.Connection, moment: datetime) -> None:
    """Add what falls due by the clock until cron would start again: each job once in the fleet."""
    # What is left of the time before is lost: each job is only a hint.
    connection.exec_driver_sql("DELETE FROM procrastinate_jobs")
    stamps = [int((moment + timedelta(minutes=number)).timestamp()) for number in range(TICKS)]
    ticks = [
        NewJob(JobName.TICK, JobQueue.TICK, f"tick {stamp}", {"timestamp": stamp})
        for stamp in stamps
    ]
    add_jobs(connection, [NewJob(JobName.REPLIES, JobQueue.REPLIES, "replies"), *ticks])


def take_back(connection: sa.Connection, *, are_lost: bool) -> int:
    """Let jobs of a dead worker wait again, or lose them. Returns how many there were."""
    rows = connection.exec_driver_sql(
        "DELETE FROM procrastinate_jobs WHERE status = 'doing'"
        " RETURNING task_name, queue_name, queueing_lock, args::text"
    ).all()
    if not are_lost:
        add_jobs(connection, [NewJob(*row[:3], json.loads(row[3])) for row in rows])
    return len(rows)


async def work_at(moment: datetime, config: Config) -> tuple[int, datetime]:
    """Do the jobs that wait; returns the worst exit code, and the time at which none was left."""
    clock = Clock(moment)
    passed_in = services.Clock(clock.now, clock.sleep, lambda: 0.5, clock.linger)
    codes = {0}
    try:
        async with (
            open_worker_services(config, NoProgress(), passed_in, asyncio.Event()) as opened,
            open_worker(opened, WorkerOptions()) as worker,
        ):
            await _work_off(worker, clock, codes)
    except OnboardingError as error:
        codes.add(error.exit_code)
    return EXIT_NEEDS_A_PERSON if EXIT_NEEDS_A_PERSON in codes else max(codes), clock.now()


async def _work_off(worker: Worker, clock: Clock, codes: set[int]) -> None:
    ledger = worker.services.ledger
    while True:
        job = await ledger.run(_take)
        if job is None:
            if not await ledger.run(_count_open):
                return
            await asyncio.sleep(POLL)
            continue
        if job.name is JobName.TICK:
            now = datetime.fromtimestamp(int(str(job.args["timestamp"])), UTC)
            clock.time = max(clock.time, now)
        codes |= await _execute(worker, job)
        await ledger.run(_remove, job.id)


async def _execute(worker: Worker, job: TakenJob) -> set[int]:
    """Execute a job; returns the exit codes of the webinars that it was about."""
    try:
        report = await worker.execute(job.name, job.args)
    except OnboardingError as error:
        return {error.exit_code}
    return {end.exit_code for end in report.ends}


def _take(connection: sa.Connection) -> TakenJob | None:
    row = connection.exec_driver_sql(_TAKE).one_or_none()
    return TakenJob(row[0], JobName(row[1]), json.loads(row[2])) if row else None


def _count_open(connection: sa.Connection) -> int:
    query = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
    return int(connection.exec_driver_sql(query).scalar_one())


def _remove(connection: sa.Connection, job: int) -> None:
    connection.exec_driver_sql("DELETE FROM procrastinate_jobs WHERE id = %s", (job,))


if __name__ == "__main__":
    serve(work_at, os.environ)
