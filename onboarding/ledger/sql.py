"""How values and statements pass to the database, SQLite or PostgreSQL, in one way for both.

With one JSON text for many rows, one compiled statement takes any number of them, and the database
works through them without returning to Python for each. Otherwise the ledger's thread would wait
for the interpreter (its lock) once for each row. What the two databases say in different words is
here and in the modules of their names; no other statement asks which of them it runs on. Knows no
table.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import sqlalchemy as sa

# SQLite's dialect compiles it to the same words as its own (`tests/ledger/test_sql.py`).
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction

__all__ = ["insert"]

Statement = TypeVar("Statement", bound=Callable[..., Any])


class Cursor(Protocol):
    """What came of a statement at the driver."""

    rowcount: int

    def fetchone(self) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


class Driver(Protocol):
    """The connection of `sqlite3` or of psycopg."""

    def execute(self, statement: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...


class _Words(NamedTuple):
    """What has to be said to one database in its own words."""

    begin: str
    mark: str
    """Stands for a parameter."""
    is_in_transaction: Callable[[Any], bool]
    lock: str | None
    """Locks a name until the transaction ends; None: a transaction that writes has all locks."""
    lock_table: str | None
    """The same for a table."""
    names: str
    """Lists the names of tables, indexes and triggers."""
    size: str
    """Gives the size in bytes."""


_DIALECT_WORDS: Mapping[str, _Words] = {
    "sqlite": _Words(
        # IMMEDIATE: a guarded write must read and write under one lock, or two processes could both
        # pass its guard.
        begin="BEGIN IMMEDIATE",
        mark="?",
        is_in_transaction=lambda driver: bool(driver.in_transaction),
        lock=None,
        lock_table=None,
        names="SELECT name FROM sqlite_master",
        size="SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    ),
    "postgresql": _Words(
        begin="BEGIN",
        mark="%s",
        # 0 is psycopg's TransactionStatus.IDLE. It may be a failed transaction, too.
        is_in_transaction=lambda driver: bool(driver.info.transaction_status != 0),
        lock="SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
        lock_table="LOCK TABLE {} IN EXCLUSIVE MODE",
        names="SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)"
        " UNION ALL SELECT tgname FROM pg_trigger WHERE tgenabled != 'D'",
        size="SELECT pg_database_size(current_database())",
    ),
}


def autocommit(statement: Statement) -> Statement:
    """Mark a function that writes with a single SQL statement: it needs no BEGIN and COMMIT."""
    statement.__dict__["is_autocommit"] = True
    return statement


def is_autocommit(statement: Callable[..., Any]) -> bool:
    """Tell whether a function was marked with `autocommit`."""
    return getattr(statement, "is_autocommit", False)


def driver(connection: sa.Connection) -> Driver:
    """Get the driver's own connection: SQLAlchemy adds more time to a statement than SQLite needs.

    Its statements are compiled for the dialect before, or have `mark` for each parameter.
    """
    return cast("Driver", connection.connection.driver_connection)


def mark(dialect: Dialect) -> str:
    """Get what stands for a parameter in a statement that the driver executes itself."""
    return _DIALECT_WORDS[dialect.name].mark


def begin(connection: sa.Connection) -> None:
    """Begin a transaction that may write."""
    driver(connection).execute(_DIALECT_WORDS[connection.dialect.name].begin)


def lock(connection: sa.Connection, name: str) -> None:
    """Let only one transaction at a time go on with a name, until it ends.

    Call it before a value is read of which the next write depends, where no guard in that write
    would notice that another process has changed it.
    """
    if statement := _DIALECT_WORDS[connection.dialect.name].lock:
        connection.exec_driver_sql(statement, (name,))


def lock_table(connection: sa.Connection, table: sa.Table) -> None:
    """Let no other transaction write to a table, or lock a row of it, until this one ends.

    Call it before what decides about rows that others may just be adding.
    """
    if statement := _DIALECT_WORDS[connection.dialect.name].lock_table:
        connection.exec_driver_sql(statement.format(table.name))


def list_schema_names(connection: sa.Connection) -> frozenset[str]:
    """List the names of all tables, indexes and triggers."""
    found = connection.exec_driver_sql(_DIALECT_WORDS[connection.dialect.name].names)
    return frozenset(found.scalars())


def measure_size(connection: sa.Connection) -> int:
    """Measure the whole database, in bytes."""
    found = connection.exec_driver_sql(_DIALECT_WORDS[connection.dialect.name].size)
    return int(found.scalar_one())


def integrity_error(connection: sa.Connection) -> type[Exception]:
    """Get the error that the driver raises where a rule of a table refuses a row."""
    error: type[Exception] = connection.dialect.loaded_dbapi.IntegrityError
    return error


@contextmanager
def transaction(connection: sa.Connection) -> Iterator[None]:
    """Let several statements of an `autocommit` function be one transaction, if none is open."""
    is_open = _DIALECT_WORDS[connection.dialect.name].is_in_transaction
    if is_open(driver(connection)):
        yield
        return
    begin(connection)
    execute = driver(connection).execute
    try:
        yield
        execute("COMMIT")
    # Also what is no Exception: an open transaction would hold the lock of all processes.
    except BaseException:
        # Some errors have ended the transaction already (https://sqlite.org/lang_transaction.html).
        if is_open(driver(connection)):
            execute("ROLLBACK")
        raise


def batch_rows(columns: Mapping[str, sa.types.TypeEngine[Any]]) -> sa.Subquery:
    """Build the subquery that a statement reads a batch from.

    `columns` are names and types, in the order of each row's values. A subquery and not WITH:
    `sqlite3` gives no row count for a statement that begins with WITH, and the row count shows
    whether all guards held.
    """
    batch = sa.bindparam("batch", type_=sa.Text)
    rows = _batch_elements(batch).table_valued("value").alias("rows")
    fields = [
        _BatchField(rows.c.value, index, kind).label(name)
        for index, (name, kind) in enumerate(columns.items())
    ]
    return sa.select(*fields).subquery("batch")


class _batch_elements(GenericFunction[Any]):  # noqa: N801 -- a function of SQL
    """The rows of a batch, one for each element of a JSON array."""

    inherit_cache = True


class _BatchField(FunctionElement[Any]):
    """One value of a batch's row."""

    name = "batch_field"
    inherit_cache = False

    def __init__(
        self, value: sa.ColumnElement[Any], index: int, kind: sa.types.TypeEngine[Any]
    ) -> None:
        # A literal, because the batch is to be the statement's only parameter (`pack`).
        super().__init__(value, sa.literal_column(str(index)))
        self.type = kind


