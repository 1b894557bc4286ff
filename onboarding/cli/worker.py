"""`worker`: one process of the fleet; and `worker status`: what all of them do.

A worker runs until a signal, and prints what is worth reading in a journal, as `run --all` does for
cron. What it does is decided in the room `fleet`.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from onboarding.cli import options
from onboarding.cli.output_file import check_output_file
from onboarding.cli.replies import print_news
from onboarding.cli.run_all import collect_figures, print_end, print_with_notes, write_figures
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.terminal import NoProgress, print_table, print_text, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, ConfigurationError, Interrupted
from onboarding.fleet.status import FleetStatus, find_server, read_fleet
from onboarding.fleet.values import JobReport, WorkerRole
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import all_targets

if TYPE_CHECKING:
    from onboarding.fleet.worker import Worker

MOST_AT_ONCE = 64

METRICS_EVERY = 60.0
"""Seconds."""


class WorkerAction(StrEnum):
    """What `worker` can do besides being one."""

    STATUS = "status"


WorkerActionArgument = Annotated[
    WorkerAction | None,
    typer.Argument(
        metavar="status", help="Show all workers instead of being one.", show_default=False
    ),
]
WorkerRoles = Annotated[
    list[WorkerRole] | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="plan, send or replies; may be given several times (default: all).",
    ),
]
WorkerMetrics = Annotated[
    Path | None,
    typer.Option(
        "--metrics",
        metavar="FILE",
        help="Write figures for Prometheus every minute (node_exporter's textfile collector).",
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency", min=1, max=MOST_AT_ONCE, metavar="N", help="Webinars sent for at once."
    ),
]


class JournalLines(NoProgress):
    """Says what a person should know, and nothing of how far a job has come."""

    def say(self, line: str) -> None:
        """One line."""
        echo(line, err=True)


def worker_command(
    action: WorkerActionArgument = None,
    *,
    role: WorkerRoles = None,
    concurrency: Concurrency = 4,
    metrics: WorkerMetrics = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Work as one of several processes that share a ledger on PostgreSQL; or show what they do.

    Replaces cron: workers plan, send and read replies whenever something is due. Start as many as
    you like, on as many machines, and stop each with Ctrl-C or SIGTERM.
    """
    config = options.load_config(config_file)
    if action is WorkerAction.STATUS:
        raise typer.Exit(_print_status(config, as_json=as_json))
    if as_json:
        raise typer.BadParameter("It goes with `worker status` only.", param_hint="--json")
    # A wrong webinar is found before the first job, and not by each of them.
    targets = all_targets(config)
    if metrics:
        check_output_file(metrics, config, targets)
    options.warn_about_secrets(config)
    options.warn_about_plaintext_servers(config, config.webinars)
    options.warn_about_fence(config)
    roles = frozenset(role or WorkerRole)

    async def work(stop: asyncio.Event) -> int:
        return await _work_until_signal(config, roles, concurrency, metrics, stop)

    raise typer.Exit(run_until_stopped(work))


async def _work_until_signal(
    config: Config,
    roles: frozenset[WorkerRole],
    concurrency: int,
    metrics: Path | None,
    signal: asyncio.Event,
) -> int:
    """Be a worker until a signal. Raises TryLater if it ends before."""
    try:
        # A late import: only here procrastinate is needed.
        from onboarding.fleet import worker as fleet  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            "Workers need procrastinate, which is not installed.",
            hint="Install webinar-onboarding with its extra `fleet`.",
        ) from None
    # An event of its own: it also ends where the ledger or its lease is lost.
    stop = asyncio.Event()
    passing_on = asyncio.create_task(_pass_on(signal, stop))
    progress = JournalLines()
    clock = options.clock_for(stop, progress)
    how = fleet.WorkerOptions(roles, concurrency)
    async with (
        fleet.open_worker_services(config, progress, clock, stop) as services,
        # As cron's runs: no one watches how far a job has come.
        fleet.open_worker(replace(services, progress=NoProgress()), how) as worker,
        _write_figures_meanwhile(services, metrics),
    ):
        _print_worker_start(worker)
        async for report in worker.run():
            _print_report(config, report)
        if not signal.is_set():
            # Where the clock has jumped, that is said instead (`pipeline.shared_clock`).
            raise Interrupted(
                "The worker has lost its lease, and has ended.",
                hint="Start it again; systemd does that by itself.",
            )
    passing_on.cancel()
    # A signal is its normal end, not an interruption.
    return EXIT_DONE


