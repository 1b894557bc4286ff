"""One worker: registers itself, shows that it lives, executes jobs, and ends in order.

A worker that loses its lease, or the ledger, ends: systemd starts it again, and as its process is
gone, what it held is taken back at once. It drains after a signal: nothing new is begun, what is
being sent is finished within the grace, and the rest goes back to the queue.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from onboarding import __version__
from onboarding.config import Config
from onboarding.errors import (
    Interrupted,
    OnboardingError,
    OutdatedLedger,
    TryLater,
    describe_crash,
)
from onboarding.fleet.config_digest import digest_sections, find_differences
from onboarding.fleet.engine import Engine, read_schema
from onboarding.fleet.outcome import tell_producer
from onboarding.fleet.plan_job import plan_webinar
from onboarding.fleet.replies_job import read_mailbox
from onboarding.fleet.send_job import send_next_chunk
from onboarding.fleet.status import find_server
from onboarding.fleet.tick import run_tick
from onboarding.fleet.values import (
    JobName,
    JobQueue,
    JobReport,
    WorkerRole,
    decode_session,
    tick_job,
)
from onboarding.ledger import jobs, leases, workers
from onboarding.ledger.leases import Holder
from onboarding.model.ports import Progress
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.lease import worker_lease
from onboarding.pipeline.prune import prune
from onboarding.pipeline.services import Services, open_act_services, open_services
from onboarding.pipeline.target import Target, find_target
from onboarding.pipeline.webinar_end import WebinarEnd

PLANS_AT_ONCE = 2
"""Webinars that a worker plans at once: while one waits for RingCentral, another may send."""


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What a worker is there for, and how many chunks it sends at once."""

    roles: frozenset[WorkerRole] = frozenset(WorkerRole)
    concurrency: int = 4

    @property
    def queues(self) -> dict[JobQueue, int]:
        """The queues that it serves, each with how many jobs at once."""
        found: dict[JobQueue, int] = {}
        if WorkerRole.PLAN in self.roles:
            found |= {JobQueue.TICK: 1, JobQueue.PLAN: PLANS_AT_ONCE}
        if WorkerRole.SEND in self.roles:
            found[JobQueue.SEND] = self.concurrency
        if WorkerRole.REPLIES in self.roles:
            found[JobQueue.REPLIES] = 1
        return found


@dataclass(slots=True)
class Worker:
    """A worker that has registered itself. `reports` are what its jobs have to say, in order.

    `differences` has the sections in which another worker's configuration differs, by the worker.
    """

    services: Services
    options: WorkerOptions
    holder: Holder
    differences: Mapping[str, list[str]] = field(default_factory=dict)
    engine: Engine | None = None
    reports: asyncio.Queue[JobReport | None] = field(default_factory=asyncio.Queue)
    _doing: Counter[str] = field(default_factory=Counter)

    async def execute(self, name: JobName, args: Mapping[str, Any]) -> JobReport:
        """Execute a job. What it can't do is in its report, and a tick finds it again."""
        async with self.showing(_describe(name, args)):
            return await _JOBS[name](self, args)

    async def execute_and_report(self, name: JobName, args: Mapping[str, Any]) -> None:
        """Execute a job of the engine. Raises what is a fault of this program."""
        try:
            report = await self.execute(name, args)
        except Interrupted:
            return
        except OnboardingError as error:
            report = JobReport(sentences=(str(error),))
        # A fault of ours, whichever: it is said without its values, and the job counts as failed.
        except Exception as error:
            self.reports.put_nowait(JobReport(sentences=(describe_crash(error),)))
            raise
        self.reports.put_nowait(report)

    async def run(self) -> AsyncIterator[JobReport]:
        """Execute jobs until the services' `stop` is set, and yield what each has to say.

        Raises TryLater if the ledger is lost.
        """
        if JobQueue.TICK in self.options.queues:
            # It may take the place of one that has died: what that one held waits no longer.
            tick = tick_job(self.services.clock.now())
            await self.services.ledger.run(jobs.add_jobs, [tick])
        self.engine = Engine(find_server(self.services.config), self.execute_and_report)
        work = asyncio.create_task(self._run_engine(self.engine))
        while report := await self.reports.get():
            yield report
        await work

    async def _run_engine(self, engine: Engine) -> None:
        try:
            await engine.run(self.options.queues, self.services.stop)
        finally:
            self.reports.put_nowait(None)

    @asynccontextmanager
    async def showing(self, doing: str) -> AsyncIterator[None]:
        """Let `worker status` show what is being done."""
        self._doing[doing] += 1
        await self._show()
        try:
            yield
        finally:
            self._doing -= Counter([doing])
            await self._show()

    async def _show(self) -> None:
        ledger, now = self.services.ledger, self.services.clock.now()
        doing = ", ".join(sorted(self._doing.elements()))
        await ledger.run(workers.record_doing, self.holder.name, doing, now)

    @asynccontextmanager
    async def for_webinar(
        self, args: Mapping[str, Any]
    ) -> AsyncIterator[tuple[Services, Target] | None]:
        """Open what a job about one webinar needs; None where it is not configured any more."""
        shared = self.services
        if args["name"] not in shared.config.webinars:
            yield None
            return
        target = find_target(shared.config, args["name"])
        async with open_act_services(
            shared, shared.progress, shared.stop, target.company
        ) as services:
            yield services, target


