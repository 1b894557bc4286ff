"""Opens the ledger where it is a database on a PostgreSQL server.

Several machines may share it. Its statements are those of SQLite (`sql` has the words that differ).
Transactions are READ COMMITTED: each write names in its WHERE what it starts from, and PostgreSQL
asks that again of a row that another process has just changed. Where a function reads before it
writes, it takes a lock by name, or of the rows (`sql.lock`, FOR UPDATE). The driver, psycopg, is
imported only here and only for such a place.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, OutdatedLedger, TryLater
from onboarding.ledger import sql
from onboarding.ledger.errors import driver_error
from onboarding.ledger.jobs import JobSchema, take_step
from onboarding.ledger.migrations import HEAD, Version, find_version, upgrade
from onboarding.ledger.places import ServerPlace
from onboarding.model.foreign_text import printable

T = TypeVar("T")

OLDEST_SERVER = 14
"""The oldest major version of PostgreSQL that the tests have seen or that is still maintained."""

CONNECT_SECONDS = 10
"""How long to wait for a server that does not answer."""

MIGRATION_LOCK = "onboarding db upgrade"

DRIVER_HINT = "Install webinar-onboarding with its extra `postgres`."
CHECK_HINT = "Check [ledger] database in config.toml, and ONBOARDING_LEDGER__PASSWORD."

# SQLSTATE codes and classes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "25P03")
"""The server has closed the connection, or does not accept one now."""

_IN_THE_WAY = ("55P03", "53")
"""A lock that is held for too long; no room, no memory, no connection left."""

_PASSES = (*_LOST, *_IN_THE_WAY, "40", "57014", "58")
"""And: two transactions in each other's way, a cancelled query, an error of the system."""

_REFUSED = ("28", "3D", "42501", "25006", "42P01", "42703", "3F")
"""Role, password, database, right or table: a person has to fix it."""

# libpq has no code for a refusal while it connects, only the server's words.
_REFUSING_WORDS = (
    "password authentication failed",
    "no password supplied",
    "does not exist",
    "no pg_hba.conf entry",
    "authentication failed",
    "permission denied for database",
    "is not permitted to log in",
    "could not translate host name",
    "certificate",
)


class PostgresqlServer:
    """A ledger's database, as `store` uses it (`databases.Database`)."""

    def __init__(self, place: ServerPlace, patience: float) -> None:
        self._place = place
        self.engine = _open_engine(place, patience)

    def prepare(self) -> None:
        """Look whether the ledger can be written. Nothing is migrated: that is a person's decision.

        Raises ConfigurationError if `onboarding db upgrade` has to come first.
        """
        try:
            with self.engine.begin() as connection:
                check_server(connection)
                if find_version(connection) is not Version.USABLE:
                    raise _upgrade_error(self._place)
        except DBAPIError as error:
            raise self.as_write_error(error) from None
        finally:
            # The writer thread opens its own: a refusal leaves none behind.
            self.engine.dispose()

    def is_in_the_way(self, error: BaseException) -> bool:
        """Whether an error would meet every other statement, too: a lock, or no room."""
        return _has_state(error, _IN_THE_WAY)

    def is_connection_lost(self, error: BaseException) -> bool:
        """Whether the connection has ended."""
        return _is_lost(error)

    def as_write_error(self, error: BaseException) -> BaseException:
        """Turn an error while writing into the error of the run."""
        if isinstance(error, StopIteration):
            # A future refuses it, and all jobs behind this one would wait for ever.
            return RuntimeError("a statement raised StopIteration")
        return _as_run_error(
            self._place,
            error,
            "written",
            "Nothing is sent that can't be recorded. Run again when the server is there.",
        )


def read_server(place: ServerPlace, statement: Callable[[sa.Connection], T]) -> T | None:
    """Run a statement on the ledger as it is now, in one snapshot. None if it is empty.

    Raises ConfigurationError or TryLater.
    """
    try:
        with _open_reading(place).connect() as connection:
            # READ ONLY: the server itself refuses all that would write.
            sql.driver(connection).execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            check_server(connection)
            match find_version(connection):
                case Version.EMPTY:
                    return None
                case Version.OLDER:
                    raise _upgrade_error(place)
                case Version.USABLE:
                    return statement(connection)
    except DBAPIError as error:
        raise _as_run_error(place, error, "read", "Try again.") from None


def upgrade_server(
    place: ServerPlace, patience: float, job_schema: JobSchema | None = None
) -> None:
    """Make the tables, or bring them to this version. Of several who try, one does it.

    `job_schema` has the tables of the workers' jobs; None where they are not wanted. Raises
    ConfigurationError or TryLater.
    """
    server = PostgresqlServer(place, patience)
    try:
        with server.engine.begin() as connection:
            check_server(connection)
            sql.lock(connection, MIGRATION_LOCK)
            upgrade(connection)
        while job_schema and _take_step(server.engine, job_schema):
            pass
    except DBAPIError as error:
        raise server.as_write_error(error) from None
    finally:
        server.engine.dispose()


