"""Reads the ledger and writes nothing: for the commands that only look at it, such as `status`.

No migration, no pragma, no change of modes, and no file beside the ledger. SQLite's own read-only
connection leaves `-wal` and `-shm` behind, and if those belong to another user, the next run can't
write. So a ledger that no process has open is read as it is on the disk (`immutable`), and the
answer counts only if no file has changed meanwhile. `store` writes.
"""

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, OnboardingError, TryLater
from onboarding.ledger.databases import BUSY_SECONDS
from onboarding.ledger.errors import DENIED, as_read_error, result_code
from onboarding.ledger.migrations import Version, find_version, upgrade
from onboarding.ledger.places import LedgerPlace, ServerPlace
from onboarding.ledger.postgresql import read_server
from onboarding.ledger.sqlite import open_engine
from onboarding.model.ports import Progress

T = TypeVar("T")

MAX_READS = 5
"""How often a ledger is read again because a run opened or closed it meanwhile."""

WITH_LOG, AT_REST = "mode=ro", "mode=ro&immutable=1"
"""SQLite's ways to read only (https://sqlite.org/uri.html): with `-wal` and its lock, or not."""

ROOT_USER = 0
"""The files that SQLite creates for root beside a database get the database's owner."""


# Compared before and after a read without a lock: a run that opens, writes or closes the ledger
# changes one of these, and so does a person who moves another file to its place.
class _Files(NamedTuple):
    """The ledger's files at one moment. `log` is the size of `-wal` in bytes, if it exists."""

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
        # The last connection that closes removes both files (https://sqlite.org/wal.html). If both
        # are there, the ledger is open, or its run was killed; even if the log is still empty.
        return self.holds_more or (self.log is not None and self.has_index)

    @property
    def holds_more(self) -> bool:
        """Whether the database file alone is not the whole ledger."""
        return bool(self.log) or self.has_journal


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    """A statement's result that counts; it may itself be None."""

    value: T


class _Denied(Exception):
    """SQLite may not open one of the ledger's files, or not make its `-shm`."""


def read_ledger(
    place: LedgerPlace, statement: Callable[[sa.Connection], T], progress: Progress
) -> T | None:
    """Run a statement on the ledger as it is now, in one snapshot. None if there is no ledger yet.

    `progress` says so if the ledger had to be read without its lock. Raises ConfigurationError if
    it can't be read, is no ledger, or another version's; TryLater if this user can't read its
    newest part, if it changes each time, or if its server is away.
    """
    if isinstance(place, ServerPlace):
        return read_server(place, statement)
    return _read_file(place, statement, progress)


def _read_file(path: Path, statement: Callable[[sa.Connection], T], progress: Progress) -> T | None:
    # SQLite keeps its own files beside the file itself, not beside a link to it.
    file = path.resolve()
    for _ in range(MAX_READS):
        files = _find_files(path, file)
        if files is None:
            return None
        answer = _read_with_log(path, file, statement, files) if files.are_in_use else None
        if answer:
            return answer.value
        answer = _read_at_rest(path, file, statement, files)
        if answer:
            if files.are_in_use or not _has_access(os.W_OK, file.parent):
                progress.say(
                    f"The ledger {path} can't be written here: it was read as it is on the disk."
                )
            return answer.value
    raise TryLater(f"The ledger {path} is opened and closed all the time.", hint="Try again.")


