"""`send-test`: one person's message to yourself, and how it arrives.

No person is registered, and nothing is recorded. The join link is made up.
"""

import asyncio
import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from onboarding.cli import options
from onboarding.cli.account import print_check
from onboarding.cli.streams import echo
from onboarding.cli.templates import make_preview
from onboarding.cli.terminal import run_until_stopped
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, ConfigurationError
from onboarding.model.addresses import address_key
from onboarding.model.checks import CheckResult
from onboarding.model.deliveries import Deferred, InDoubt, Message, Outcome, Rejected, Reply, Sent
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Invitee
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.preview_messages import TrialMessage, compose_trial, send_trial
from onboarding.pipeline.target import Target, find_webinar
from onboarding.reports.preview import Preview

MAX_SECONDS = 3600
"""Seconds."""

TestRecipient = Annotated[
    str, typer.Option("--to", metavar="ADDRESS", help="Who gets the mail: yourself.")
]
PersonOption = Annotated[
    str,
    typer.Option(
        "--person",
        metavar="EMAIL",
        help="Whose message to send (default: the roster's first person).",
    ),
]
NAMED_KINDS = [kind for kind in Kind if not RULES[kind].template]
"""Kinds that `--kind` can name. A scheduled message is named by its entry."""

KindOption = Annotated[
    str,
    typer.Option(
        "--kind", metavar="KIND", help=f"{', '.join(NAMED_KINDS[:-1])} or {NAMED_KINDS[-1]}."
    ),
]
EntryOption = Annotated[
    str,
    typer.Option("--entry", metavar="NAME", help="A message of the schedule instead of a kind."),
]
RoundTripOption = Annotated[
    bool,
    typer.Option("--round-trip", help="Wait for it in the mailbox of [replies], and compare."),
]
WAIT = 120
"""Seconds to wait for the message, unless `--wait` says more or less."""

WaitSeconds = Annotated[
    int | None,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=1,
        max=MAX_SECONDS,
        help=f"How long to wait with --round-trip (default: {WAIT}).",
    ),
]


def send_test_command(
    name: options.Name,
    *,
    to: TestRecipient,
    person: PersonOption = "",
    kind: KindOption = "invitation",
    entry: EntryOption = "",
    round_trip: RoundTripOption = False,
    wait: WaitSeconds = None,
    invitees: options.Invitees = None,
    config_file: options.ConfigFile = None,
) -> None:
    """Send one person's message to yourself.

    It goes through the real mail server and looks as theirs will, but its join link is made up. No
    person is registered, and nothing counts as sent.
    """
    config = options.load_config(config_file)
    if entry and kind != NAMED_KINDS[0]:
        raise typer.BadParameter("Leave out one of --kind and --entry.", param_hint="--entry")
    if wait is not None and not round_trip:
        raise typer.BadParameter("It goes with --round-trip only.", param_hint="--wait")
    recipient, message_kind = options.parse_recipient(to), _parse_kind(kind)
    config, target = find_webinar(config, name, invitees)
    options.warn_about_plaintext(config)
    made = asyncio.run(make_preview(config, target))
    wanted = _find_entry_label(target, made, entry) if entry else message_kind.value
    request = made.requests[_select_person(made, person).row, wanted]
    trial = TrialMessage(config, target, request, made.protected, recipient)
    raise typer.Exit(send_and_compare(trial, wait or WAIT) if round_trip else send_once(trial))


def send_once(trial: TrialMessage) -> int:
    """Send a message, and print what came of it. Returns the exit code."""
    message = compose_trial(trial, datetime.now(UTC))
    if isinstance(message, Message):
        return print_outcome(asyncio.run(send_trial(trial.config, message)), trial)
    return print_outcome(message, trial)


