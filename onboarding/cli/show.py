"""The work behind `plan`, `check`, `webinars` and `directory`.

`plan`, `check`, `webinars`, `directory`: what would be done and what there is. They change nothing.

`status`, `report`, `history`: what the ledger says. Nothing is changed, and nobody else is asked.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import echo, echo_json
from onboarding.cli.run import advise, clock_for, print_plan
from onboarding.cli.terminal import local, progress_for, table
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.ledger.cache import keep_colleagues
from onboarding.model.addresses import address_key
from onboarding.pipeline.check import run_checks
from onboarding.pipeline.refresh import plan_fresh, read_roster, refresh
from onboarding.pipeline.services import Services, open_services
from onboarding.pipeline.target import Target
from onboarding.plan import Options
from onboarding.plan import as_json as plan_json


@asynccontextmanager
async def _rooms(config: Config, stop: asyncio.Event, *, quiet: bool) -> AsyncIterator[Services]:
    progress = progress_for(quiet=quiet)
    async with open_services(config, progress, clock_for(stop, progress), stop) as rooms:
        yield rooms


async def show_plan(config: Config, goal: Target, asked_for: Options, stop: asyncio.Event, *, as_json: bool) -> int:
    """Make the plan and show it."""
    async with _rooms(config, stop, quiet=as_json) as rooms:
        view = await refresh(rooms, goal, await read_roster(goal, stop))
        view, plan = await plan_fresh(rooms, goal, view, asked_for)
    if as_json:
        echo_json(plan_json(plan))
    else:
        print_plan(view.snapshot, plan, config, everybody=True)
        echo(f"A run makes {plan.heavy_calls} of RingCentral's webinar calls (ten a minute are usual).")
        advise(has_unsent_invites=view.snapshot.has_unsent_invites)
    return EXIT_NEEDS_A_PERSON if plan.problems else EXIT_DONE


async def show_findings(config: Config, goals: Sequence[Target], stop: asyncio.Event) -> bool:
    """Print one line per finding; tells whether all are well."""
    good = True
    async with _rooms(config, stop, quiet=False) as rooms:
        async for one in run_checks(rooms, goals):
            good = good and one.ok
            echo(f"{'ok ' if one.ok else 'NO '} {one.what}: {one.detail}")
            if one.hint:
                echo(f"      {one.hint}")
    return good


async def show_webinars(config: Config, stop: asyncio.Event, *, company: bool, as_json: bool) -> int:
    """List upcoming sessions."""
    async with _rooms(config, stop, quiet=as_json) as rooms:
        found = await rooms.ringcentral.sessions(since=rooms.clock.now(), company=company)
    listed = found.listed
    names = {(one.webinar, one.session): name for name, one in config.webinars.items()}
    rows = [
        {
            "title": one.title,
            "start": one.start.isoformat(),
            "status": one.status,
            "webinar_id": one.webinar_id,
            "session_id": one.session_id,
            "configured": names.get((one.webinar_id, one.session_id)) or names.get((one.webinar_id, None)),
        }
        for one in listed
    ]
    if as_json:
        echo_json(rows)
    elif not rows:
        echo("No upcoming session. Others than your own are shown by --company.")
    else:
        shown = [
            (
                one.title,
                local(one.start),
                one.status,
                f"{one.webinar_id}/{one.session_id}",
                str(row["configured"] or "-"),
            )
            for one, row in zip(listed, rows, strict=True)
        ]
        table(
            "Upcoming sessions", ("title", "start (local time)", "status", "WEBINAR_ID/SESSION_ID", "configured"), shown
        )
    for entry in found.odd:
        echo(str(entry), err=True)
    return EXIT_DONE


async def show_colleague(config: Config, email: str, stop: asyncio.Event, *, as_json: bool) -> int:
    """Ask the directory afresh for one address."""
    async with _rooms(config, stop, quiet=as_json) as rooms:
        colleagues = await rooms.ringcentral.directory()
        await rooms.ledger.run(keep_colleagues, config.ringcentral.server, colleagues, rooms.clock.now())
    found = [one for one in colleagues if one.email and address_key(one.email) == address_key(email)]
    rows = [
        {
            "email": one.email,
            "first_name": one.first_name,
            "last_name": one.last_name,
            "job_title": one.job_title,
            "account_id": one.linked_user.account_id,
            "user_id": one.linked_user.user_id,
        }
        for one in found
    ]
    if as_json:
        echo_json(rows)
    elif rows:
        table("In the company directory", tuple(rows[0]), [tuple(row.values()) for row in rows])
    else:
        echo(f"The company directory has no enabled user with the address {email}.")
    return EXIT_DONE if rows else EXIT_NEEDS_A_PERSON


NameOrNone = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A webinar of config.toml; without it all of them.")
]
Company = Annotated[bool, typer.Option("--company", help="The whole company's (needs the user permission for it).")]
ColleagueEmail = Annotated[str, typer.Argument(metavar="EMAIL", help="The colleague's address.")]


def plan(
    name: options.Name,
    *,
    limit: options.Limit = None,
    adopt: options.Adopt = False,
    include_already_mailed: options.IncludeAlreadyMailed = False,
    remove: options.Remove = False,
    remove_foreign: options.RemoveForeign = False,
    invitees: options.Invitees = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Show what `run` would do, person by person and why, and how many of RingCentral's scarce calls it takes."""
    # gone
    from onboarding.cli.terminal import run_until_stopped
    from onboarding.config import load
    from onboarding.pipeline.target import find_target
    from onboarding.plan import Options

    config = load(config_file, os.environ)
    asked_for = Options(adopt, include_already_mailed, remove or remove_foreign, remove_foreign, limit)
    goal = find_target(config, name, invitees)
    raise typer.Exit(run_until_stopped(lambda stop: show_plan(config, goal, asked_for, stop, as_json=as_json)))


