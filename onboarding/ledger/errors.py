"""What an error of SQLite means for a command: whether it passes by itself, or a person has to fix it.

An error that is not SQLite's is a bug or belongs to the statement, and stays as it is.
"""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, TryLater

LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
AWAY = LOCKED | {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
DENIED = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM})
UNUSABLE = DENIED | {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
"""Primary result codes of SQLite: those that pass (LOCKED, AWAY), those about permissions (DENIED), and all that a
person has to fix (UNUSABLE). Any other code is a bug of ours."""


def result_code(error: BaseException) -> int | None:
    """SQLite's primary result code (https://sqlite.org/rescode.html); None for any other error."""
    extended = getattr(_cause(error), "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF


def as_write_error(path: Path, error: BaseException) -> BaseException:
    """Turn an error while writing into the error of the run; an error that is not SQLite's stays as it is."""
    code = result_code(error)
    if code in AWAY:
        return TryLater(
            f"The ledger {path} can't be written: {_cause(error)}.",
            hint="Nothing is sent that can't be recorded. Make room or wait for the other process, then run again.",
        )
    if code in UNUSABLE:
        return ConfigurationError(
            f"The ledger {path} can't be used: {_cause(error)}.",
            hint="Check [ledger] database in config.toml and that this user may write to the file and its folder; "
            "restore a damaged one from a backup.",
        )
    if isinstance(
        error, StopIteration
    ):  # a future refuses it, and all jobs behind it would wait for ever
        return RuntimeError("a statement raised StopIteration")
    return error


def as_read_error(path: Path, error: BaseException) -> BaseException:
    """Turn an error while only reading into the error of the run."""
    code = result_code(error)
    if code in AWAY:
        return TryLater(
            f"The ledger {path} can't be read just now: {_cause(error)}.", hint="Try again."
        )
    if code in UNUSABLE:
        return ConfigurationError(
            f"The ledger {path} can't be read: {_cause(error)}.",
            hint="Check [ledger] database in config.toml, and restore a damaged ledger from a backup.",
        )
    return error


def _cause(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error
