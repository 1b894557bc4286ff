"""The work behind `lint`, `preview` and `send-test`: finds the letters, shows or sends them, tells what came of it.

`lint`, `preview`, `send-test`: what letters look like before anybody gets one. Nothing is registered or recorded.
"""

import asyncio
import difflib
import os
import secrets
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import echo, echo_json
from onboarding.cli.run import parse_address, warn_of_plaintext
from onboarding.cli.terminal import Lines
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, ConfigurationError
from onboarding.messages.lint import LintWarning
from onboarding.messages.lint import lint as findings_in
from onboarding.messages.request import MessageRequest
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Deferred, InDoubt, Outcome, Rejected, Reply, Sent
from onboarding.model.kinds import Kind
from onboarding.pipeline import preview_messages
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.target import Target, all_targets, find_target
from onboarding.pipeline.templates import template_folders
from onboarding.reports.preview import Preview, write
from onboarding.reports.serve import serve

KEY_BYTES = 24
"""Randomness in the preview's link: more than anybody can try out."""


def show_lint(config: Config, name: str | None, *, as_json: bool) -> int:
    """Print what is wrong or unwise with the templates of one webinar, or of all."""
    goals = [find_target(config, name)] if name else all_targets(config) if config.webinars else [Target("", "")]
    folders = dict.fromkeys(template_folders(config.folder, goal) for goal in goals)
    findings = list(dict.fromkeys(one for places in folders for one in findings_in(places, config.brand)))
    if as_json:
        shown = [{"where": one.where, "message": one.message, "error": one.is_error} for one in findings]
        echo_json(shown)
    else:
        for one in findings:
            echo(_line(one))
        echo(_summary(findings))
    return EXIT_NEEDS_A_PERSON if findings else EXIT_DONE


def _line(finding: LintWarning) -> str:
    return f"{'error ' if finding.is_error else 'advice'}  {finding.where}: {finding.message}"


def _summary(findings: list[LintWarning]) -> str:
    errors = sum(one.is_error for one in findings)
    if not findings:
        return "The templates and the brand are fine."
    return f"{errors} to mend before a letter can leave, {len(findings) - errors} to think about."


def write_pages(config: Config, name: str, invitees: Path | None, folder: Path) -> int:
    """Write a preview as files."""
    shown = asyncio.run(_preview(config, find_target(config, name, invitees)))
    faults = write(shown, folder)
    for fault in faults:
        echo(f"  ! {fault}", err=True)
    echo(f"{len(shown.people)} people, {len(shown.letters)} letters: open {folder / 'index.html'}")
    return EXIT_NEEDS_A_PERSON if faults else EXIT_DONE


