"""Passes many rows to SQLite as one JSON text, so that one compiled statement takes any number of them.

SQLite then works through them without returning to Python for each row; otherwise the ledger's
thread would wait for the interpreter that often. Knows no table.
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
    """Mark a function whose writes are one SQL statement: that is a transaction by itself, without BEGIN and COMMIT."""
    statement.__dict__["is_autocommit"] = True
    return statement


def is_autocommit(statement: Callable[..., Any]) -> bool:
    """Tell whether a function was marked with `autocommit`."""
    return getattr(statement, "is_autocommit", False)


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """Get SQLite's own connection: SQLAlchemy's overhead for each statement is larger than SQLite's work."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def batch_rows(*columns: str) -> sa.Subquery:
    """Build the subquery that a statement reads a batch from; the columns are in the order of each row's values.

    A subquery and not WITH: `sqlite3` gives no row count for a statement that begins with WITH, and
    the row count shows whether all guards held.
    """
    values = (
        sa.func.json_each(sa.bindparam("batch", type_=sa.Text)).table_valued("value").alias("rows")
    )
    fields = [
        sa.func.json_extract(
            values.c.value, sa.literal_column(f"'$[{index}]'"), type_=sa.Text()
        ).label(name)
        for index, name in enumerate(columns)
    ]
    return sa.select(*fields).subquery("batch")


def pack(batch: Iterable[Sequence[Any]]) -> tuple[str]:
    """Encode a batch as the one parameter of a statement over `batch_rows`; its times are from `encode_time`."""
    return (json.dumps(list(batch)),)


def encode_time(moment: datetime) -> str:
    """Encode a time as the tables hold it (`schema.UtcDateTime` on SQLite)."""
    return in_utc(moment).isoformat(" ", "microseconds").removesuffix("+00:00")