def send_and_compare(trial: TrialMessage, wait: int) -> int:
    """Send a message, wait for it in seconds, and print what changed. Returns the exit code."""
    # A late import: reading mail loads much that most commands do without.
    from onboarding.pipeline.round_trip import (  # noqa: PLC0415
        Patience,
        RoundTrip,
        make_round_trip,
    )

    async def work(stop: asyncio.Event) -> RoundTrip:
        return await make_round_trip(trial, Patience(wait, Clock(), stop))

    found = run_until_stopped(work)
    code = print_outcome(found.outcome, trial)
    return print_comparison(found.results, trial, wait) if code == EXIT_DONE else code


def print_comparison(results: Sequence[CheckResult], trial: TrialMessage, wait: int) -> int:
    """Print what was compared, a line for each. Returns the exit code."""
    if not results:
        limit = "1 second" if wait == 1 else f"{wait} seconds"
        echo(f"It did not arrive in the mailbox of [replies] within {limit}.", err=True)
        echo(
            f"  Make sure that mail to {trial.to} comes into that mailbox and folder, look among "
            "its junk mail, and wait longer with --wait.",
            err=True,
        )
        return EXIT_NEEDS_A_PERSON
    for result in results:
        print_check(result)
    return EXIT_DONE if all(result.ok for result in results) else EXIT_NEEDS_A_PERSON


def _parse_kind(text: str) -> Kind:
    try:
        return NAMED_KINDS[NAMED_KINDS.index(Kind(text))]
    except ValueError:
        message = (
            f"Choose one of {', '.join(NAMED_KINDS)}, or name a scheduled message with --entry."
        )
        raise typer.BadParameter(message, param_hint="--kind") from None


def _find_entry_label(target: Target, made: Preview, entry: str) -> str:
    """Find what the preview calls an entry. Raises ConfigurationError if the schedule lacks it."""
    labels = {label: name for name, label in made.names.items()}
    ids = [known.id for known in target.schedule.entries]
    # A list's entries may be named by their key alone: the first of them is meant.
    by_key = {known.key: known.id for known in reversed(target.schedule.entries)}
    found = entry if entry in ids else by_key.get(entry)
    if found:
        return labels[found]
    known = ", ".join(ids) or "no entries"
    near = difflib.get_close_matches(entry, [*ids, *by_key], n=1)
    raise ConfigurationError(
        f"The schedule of {target.name} has no entry {entry!r}. It has {known}.",
        hint=f"Did you mean {near[0]}?" if near else "Entries are in [messages] of config.toml.",
    )


def _select_person(made: Preview, email: str) -> Invitee:
    """Find a person of the preview; without an address the first.

    Raises ConfigurationError if the address is not on the roster.
    """
    people = {person.key: person for person in made.people}
    person = people.get(address_key(email)) if email else made.people[0]
    if person is None:
        hint = "Use an address of the roster."
        for key in difflib.get_close_matches(address_key(email), people, n=1):
            hint = f"Did you mean {people[key].email}?"
        raise ConfigurationError(f"{email} is not on the roster of {made.name}.", hint=hint)
    return person


def print_outcome(outcome: Outcome, trial: TrialMessage) -> int:
    """Print what came of a test message, and return the exit code. It is not retried."""
    match outcome:
        case Sent(reply):
            what = trial.request.entry or trial.request.kind
            sent = f"Sent {trial.request.invitee.name}'s {what} to {trial.to}."
            echo(f"{sent} The mail server answered: {reply}")
            echo("It looks as theirs will, but its join link is made up. Nothing was recorded.")
            return EXIT_DONE
        # Not queued for later, as a run would: a test mail is looked at now or not at all.
        case Deferred(reason, reply):
            echo(f"Not sent, try again later: {_add_reply(reason, reply)}", err=True)
            return EXIT_TRY_LATER
        case Rejected(reason, reply):
            echo(f"Not sent: {_add_reply(reason, reply)}", err=True)
        case InDoubt(reason):
            echo(f"It may have been sent: {reason}. Check the mailbox.", err=True)
    return EXIT_NEEDS_A_PERSON


def _add_reply(reason: str, reply: Reply | None) -> str:
    return f"{reason} (the mail server answered: {reply})" if reply else reason