def _find_files(path: Path, file: Path) -> _Files | None:
    """Find the ledger's files. None if there is no ledger."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ConfigurationError(
                f"The ledger {path} is not a file.", hint="Check [ledger] database in config.toml."
            )
        if not _has_access(os.R_OK, file):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return _build_files(file, status)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(
            f"The ledger {path} can't be read: {error.strerror}.",
            hint="Check [ledger] database in config.toml, and that this user may read it.",
        ) from None


def _build_files(file: Path, status: os.stat_result) -> _Files:
    return _Files(
        inode=status.st_ino,
        owner=status.st_uid,
        size=status.st_size,
        changed=status.st_mtime_ns,
        log=_size_of(_with_suffix(file, "-wal")),
        has_index=_with_suffix(file, "-shm").exists(),
        has_journal=_with_suffix(file, "-journal").exists(),
    )


def _read_with_log(
    path: Path, file: Path, statement: Callable[[sa.Connection], T], files: _Files
) -> _Answer[T | None] | None:
    """Read while a run has the ledger open, or what it left when it died.

    None if this user can't, and need not: the database file alone is the whole ledger. Raises
    TryLater if it is not.
    """
    # Without a -shm SQLite would make one. It would belong to this user, and the run could not
    # write it.
    if files.has_index or os.geteuid() in {ROOT_USER, files.owner}:
        with contextlib.suppress(_Denied):
            return _Answer(_query(path, file, WITH_LOG, statement))
    if files.holds_more:
        raise _newest_part_error(path, file)
    return None


def _read_at_rest(
    path: Path, file: Path, statement: Callable[[sa.Connection], T], files: _Files
) -> _Answer[T | None] | None:
    """Read the database file alone. None if a file changed meanwhile: the answer does not count."""
    try:
        answer = _Answer(_query(path, file, AT_REST, statement))
    except OnboardingError:
        # Half a page of the old and half of the new can look like a damaged file: an error counts
        # only if the files are unchanged.
        if _find_files(path, file) == files:
            raise
        return None
    return answer if _find_files(path, file) == files else None


def _newest_part_error(path: Path, file: Path) -> TryLater:
    return TryLater(
        f"The newest part of the ledger, {file.name}-wal, can't be read by this user: {path}.",
        hint="Try again when no run is at work, or as the user who runs `onboarding run`.",
    )


def _query(path: Path, file: Path, mode: str, statement: Callable[[sa.Connection], T]) -> T | None:
    """Run a statement; None if the ledger is empty.

    Raises _Denied, ConfigurationError or TryLater.
    """
    try:
        with _open_read_only(file, mode).connect() as connection:
            # Version and statement must see one snapshot: a run may migrate or commit in between.
            connection.exec_driver_sql("BEGIN")
            match find_version(connection):
                case Version.EMPTY:
                    return None
                case Version.OLDER:
                    return _query_upgraded(connection, statement)
                case Version.USABLE:
                    return statement(connection)
    except (DBAPIError, sqlite3.Error) as error:
        # With the log a refusal may only be about `-shm`, so the file alone can still be tried.
        if mode == WITH_LOG and result_code(error) in DENIED:
            raise _Denied from error
        raise as_read_error(path, error) from None


def _query_upgraded(connection: sa.Connection, statement: Callable[[sa.Connection], T]) -> T:
    """Run a statement on a copy of an older version's ledger, migrated in memory.

    So a command that only looks works before the first run of a new version, and changes nothing.
    """
    engine = open_engine(Path(":memory:"), BUSY_SECONDS)
    try:
        with engine.connect() as copy:
            # In memory: a copy on the disk would be one more file with people in it.
            _file_of(connection).backup(_file_of(copy))
            with copy.begin():
                upgrade(copy)
                return statement(copy)
    finally:
        engine.dispose()


def _file_of(connection: sa.Connection) -> sqlite3.Connection:
    return cast("sqlite3.Connection", connection.connection.driver_connection)


# Kept, because SQLAlchemy compiles a statement once for each engine: a page of the console would
# spend a third of its time on that. It holds no connection (NullPool).
@lru_cache(maxsize=8)
def _open_read_only(file: Path, mode: str) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # as_uri writes each character that has a meaning in a URI as %HH.
        uri = f"{file.as_uri()}?{mode}"
        return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)

    # NullPool closes the connection after use: while it is open, a run that ends is not the last
    # at the ledger, and leaves `-wal` and `-shm` behind.
    return sa.create_engine(
        "sqlite://", creator=connect, poolclass=sa.pool.NullPool, hide_parameters=True
    )


def _with_suffix(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _size_of(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _has_access(wanted: int, path: Path) -> bool:
    # By the effective user, as `open` decides; `access` asks the real one by default.
    return os.access(path, wanted, effective_ids=os.access in os.supports_effective_ids)