@asynccontextmanager
async def open_worker_services(
    config: Config, progress: Progress, clock: Clock, stop: asyncio.Event
) -> AsyncIterator[Services]:
    """Open what a worker works with.

    Raises ConfigurationError for a ledger that is a file, and TryLater for one that has an older
    version's tables: a person is about to upgrade it, and all workers wait for that.
    """
    find_server(config)
    async with AsyncExitStack() as stack:
        try:
            services = await stack.enter_async_context(open_services(config, progress, clock, stop))
        except OutdatedLedger as error:
            raise TryLater(error.message, hint=error.hint) from None
        yield services


@asynccontextmanager
async def open_worker(services: Services, options: WorkerOptions) -> AsyncIterator[Worker]:
    """Register a worker, and show that it lives while the block runs.

    Raises TryLater if the jobs' tables are missing.
    """
    await _check_tables(services)
    holder = leases.new_holder()
    config = digest_sections(services.config)
    async with worker_lease(services, holder):
        now = services.clock.now()
        others = await services.ledger.run(workers.list_workers, now)
        queues = ", ".join(options.queues)
        await services.ledger.run(workers.register_worker, holder, __version__, config, queues, now)
        differences = {
            f"process {other.pid} on {other.host}": found
            for other in others
            if (found := find_differences(config, other.config))
        }
        try:
            yield Worker(services, options, holder, differences)
        finally:
            await services.ledger.run(workers.remove, holder.name)


async def _check_tables(services: Services) -> None:
    found = await services.ledger.run(jobs.find_jobs_version)
    if found < read_schema().version:
        raise TryLater(
            "The ledger does not have the tables of this version's jobs yet.",
            hint="Type `onboarding db upgrade`, where the extra `fleet` is installed.",
        )


async def _tick(worker: Worker, args: Mapping[str, Any]) -> JobReport:
    moment = datetime.fromtimestamp(args["timestamp"], UTC)
    if worker.engine:
        await worker.engine.take_back()
    return await _report_ends(worker, await run_tick(worker.services, moment))


async def _report_ends(worker: Worker, ends: Sequence[WebinarEnd]) -> JobReport:
    said = await tell_producer(worker.services, ends)
    return JobReport(tuple(ends), sentences=said)


async def _run_prune_job(worker: Worker, _args: Mapping[str, Any]) -> JobReport:
    await prune(worker.services)
    await worker.services.ledger.run(jobs.remove_ended_jobs)
    return JobReport()


async def _run_plan_job(worker: Worker, args: Mapping[str, Any]) -> JobReport:
    sends = WorkerRole.SEND in worker.options.roles
    async with worker.for_webinar(args) as found:
        if found is None:
            return JobReport()
        services, target = found
        listed = decode_session(args.get("listed"))
        end = await plan_webinar(services, target, listed, sends=sends)
    return await _report_ends(worker, [end])


async def _run_send_job(worker: Worker, args: Mapping[str, Any]) -> JobReport:
    async with worker.for_webinar(args) as found:
        if found is None:
            return JobReport()
        services, target = found
        listed = decode_session(args.get("listed"))
        end = await send_next_chunk(services, target, args["session"], listed)
    return await _report_ends(worker, [end])


async def _read_replies(worker: Worker, _args: Mapping[str, Any]) -> JobReport:
    return await read_mailbox(worker.services)


_JOBS: Mapping[JobName, Callable[[Worker, Mapping[str, Any]], Awaitable[JobReport]]] = {
    JobName.TICK: _tick,
    JobName.PRUNE: _run_prune_job,
    JobName.PLAN: _run_plan_job,
    JobName.SEND: _run_send_job,
    JobName.REPLIES: _read_replies,
}


def _describe(name: JobName, args: Mapping[str, Any]) -> str:
    """Say in words what a job does."""
    webinar = args.get("name", "")
    words = {
        JobName.TICK: "looks what is due",
        JobName.PRUNE: "prunes",
        JobName.PLAN: f"plans {webinar}",
        JobName.SEND: f"sends for {webinar}",
        JobName.REPLIES: "reads replies",
    }
    return words[name]
