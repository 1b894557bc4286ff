"""`check`, `webinars`, `directory`: whether everything is set up, and what the account has. They change nothing."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.console import echo, echo_json
from onboarding.cli.output import colleagues_json, sessions_json
from onboarding.cli.setup import load_config, open_command_services
from onboarding.cli.terminal import format_local, print_table, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.addresses import address_key
from onboarding.pipeline.check import run_checks
from onboarding.pipeline.refresh import fetch_colleagues
from onboarding.pipeline.target import Target, all_targets, find_target

SESSION_COLUMNS = ("title", "start (local time)", "status", "WEBINAR_ID/SESSION_ID", "configured")

NameOrNone = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A webinar of config.toml; without it all of them."),
]
Company = Annotated[
    bool, typer.Option("--company", help="The whole company's (needs the user permission for it).")
]
ColleagueEmail = Annotated[str, typer.Argument(metavar="EMAIL", help="The colleague's address.")]


def check(name: NameOrNone = None, *, config_file: options.ConfigFile = None) -> None:
    """Test credentials, roster, templates and mail server.

    Prints one line per test: `ok`, or what to do. Changes nothing.
    """
    config = load_config(config_file)
    targets = [find_target(config, name)] if name else all_targets(config)
    raise typer.Exit(run_until_stopped(lambda stop: print_checks(config, targets, stop)))


def webinars(
    *,
    company: Company = False,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """List the upcoming sessions with their ids.

    Also says which of them config.toml names.
    """
    config = load_config(config_file)
    raise typer.Exit(
        run_until_stopped(
            lambda stop: print_sessions(config, stop, company=company, as_json=as_json)
        )
    )


def directory(
    email: ColleagueEmail,
    *,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Look an address up in the company directory.

    Prints name, job title and the ids that make a linked user.
    """
    config = load_config(config_file)
    raise typer.Exit(
        run_until_stopped(lambda stop: print_colleague(config, email, stop, as_json=as_json))
    )


async def print_checks(config: Config, targets: Sequence[Target], stop: asyncio.Event) -> int:
    """Print one line per test, with a hint if it failed. Returns the exit code."""
    code = EXIT_DONE
    async with open_command_services(config, stop, quiet=False) as services:
        async for result in run_checks(services, targets):
            echo(f"{'ok ' if result.ok else 'NO '} {result.what}: {result.detail}")
            if result.hint:
                echo(f"      {result.hint}")
            if not result.ok:
                code = EXIT_NEEDS_A_PERSON
    return code


async def print_sessions(
    config: Config, stop: asyncio.Event, *, company: bool, as_json: bool
) -> int:
    """Print the upcoming sessions, and on standard error the entries that could not be read."""
    async with open_command_services(config, stop, quiet=as_json) as services:
        found = await services.ringcentral.sessions(since=services.clock.now(), company=company)
    names = [
        _configured_name(config, session.webinar_id, session.session_id) for session in found.listed
    ]
    if as_json:
        echo_json(sessions_json(found.listed, names))
    elif not found.listed:
        echo("No upcoming session. --company also shows those of others.")
    else:
        rows = [
            (
                session.title,
                format_local(session.start),
                session.status,
                f"{session.webinar_id}/{session.session_id}",
                name or "-",
            )
            for session, name in zip(found.listed, names, strict=True)
        ]
        print_table("Upcoming sessions", SESSION_COLUMNS, rows)
    for entry in found.odd:
        echo(str(entry), err=True)
    return EXIT_DONE


async def print_colleague(config: Config, email: str, stop: asyncio.Event, *, as_json: bool) -> int:
    """Ask the company directory for one address. Returns exit code 1 if it has no such user."""
    async with open_command_services(config, stop, quiet=as_json) as services:
        colleagues = await fetch_colleagues(services)
    key = address_key(email)
    found = [user for user in colleagues if user.email and address_key(user.email) == key]
    rows = colleagues_json(found)
    if as_json:
        echo_json(rows)
    elif rows:
        print_table(
            "In the company directory", tuple(rows[0]), [tuple(row.values()) for row in rows]
        )
    else:
        echo(f"The company directory has no enabled user with the address {email}.")
    return EXIT_DONE if rows else EXIT_NEEDS_A_PERSON


def _configured_name(config: Config, webinar_id: str, session_id: str) -> str | None:
    """The name in config.toml for a session: one that names the session wins over its webinar alone."""
    names = {(webinar.webinar, webinar.session): name for name, webinar in config.webinars.items()}
    return names.get((webinar_id, session_id)) or names.get((webinar_id, None))
