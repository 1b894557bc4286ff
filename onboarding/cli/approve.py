"""`approve`: a person says yes to exactly what a plan page showed. Nothing is sent by it."""

import asyncio
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.terminal import run_until_stopped
from onboarding.errors import EXIT_DONE
from onboarding.model.foreign_text import clean, printable
from onboarding.model.reviews import SHOWN_DIGITS, ApprovalMode
from onboarding.pipeline.approve import Approval, approve_page
from onboarding.pipeline.target import Target, find_webinar

LONGEST_NOTE = 500
"""Characters of `--note`: history is a table that people read."""

Digest = Annotated[
    str,
    typer.Argument(metavar="DIGEST", help="The digest at the top of the plan page: 12 digits."),
]
Note = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="What else is worth knowing, for the history.")
]


def approve_command(
    name: options.Name,
    digest: Digest,
    *,
    by: options.By = "",
    note: Note = "",
    config_file: options.ConfigFile = None,
) -> None:
    """Approve what a plan page showed, so that a run does it.

    Makes no call to RingCentral, and sends nothing.
    """
    if len(note) > LONGEST_NOTE:
        message = f"A note has {LONGEST_NOTE} characters at most."
        raise typer.BadParameter(message, param_hint="--note")
    # Cleaned before it is stored: history is shown and handed
    # over, and a note may hold a pasted link.
    words, actor = clean(note.strip(), limit=LONGEST_NOTE), options.find_actor(by)
    config = options.load_config(config_file)
    # The name is needed beside the digest: a digest that was copied from another webinar's page
    # must be refused, not approved.
    config, target = find_webinar(config, name)

    async def work(stop: asyncio.Event) -> int:
        async with options.open_command_services(config, stop, quiet=True) as services:
            print_approval(target, await approve_page(services, target, digest, actor, words))
        return EXIT_DONE

    raise typer.Exit(run_until_stopped(work))


def print_approval(target: Target, approval: Approval) -> None:
    """Say what is approved now, and what follows from it."""
    page = f"The plan page {approval.digest[:SHOWN_DIGITS]} of {printable(approval.title)}"
    if approval.is_new:
        echo(f"{page} is approved. `onboarding run {target.name}` does what it shows.")
    else:
        echo(f"{page} was approved before by the same person: nothing is new.")
    # Said because the person has read the older page, and would
    # expect all of today's plan to be done.
    if approval.newer:
        echo(
            f"The plan page {approval.newer[:SHOWN_DIGITS]} is newer: a run holds back what has "
            "changed since the one that you have approved."
        )
    # Without this the person would believe that a run had waited for them.
    if target.approval is ApprovalMode.NONE:
        echo(
            f"[webinars.{target.name}] asks for no approval, so a run does not wait for one: "
            "see `approval` in the reference."
        )