async def _pass_on(signal: asyncio.Event, stop: asyncio.Event) -> None:
    await signal.wait()
    stop.set()


@asynccontextmanager
async def _write_figures_meanwhile(services: Services, file: Path | None) -> AsyncIterator[None]:
    """Write the figures every minute while the block runs, if there is a file for them."""
    writing = asyncio.create_task(_write_figures_again(services, file)) if file else None
    try:
        yield
    finally:
        if writing:
            writing.cancel()
            # Its error is no news: a ledger that is lost ends the worker, and is said there.
            await asyncio.gather(writing, return_exceptions=True)


async def _write_figures_again(services: Services, file: Path) -> None:
    # A file that can't be written is said once.
    code = EXIT_DONE
    while code == EXIT_DONE:
        began = services.clock.now()
        figures = await collect_figures(services, all_targets(services.config), [], began)
        code = write_figures(file, figures, EXIT_DONE)
        await asyncio.sleep(METRICS_EVERY)


def _print_worker_start(worker: "Worker") -> None:
    for other, sections in worker.differences.items():
        names = ", ".join(f"[{section}]" for section in sections)
        echo(f"The configuration differs from that of {other}: {names}.", err=True)
    echo(f"Worker for {', '.join(worker.options.queues)}. Stop with Ctrl-C.")
    # Standard output may be a pipe or the journal, and this process goes on for weeks.
    sys.stdout.flush()


def _print_report(config: Config, report: JobReport) -> None:
    for end in report.ends:
        print_end(end)
        if end.result and (end.result.has_changes or end.result.has_news):
            print_with_notes(end.result)
    if report.reading:
        print_news(config, report.reading)
    for sentence in report.sentences:
        echo(sentence, err=True)
    sys.stdout.flush()


def _print_status(config: Config, *, as_json: bool) -> int:
    find_server(config)
    now = datetime.now(UTC)
    status = asyncio.run(read_fleet(config, now, NoProgress()))
    if as_json:
        echo_json(_status_json(status, now))
        return EXIT_DONE
    _print_workers(status)
    _print_jobs(status, now)
    return EXIT_DONE


def _print_workers(status: FleetStatus) -> None:
    if not status.workers:
        print_text("No worker is running.")
        return
    rows = [
        (
            worker.host,
            str(worker.pid),
            worker.version,
            worker.queues,
            format_machine_time(worker.started_at),
            worker.doing or "waits",
        )
        for worker in status.workers
    ]
    print_table("Workers", ("host", "process", "version", "queues", "since", "does"), rows)


def _print_jobs(status: FleetStatus, now: datetime) -> None:
    if not status.jobs:
        print_text("No job is waiting.")
        return
    jobs = [(count.queue, count.state, str(count.count)) for count in status.jobs]
    print_table("Jobs", ("queue", "state", "jobs"), jobs)
    lag = status.find_lag(now)
    print_text(f"The oldest job has been waiting for {lag.total_seconds():.0f} s.")


def _status_json(status: FleetStatus, now: datetime) -> dict[str, Any]:
    return {
        "workers": [
            {
                "host": worker.host,
                "pid": worker.pid,
                "version": worker.version,
                "queues": worker.queues.split(", "),
                "started_at": worker.started_at.isoformat(),
                "doing": worker.doing,
                "doing_since": worker.doing_since.isoformat() if worker.doing_since else None,
            }
            for worker in status.workers
        ],
        "jobs": [
            {"queue": count.queue, "state": count.state, "count": count.count}
            for count in status.jobs
        ],
        "lag_seconds": status.find_lag(now).total_seconds(),
    }
