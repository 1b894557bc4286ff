"""Copies a ledger from an SQLite file to an empty PostgreSQL database, and verifies what arrived.

One transaction at the server: half a ledger would mail people a second time. Nothing can write to
the file meanwhile, and no run may be at work. The file is left as it is.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, TryLater
from onboarding.ledger import sql
from onboarding.ledger.databases import BUSY_SECONDS
from onboarding.ledger.leases import find_held
from onboarding.ledger.migrations import upgrade
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.postgresql import MIGRATION_LOCK, PostgresqlServer, check_server
from onboarding.ledger.schema import deliveries, job_tables, metadata, uid_seeds, versions
from onboarding.ledger.sqlite import SqliteFile

ROWS_AT_ONCE = 1000
"""Rows that are read and written at once."""

OF_SERVER = frozenset({versions.name, job_tables.name})
"""Tables that say which version the server's own tables have: they stay as they are."""

MADE_BY_UPGRADE = OF_SERVER | {uid_seeds.name}
"""Tables that are not empty in a new ledger."""


class TableDigest(NamedTuple):
    """How many rows a table has, and a digest of them all, in whichever order they come."""

    rows: int
    digest: int


def copy_to_server(path: Path, place: ServerPlace, now: datetime) -> Mapping[str, int]:
    """Copy a ledger. Returns how many rows each table has.

    Raises ConfigurationError if the file is no ledger, or the database is not empty; TryLater while
    a run is at work, or if either can't be used just now.
    """
    file = SqliteFile(path, BUSY_SECONDS)
    server = PostgresqlServer(place, BUSY_SECONDS)
    try:
        file.prepare()
        # BEGIN IMMEDIATE: a run that starts now waits until all is copied.
        with file.engine.begin() as source, server.engine.begin() as target:
            _check_no_run(source, path, now)
            _prepare_target(target, place)
            return _copy_tables(source, target)
    except DBAPIError as error:
        # Each leaves as it is what is not its own.
        raise server.as_write_error(file.as_write_error(error)) from None
    finally:
        file.engine.dispose()
        server.engine.dispose()


def _check_no_run(source: sa.Connection, path: Path, now: datetime) -> None:
    if lease := find_held(source, now):
        raise TryLater(
            f"A run is at work with {path} (process {lease.holder.pid} on {lease.holder.host}).",
            hint="Stop all runs, also those that cron starts, then copy.",
        )


def _prepare_target(target: sa.Connection, place: ServerPlace) -> None:
    check_server(target)
    sql.lock(target, MIGRATION_LOCK)
    upgrade(target)
    for table in metadata.sorted_tables:
        found = sa.select(sa.exists(sa.select(table)))
        if table.name not in MADE_BY_UPGRADE and target.execute(found).scalar():
            raise ConfigurationError(
                f"The database {place} is not empty: {table.name} has rows.",
                hint="Copy into a new database. Nothing was changed.",
            )
    target.execute(uid_seeds.delete())


def _copy_tables(source: sa.Connection, target: sa.Connection) -> Mapping[str, int]:
    counts = {}
    # History is copied, and not written a second time.
    _set_trigger(target, "DISABLE")
    for table in metadata.sorted_tables:
        if table.name in OF_SERVER:
            continue
        rows = _read_rows(source, table)
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            target.execute(table.insert(), batch)
        before, after = (_compute_digest(connection, table) for connection in (source, target))
        if before != after:
            # A bug, or a value that PostgreSQL keeps otherwise: the transaction is rolled back.
            raise ConfigurationError(
                f"The table {table.name} did not arrive as it was: {before.rows} rows, "
                f"{after.rows} at the server.",
                hint="Nothing was copied. Keep using the file, and report this.",
            )
        counts[table.name] = after.rows
        _set_next_number(target, table)
    _set_trigger(target, "ENABLE")
    return counts


def _set_trigger(target: sa.Connection, action: str) -> None:
    target.exec_driver_sql(f"ALTER TABLE {deliveries.name} {action} TRIGGER USER")


def _read_rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    found = connection.execute(sa.select(table).execution_options(yield_per=ROWS_AT_ONCE))
    return (dict(row) for row in found.mappings())


def _compute_digest(connection: sa.Connection, table: sa.Table) -> TableDigest:
    count = total = 0
    for row in _read_rows(connection, table):
        count += 1
        text = json.dumps(row, default=str, sort_keys=True)
        # Added up, since the two databases sort texts in different ways.
        total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
    return TableDigest(count, total)


def _set_next_number(target: sa.Connection, table: sa.Table) -> None:
    """Let rows that are added later be numbered after those that were copied."""
    column = table.autoincrement_column
    if column is None:
        return
    name = sa.func.pg_get_serial_sequence(table.name, column.name)
    highest = sa.select(sa.func.max(column)).scalar_subquery()
    target.execute(sa.select(sa.func.setval(name, sa.func.coalesce(highest, 0) + 1, sa.false())))
