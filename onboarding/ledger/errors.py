"""What an error of SQLite means for a command: it passes by itself, or a person has to fix it.

An error that is not SQLite's is a bug or belongs to the statement, and stays as it is.
"""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, TryLater

# Primary result codes of SQLite. Any other code is a bug of ours.
# PROTOCOL: two processes raced for the locks of WAL (https://sqlite.org/rescode.html#protocol).
LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
"""Another process holds a lock; that passes."""

# IOERR: a disk quota that is used up comes as this, and not as FULL.
TEMPORARY = LOCKED | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
"""All that passes, or may."""

DENIED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
"""This user may not read or write one of the files."""

UNUSABLE = DENIED | {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""All that a person has to fix."""


def result_code(error: BaseException) -> int | None:
    """SQLite's primary result code (https://sqlite.org/rescode.html); None for any other error."""
    extended = getattr(driver_error(error), "sqlite_errorcode", None)
    # An extended code has the primary one in its low byte. Python gives extended codes.
    return None if extended is None else extended & 0xFF


def as_write_error(path: Path, error: BaseException) -> BaseException:
    """Turn an error while writing into the error of the run; what is not SQLite's stays as is."""
    code = result_code(error)
    if code in TEMPORARY:
        return TryLater(
            f"The ledger {path} can't be written: {driver_error(error)}.",
            hint="Nothing is sent that can't be recorded. "
            "Make room or wait for the other process, then run again.",
        )
    if code in UNUSABLE:
        return ConfigurationError(
            f"The ledger {path} can't be used: {driver_error(error)}.",
            hint="Check [ledger] database in config.toml and that this user may write to the file "
            "and its folder; restore a damaged one from a backup.",
        )
    # A future refuses StopIteration, and all jobs behind this one would wait for ever.
    if isinstance(error, StopIteration):
        return RuntimeError("a statement raised StopIteration")
    return error


def as_read_error(path: Path, error: BaseException) -> BaseException:
    """Turn an error while only reading into the error of the run."""
    code = result_code(error)
    if code in TEMPORARY:
        return TryLater(
            f"The ledger {path} can't be read at the moment: {driver_error(error)}.",
            hint="Try again.",
        )
    if code in UNUSABLE:
        return ConfigurationError(
            f"The ledger {path} can't be read: {driver_error(error)}.",
            hint="Check [ledger] database in config.toml, "
            "and restore a damaged ledger from a backup.",
        )
    return error


def driver_error(error: BaseException) -> BaseException | None:
    """The driver's own error inside SQLAlchemy's; any other error is given back."""
    # SQLAlchemy's own text has the whole SQL in it; a person needs the database's words.
    return error.orig if isinstance(error, DBAPIError) else error
