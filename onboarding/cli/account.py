"""`check`, `webinars`, `directory`: whether everything is set up, and what the account has.

They change nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import colleagues_json, sessions_json
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.terminal import LabelledText, print_list, print_table, run_until_stopped
from onboarding.config import Config
from onboarding.config.console import ConsoleSettings
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.addresses import address_key
from onboarding.model.checks import CheckResult
from onboarding.model.sessions import Session
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.check import run_checks
from onboarding.pipeline.refresh import fetch_colleagues
from onboarding.pipeline.target import Target, all_targets, find_target

SESSION_COLUMNS = ("title", "start", "status", "WEBINAR_ID/SESSION_ID", "configured")

SessionRow = tuple[str, str, str, str, str]
"""A session in the columns of the table."""

CheckName = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A webinar of config.toml; without it all of them."),
]
WholeCompany = Annotated[
    bool, typer.Option("--company", help="The whole company's (needs the user permission for it).")
]
Dns = Annotated[bool, typer.Option("--dns", help="Also look at SPF, DKIM and DMARC of the sender.")]
DnsServer = Annotated[
    str,
    typer.Option(
        "--resolver", metavar="ADDRESS", help="The DNS server to ask, instead of this machine's."
    ),
]
StrictDns = Annotated[bool, typer.Option("--strict", help="Exit 1 also for what --dns finds.")]
AccountOption = Annotated[
    str,
    typer.Option("--account", metavar="NAME", help="Of [accounts.NAME]; without it [ringcentral]."),
]
ColleagueEmail = Annotated[str, typer.Argument(metavar="EMAIL", help="The colleague's address.")]


def check_command(
    name: CheckName = None,
    *,
    dns: Dns = False,
    resolver: DnsServer = "",
    strict: StrictDns = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Test credentials, roster, templates and mail server.

    Prints one line per test: `ok`, or what to do. Changes nothing.
    """
    if (resolver or strict) and not dns:
        raise typer.BadParameter("--resolver and --strict go with --dns.", param_hint="--dns")
    config = options.load_config(config_file)
    # Before the services are opened: a mistyped name must cost no call at RingCentral.
    targets = [find_target(config, name)] if name else all_targets(config)
    if resolver:
        # A late import: most checks go without the DNS library and its list of domains.
        from onboarding.pipeline.dns_check import check_server_address  # noqa: PLC0415

        check_server_address(resolver)

    async def work(stop: asyncio.Event) -> int:
        code = await print_checks(config, targets, stop)
        if not dns:
            return code
        faults = await print_dns_checks(config, targets, resolver, stop)
        return EXIT_NEEDS_A_PERSON if strict and faults else code

    raise typer.Exit(run_until_stopped(work))


