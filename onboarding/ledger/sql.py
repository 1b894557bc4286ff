"""Rows handed to SQLite as one JSON text: a statement for any number of them, compiled once.

SQLite then works them off without coming back to Python for each; the ledger's thread would otherwise wait for the
interpreter as often. Knows no table.
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
    """Mark a function that runs one statement of SQL (and may ask about it): that is a transaction by itself."""
    statement.__dict__["is_one_statement"] = True
    return statement


def is_one_statement(statement: Callable[..., Any]) -> bool:
    """Tell whether a function was marked so."""
    return getattr(statement, "is_one_statement", False)


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """Go past SQLAlchemy, whose care for each statement would take longer than SQLite's work."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


def batch_rows(*columns: str) -> sa.Subquery:
    """Stand for a batch in a statement: its rows, with these columns in the order of each row's values.

    No WITH: a statement that begins so is not counted by the driver, and the count tells whether all guards held.
    """
    each = sa.func.json_each(sa.bindparam("batch", type_=sa.Text)).table_valued("value").alias("rows")
    fields = [
        sa.func.json_extract(each.c.value, sa.literal_column(f"'$[{at}]'"), type_=sa.Text()).label(name)
        for at, name in enumerate(columns)
    ]
    return sa.select(*fields).subquery("batch")


def pack(batch: Iterable[Sequence[Any]]) -> tuple[str]:
    """Make the one parameter of a statement over `rows`; times in it are as `stored` writes them."""
    return (json.dumps(list(batch)),)


def encode_time(moment: datetime) -> str:
    """Write a time as the tables hold it (`schema.UtcDateTime` on SQLite)."""
    return in_utc(moment).isoformat(" ", "microseconds").removesuffix("+00:00")
