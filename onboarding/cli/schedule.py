"""`schedule`: what cron or systemd needs to start `run --all`, printed or installed."""

import asyncio
import difflib
import getpass
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.terminal import confirm_act, run_until_stopped
from onboarding.config import Config
from onboarding.config.companies import name_variables
from onboarding.cron import crontab, install, units
from onboarding.cron.program import Program, find_command
from onboarding.cron.role_units import UnitRole, name_unit, render_role_unit
from onboarding.cron.units import SERVICE, TIMER
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.accounts import DEFAULT_ACCOUNT
from onboarding.pipeline.status import ledger_file
from onboarding.smtp.settings import LogIn

CREDENTIALS = Path("/etc/onboarding")
"""Where root keeps the secrets for the system's units."""

NEEDED_VARIABLES = ("RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT")
ACCOUNT_SECRETS = ("CLIENT_ID", "CLIENT_SECRET", "JWT")
SMTP_PREFIX = "ONBOARDING_SMTP__"
LEDGER_PASSWORD = "ONBOARDING_LEDGER__PASSWORD"  # noqa: S105 -- a variable's name
WEBHOOK = "ONBOARDING_ALERTS__WEBHOOK"

NO_SECRETS = (
    "Note: cron and systemd do not have the variables of your shell. Put each secret into a file "
    "of the folder {folder}, named like the variable."
)
NO_SERVER = (
    "Note: workers need a ledger on a PostgreSQL server, and [ledger] database names a file."
)
LINGER_NOTE = (
    "`loginctl enable-linger` lets it run while you are not logged in, and after a restart."
)


class Starter(StrEnum):
    """What starts the program regularly."""

    CRON = "cron"
    SYSTEMD = "systemd"


StarterName = Annotated[
    Starter,
    typer.Argument(metavar="STARTER", help="cron or systemd.", show_choices=False),
]
Install = Annotated[
    bool,
    typer.Option(
        "--install",
        help="Put it into your own crontab, or among your own systemd's units; "
        "shows the difference and asks.",
    ),
]


RoleOption = Annotated[
    UnitRole | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="For systemd: print the service of a worker, plan, send, replies or console instead.",
    ),
]


