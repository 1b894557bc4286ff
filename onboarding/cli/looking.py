"""The work behind `plan`, `check`, `webinars` and `directory`."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from onboarding.cli.output import echo, echo_json
from onboarding.cli.running import advise, clock_for, show_steps
from onboarding.cli.terminal import local, table, teller
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.ledger.directory import keep_colleagues
from onboarding.model.people import address_key
from onboarding.pipeline.checking import findings
from onboarding.pipeline.looking import look, planned, read_roster
from onboarding.pipeline.rooms import Rooms, opened
from onboarding.pipeline.target import Target
from onboarding.plan import Options
from onboarding.plan import as_json as plan_json


@asynccontextmanager
async def _rooms(config: Config, stop: asyncio.Event, *, quiet: bool) -> AsyncIterator[Rooms]:
    progress = teller(quiet=quiet)
    async with opened(config, progress, clock_for(stop, progress), stop) as rooms:
        yield rooms


async def show_plan(config: Config, goal: Target, asked_for: Options, stop: asyncio.Event, *, as_json: bool) -> int:
    """Make the plan and show it."""
    async with _rooms(config, stop, quiet=as_json) as rooms:
        view = await look(rooms, goal, await read_roster(goal, stop))
        view, plan = await planned(rooms, goal, view, asked_for)
    if as_json:
        echo_json(plan_json(plan))
    else:
        show_steps(view.picture, plan, config, everybody=True)
        echo(f"A run makes {plan.heavy_calls} of RingCentral's webinar calls (ten a minute are usual).")
        advise(has_unsent_invites=view.picture.has_unsent_invites)
    return EXIT_NEEDS_A_PERSON if plan.problems else EXIT_DONE


async def show_findings(config: Config, goals: Sequence[Target], stop: asyncio.Event) -> bool:
    """Print one line per finding; tells whether all are well."""
    good = True
    async with _rooms(config, stop, quiet=False) as rooms:
        async for one in findings(rooms, goals):
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