def webinars_command(
    *,
    company: WholeCompany = False,
    account: AccountOption = "",
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """List the upcoming sessions with their ids.

    Also says which of them config.toml names.
    """
    config = options.load_config(config_file).of_account(account)

    async def work(stop: asyncio.Event) -> int:
        return await print_sessions(config, stop, company=company, as_json=as_json)

    raise typer.Exit(run_until_stopped(work))


def directory_command(
    email: ColleagueEmail,
    *,
    account: AccountOption = "",
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Look an address up in the company directory.

    Prints name, job title and the ids that make a linked user.
    """
    config = options.load_config(config_file).of_account(account)

    async def work(stop: asyncio.Event) -> int:
        return await print_colleague(config, email, stop, as_json=as_json)

    raise typer.Exit(run_until_stopped(work))


async def print_checks(config: Config, targets: Sequence[Target], stop: asyncio.Event) -> int:
    """Print one line per test, with a hint if it failed. Returns the exit code."""
    code = EXIT_DONE
    async with options.open_command_services(config, stop, quiet=False) as services:
        # Printed one by one, as they come: a mail server that doesn't answer takes its whole
        # time-out, and the person should see the tests before it.
        async for result in run_checks(services, targets):
            print_check(result)
            if not result.ok:
                code = EXIT_NEEDS_A_PERSON
    if config.console == ConsoleSettings():
        return code
    # A late import: most checks go without the web server and the hashes of passwords.
    from onboarding.console.checks import check_console  # noqa: PLC0415

    result = check_console(config)
    print_check(result)
    return code if result.ok else EXIT_NEEDS_A_PERSON


async def print_dns_checks(
    config: Config, targets: Sequence[Target], server: str, stop: asyncio.Event
) -> int:
    """Print what the DNS says of the sender, line by line. Returns how many lines are `NO`."""
    # A late import, as above.
    from onboarding.pipeline.dns_check import check_dns  # noqa: PLC0415

    faults = 0
    async for result in check_dns(config, targets, server, stop):
        print_check(result)
        faults += not result.ok
    return faults


def print_check(result: CheckResult) -> None:
    """Print one test, and what to do."""
    found = f"{result.what}: {result.detail}"
    text = f"{found}\n  {result.hint}" if result.hint else found
    print_list([("ok  " if result.ok else "NO  ", text)])


async def print_sessions(
    config: Config, stop: asyncio.Event, *, company: bool, as_json: bool
) -> int:
    """Print the upcoming sessions, and on standard error the entries that could not be read."""
    async with options.open_command_services(config, stop, quiet=as_json) as services:
        found = await services.ringcentral.sessions(since=services.clock.now(), company=company)
    names = [_find_name(config, session) for session in found.listed]
    if as_json:
        echo_json(sessions_json(found.listed, names))
    elif not found.listed:
        echo("No upcoming session. --company also shows those of others.")
    else:
        rows = [
            _session_row(session, name) for session, name in zip(found.listed, names, strict=True)
        ]
        narrow = [_session_text(row) for row in rows]
        print_table("Upcoming sessions", SESSION_COLUMNS, rows, narrow=narrow)
    # On standard error, also with --json: an entry that can't be read must not break a program's
    # input, and must not vanish.
    for entry in found.odd:
        echo(str(entry), err=True)
    return EXIT_DONE


async def print_colleague(config: Config, email: str, stop: asyncio.Event, *, as_json: bool) -> int:
    """Ask the company directory for one address. Returns exit code 1 if it has no such user."""
    async with options.open_command_services(config, stop, quiet=as_json) as services:
        colleagues = await fetch_colleagues(services)
    # Compared as a run does, so that what is found here is what a run would link.
    key = address_key(email)
    # The whole directory is read and compared here: RingCentral's own search also finds parts of an
    # address, and is one of the scarce calls.
    found = [user for user in colleagues if user.email and address_key(user.email) == key]
    rows = colleagues_json(found)
    if as_json:
        echo_json(rows)
    elif rows:
        cells = [tuple(row.values()) for row in rows]
        narrow = [(f"  {column}  ", text) for row in rows for column, text in row.items()]
        print_table("In the company directory", tuple(rows[0]), cells, narrow=narrow)
    else:
        echo(f"The company directory has no enabled user with the address {email}.")
    return EXIT_DONE if rows else EXIT_NEEDS_A_PERSON


def _session_row(session: Session, name: str | None) -> SessionRow:
    return (
        session.title,
        format_with_zone(session.start, session.time_zone),
        session.status,
        str(session.key),
        name or "-",
    )


def _session_text(row: SessionRow) -> LabelledText:
    """A session as an item of a list, with ids that can be copied whole."""
    title, start, status, ids, name = row
    return f"  {name}  ", f"{title}, {start}, {status}\n{ids}"


def _find_name(config: Config, session: Session) -> str | None:
    """Find a session's name in config.toml: an entry with its id wins over its webinar's alone."""
    # Config may name a webinar without its session: then it means whichever the webinar has.
    names = {
        (webinar.webinar, webinar.session): name
        for name, webinar in config.webinars.items()
        if webinar.company.account == config.company.account
    }
    by_session = names.get((session.key.webinar_id, session.key.session_id))
    return by_session or names.get((session.key.webinar_id, None))