def schedule_command(
    starter: StarterName,
    *,
    role: RoleOption = None,
    install_: Install = False,
    yes: options.Yes = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Print what cron or systemd needs to start `run --all`, or install it for yourself.

    For cron it is a line of a crontab, for systemd a service with its timer: every 5 minutes. Or
    with --role a service that runs all the time: a worker of a fleet, or the console.
    """
    if role and (install_ or starter is not Starter.SYSTEMD):
        message = "It goes with systemd only, and prints a unit for root to install."
        raise typer.BadParameter(message, param_hint="--role")
    config = options.load_config(config_file)
    command = find_command(sys.argv[0], sys.executable)
    program = Program(command, config.file.absolute(), ledger_file(config))
    if not config.secret_files:
        echo(NO_SECRETS.format(folder=config.folder / "secrets"), err=True)
    if role and role is not UnitRole.CONSOLE and program.ledger:
        echo(NO_SERVER, err=True)
    if not install_:
        _print_text(starter, config, program, role)
        return

    async def work(stop: asyncio.Event) -> int:
        if starter is Starter.CRON:
            return await _install_line(program, stop, yes=yes)
        return await _install_units(config, program, stop, yes=yes)

    raise typer.Exit(run_until_stopped(work))


def _print_text(starter: Starter, config: Config, program: Program, role: UnitRole | None) -> None:
    if starter is Starter.CRON:
        echo(crontab.render_line(program).rstrip("\n"))
        return
    names = _name_secrets(config)
    if role is UnitRole.CONSOLE and not config.secret_files:
        names = (*names, *map(_name_hash, config.console.users))
    secrets = {name: CREDENTIALS / name for name in names}
    if role:
        unit = render_role_unit(program, role, getpass.getuser(), secrets)
        echo(f"# /etc/systemd/system/{name_unit(role)}\n{unit}")
        return
    rendered = units.render_system_units(program, getpass.getuser(), secrets)
    for name, text in ((SERVICE, rendered.service), (TIMER, rendered.timer)):
        echo(f"# /etc/systemd/system/{name}\n{text}")


def _name_secrets(config: Config) -> tuple[str, ...]:
    """Name the secrets that a service needs: those of the secrets folder, else the usual ones."""
    if config.secret_files:
        return tuple(sorted(file.name for file in config.secret_files))
    # A unit does not start without each of them: only those that a webinar uses.
    companies = [webinar.company for webinar in config.webinars.values()] or [config.company]
    accounts = sorted({company.account for company in companies})
    servers = sorted({company.smtp for company in companies})
    return (
        *_name_account_secrets(accounts),
        *_name_mail_secrets(config, servers),
        *([LEDGER_PASSWORD] if config.ledger.password else []),
        *([WEBHOOK] if config.alerts.webhook else []),
    )


def _name_hash(user: str) -> str:
    return f"ONBOARDING_CONSOLE__USERS__{user.upper()}__PASSWORD_HASH"


def _name_account_secrets(accounts: Sequence[str]) -> Iterator[str]:
    for account in accounts:
        if account == DEFAULT_ACCOUNT:
            yield from NEEDED_VARIABLES
        else:
            yield from (f"{name_variables('accounts', account)}{key}" for key in ACCOUNT_SECRETS)


def _name_mail_secrets(config: Config, servers: Sequence[str]) -> Iterator[str]:
    """Name what the log-ins at these mail servers, and at the mailboxes that are read, need."""
    for server in servers:
        settings = config.smtp_servers[server] if server else config.smtp
        prefix = name_variables("smtp_servers", server) if server else SMTP_PREFIX
        yield from _name_log_in(prefix, settings)
        yield from _name_log_in(f"{prefix}SENT__", settings.sent)
    yield from _name_log_in("ONBOARDING_REPLIES__", config.replies)


def _name_log_in(prefix: str, log_in: LogIn) -> Iterator[str]:
    # Google's key is a file of its own, and a `token_command` has its secrets itself.
    if log_in.auth == "password":
        yield f"{prefix}PASSWORD"
    if log_in.m365.tenant:
        yield f"{prefix}M365__CLIENT_SECRET"


async def _install_line(program: Program, stop: asyncio.Event, *, yes: bool) -> int:
    before = install.read_crontab()
    after = crontab.add_line(before, program)
    for line in crontab.find_others(before):
        echo(f"Your crontab has another line that starts it; delete it: {line}", err=True)
    if not await _is_agreed({"crontab": (before, after)}, stop, yes=yes):
        return EXIT_DONE if before == after else EXIT_NEEDS_A_PERSON
    install.write_crontab(after)
    echo("Your crontab starts `onboarding run --all` every 5 minutes.")
    return EXIT_DONE


async def _install_units(
    config: Config, program: Program, stop: asyncio.Event, *, yes: bool
) -> int:
    secrets = {file.name: file for file in sorted(config.secret_files)}
    after = units.render_user_units(program, secrets)
    folder = install.find_unit_folder(os.environ)
    before = install.read_units(folder)
    changes = {SERVICE: (before.service, after.service), TIMER: (before.timer, after.timer)}
    if await _is_agreed(changes, stop, yes=yes):
        install.write_units(folder, after)
        echo(f"Written into {folder}. {LINGER_NOTE}")
    elif before != after:
        return EXIT_NEEDS_A_PERSON
    # Also where both are there already: the timer may never have been started.
    return _start_timer()


def _start_timer() -> int:
    if fault := install.start_timer():
        echo(f"systemctl could not start the timer: {fault}", err=True)
        echo(f"Type: systemctl --user daemon-reload && systemctl --user enable --now {TIMER}")
        return EXIT_NEEDS_A_PERSON
    echo("Your systemd starts `onboarding run --all` every 5 minutes.")
    return EXIT_DONE


async def _is_agreed(
    changes: Mapping[str, tuple[str, str]], stop: asyncio.Event, *, yes: bool
) -> bool:
    """Show what would change, and ask. False if nothing would, or the person said no."""
    if all(before == after for before, after in changes.values()):
        echo("It is installed already: nothing to write.")
        return False
    for name, (before, after) in changes.items():
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), f"{name} now", f"{name} then", lineterm=""
        )
        for line in lines:
            echo(line)
    options.require_answer(yes=yes)
    return yes or await confirm_act("Install this?", stop)