@compiles(_batch_elements, "sqlite")
def _elements_of_sqlite(element: _batch_elements, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_batch_elements, "postgresql")
def _elements_of_postgresql(element: _batch_elements, compiler: SQLCompiler, **options: Any) -> str:
    # jsonb is parsed once; json would be parsed again for each field.
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **options)} AS jsonb))"


@compiles(_BatchField, "sqlite")
def _field_of_sqlite(element: _BatchField, compiler: SQLCompiler, **options: Any) -> str:
    value, index = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract({value}, '$[{index}]')"


@compiles(_BatchField, "postgresql")
def _field_of_postgresql(element: _BatchField, compiler: SQLCompiler, **options: Any) -> str:
    value, index = (compiler.process(clause, **options) for clause in element.clauses)
    # SQLite finds the type for each value; PostgreSQL compares and stores no text as a number.
    kind = compiler.dialect.type_compiler_instance.process(element.type)
    return f"CAST({value} ->> {index} AS {kind})"


def pack(batch: Iterable[Sequence[Any]]) -> tuple[str]:
    """Encode a batch as the only parameter of a statement over `batch_rows`.

    Its times are from `encode_time`.
    """
    return (json.dumps(list(batch)),)


def encode_time(moment: datetime) -> str:
    """Encode a time as the tables hold it (`UtcDateTime` on SQLite).

    PostgreSQL reads it in its session's zone, which is UTC (`postgresql`).
    """
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
        if value is None:
            return None
        # PostgreSQL's driver gives a zone of its own kind.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
