"""Notices cheaply that a process has written to the ledger, without reading what.

For pages that follow what happens. SQLite counts the commits of all other connections for each
connection (`PRAGMA data_version`, https://sqlite.org/pragma.html#pragma_data_version), which costs
no read of a table. Writes nothing.
"""

import sqlite3
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from onboarding.errors import OnboardingError
from onboarding.ledger.databases import BUSY_SECONDS
from onboarding.ledger.places import LedgerPlace, ServerPlace
from onboarding.ledger.postgresql import read_server

LedgerVersion = tuple[int, int, int] | str
"""Which file the ledger is (device and inode), and how often it has changed since it was opened.

Of a server: which transactions have ended there.
"""

NO_LEDGER: LedgerVersion = (0, 0, 0)


class LedgerChanges(Protocol):
    """What a watch needs. Two versions differ if anything was written between."""

    def find_version(self) -> LedgerVersion:
        """Find the version now; `NO_LEDGER` if there is none, or it can't be opened."""

    def close(self) -> None:
        """Close the connection; the next question opens it again."""


def watch_changes(place: LedgerPlace) -> LedgerChanges:
    """Make what notices the changes of a ledger. Opens nothing yet."""
    return ServerChanges(place) if isinstance(place, ServerPlace) else FileChanges(place)


class ServerChanges:
    """Asks a PostgreSQL server which transactions that write have ended.

    It counts those of all its databases: a page is then made again for nothing, and is the same.
    """

    def __init__(self, place: ServerPlace) -> None:
        self._place = place

    def find_version(self) -> LedgerVersion:
        """Find the version now. A server that is away has version 0."""
        try:
            return read_server(self._place, _find_snapshot) or NO_LEDGER
        # Not said here: the page that is made next reads the ledger, and says what is wrong.
        except OnboardingError:
            return NO_LEDGER

    def close(self) -> None:
        """Close nothing: each question has a connection of its own."""


def _find_snapshot(connection: sa.Connection) -> str:
    found = connection.exec_driver_sql("SELECT CAST(pg_current_snapshot() AS text)")
    return str(found.scalar_one())


class FileChanges:
    """One read-only connection to a ledger. Two versions differ if anything was written between.

    Used by one thread at a time. Close it when no one follows: while it is open, SQLite keeps the
    files `-wal` and `-shm` beside the ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)

    def find_version(self) -> LedgerVersion:
        """Find the version now. A ledger that is not there, or can't be opened, has version 0."""
        try:
            return self._find_version()
        # Not said here: the page that is made next reads the ledger, and says what is wrong.
        except (OSError, sqlite3.Error):
            self.close()
            return NO_LEDGER

    def close(self) -> None:
        """Close the connection; the next question opens it again."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _find_version(self) -> LedgerVersion:
        status = self._path.stat()
        file = (status.st_dev, status.st_ino)
        # Another file in its place, such as a backup: the old one would never change again.
        if file != self._file:
            self.close()
            self._file = file
        if self._connection is None:
            self._connection = self._open()
        (commits,) = self._connection.execute("PRAGMA data_version").fetchone()
        return *file, commits

    def _open(self) -> sqlite3.Connection:
        uri = f"{self._path.resolve().as_uri()}?mode=ro"
        # From whichever thread asks next: `asyncio.to_thread` has several.
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
