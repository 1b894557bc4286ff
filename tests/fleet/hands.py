"""Workers without the engine: a test executes the jobs itself, in the order that it wants."""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.fleet.values import JobName, JobReport, WorkerRole
from onboarding.fleet.worker import Worker, WorkerOptions, open_worker
from onboarding.pipeline.webinar_end import WebinarEnd
from onboarding.simulator.smtp_catcher import MailRules
from tests.postgresql import RunningServer
from tests.stage import ROOMY, Stage, panelist, stage

ALL = frozenset(WorkerRole)


class WaitingJob(NamedTuple):
    """A job that waits."""

    name: JobName
    args: dict[str, object]


@asynccontextmanager
async def fleet_stage(
    folder: Path,
    server: RunningServer,
    *,
    people: int = 3,
    more: int = 0,
    mail_rules: MailRules | None = None,
) -> AsyncIterator[Stage]:
    """A stage whose ledger is on a server, with the tables of jobs."""
    roster = [panelist(number) for number in range(1, people + 1)]
    async with stage(folder, roster, more=more, limits=ROOMY, mail_rules=mail_rules) as scene:
        scene.variables["ONBOARDING_LEDGER__DATABASE"] = str(server.make_ledger())
        yield scene


@asynccontextmanager
async def worker_on(scene: Stage, roles: Iterable[WorkerRole] = ALL) -> AsyncIterator[Worker]:
    """A worker with the stage's clock."""
    async with (
        scene.rooms() as services,
        open_worker(services, WorkerOptions(frozenset(roles))) as worker,
    ):
        yield worker


async def tick(worker: Worker) -> list[WebinarEnd]:
    """Execute a tick of now."""
    now = worker.services.clock.now()
    report = await worker.execute(JobName.TICK, {"timestamp": int(now.timestamp())})
    return list(report.ends)


def take_jobs(connection: sa.Connection) -> list[WaitingJob]:
    """Take all jobs that wait, as an engine does."""
    rows = connection.exec_driver_sql(
        "DELETE FROM procrastinate_jobs WHERE status = 'todo' RETURNING id, task_name, args::text"
    ).all()
    return [WaitingJob(JobName(name), json.loads(args)) for _, name, args in sorted(rows)]


async def plan_only(worker: Worker) -> None:
    """Execute a tick, and the one job that it adds: to plan. What that adds waits."""
    await tick(worker)
    (job,) = await worker.services.ledger.run(take_jobs)
    await worker.execute(job.name, job.args)


async def work_off(worker: Worker) -> list[JobReport]:
    """Execute the jobs that wait, and those that they add, one after the other."""
    reports = []
    while waiting := await worker.services.ledger.run(take_jobs):
        reports += [await worker.execute(job.name, job.args) for job in waiting]
    return reports