def serve_pages(config: Config, name: str, invitees: Path | None, port: int) -> int:
    """Show a preview until Ctrl-C. It holds nothing that has to be finished, so it ends at once."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and not the entry point's, which ends with 75
    try:
        asyncio.run(_serve(config, find_target(config, name, invitees), port))
    except KeyboardInterrupt:
        echo("\nStopped.")
    return EXIT_DONE


async def _serve(config: Config, goal: Target, port: int) -> None:
    shown = await _preview(config, goal)
    try:
        async with serve(shown, port, key=secrets.token_urlsafe(KEY_BYTES)) as url:
            echo(f"The letters of {goal.name}: {url}")
            echo("The page follows the templates as you save them. Stop with Ctrl-C.")
            await asyncio.Event().wait()
    except OSError as error:
        raise ConfigurationError(
            f"the preview can't be shown at port {port}: {error.strerror or error}",
            hint="Choose another --port; without it any free one is taken.",
        ) from None


def send(config: Config, name: str, invitees: Path | None, *, to: str, person: str, kind: str) -> int:
    """Send one letter to an address."""
    recipient, wanted = parse_address(to), _kind(kind)
    warn_of_plaintext(config)
    goal = find_target(config, name, invitees)
    shown = asyncio.run(_preview(config, goal))
    letter = _letter(shown, person, wanted)
    now = datetime.now(UTC)
    outcome = asyncio.run(preview_messages.send_test(config, goal, letter, shown.guarded, recipient, now))
    return _tell(outcome, letter, recipient)


async def _preview(config: Config, goal: Target) -> Preview:
    roster = await read_roster(goal, asyncio.Event())
    facts = preview_messages.known(config, goal, Lines())
    return preview_messages.preview_of(config, goal, roster, facts, datetime.now(UTC))


def _kind(written: str) -> Kind:
    try:
        return Kind(written)
    except ValueError:
        raise typer.BadParameter(f"choose one of {', '.join(Kind)}", param_hint="--kind") from None


def _letter(shown: Preview, email: str, kind: Kind) -> MessageRequest:
    """Find a person's letter; without an address the first person's."""
    people = {one.key: one for one in shown.people}
    wanted = people.get(address_key(email)) if email else shown.people[0]
    if wanted is None:
        close = difflib.get_close_matches(address_key(email), people, n=1)
        hint = f"Did you mean {people[close[0]].email}?" if close else "Write an address of the roster."
        raise ConfigurationError(f"{email} is not on the roster of {shown.name}", hint=hint)
    return shown.letters[wanted.row, kind]


def _tell(outcome: Outcome, letter: MessageRequest, to: str) -> int:
    """Say what came of it; nothing is tried again."""
    match outcome:
        case Sent(reply):
            echo(f"Sent {letter.invitee.name}'s {letter.kind} to {to}. The mail server answered: {reply}")
            echo("It looks as theirs does, but for the join link, which is made up. Nothing was recorded.")
            return EXIT_DONE
        case Deferred(reason, reply):
            echo(f"Not sent, try again later: {_with_reply(reason, reply)}", err=True)
            return EXIT_TRY_LATER
        case Rejected(reason, reply):
            echo(f"Not sent: {_with_reply(reason, reply)}", err=True)
        case InDoubt(reason):
            echo(f"It may have been sent or not: {reason}. Look into the mailbox.", err=True)
    return EXIT_NEEDS_A_PERSON


def _with_reply(reason: str, reply: Reply | None) -> str:
    return f"{reason} (the mail server answered: {reply})" if reply else reason


NameOrNone = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A webinar of config.toml; without it every template in use.")
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Write the pages and letters as files instead, and exit.")
]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The page's port; 0 is any free one.")]
To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets the mail: yourself.")]
Person = Annotated[
    str, typer.Option("--person", metavar="EMAIL", help="Whose letter to send (else the roster's first person's).")
]
KindOption = Annotated[str, typer.Option("--kind", metavar="KIND", help=f"{', '.join([*Kind][:-1])} or {[*Kind][-1]}.")]


def lint(name: NameOrNone = None, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None) -> None:
    """Say everything that is wrong or unwise with the templates and the brand; exits 1 where there is anything."""
    # gone
    from onboarding.config import load

    raise typer.Exit(show_lint(load(config_file, os.environ), name, as_json=as_json))


def preview(
    name: options.Name,
    *,
    out: Out = None,
    port: Port = 0,
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Show each person's letters on a page that follows the templates as they are saved; stop it with Ctrl-C.

    Join links are made up. RingCentral isn't asked, nothing is sent.
    """
    # gone
    from onboarding.config import load

    config = load(config_file, os.environ)
    raise typer.Exit(write_pages(config, name, invitees, out) if out else serve_pages(config, name, invitees, port))


def send_test(
    name: options.Name,
    *,
    to: To,
    person: Person = "",
    kind: KindOption = "invitation",
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Send one person's letter to yourself through the real mail server.

    It looks as theirs does, but its join link is made up. Nobody is registered, and nothing counts as sent.
    """
    # gone
    from onboarding.config import load

    raise typer.Exit(send(load(config_file, os.environ), name, invitees, to=to, person=person, kind=kind))
