"""What the fleet does now, read from the ledger alone: its workers and its jobs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import jobs, workers
from onboarding.ledger.jobs import JobCount
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import find_place
from onboarding.ledger.workers import WorkerRecord
from onboarding.model.ports import Progress


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The workers that live, and how many jobs wait, are at work, or have failed."""

    workers: Sequence[WorkerRecord] = ()
    jobs: Sequence[JobCount] = ()

    def find_lag(self, now: datetime) -> timedelta:
        """Find how long the oldest job has been waiting."""
        since = [count.since for count in self.jobs if count.state == "todo" and count.since]
        return max(now - min(since, default=now), timedelta())


def has_server(config: Config) -> bool:
    """Whether there can be workers: only with a ledger on a server."""
    return isinstance(find_place(config.ledger), ServerPlace)


def find_server(config: Config) -> ServerPlace:
    """Find the ledger that workers share. Raises ConfigurationError for one that is a file."""
    place = find_place(config.ledger)
    if isinstance(place, ServerPlace):
        return place
    raise ConfigurationError(
        "Workers need a ledger on a PostgreSQL server, and [ledger] database names a file.",
        hint="With one machine, `onboarding run --all` by cron does all of it, without workers.",
    )


async def read_fleet(config: Config, now: datetime, progress: Progress) -> FleetStatus:
    """Read how the fleet stands. Raises what `ledger.read_only.read_ledger` raises."""
    return await asyncio.to_thread(read_fleet_now, config, now, progress)


def read_fleet_now(config: Config, now: datetime, progress: Progress) -> FleetStatus:
    """As `read_fleet`, in this thread: the database may make it wait."""
    load = partial(_load_fleet, now=now)
    return read_ledger(find_place(config.ledger), load, progress) or FleetStatus()


def _load_fleet(connection: sa.Connection, now: datetime) -> FleetStatus:
    return FleetStatus(workers.list_workers(connection, now), jobs.count_jobs(connection))
