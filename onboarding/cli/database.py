"""`db`: looks after the ledger's file."""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.terminal import ProgressLines
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.fleet.tables import upgrade_all
from onboarding.pipeline.ledger_care import (
    back_up_ledger,
    check_ledger,
    copy_ledger,
)

_COPY_ADDRESSES = 2


class DbAction(StrEnum):
    """What `db` can do."""

    CHECK = "check"
    BACKUP = "backup"
    UPGRADE = "upgrade"
    COPY = "copy"


ActionArgument = Annotated[
    DbAction,
    typer.Argument(metavar="ACTION", help="check, backup, upgrade or copy.", show_default=False),
]
Addresses = Annotated[
    list[str] | None,
    typer.Argument(metavar="FROM TO", help="For copy: two ledgers.", show_default=False),
]
BackupFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="For backup: the new file, not beside the ledger."
    ),
]


def db_command(
    action: ActionArgument,
    addresses: Addresses = None,
    *,
    output: BackupFile = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Check the ledger, copy it, or bring it to this version.

    `check` and `backup` may be used during a run, and change nothing in the ledger. `copy FROM TO`
    copies a file to a PostgreSQL server.
    """
    _check_db_arguments(action, addresses or [], output)
    config = options.load_config(config_file)
    match action:
        case DbAction.CHECK:
            # Each action opens the ledger in its own way. `open_command_services` would bring an
            # older ledger to this version first, which a check must not do.
            raise typer.Exit(_print_checks(config))
        case DbAction.BACKUP:
            echo(f"Copied the ledger to {back_up_ledger(config, output, datetime.now(UTC))}.")
        case DbAction.UPGRADE:
            asyncio.run(upgrade_all(config))
            echo("The ledger has the tables of this version.")
        case DbAction.COPY:
            source, target = addresses or ("", "")
            now = datetime.now(UTC)
            echo(asyncio.run(copy_ledger(source, target, config.ledger.password, now)))
            echo("Now name the server in [ledger] database, and let nothing use the file any more.")


def _check_db_arguments(action: DbAction, addresses: list[str], output: Path | None) -> None:
    """Check that each argument belongs to the action. Raises BadParameter."""
    wanted = _COPY_ADDRESSES if action is DbAction.COPY else 0
    if len(addresses) != wanted:
        raise typer.BadParameter(
            "`db copy FROM TO` has two, the others none.", param_hint="FROM TO"
        )
    if output and action is not DbAction.BACKUP:
        raise typer.BadParameter("It goes with `db backup` only.", param_hint="--output")


def _print_checks(config: Config) -> int:
    results = check_ledger(config, ProgressLines())
    for result in results:
        echo(f"{'ok ' if result.ok else 'NO '} {result.what}: {result.detail}")
        if result.hint:
            echo(f"      {result.hint}")
    # All results are printed before: one damage often explains another.
    return EXIT_DONE if all(result.ok for result in results) else EXIT_NEEDS_A_PERSON
