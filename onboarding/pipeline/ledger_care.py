"""Looks after the ledger's file: is it whole, a copy of it, and the tables of this version.

Needs neither RingCentral nor the mail server, and no lease: a copy and a check may be made during a
run. `check_ledger` changes nothing.
"""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr, ValidationError

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import backups, migrations
from onboarding.ledger.databases import BUSY_SECONDS
from onboarding.ledger.jobs import JobSchema
from onboarding.ledger.places import LedgerPlace, ServerPlace
from onboarding.ledger.postgresql import upgrade_server
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.schema import metadata
from onboarding.ledger.server_copy import copy_to_server
from onboarding.ledger.settings import SCHEME, SERVER_SCHEME, LedgerSettings, find_place
from onboarding.ledger.sql import list_schema_names, measure_size
from onboarding.ledger.store import Ledger
from onboarding.model.checks import CheckResult
from onboarding.model.ports import Progress
from onboarding.pipeline.own_files import SQLITE_ENDINGS

RESTORE = "Stop all runs, and restore the ledger from a copy (`onboarding db backup` makes one)."
TRIGGERS = frozenset({"tr_deliveries_queued", "tr_deliveries_moved"})
"""The triggers that write history; without them a message would move without an event."""


def check_ledger(config: Config, progress: Progress) -> list[CheckResult]:
    """Check that the ledger's file is whole. Raises what `ledger.read_only.read_ledger` raises.

    An older version's ledger is checked in the copy in memory that is read instead.
    """
    place = find_place(config.ledger)
    found = read_ledger(place, partial(_find_results, place=place), progress)
    if found is None:
        raise _missing_error(place)
    return found


def back_up_ledger(config: Config, target: Path | None, now: datetime) -> Path:
    """Copy the ledger to a file that does not exist yet, by default beside it. Returns the file.

    Raises ConfigurationError if there is no ledger, it is damaged or the file exists, TryLater if
    it can't be written.
    """
    place = find_place(config.ledger)
    if isinstance(place, ServerPlace):
        raise ConfigurationError(
            f"The ledger {place} is on a PostgreSQL server.",
            hint="Copy it with PostgreSQL's own program: pg_dump.",
        )
    # Resolved, since SQLite keeps its log beside the real file, and not beside a link to it.
    path = place.resolve()
    if not path.exists():
        raise _missing_error(path)
    # No colons, which some file systems refuse. In UTC, so that names sort by age across clock
    # changes.
    stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    file = target or path.with_name(f"{path.name}.{stamp}{backups.ENDING}")
    # SQLite would take a copy of that name for its own log, and damage the ledger or the copy.
    if file.resolve() in {path.with_name(path.name + end) for end in SQLITE_ENDINGS}:
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


async def upgrade_ledger(config: Config, job_schema: JobSchema | None = None) -> None:
    """Bring the ledger to this version's tables, as the next run would.

    On a server, `job_schema` has the tables of the workers' jobs. Raises ConfigurationError if
    there is none, and what `ledger.store.Ledger` raises.
    """
    place = find_place(config.ledger)
    if isinstance(place, ServerPlace):
        # No run does it: several machines may be at work, of two versions.
        await asyncio.to_thread(upgrade_server, place, BUSY_SECONDS, job_schema)
        return
    if not place.exists():
        raise _missing_error(place)
    # Opening it migrates it, with the copy before that: one way for this command and for a run.
    async with Ledger(place):
        pass


async def copy_ledger(source: str, target: str, password: SecretStr | None, now: datetime) -> str:
    """Copy a ledger from a file to a server: both as `[ledger] database` names them.

    Returns what was copied, in a sentence. Raises ConfigurationError and TryLater.
    """
    file, server = (find_place(_build_settings(address, password)) for address in (source, target))
    if not isinstance(file, Path) or not isinstance(server, ServerPlace):
        raise ConfigurationError(
            "`db copy` copies from a file to a PostgreSQL server.",
            hint=f"Type `onboarding db copy {SCHEME}FILE {SERVER_SCHEME}USER@HOST/DATABASE`.",
        )
    if not file.exists():
        raise _missing_error(file)
    counts = await asyncio.to_thread(copy_to_server, file, server, now)
    rows = sum(counts.values())
    return f"Copied {rows} rows of {len(counts)} tables from {file} to {server}, and compared them."


def _build_settings(address: str, password: SecretStr | None) -> LedgerSettings:
    try:
        return LedgerSettings(database=address, password=password)
    # Without pydantic's words: they repeat the address, and a password may be in it.
    except ValidationError:
        raise ConfigurationError(
            "That is no address of a ledger.",
            hint=f"It is written as {SCHEME}FILE or {SERVER_SCHEME}USER@HOST/DATABASE.",
        ) from None


def _missing_error(place: LedgerPlace) -> ConfigurationError:
    is_server = isinstance(place, ServerPlace)
    command = "`onboarding db upgrade`" if is_server else "The first `onboarding run`"
    return ConfigurationError(f"There is no ledger at {place} yet.", hint=f"{command} makes it.")


def _find_results(connection: sa.Connection, place: LedgerPlace) -> list[CheckResult]:
    is_server = isinstance(place, ServerPlace)
    damages = [] if is_server else list(_find_damages(connection))
    faults = [*damages, *_find_missing_schema(connection)]
    size = f"{measure_size(connection) / 1_000_000:.1f} MB"
    version = CheckResult("version", ok=True, detail=f"{migrations.HEAD}, {place}, {size}")
    if not faults:
        return [version, CheckResult("file", ok=True, detail="whole, with all tables and history")]
    return [
        version,
        *(CheckResult("file", ok=False, detail=fault, hint=RESTORE) for fault in faults),
    ]


def _find_damages(connection: sa.Connection) -> Iterator[str]:
    """Yield what is wrong with an SQLite file, in words."""
    # A file that is badly damaged has thousands of faults; 20 are enough to know that it is.
    for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)").all():
        if message != "ok":
            yield f"SQLite finds it damaged: {message}."
    # `integrity_check` does not look at foreign keys (https://sqlite.org/pragma.html).
    for table, *_rest in connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        yield f"A row of {table} belongs to a row that is gone."


def _find_missing_schema(connection: sa.Connection) -> Iterator[str]:
    """Yield which table, index or trigger is missing, in words."""
    names = list_schema_names(connection)
    # Unique indexes are part of the promise: they refuse a second message to a mailbox under way.
    indexes = {index.name for table in metadata.tables.values() for index in table.indexes}
    for missing in sorted({*metadata.tables, *map(str, indexes), *TRIGGERS} - names):
        yield f"{missing} is missing."
