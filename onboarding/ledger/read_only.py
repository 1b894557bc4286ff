"""Reads the ledger and writes nothing: for the commands that only look at it, such as `status`.

No migration, no pragma, no change of modes, and no file beside the ledger. SQLite's own read-only
connection leaves `-wal` and `-shm` behind, and where those are another user's, the next run can't
write. So a ledger that no process has open is read as it lies on the disk (`immutable`), and the
answer counts only if no file has changed meanwhile. `store` writes.
"""

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, OnboardingError, TryLater
from onboarding.ledger.errors import DENIED, as_reading_error, result_code
from onboarding.ledger.migrations import is_ledger
from onboarding.ledger.store import BUSY_SECONDS
from onboarding.model.ports import Progress

T = TypeVar("T")

TRIES = 5
"""How often a ledger is read again because a run opened or closed it meanwhile."""

WITH_LOG, AT_REST = "mode=ro", "mode=ro&immutable=1"
"""SQLite's two ways to read only (https://sqlite.org/uri.html): with `-wal` and its lock, and without."""


ROOT = 0
"""SQLite gives what root makes beside a database to the database's owner."""


class _Files(NamedTuple):
    """The ledger's files at one moment. `log` is the size of `-wal` in bytes, None where there is none."""

    inode: int
    owner: int
    size: int
    changed: int
    log: int | None
    has_index: bool
    has_journal: bool

    @property
    def are_in_use(self) -> bool:
        """Whether a run has the ledger open, or died with it open."""
        return self.holds_more or (self.log is not None and self.has_index)

    @property
    def holds_more(self) -> bool:
        """Whether the database file alone is not the whole ledger."""
        return bool(self.log) or self.has_journal


class _Denied(Exception):
    """SQLite may not open one of the ledger's files, or not make its `-shm`."""


def read_ledger(path: Path, statement: Callable[[sa.Connection], T], progress: Progress) -> T | None:
    """Run a statement on the ledger as it is now, in one snapshot. None where there is no ledger yet.

    `progress` hears where the ledger had to be read without its lock. Raises ConfigurationError where it
    can't be read, is no ledger or another version's; TryLater where its newest part can't be read by
    this user, or where it changes each time.
    """
    file = path.resolve()  # SQLite keeps its own files beside the file itself, not beside a link to it
    for _ in range(TRIES):
        before = _look_at(path, file)
        if before is None:
            return None
        if before.are_in_use:
            try:
                return _read_with_log(path, file, statement, before)
            except _Denied:
                if before.holds_more:
                    raise TryLater(
                        f"The newest part of the ledger, {file.name}-wal, can't be read by this user: {path}.",
                        hint="Try again when no run is at work, or as the user who runs `onboarding run`.",
                    ) from None
        try:
            answer = _ask(path, file, AT_REST, statement)
        except OnboardingError:
            if _look_at(path, file) == before:
                raise
            continue  # half a page of the old and half of the new can look like a damaged file
        if _look_at(path, file) == before:
            if before.are_in_use or not _may(os.W_OK, file.parent):
                progress.say(f"The ledger {path} can't be written here: it was read as it lies on the disk.")
            return answer
    raise TryLater(f"The ledger {path} is opened and closed all the time.", hint="Try again.")


def _look_at(path: Path, file: Path) -> _Files | None:
    """See which files there are. None where there is no ledger."""
    try:
        seen = file.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise ConfigurationError(
                f"The ledger {path} is not a file.", hint="Check [ledger] database in config.toml."
            )
        if not _may(os.R_OK, file):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return _Files(
            inode=seen.st_ino,
            owner=seen.st_uid,
            size=seen.st_size,
            changed=seen.st_mtime_ns,
            log=_size(_beside(file, "-wal")),
            has_index=_beside(file, "-shm").exists(),
            has_journal=_beside(file, "-journal").exists(),
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"The ledger {path} can't be read: {error.strerror}.",
            hint="Check [ledger] database in config.toml, and that this user may read it.",
        ) from None


def _read_with_log(path: Path, file: Path, statement: Callable[[sa.Connection], T], files: _Files) -> T | None:
    """Read beside a run, or what it left when it died. Raises _Denied."""
    if not files.has_index and os.geteuid() not in {ROOT, files.owner}:
        raise _Denied  # SQLite would make a -shm that belongs to this user, and the run could not write it
    return _ask(path, file, WITH_LOG, statement)


def _ask(path: Path, file: Path, way: str, statement: Callable[[sa.Connection], T]) -> T | None:
    """Ask the ledger; None where it is empty. Raises _Denied, ConfigurationError or TryLater."""

    def connect() -> sqlite3.Connection:
        # as_uri writes each character that has a meaning in a URI as %HH.
        return sqlite3.connect(f"{file.as_uri()}?{way}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool, hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            return statement(connection) if is_ledger(connection) else None
    except (DBAPIError, sqlite3.Error) as error:
        if way == WITH_LOG and result_code(error) in DENIED:
            raise _Denied from error
        raise as_reading_error(path, error) from None


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(file.name + ending)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _may(do: int, path: Path) -> bool:
    return os.access(path, do, effective_ids=os.access in os.supports_effective_ids)
