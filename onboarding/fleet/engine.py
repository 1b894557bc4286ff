"""procrastinate: fetches jobs, executes them, and makes the ticks. The only module that knows it.

It decides nothing and remembers nothing that counts: what is lost here, the next tick finds again
in the ledger. Its tables are beside the ledger's, in the same database.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException, UniqueViolation
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager

from onboarding.errors import TryLater
from onboarding.fleet.values import JobName, JobQueue
from onboarding.ledger.jobs import JobSchema
from onboarding.ledger.places import ServerPlace
from onboarding.model.foreign_text import printable

EVERY_MINUTE, EVERY_FIVE_MINUTES, EVERY_NIGHT = "* * * * *", "*/5 * * * *", "17 3 * * *"

HEARTBEAT, DEAD_AFTER = 10.0, 60.0
"""Seconds between a worker's signs of life, and after which its jobs are others'. As of leases."""

DATABASE_WAIT = 10.0
"""Seconds to wait for the database."""

Execute = Callable[[JobName, Mapping[str, Any]], Awaitable[None]]
"""Executes a job with its arguments. What it raises is a fault of the program."""


def read_schema() -> JobSchema:
    """Read the tables of the procrastinate that is installed."""
    # `pre` steps come before `post` ones by their names; all are made by one command here.
    files = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    steps = [(file.stem, file.read_text(encoding="utf-8")) for file in files]
    return JobSchema(SchemaManager.get_schema(), steps)


class Engine:
    """Executes the jobs of some queues, so many of each at once, until it has to stop."""

    def __init__(self, place: ServerPlace, execute: Execute) -> None:
        self._place = place
        self._execute = execute
        self._app = procrastinate.App(connector=_make_connector(place))
        # Its sentences are for programmers; what a person should know is said by the jobs.
        for name in ("procrastinate", "psycopg.pool"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._add_task(JobName.PLAN, JobQueue.PLAN)
        self._add_task(JobName.SEND, JobQueue.SEND)
        self._add_periodic(JobName.TICK, JobQueue.TICK, EVERY_MINUTE)
        self._add_periodic(JobName.PRUNE, JobQueue.TICK, EVERY_NIGHT)
        self._add_periodic(JobName.REPLIES, JobQueue.REPLIES, EVERY_FIVE_MINUTES)

    async def run(self, queues: Mapping[JobQueue, int], stop: asyncio.Event) -> None:
        """Execute jobs until `stop` is set and those at work have ended.

        Raises TryLater if the database is away.
        """
        # Not set back: a task's error is printed only when its task is collected.
        asyncio.get_running_loop().set_exception_handler(_leave_out_lost_ledger)
        try:
            async with self._app.open_async():
                await self._run_queues(queues, stop)
        except ConnectorException as error:
            raise self._away(error) from None

    async def take_back(self) -> None:
        """Let the jobs of dead workers wait again; one for which another waits already is dropped.

        Raises TryLater if the database is away.
        """
        manager = self._app.job_manager
        try:
            for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
                try:
                    await manager.retry_job(job)
                except (AlreadyEnqueued, UniqueViolation):
                    await manager.finish_job(job, status=Status.FAILED, delete_job=True)
        except ConnectorException as error:
            raise self._away(error) from None

    async def _run_queues(self, queues: Mapping[JobQueue, int], stop: asyncio.Event) -> None:
        workers = [
            asyncio.create_task(self._run_queue(queue, most)) for queue, most in queues.items()
        ]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*workers, stopping], return_when=asyncio.FIRST_COMPLETED)
        # One that ends by itself has lost the database: the others end as after a signal.
        was_asked = stopping in done
        stop.set()
        for worker in workers:
            # It fetches no more, and waits for its jobs.
            worker.cancel()
        ended = await asyncio.gather(*workers, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error
        if not was_asked:
            raise self._away(None)

    async def _run_queue(self, queue: JobQueue, most: int) -> None:
        await self._app.run_worker_async(
            queues=[queue.value],
            name=queue.value,
            concurrency=most,
            # The command line has the signals.
            install_signal_handlers=False,
            # A job that has failed stays to be seen.
            delete_jobs="successful",
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=DEAD_AFTER,
        )

    def _add_task(self, name: JobName, queue: JobQueue) -> None:
        async def execute(**args: Any) -> None:
            await self._execute(name, args)

        self._app.task(name=name.value, queue=queue.value)(execute)

    def _add_periodic(self, name: JobName, queue: JobQueue, cron: str) -> None:
        async def execute(timestamp: int) -> None:
            await self._execute(name, {"timestamp": timestamp})

        task = self._app.task(
            name=name.value,
            queue=queue.value,
            # Where ticks pile up, one is as good as many.
            queueing_lock=name.value,
        )(execute)
        self._app.periodic(cron=cron)(task)

    def _away(self, error: Exception | None) -> TryLater:
        cause = f": {printable(str(error.__cause__ or error))}" if error else ""
        return TryLater(
            f"The worker has lost the ledger {self._place}{cause}.",
            hint="Start it again; systemd does that by itself. What it was sending is in doubt.",
        )


def _leave_out_lost_ledger(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of a job whose end could not be noted: that the ledger is lost is said once."""
    if not isinstance(context.get("exception"), ConnectorException):
        loop.default_exception_handler(context)


def _make_connector(place: ServerPlace) -> procrastinate.PsycopgConnector:
    url = place.url.set(drivername="postgresql")
    password = place.password.get_secret_value() if place.password else None
    return procrastinate.PsycopgConnector(
        conninfo=url.render_as_string(),
        kwargs={
            # As an argument: in the address it could get into an error's text.
            "password": password,
            "application_name": "webinar-onboarding jobs",
            "connect_timeout": int(DATABASE_WAIT),
            "options": "-c TimeZone=UTC",
        },
        min_size=1,
        max_size=4,
        timeout=DATABASE_WAIT,
    )
