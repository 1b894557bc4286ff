"""Looks after the ledger's file: is it whole, a copy of it, and the tables of this version.

Needs neither RingCentral nor the mail server, and no lease: a copy and a check may be made during a
run. `check_ledger` changes nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import backups, migrations
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.schema import metadata
from onboarding.ledger.settings import ledger_path
from onboarding.ledger.store import Ledger
from onboarding.model.checks import CheckResult
from onboarding.model.ports import Progress

_SQLITE_ENDINGS = ("-wal", "-shm", "-journal")
"""Of files beside a database, by SQLite's documentation of temporary files."""

RESTORE = "Stop all runs, and restore the ledger from a copy (`onboarding db backup` makes one)."
TRIGGERS = frozenset({"tr_deliveries_queued", "tr_deliveries_moved"})
"""The triggers that write history; without them a message would move without an event."""


def check_ledger(config: Config, progress: Progress) -> list[CheckResult]:
    """Check that the ledger's file is whole. Raises what `ledger.read_only.read_ledger` raises.

    An older version's ledger is checked in the copy in memory that is read instead.
    """
    path = ledger_path(config.ledger)
    found = read_ledger(path, partial(_find_results, path=path), progress)
    if found is None:
        raise _missing_error(path)
    return found


def back_up_ledger(config: Config, target: Path | None, now: datetime) -> Path:
    """Copy the ledger to a file that does not exist yet, by default beside it. Returns the file.

    Raises ConfigurationError if there is no ledger or the file exists, TryLater if it can't be
    written.
    """
    # Resolved, since SQLite keeps its log beside the real file, and not beside a link to it.
    path = ledger_path(config.ledger).resolve()
    if not path.exists():
        raise _missing_error(path)
    # No colons, which some file systems refuse. In UTC, so that names sort by age across clock
    # changes.
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    file = target or path.with_name(f"{path.name}.{stamp}{backups.ENDING}")
    # SQLite would take a copy of that name for its own log, and damage the ledger or the copy.
    if file.resolve() in {path.with_name(path.name + end) for end in _SQLITE_ENDINGS}:
        raise ConfigurationError(
            f"{file} is a name that SQLite uses for the ledger's own log.",
            hint="Choose another file.",
        )
    try:
        backups.back_up(path, file)
    except OSError as error:
        raise ConfigurationError(
            f"The copy {file} can't be written: {error.strerror}.", hint="Choose another file."
        ) from None
    return file


async def upgrade_ledger(config: Config) -> None:
    """Bring the ledger to this version's tables, as the next run would.

    Raises ConfigurationError if there is none, and what `ledger.store.Ledger` raises.
    """
    path = ledger_path(config.ledger)
    if not path.exists():
        raise _missing_error(path)
    # Opening it migrates it, with the copy before that: one way for this command and for a run.
    async with Ledger(path):
        pass


def _missing_error(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"There is no ledger at {path} yet.", hint="The first `onboarding run` makes it."
    )


def _find_results(connection: sa.Connection, path: Path) -> list[CheckResult]:
    faults = list(_find_faults(connection))
    size = f"{path.stat().st_size / 1_000_000:.1f} MB"
    version = CheckResult("version", ok=True, detail=f"{migrations.HEAD}, {path}, {size}")
    if not faults:
        return [version, CheckResult("file", ok=True, detail="whole, with all tables and history")]
    return [
        version,
        *(CheckResult("file", ok=False, detail=fault, hint=RESTORE) for fault in faults),
    ]


def _find_faults(connection: sa.Connection) -> Iterator[str]:
    """Yield what is wrong with the file, in words."""
    # A file that is badly damaged has thousands of faults; 20 are enough to know that it is.
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)").all():
        if message != "ok":
            yield f"SQLite finds it damaged: {message}."
    # `integrity_check` does not look at foreign keys (https://sqlite.org/pragma.html).
    for table, *_rest in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield f"A row of {table} belongs to a row that is gone."
    names = set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())
    # Unique indexes are part of the promise: they refuse a second message to a mailbox under way.
    indexes = {index.name for table in metadata.tables.values() for index in table.indexes}
    for missing in sorted({*metadata.tables, *map(str, indexes), *TRIGGERS} - names):
        yield f"{missing} is missing."
