"""`lint` and `preview`: what messages look like before they are sent to the panel.

No person is registered, and nothing is recorded. All join links are made up.
"""

import asyncio
import secrets
import signal
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import lint_json
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.terminal import ProgressLines
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.messages.lint import LintWarning, lint_templates
from onboarding.messages.settings import BrandSettings
from onboarding.model.entries import READ_ANSWERS, Entry, find_unread_answers
from onboarding.pipeline import preview_messages
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.target import Target, all_targets, find_target, find_webinar
from onboarding.pipeline.template_files import template_folders
from onboarding.reports.preview import Preview, write_preview
from onboarding.reports.serve import serve_preview

KEY_BYTES = 24
"""Randomness in the preview's link: too much to guess."""

LintName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", help="A webinar of config.toml; without it all templates in use."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="DIR", help="Write the pages and messages as files instead, and exit."
    ),
]
PagePort = Annotated[
    int,
    typer.Option(
        "--port", metavar="PORT", min=0, max=65535, help="The page's port; 0 is any free one."
    ),
]


def lint_command(
    name: LintName = None,
    *,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """List what is wrong or unwise in the templates and the brand.

    Exits 1 if there is anything.
    """
    warnings = find_warnings(options.load_config(config_file), name)
    if as_json:
        echo_json(lint_json(warnings))
    else:
        for warning in warnings:
            severity = "error " if warning.is_error else "advice"
            echo(f"{severity}  {warning.where}: {warning.message}")
        echo(_describe_templates(warnings))
    raise typer.Exit(EXIT_NEEDS_A_PERSON if warnings else EXIT_DONE)


def preview_command(
    name: options.Name,
    *,
    out: Out = None,
    port: PagePort = 0,
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Show each person's messages in a browser, or as files.

    The page follows the templates as you save them; stop it with Ctrl-C. Join links are made up.
    RingCentral is not asked, and nothing is sent.
    """
    config, target = find_webinar(options.load_config(config_file), name, invitees)
    raise typer.Exit(write_pages(config, target, out) if out else serve_pages(config, target, port))


def find_warnings(config: Config, name: str | None) -> list[LintWarning]:
    """Check the templates of one webinar, or of all. Each warning comes once.

    Where no webinar is configured, those in `templates/` are checked.
    """
    # No name and no folder of its own: it stands for `templates/` beside config.toml.
    targets = [Target("", "")]
    if name:
        targets = [find_target(config, name)]
    elif config.webinars:
        targets = all_targets(config)
    # Webinars share folders and schedules, so the same warning could come several times.
    checked = dict.fromkeys(_find_sources(config, target) for target in targets)
    warnings = [warning for sources in checked for warning in lint_templates(*sources)]
    faults = [
        LintWarning(target.name, fault, is_error=True)
        for target in targets
        for fault in target.schedule.faults
    ]
    return list(dict.fromkeys([*faults, *_warn_of_unread_answers(config, targets), *warnings]))


def _warn_of_unread_answers(config: Config, targets: Sequence[Target]) -> Iterator[LintWarning]:
    for target in targets:
        is_read = config.replies.is_configured
        if found := find_unread_answers(target.schedule, is_read=is_read):
            yield LintWarning(target.name, f"{found} {READ_ANSWERS}", is_error=False)


def _find_sources(
    config: Config, target: Target
) -> tuple[tuple[Path, ...], BrandSettings, tuple[Entry, ...]]:
    """Find what a webinar's messages are made of: folders, brand, entries of the schedule."""
    own = config.of_company(target.company)
    return template_folders(own, target.templates), own.brand, target.schedule.entries


def write_pages(config: Config, target: Target, folder: Path) -> int:
    """Write a preview as files. Returns exit code 1 if a message can't be made."""
    made = asyncio.run(make_preview(config, target))
    # One message that can't be made must not hide the others: all
    # pages are written, each with its fault.
    faults = write_preview(made, folder)
    for fault in faults:
        echo(f"  ! {fault}", err=True)
    people = "1 person" if len(made.people) == 1 else f"{len(made.people)} people"
    echo(f"{people}, {len(made.requests)} messages: open {folder / 'index.html'}")
    return EXIT_NEEDS_A_PERSON if faults else EXIT_DONE


def serve_pages(config: Config, target: Target, port: int) -> int:
    """Serve a preview until Ctrl-C. It has nothing to finish, so it ends at once."""
    # The entry point's handler would exit with 75; here Ctrl-C is the normal end.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        asyncio.run(_serve_preview(config, target, port))
    except KeyboardInterrupt:
        echo("\nStopped.")
    return EXIT_DONE


def _describe_templates(warnings: Sequence[LintWarning]) -> str:
    if not warnings:
        return "The templates and the brand are fine."
    errors = sum(warning.is_error for warning in warnings)
    advice = len(warnings) - errors
    return f"{errors} to fix before a message can be sent, {advice} to consider."


async def _serve_preview(config: Config, target: Target, port: int) -> None:
    made = await make_preview(config, target)
    try:
        async with serve_preview(made, port, key=secrets.token_urlsafe(KEY_BYTES)) as url:
            echo(f"The messages of {target.name}: {url}")
            echo("The page follows the templates as you save them. Stop with Ctrl-C.")
            # Only Ctrl-C ends it: the event is never set.
            await asyncio.Event().wait()
    except OSError as error:
        raise ConfigurationError(
            f"The preview can't be shown at port {port}: {error.strerror or error}.",
            hint="Choose another --port; without it any free one is used.",
        ) from None


async def make_preview(config: Config, target: Target) -> Preview:
    """Make the preview of a webinar from its roster and what the last run saw."""
    # An event that is never set: there is no clean stop here, since Ctrl-C may end it anywhere.
    roster = await read_roster(target, asyncio.Event())
    facts = preview_messages.read_known_facts(config, target, ProgressLines())
    return preview_messages.build_preview(config, target, roster, facts, datetime.now(UTC))