def check(name: NameOrNone = None, *, config_file: options.ConfigFile = None) -> None:
    """Look at everything that can be known before the day, and say `ok` or what to do. Changes nothing."""
    # gone
    from onboarding.cli.terminal import run_until_stopped
    from onboarding.config import load
    from onboarding.pipeline.target import all_targets, find_target

    config = load(config_file, os.environ)
    goals = [find_target(config, name)] if name else all_targets(config)
    good = run_until_stopped(lambda stop: show_findings(config, goals, stop))
    raise typer.Exit(EXIT_DONE if good else EXIT_NEEDS_A_PERSON)


def webinars(
    *, company: Company = False, as_json: options.AsJson = False, config_file: options.ConfigFile = None
) -> None:
    """List the upcoming sessions with their ids, and whether they are configured."""
    # gone
    from onboarding.cli.terminal import run_until_stopped
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(run_until_stopped(lambda stop: show_webinars(config, stop, company=company, as_json=as_json)))


def directory(
    email: ColleagueEmail, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None
) -> None:
    """Show what the company directory has for an address: name and the ids that make a linked user."""
    # gone
    from onboarding.cli.terminal import run_until_stopped
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(run_until_stopped(lambda stop: show_colleague(config, email, stop, as_json=as_json)))


if TYPE_CHECKING:
    from onboarding.pipeline.status import Status

Csv = Annotated[bool, typer.Option("--csv", help="A table for a spreadsheet.")]
Html = Annotated[bool, typer.Option("--html", help="One self-contained page.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")]


