"""`resend` and `replace`: what is done about one person of one webinar, on a person's wish.

They hold the webinar's lease, show what they will do, ask, do it and say what came of it. What is
done, and what is refused, is the business of `pipeline.resend` and `pipeline.replace`.
"""

import asyncio
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import replacement_json, resend_json
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import print_plan, print_result
from onboarding.cli.terminal import confirm_act, print_table, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_NEEDS_A_PERSON
from onboarding.model.people import Role
from onboarding.pipeline.lease import NOTHING_WAS_DONE, webinar_lease
from onboarding.pipeline.replace import (
    PreparedReplacement,
    execute_replacement,
    prepare_replacement,
)
from onboarding.pipeline.resend import (
    PreparedResend,
    ResendResult,
    describe_last,
    describe_result,
    execute_resend,
    parse_reason,
    prepare_resend,
    resend_exit_code,
)
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

EmailsOrRole = Annotated[
    list[str] | None, typer.Argument(metavar="EMAIL", help="The people's addresses; see --role.")
]
InRole = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="ROLE",
        help="All people on the roster in this role, instead of naming addresses; "
        "may be given several times.",
    ),
]
Old = Annotated[str, typer.Argument(metavar="OLD", help="The address of the old person.")]
With = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="PERSON",
        help="The new person as First,Last,EMAIL or First,Last,EMAIL,ROLE; "
        "without a role they get the old person's.",
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the history: “never arrived”.")
]


@dataclass(frozen=True, slots=True)
class ActOptions:
    """Who wants it, why, and how they are answered."""

    by: str
    reason: str
    ask: bool
    as_json: bool