def _take_step(engine: sa.Engine, job_schema: JobSchema) -> bool:
    with engine.begin() as connection:
        # The same lock as for the ledger's own tables: another one may be at it.
        sql.lock(connection, MIGRATION_LOCK)
        return take_step(connection, job_schema)


def _open_engine(place: ServerPlace, patience: float) -> sa.Engine:
    engine = sa.create_engine(
        place.url,
        creator=lambda: _connect(place, patience),
        poolclass=sa.pool.StaticPool,
        # An error's text would have addresses in it, and may reach a log.
        hide_parameters=True,
        # Statements that the driver executes itself get their parameters in order, as on SQLite.
        paramstyle="format",
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        sql.begin(connection)

    return engine


# Kept, because SQLAlchemy compiles a statement once for each engine. It holds no connection.
@lru_cache(maxsize=8)
def _open_reading(place: ServerPlace) -> sa.Engine:
    return sa.create_engine(
        place.url,
        creator=lambda: _connect(place, CONNECT_SECONDS),
        poolclass=sa.pool.NullPool,
        hide_parameters=True,
        paramstyle="format",
    )


def _connect(place: ServerPlace, patience: float) -> Any:
    try:
        import psycopg  # noqa: PLC0415  -- an extra that hardly any user needs
    except ImportError:
        raise ConfigurationError(
            "The ledger is on a PostgreSQL server, and its driver is not installed.",
            hint=DRIVER_HINT,
        ) from None
    url = place.url.set(drivername="postgresql")
    return psycopg.connect(
        url.render_as_string(),
        # As an argument: in the address it could get into an error's text.
        password=place.password.get_secret_value() if place.password else None,
        # `sql.begin` begins transactions: a single statement needs none.
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name="webinar-onboarding",
        # A network that is cut is noticed, and not waited for.
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=30_000,
        # A commit is on the disk when it returns, also if the role has other
        # defaults. Times without a zone are UTC (`sql.encode_time`).
        options="-c synchronous_commit=on -c TimeZone=UTC -c standard_conforming_strings=on"
        f" -c lock_timeout={int(patience * 1000)}",
    )


def check_server(connection: sa.Connection) -> None:
    """Check that the server is new enough. Raises ConfigurationError."""
    check_version(int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()))


def check_version(number: int) -> None:
    """Check a `server_version_num`, such as 150004 for 15.4. Raises ConfigurationError."""
    major = number // 10_000
    if major < OLDEST_SERVER:
        raise ConfigurationError(
            f"The ledger's server is PostgreSQL {major}; the oldest that can be used is "
            f"{OLDEST_SERVER}.",
            hint="Upgrade the server. The ledger was left as it is.",
        )


def _upgrade_error(place: ServerPlace) -> OutdatedLedger:
    return OutdatedLedger(
        f"The ledger {place} does not have the tables of this version ({HEAD}).",
        hint="On PostgreSQL a person decides when: make a copy with pg_dump, "
        "then `onboarding db upgrade`.",
    )


def _as_run_error(place: ServerPlace, error: BaseException, done: str, hint: str) -> BaseException:
    if not _is_of_driver(error):
        return error
    cause = printable(str(driver_error(error)))
    if _has_state(error, _REFUSED) or _refuses(error):
        return ConfigurationError(f"The ledger {place} can't be used: {cause}", hint=CHECK_HINT)
    if _is_lost(error) or _has_state(error, _PASSES):
        return TryLater(f"The ledger {place} can't be {done}: {cause}", hint=hint)
    return error


def _refuses(error: BaseException) -> bool:
    text = str(driver_error(error))
    return _state(error) is None and any(words in text for words in _REFUSING_WORDS)


def _is_lost(error: BaseException) -> bool:
    if not _is_of_driver(error):
        return False
    # Without a code it is libpq that speaks: the server is away, or the connection broke.
    is_operational = type(driver_error(error)).__name__ in {"OperationalError", "ConnectionTimeout"}
    return _has_state(error, _LOST) or (_state(error) is None and is_operational)


def _has_state(error: BaseException, codes: tuple[str, ...]) -> bool:
    state = _state(error)
    return state is not None and state.startswith(codes)


def _state(error: BaseException) -> str | None:
    return getattr(driver_error(error), "sqlstate", None)


def _is_of_driver(error: BaseException) -> bool:
    return hasattr(driver_error(error), "sqlstate")