def status(name: options.Name, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Show who has their link and who has not: person, role, state, when, the mail server's reply, and why."""
    known = _status(name, config_file)
    if as_json:
        echo_json(known.as_json())
    else:
        print_status(known)


def print_status(known: "Status") -> None:
    """Print the status table with its problems."""
    from onboarding.cli.terminal import local, table

    if known.seen is None:
        echo(f"{known.name}: no run yet. `onboarding run {known.name}` makes one.")
        return
    seen = known.seen
    title = f"{seen.title}  ({seen.key}), {local(seen.start)} local time, {seen.status}"
    rows = [
        (
            f"{entry.name}\n{entry.delivery.email}" if entry.name != entry.delivery.email else entry.name,
            entry.delivery.facts.role,
            entry.delivery.kind,
            entry.delivery.state,
            local(entry.at),
            entry.reply,
            entry.reason,
        )
        for entry in known.current
    ]
    table(title, ("person", "role", "mail", "state", "when", "server's reply", "why"), rows)
    if known.problems:
        without = [(str(one.row or ""), one.column or "", one.email, one.message) for one in known.problems]
        table("Remarks on the last run", ("row", "column", "address", "why"), without)
    if known.mailed_by_ringcentral:
        echo(f"RingCentral has mailed these people itself: {', '.join(known.mailed_by_ringcentral)}.")
    counts = ", ".join(f"{count} {state}" for state, count in known.counts.items()) or "no message yet"
    echo(f"{counts}; remarks: {len(known.problems)}; RingCentral webinar calls in the last run: {seen.heavy_calls}.")


def report(
    name: options.Name,
    *,
    csv: Csv = False,
    html: Html = False,
    output: Output = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Write the hand-off for marketing operations; join links are masked."""
    from onboarding.errors import ConfigurationError
    from onboarding.files.write import write_file

    if csv == html:
        raise typer.BadParameter("choose one of --csv and --html", param_hint="--csv / --html")
    content = _rendered(_status(name, config_file), html=html)
    if output is None:
        typer.echo(content, nl=False)
        return
    try:
        write_file(output, content)
    except OSError as error:
        raise ConfigurationError(f"{output} can't be written: {error.strerror}", hint="Name another file.") from None
    echo(f"wrote {output}", err=True)


def history(email: Email, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Show everything that happened to one address, in order."""
    from onboarding.cli.terminal import Lines, local, table
    from onboarding.config import load
    from onboarding.ledger import events
    from onboarding.ledger.location import ledger_path
    from onboarding.ledger.read_only import read
    from onboarding.model.addresses import address_key
    from onboarding.model.foreign_text import clean, printable

    config = load(config_file, os.environ)
    of_person = partial(events.of_person, key=address_key(email))
    found = [
        replace(one, title=printable(one.title), detail=clean(one.detail, config.secrets))
        for one in read(ledger_path(config.ledger), of_person, Lines()) or []
    ]
    if as_json:
        rows = [
            {
                "at": one.at.isoformat(),
                "webinar_id": one.webinar_id,
                "session_id": one.session_id,
                "title": one.title,
                "delivery": one.delivery,
                "what": one.what,
                "detail": one.detail,
            }
            for one in found
        ]
        echo_json(rows)
    elif not found:
        echo(f"The ledger knows nothing of {email}.")
    else:
        shown = [(local(one.at), one.title, str(one.delivery or ""), one.what, one.detail) for one in found]
        table(f"History of {email}", ("when", "webinar", "message", "what", "detail"), shown)


def _status(name: str, config_file: Path | None) -> "Status":
    from onboarding.cli.terminal import Lines
    from onboarding.config import load
    from onboarding.pipeline.status import status as read
    from onboarding.pipeline.target import find_target

    config = load(config_file, os.environ)
    return asyncio.run(read(config, find_target(config, name), datetime.now(UTC), Lines()))


def _rendered(known: "Status", *, html: bool) -> bytes:
    import io

    from onboarding.pipeline.status import as_report
    from onboarding.reports.report import render_html, write_csv

    made = as_report(known, datetime.now(UTC))
    if html:
        return render_html(made).encode()
    stream = io.BytesIO()
    write_csv(made, stream)
    return stream.getvalue()
