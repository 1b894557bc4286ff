"""Passes many rows to SQLite as one JSON text: one compiled statement takes any number of them.

SQLite then works through them without returning to Python for each row. Otherwise the ledger's
thread would wait for the interpreter (its lock) once for each row. Knows no table.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from onboarding.ledger.schema import in_utc

Statement = TypeVar("Statement", bound=Callable[..., Any])


def autocommit(statement: Statement) -> Statement:
    """Mark a function whose writes are a single SQL statement: it needs no BEGIN and COMMIT."""
    statement.__dict__["is_autocommit"] = True
    return statement


def is_autocommit(statement: Callable[..., Any]) -> bool:
    """Tell whether a function was marked with `autocommit`."""
    return getattr(statement, "is_autocommit", False)


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """Get SQLite's own connection: SQLAlchemy adds more time to a statement than SQLite needs."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


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
    """Encode a time as the tables hold it (`schema.UtcDateTime` on SQLite)."""
    return in_utc(moment).isoformat(" ", "microseconds").removesuffix("+00:00")
