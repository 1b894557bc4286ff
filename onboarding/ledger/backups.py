"""Copies of the ledger: one before each migration, and those that a person asks for.

SQLite's backup API copies a ledger while a run works on it, and the copy is one whole file. Copies
hold the same people as the ledger, so they are readable by their owner alone (0600), and
`onboarding forget` removes them.
"""

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from onboarding.errors import ConfigurationError, OnboardingError, TryLater
from onboarding.ledger.errors import as_read_error, result_code

BACKUPS_KEPT = 3
"""How many copies from before migrations are kept, the newest ones."""

ENDING = ".backup"


def back_up_before(path: Path, revision: str) -> Path:
    """Copy a ledger before it is migrated from a revision. Only the newest copies are kept.

    The name says the revision: a migration that failed and is tried again replaces its own copy.
    Raises what `back_up` raises, TryLater if the copy can't be written: without it nothing is
    migrated.
    """
    target = path.with_name(f"{path.name}.before-{revision}{ENDING}")
    try:
        # `back_up` never overwrites, so the copy of an attempt that failed has to go first.
        target.unlink(missing_ok=True)
        back_up(path, target)
    except OSError as error:
        raise _backup_error(path, target, error) from None
    # Only now that the new copy is whole: a full disk must cost none of the older ones.
    made = sorted(path.parent.glob(f"{_escape(path.name)}.before-*{ENDING}"), key=_age)
    for old in made[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
    return target


def back_up(path: Path, target: Path) -> None:
    """Copy a ledger into a new file. Leaves no file if that fails.

    Raises TryLater for what may pass, ConfigurationError for a ledger that can't be read, and
    FileExistsError if the file exists.
    """
    # Created first, so that others can't read it, not even for a moment.
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            # One file without -wal beside it: that could be left behind when the copy is moved.
            copy.execute("PRAGMA journal_mode=DELETE")
    except (sqlite3.Error, OSError) as error:
        # Half a copy would look like a whole one to the person who restores it.
        with contextlib.suppress(OSError):
            target.unlink()
        raise _backup_error(path, target, error) from None


def list_backups(path: Path) -> Sequence[Path]:
    """List all copies beside a ledger that this program made under its own names, oldest first."""
    return sorted(path.parent.glob(f"{_escape(path.name)}.*{ENDING}"), key=_age)


def _backup_error(path: Path, target: Path, error: BaseException) -> BaseException:
    if result_code(error) is None:
        return TryLater(
            f"A copy of the ledger can't be written to {target}: {error}.",
            hint="Make room or choose another file. The ledger was left as it is.",
        )
    cause = as_read_error(path, error)
    if not isinstance(cause, OnboardingError):
        return cause
    message = f"A copy of the ledger can't be made. {cause.message}"
    # A damaged ledger stays damaged however often it is tried.
    passes = isinstance(cause, TryLater)
    return (TryLater if passes else ConfigurationError)(message, hint=cause.hint)


def _age(file: Path) -> tuple[int, str]:
    # The name only decides between equal times, which coarse file systems give.
    return file.stat().st_mtime_ns, file.name


def _escape(name: str) -> str:
    """Write a name so that `glob` takes it as it is."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
