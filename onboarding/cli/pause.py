"""`pause`, `resume`: whether `run --all` leaves a webinar alone. They call no server."""

import asyncio
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.summaries import describe_pause
from onboarding.cli.terminal import run_until_stopped
from onboarding.errors import EXIT_DONE
from onboarding.model.pauses import TimeNotUnderstoodError
from onboarding.pipeline.pause import Paused, pause_webinar, resume_webinar
from onboarding.pipeline.target import find_webinar

Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="TIME",
        help="18:30, or a date and time as 2026-09-01T09:00, in the session's time zone; "
        "without it: until `resume`.",
    ),
]


def pause_command(
    name: options.Name,
    *,
    until: Until = "",
    by: options.By = "",
    config_file: options.ConfigFile = None,
) -> None:
    """Make `run --all` leave a webinar alone, for a while or until `resume`.

    A run that a person starts by name goes all the same. Calls no server.
    """
    actor, config = options.find_actor(by), options.load_config(config_file)
    config, target = find_webinar(config, name)

    async def work(stop: asyncio.Event) -> Paused:
        async with options.open_command_services(config, stop, quiet=True) as services:
            return await pause_webinar(services, target, until, actor)

    try:
        paused = run_until_stopped(work)
    # It needs the session's time zone, so the option can't be parsed before the ledger is open.
    except TimeNotUnderstoodError as error:
        raise typer.BadParameter(str(error), param_hint="--until") from None
    echo(describe_pause(name, paused.until, paused.time_zone))
    # Not refused: the session may be moved to later, and a pause is easily ended.
    if paused.after_end:
        echo("That is after the session's end: `run --all` mails nothing more before it.")


def resume_command(
    name: options.Name, *, by: options.By = "", config_file: options.ConfigFile = None
) -> None:
    """End the pause of a webinar: the next `run --all` serves it again."""
    actor, config = options.find_actor(by), options.load_config(config_file)
    config, target = find_webinar(config, name)

    async def work(stop: asyncio.Event) -> bool:
        async with options.open_command_services(config, stop, quiet=True) as services:
            return await resume_webinar(services, target, actor)

    if run_until_stopped(work):
        echo(f"{name} is not paused any more: the next `run --all` serves it.")
    else:
        echo(f"{name} was not paused.")
    raise typer.Exit(EXIT_DONE)
