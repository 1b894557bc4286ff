"""The engine: what a dead worker had begun waits again, and a fault of a job stays to be seen."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from onboarding.fleet.engine import Engine
from onboarding.fleet.values import JobName, JobQueue
from tests.postgresql import RunningServer

pytestmark = pytest.mark.anyio

DEAD = """
    WITH dead AS (
        INSERT INTO procrastinate_workers (last_heartbeat)
        VALUES (now() - interval '2 minutes') RETURNING id
    )
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status, worker_id)
    SELECT 'send', 'send_chunk', lock, 'doing', dead.id
    FROM dead, unnest(ARRAY['send 1 0', 'send 2 0']) AS lock
"""
WAITING = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock)
    VALUES ('send', 'send_chunk', 'send 2 0')
"""
LEFT = "SELECT queueing_lock, status::text FROM procrastinate_jobs WHERE queue_name = 'send'"


async def run_until_a_tick(server: RunningServer, database: str, *, fails: bool = False) -> None:
    """Run an engine that serves ticks only, until the first one is over."""
    stop = asyncio.Event()

    async def execute(name: JobName, _args: Mapping[str, Any]) -> None:
        if name is JobName.TICK:
            stop.set()
            if fails:
                raise RuntimeError("a fault of this program")
            await engine.take_back()

    engine = Engine(server.place(database), execute)
    await asyncio.wait_for(engine.run({JobQueue.TICK: 1}, stop), 90)


async def test_jobs_of_a_dead_worker_wait_again_once(postgresql_server):
    database = postgresql_server.make_ledger().url.database
    postgresql_server.execute(DEAD, database)
    postgresql_server.execute(WAITING, database)
    await run_until_a_tick(postgresql_server, database)
    assert sorted(postgresql_server.execute(LEFT, database)) == [
        ("send 1 0", "todo"),
        ("send 2 0", "todo"),
    ]


async def test_a_job_that_fails_stays_to_be_seen(postgresql_server):
    database = postgresql_server.make_ledger().url.database
    await run_until_a_tick(postgresql_server, database, fails=True)
    failed = "SELECT task_name FROM procrastinate_jobs WHERE status = 'failed'"
    assert postgresql_server.execute(failed, database) == [("tick",)]
