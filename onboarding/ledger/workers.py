"""Which workers the fleet has, and what each does. That one lives is shown by its lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger import leases
from onboarding.ledger.leases import Holder
from onboarding.ledger.schema import workers


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker of the fleet, as it has registered itself.

    `config` has a digest for each section of its configuration. `doing` is empty while it waits.
    """

    holder: str
    host: str
    pid: int
    version: str
    config: Mapping[str, str]
    queues: str
    started_at: datetime
    seen_at: datetime
    doing: str = ""
    doing_since: datetime | None = None


def register_worker(
    connection: sa.Connection,
    holder: Holder,
    version: str,
    config: Mapping[str, str],
    queues: str,
    now: datetime,
) -> None:
    """Register a worker that holds its lease, and forget those that are gone."""
    known = {record.holder for record in _load_records(connection)}
    gone = known - leases.list_living(connection, now)
    connection.execute(workers.delete().where(workers.c.holder.in_(gone)))
    connection.execute(
        workers.insert().values(
            holder=holder.name,
            host=holder.host,
            pid=holder.pid,
            version=version,
            config=dict(config),
            queues=queues,
            started_at=now,
            seen_at=now,
        )
    )


def record_doing(connection: sa.Connection, holder: str, doing: str, now: datetime) -> None:
    """Record what a worker is at work on; empty while it waits."""
    values = {"seen_at": now, "doing": doing, "doing_since": now if doing else None}
    connection.execute(workers.update().where(workers.c.holder == holder).values(values))


def remove(connection: sa.Connection, holder: str) -> None:
    """Remove a worker that ends."""
    connection.execute(workers.delete().where(workers.c.holder == holder))


def list_workers(connection: sa.Connection, now: datetime) -> Sequence[WorkerRecord]:
    """List the workers that live, in the order in which they were started."""
    living = leases.list_living(connection, now)
    return [record for record in _load_records(connection) if record.holder in living]


def _load_records(connection: sa.Connection) -> list[WorkerRecord]:
    rows = connection.execute(sa.select(workers).order_by(workers.c.started_at)).mappings()
    return [WorkerRecord(**row) for row in rows]
