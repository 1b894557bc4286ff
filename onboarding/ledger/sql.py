"""How values pass to SQLite: times in UTC, and many rows as one JSON text.

With one text for many rows, one compiled statement takes any number of them, and SQLite works
through them without returning to Python for each. Otherwise the ledger's thread would wait for the
interpreter (its lock) once for each row. Knows no table.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Statement = TypeVar("Statement", bound=Callable[..., Any])


def autocommit(statement: Statement) -> Statement:
    """Mark a function that writes with a single SQL statement: it needs no BEGIN and COMMIT."""
    statement.__dict__["is_autocommit"] = True
    return statement


def is_autocommit(statement: Callable[..., Any]) -> bool:
    """Tell whether a function was marked with `autocommit`."""
    return getattr(statement, "is_autocommit", False)


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """Get SQLite's own connection: SQLAlchemy adds more time to a statement than SQLite needs."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


@contextmanager
def transaction(connection: sa.Connection) -> Iterator[None]:
    """Let several statements of an `autocommit` function be one transaction, if none is open."""
    if driver(connection).in_transaction:
        yield
        return
    execute = driver(connection).execute
    execute("BEGIN IMMEDIATE")
    try:
        yield
        execute("COMMIT")
    # Also what is no Exception: an open transaction would hold the lock of all processes.
    except BaseException:
        # Some errors have ended the transaction already (https://sqlite.org/lang_transaction.html).
        if driver(connection).in_transaction:
            execute("ROLLBACK")
        raise


def batch_rows(*columns: str) -> sa.Subquery:
    """Build the subquery that a statement reads a batch from.

    The columns are in the order of each row's values. A subquery and not WITH: `sqlite3` gives no
    row count for a statement that begins with WITH, and the row count shows whether all guards
    held.
    """
    batch = sa.bindparam("batch", type_=sa.Text)
    rows = sa.func.json_each(batch).table_valued("value").alias("rows")
    fields = []
    for index, name in enumerate(columns):
        # A literal, because the batch is to be the statement's only parameter (`pack`).
        path: sa.ColumnClause[str] = sa.literal_column(f"'$[{index}]'")
        fields.append(sa.func.json_extract(rows.c.value, path, type_=sa.Text()).label(name))
    return sa.select(*fields).subquery("batch")


def pack(batch: Iterable[Sequence[Any]]) -> tuple[str]:
    """Encode a batch as the only parameter of a statement over `batch_rows`.

    Its times are from `encode_time`.
    """
    return (json.dumps(list(batch)),)


def encode_time(moment: datetime) -> str:
    """Encode a time as the tables hold it (`UtcDateTime` on SQLite)."""
    # Always six digits and one zone: SQLite compares times as texts.
    return in_utc(moment).isoformat(" ", "microseconds").removesuffix("+00:00")


def in_utc(moment: datetime) -> datetime:
    """Convert to UTC. Raises ValueError for a naive time, which could mean any zone."""
    if moment.tzinfo is None:
        # Guessing the machine's zone would make messages due hours off, and no test on a UTC
        # machine would show it.
        raise ValueError("a time without zone can't be stored")
    return moment.astimezone(UTC)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware point in time: refused naive, stored in UTC, returned aware."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC; SQLite has no zones, so there the zone is left off."""
        if value is None:
            return None
        return in_utc(value).replace(tzinfo=None) if dialect.name == "sqlite" else in_utc(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Give the zone back (the signature, with its unused dialect, is SQLAlchemy's)."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
