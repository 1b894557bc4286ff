"""`links`: prints join links on purpose, so that a person can read one out over the phone.

The only command that shows one. It says what a link is worth, asks, and history has who asked.
"""

import asyncio

import typer

from onboarding.cli import options
from onboarding.cli.plan_rows import display_name
from onboarding.cli.streams import echo
from onboarding.cli.terminal import confirm, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.people import Role
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.links import PanelLink, PanelLinks, read_links, record_shown
from onboarding.pipeline.target import Target, find_webinar

MISSING_LINK = "RingCentral gives no link for this person."


def links_command(
    name: options.Name,
    *,
    only: options.Only = None,
    role: options.Roles = None,
    yes: options.Yes = False,
    by: options.By = "",
    config_file: options.ConfigFile = None,
) -> None:
    """Print the panel's join links, for reading one out over the phone.

    Asks first; without a terminal it needs --yes. The history says who has seen which link.
    """
    options.require_answer(yes=yes)
    actor, roles = options.find_actor(by), options.parse_roles(role)
    config, target = find_webinar(options.load_config(config_file), name)

    async def work(stop: asyncio.Event) -> int:
        return await show_links(config, target, roles, only or [], stop, by=actor, ask=not yes)

    raise typer.Exit(run_until_stopped(work))


async def show_links(
    config: Config,
    target: Target,
    roles: frozenset[Role],
    only: list[str],
    stop: asyncio.Event,
    *,
    by: str,
    ask: bool,
) -> int:
    """Read the links, ask, record who sees them, and print them. Returns the exit code."""
    async with options.open_command_services(config, stop, quiet=False) as services:
        # Asked before the question, so that it can say how many links are at stake.
        found = await read_links(services, target, roles, only)
        if not found.links:
            echo("No such person is registered.", err=True)
            return EXIT_NEEDS_A_PERSON
        # `confirm` and not `confirm_act`: what must be said here is that nothing was shown.
        if ask and not await confirm(_links_question(found), stop):
            services.raise_if_stopped()
            echo("Nothing was shown.")
            return EXIT_NEEDS_A_PERSON
        # Before a link is printed: after a crash between the two,
        # history may say too much, never too little.
        await record_shown(services, found, by)
    seen = found.seen
    echo(f"{seen.title}  ({seen.key}), {format_with_zone(seen.start, seen.time_zone)}")
    for entry in found.links:
        _print_link(entry)
    return EXIT_DONE


def _links_question(found: PanelLinks) -> str:
    count = len(found.links)
    links = "1 join link" if count == 1 else f"{count} join links"
    return f"Anyone who uses a link joins as that person. Print {links} on this screen?"


def _print_link(entry: PanelLink) -> None:
    """Print one person's link, in a line of its own: a table would break it."""
    # The one place where a link leaves as text on purpose: `echo` makes it harmless, and no more.
    link = entry.link.get_secret_value() if entry.link else MISSING_LINK
    address = f" <{entry.person.email}>" if entry.person.email else ""
    echo(f"\n{display_name(entry.person)}{address}, {entry.person.role}\n  {link}")
