"""Opens the ledger where it is one SQLite file: private, durable, migrated by who opens it first.

`store` runs the statements. What only reads the file is in `read_only`.
"""

import os
import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, OnboardingError
from onboarding.ledger import errors, sql
from onboarding.ledger.backups import back_up_before
from onboarding.ledger.migrations import find_version, upgrade

REOPEN_AFTER = 0.05
"""Seconds before we try again to open a file that another process is just creating."""

PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
"""What each connection needs; none of it changes the file.

FULL: a commit is on the disk when it returns, even if the machine loses power right after it.
`secure_delete`: a person who is removed leaves no bytes in the file's free pages.
"""


class SqliteFile:
    """A ledger's file, as `store` uses a database (`databases.Database`)."""

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience
        self.engine = open_engine(path, patience)

    def prepare(self) -> None:
        """Make the file private and migrate it; try again if another process is just doing so.

        SQLite waits for other processes by itself, but not while a new file is being switched to
        WAL.
        """
        _create_private(self._path)
        until = time.monotonic() + self._patience
        while True:
            try:
                self._make_ready()
                # One IMMEDIATE transaction: of two new processes, the second finds the tables.
                with self.engine.begin() as connection:
                    return upgrade(connection, before=self._back_up)
            except (DBAPIError, sqlite3.Error, OnboardingError) as error:
                # The next try gets a new connection: the pragmas that failed run only at its start.
                self.engine.dispose()
                if not self.is_in_the_way(error) or time.monotonic() > until:
                    raise self.as_write_error(error) from None
            time.sleep(REOPEN_AFTER)

    def _make_ready(self) -> None:
        """Make the file private, and let it have a log beside it, if it is a ledger or empty.

        Raises ConfigurationError with the file as it was: a wrong path must not change another
        program's file.
        """
        with self.engine.begin() as connection:
            find_version(connection)
        if _is_open_to_others(self._path):
            # SQLite gives the log that it may have made just now the file's mode: it goes first.
            self.engine.dispose()
            _make_private(self._path)
        with self.engine.connect() as connection:
            # Kept in the file, and not possible within a transaction.
            sql.driver(connection).execute("PRAGMA journal_mode=WAL")

    def is_in_the_way(self, error: BaseException) -> bool:
        """Whether an error would meet every other statement too: another process holds the lock."""
        return errors.result_code(error) in errors.LOCKED

    def is_connection_lost(self, _error: BaseException) -> bool:
        """Never: the file stays open."""
        return False

    def as_write_error(self, error: BaseException) -> BaseException:
        """Turn an error while writing into the error of the run."""
        return errors.as_write_error(self._path, error)

    def _back_up(self, revision: str) -> None:
        back_up_before(self._path.resolve(), revision)


def open_engine(path: Path, patience: float) -> sa.Engine:
    """Open an engine on a file. It waits `patience` seconds for the lock of another process."""

    def connect() -> sqlite3.Connection:
        # By the path itself: a URL would give a meaning to some of its characters.
        # `isolation_level=None`: else the driver begins deferred transactions of its own.
        # `check_same_thread`: one thread opens the file, the writer uses it later; never both.
        return sqlite3.connect(
            path, timeout=patience, check_same_thread=False, isolation_level=None
        )

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        # One connection: a second of our own would wait for our own lock, and of `:memory:` each
        # would be a new, empty database.
        poolclass=sa.pool.StaticPool,
        # An error's text would have addresses in it, and may reach a log.
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        sql.begin(connection)

    return engine


def _create_private(path: Path) -> None:
    """Create the file before SQLite does, so that others can't read it, not even for a moment.

    A file that exists is not opened here: closing it again would drop the locks that this process
    holds on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        # A link that leads nowhere yet is followed, as SQLite would.
        file = path.resolve()
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            # SQLite gives `-wal` and `-shm` the mode of this file, so it protects all three.
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if not path.is_file():
                raise ConfigurationError(
                    f"The ledger {path} is not a file.",
                    hint="Check [ledger] database in config.toml.",
                ) from None
    except OSError as error:
        raise _make_open_error(path, error) from None


def _is_open_to_others(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o077)


def _make_private(path: Path) -> None:
    """Take away what others may do with a ledger that was there before."""
    try:
        path.chmod(0o600)
    except OSError as error:
        raise _make_open_error(path, error) from None


def _make_open_error(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"The ledger {path} can't be opened: {error.strerror}.",
        hint="Check [ledger] database in config.toml, and that this user may write to its folder.",
    )
