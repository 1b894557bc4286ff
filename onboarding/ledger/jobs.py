"""The jobs of the fleet in the ledger's database: added in the ledger's own transactions.

The tables are procrastinate's, and so is what executes jobs (the room `fleet`). A job is only a
hint that there is something to do: one that is lost or comes twice loses and doubles no message.
Only on PostgreSQL.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from onboarding.ledger import sql
from onboarding.ledger.schema import job_tables

_ADD = """
    SELECT procrastinate_defer_jobs_v1(ARRAY[
        ROW(%s, %s, 0, NULL, %s, %s::jsonb, NULL)::procrastinate_job_to_defer_v1
    ])
"""

_COUNT = """
    SELECT queue_name, status::text, count(*), min(event.at)
    FROM procrastinate_jobs AS job
    LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
    WHERE status IN ('todo', 'doing', 'failed')
    GROUP BY queue_name, status ORDER BY queue_name, status
"""

_REMOVE_ENDED = "DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')"


_FORGET_SESSIONS = "UPDATE procrastinate_jobs SET args = args - 'listed'"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be added: what it does, for which queue, and with what.

    Of jobs with one `lock` at most one waits: another is not added.
    """

    task: str
    queue: str
    lock: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs of a queue are in a state (`todo`, `doing`, `failed`), and since when."""

    queue: str
    state: str
    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class JobSchema:
    """The tables of one version of procrastinate: the whole schema, or the steps to it in order.

    `steps` are names and SQL; the last name is the version.
    """

    whole: str
    steps: Sequence[tuple[str, str]]

    @property
    def version(self) -> str:
        """The newest step: names begin with the version that brought them, so they sort."""
        return self.steps[-1][0]


def add_jobs(connection: sa.Connection, jobs: Iterable[NewJob]) -> int:
    """Add jobs, and return how many: one whose lock another waiting job has is left out."""
    return sum(_add(connection, job) for job in jobs)


def _add(connection: sa.Connection, job: NewJob) -> bool:
    values = (job.queue, job.task, job.lock, json.dumps(job.args))
    try:
        # A savepoint: what comes before it in the transaction stays.
        with connection.begin_nested():
            connection.exec_driver_sql(_ADD, values)
    except IntegrityError:
        return False
    return True


def find_jobs_version(connection: sa.Connection) -> str:
    """Find the version of the jobs' tables; empty where there are none."""
    return connection.execute(sa.select(job_tables.c.version)).scalar() or ""


def take_step(connection: sa.Connection, schema: JobSchema) -> bool:
    """Take the jobs' tables one step nearer to a version; make all of them where there are none.

    Returns whether there was one to take: a newer version stays. Each step is a transaction of its
    own, because PostgreSQL lets no statement use a value of a type that its transaction has added.
    """
    current = find_jobs_version(connection)
    following = (step for step in schema.steps if step[0] > current)
    name, text = next(following, ("", "")) if current else (schema.version, schema.whole)
    if not name:
        return False
    sql.driver(connection).execute(text)
    connection.execute(job_tables.delete())
    connection.execute(job_tables.insert().values(version=name))
    return True


def count_jobs(connection: sa.Connection) -> list[JobCount]:
    """Count the jobs that wait, are at work or have failed; none where there are no tables."""
    if not find_jobs_version(connection):
        return []
    return [JobCount(*row) for row in connection.exec_driver_sql(_COUNT)]


def forget_sessions(connection: sa.Connection) -> None:
    """Take out of all jobs what was seen of a session: its host is a person. It is asked for."""
    if find_jobs_version(connection):
        connection.exec_driver_sql(_FORGET_SESSIONS)


def remove_ended_jobs(connection: sa.Connection) -> None:
    """Remove the jobs that have ended: a failed one stays only to be seen."""
    connection.exec_driver_sql(_REMOVE_ENDED)