def resend_command(
    name: options.Name,
    emails: EmailsOrRole = None,
    *,
    role: InRole = None,
    reason: ReasonOption = "",
    yes: options.Yes = False,
    by: options.By = "",
    invitees: options.Invitees = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Send people their message again, at once.

    It says what is true now, has a new Message-ID, and is a person's wish: no run does this.
    """
    # Exactly one of both. Together they could mean either's people, or only those who are in both.
    if bool(emails) == bool(role):
        raise typer.BadParameter("Name the addresses, or use --role.", param_hint="EMAIL / --role")
    roles = options.parse_roles(role)
    options.require_answer(yes=yes)
    act = ActOptions(options.find_actor(by), parse_reason(reason), ask=not yes, as_json=as_json)
    config, target = options.load_webinar(config_file, name, invitees)

    async def work(stop: asyncio.Event) -> int:
        return await resend(config, target, emails or [], roles, act, stop)

    raise typer.Exit(run_until_stopped(work))


async def resend(
    config: Config,
    target: Target,
    emails: Sequence[str],
    roles: frozenset[Role],
    act: ActOptions,
    stop: asyncio.Event,
) -> int:
    """Send the messages again. Returns the exit code; raises what stopped the sending."""
    options.warn_about_plaintext(config)
    async with (
        options.open_command_services(config, stop, quiet=act.as_json) as services,
        webinar_lease(services, target, hint=NOTHING_WAS_DONE) as lease,
    ):
        prepared = await prepare_resend(services, target, emails, roles)
        # Without mail there is nothing to agree to; the refusals are printed below.
        if prepared.plan.mail and not await _agree_to_resend(services, prepared, act):
            return EXIT_NEEDS_A_PERSON
        # The error comes as a value: those who got their message must
        # be listed before it ends the command.
        results, error = await execute_resend(services, prepared, lease, act.by, act.reason)
    if act.as_json:
        echo_json(resend_json(target.name, results))
    else:
        _print_resends(results, f"No {' or '.join(sorted(roles))} is on the roster.")
    if error:
        raise error
    return resend_exit_code(results)


async def _agree_to_resend(services: Services, prepared: PreparedResend, act: ActOptions) -> bool:
    """Say who gets a message again, and ask. Raises Interrupted on a signal."""
    services.progress.end()
    if not act.ask:
        return True
    rows = [
        (item.invitee.email, item.mail.value, describe_last(prepared, item.invitee.key))
        for item in prepared.plan.items
        if item.mail
    ]
    print_table("Sent again", ("person", "mail", "last message"), rows)
    for refused in prepared.refused:
        echo(f"{refused.email}: {describe_result(refused)}", err=True)
    count = len(rows)
    return await confirm_act(
        f"Send {count} {'mail' if count == 1 else 'mails'} again?", services.stop
    )


def replace_command(
    name: options.Name,
    old: Old,
    *,
    with_: With,
    yes: options.Yes = False,
    by: options.By = "",
    invitees: options.Invitees = None,
    as_json: options.AsJson = False,
    config_file: options.ConfigFile = None,
) -> None:
    """Replace a person by another, on the roster and at RingCentral.

    The old person is removed and gets a cancellation, the new one is added and invited.
    """
    # Before the configuration is read and a lease is taken: most faults here are a forgotten comma.
    cells = _parse_person(with_)
    options.require_answer(yes=yes)
    act = ActOptions(options.find_actor(by), "", ask=not yes, as_json=as_json)
    config, target = options.load_webinar(config_file, name, invitees)

    async def work(stop: asyncio.Event) -> int:
        return await replace_person(config, target, old, cells, act, stop)

    raise typer.Exit(run_until_stopped(work))


async def replace_person(
    config: Config,
    target: Target,
    old: str,
    cells: Sequence[str],
    act: ActOptions,
    stop: asyncio.Event,
) -> int:
    """Replace a person by another. Returns the exit code."""
    options.warn_about_plaintext(config)
    async with (
        options.open_command_services(config, stop, quiet=act.as_json) as services,
        webinar_lease(services, target, hint=NOTHING_WAS_DONE) as lease,
    ):
        prepared = await prepare_replacement(services, target, old, cells)
        services.progress.end()
        if not act.as_json:
            _print_replacement(prepared, config, target.name)
        if act.ask and not await confirm_act(_replacement_question(prepared), services.stop):
            return EXIT_NEEDS_A_PERSON
        done = await execute_replacement(services, prepared, lease, act.by)
        services.progress.end()
    if act.as_json:
        echo_json(replacement_json(prepared, done))
    else:
        echo(f"The roster as it was: {done.backup}")
        # What stood in the plan was shown with it. Twice would look like a second fault.
        print_result(done.result, seen=prepared.run.plan.problems)
    return done.result.exit_code


def _print_replacement(prepared: PreparedReplacement, config: Config, name: str) -> None:
    """Print what is done about the two, and plainly what can't be."""
    run, pair = prepared.run, prepared.change
    keys = {pair.old.key, pair.new.key}
    # Only the two: the plan also has all other people, and does nothing about them here.
    shown = tuple(item for item in run.plan.items if item.invitee.key in keys)
    print_plan(run.state.snapshot, replace(run.plan, items=shown), config, name=name)
    # RingCentral refuses to delete an invitee of a session that is active or finished (403).
    if prepared.keeps_link:
        echo(
            f"The session is running, so RingCentral removes no person: "
            f"the link of {pair.old.email} still works."
        )


def _replacement_question(prepared: PreparedReplacement) -> str:
    pair = prepared.change
    new = f"{pair.new.name} <{pair.new.email}>, {pair.new.role}"
    return f"Replace {pair.old.email} by {new}, in row {pair.old.row} of {pair.path}?"


def _parse_person(text: str) -> list[str]:
    """Parse `--with`: three or four cells of CSV. Raises BadParameter for anything else."""
    try:
        # Read as CSV, so that a name with a comma can be quoted, as on a roster.
        rows = [[cell.strip() for cell in row] for row in csv.reader([text], strict=True)]
    except csv.Error:
        rows = []
    # A fault of csv and a wrong number of cells end alike: one sentence says how to write it.
    cells = rows[0] if len(rows) == 1 else []
    if len(cells) not in {3, 4} or not all(cells):
        message = "Write it as First,Last,EMAIL or First,Last,EMAIL,ROLE."
        raise typer.BadParameter(message, param_hint="--with")
    return cells


def _print_resends(results: Sequence[ResendResult], fallback: str) -> None:
    """Print a line for each person: what was sent again, or why not."""
    for result in results:
        echo(f"{result.email}: {describe_result(result)}", err=result.record is None)
    if not results:
        echo(fallback, err=True)
