"""`roster`: writes a roster of the panel that is registered at RingCentral already."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output_file import check_output_file, check_roster_ending, write_output_file
from onboarding.cli.streams import echo
from onboarding.cli.terminal import run_until_stopped
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.model.people import Invitee, format_problem
from onboarding.pipeline.roster_file import find_problems, read_panel, render_roster
from onboarding.pipeline.target import find_webinar

NewRoster = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write to a new file: an Excel workbook if its name ends in .xlsx, else CSV.",
    ),
]


def roster_command(
    name: options.Name,
    *,
    output: NewRoster = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Write a roster of the panel that is registered already.

    For taking over a running webinar without typing. Overwrites nothing.
    """
    config, target = find_webinar(options.load_config(config_file), name)
    # Before RingCentral is asked. The file is most likely the roster in use, and what has been
    # typed there, such as languages, is nowhere else.
    if output and output.is_file():
        raise ConfigurationError(
            f"{output} is there already, and is not overwritten.",
            hint="Choose another name: it may be the roster that you use.",
        )
    if output:
        check_output_file(output, config, [target])
        check_roster_ending(output)

    async def work(stop: asyncio.Event) -> Sequence[Invitee]:
        async with options.open_command_services(config, stop, quiet=False) as services:
            return await read_panel(services, target)

    panel = run_until_stopped(work)
    content = render_roster(panel, output, datetime.now(UTC))
    _write_panel(content, output, len(panel))
    # Read back as a run would read it, after it is written: the person corrects the file itself.
    problems = find_problems(content)
    for problem in problems:
        echo(f"  ! {format_problem(problem)}", err=True)
    raise typer.Exit(EXIT_NEEDS_A_PERSON if problems else EXIT_DONE)


def _write_panel(content: bytes, output: Path | None, count: int) -> None:
    if output is None and sys.stdout.isatty():
        # Names come from outside: on a screen they pass the one way that makes them harmless.
        echo(content.decode("utf-8-sig"), nl=False)
        return
    if output is None:
        typer.echo(content, nl=False)
        return
    write_output_file(output, content)
    echo(f"wrote {output}: {count} {'person' if count == 1 else 'people'}", err=True)
