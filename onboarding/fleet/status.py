"""What the fleet does now, read from the ledger alone: its workers and its jobs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.ledger import jobs, workers
from onboarding.ledger.jobs import JobCount
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


async def read_fleet(config: Config, now: datetime, progress: Progress) -> FleetStatus:
    """Read how the fleet stands. Raises what `ledger.read_only.read_ledger` raises."""
    load = partial(_load, now=now)
    found = await asyncio.to_thread(read_ledger, find_place(config.ledger), load, progress)
    return found or FleetStatus()


def _load(connection: sa.Connection, now: datetime) -> FleetStatus:
    return FleetStatus(workers.list_workers(connection, now), jobs.count_jobs(connection))
