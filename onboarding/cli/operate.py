"""`resolve`, `retry`, `cancel`: what only a person can decide about a message.

They send nothing themselves: what is queued again waits for the next run. The decisions are
`pipeline.by_hand`'s.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from onboarding.cli import options
from onboarding.cli.streams import echo
from onboarding.cli.terminal import ProgressLines, print_table, run_until_stopped
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.time_zones import format_in_zone
from onboarding.pipeline.by_hand import LockedWebinar, lock_webinar
from onboarding.pipeline.status import MessageRecord, no_run_yet, read_status
from onboarding.pipeline.target import find_webinar

T = TypeVar("T")

ChangeMessages = Callable[[LockedWebinar, Collection[str] | None], Awaitable[T]]
"""A decision about one webinar's messages. It returns what was changed, by address keys."""

DOUBT_HELP = """
The connection dropped before the mail server confirmed these messages. They may have been sent.
Search the server's log for the Message-ID (Postfix: grep ID /var/log/mail.log;
Exchange: Get-MessageTraceV2 -MessageId ID; Google: Email log search).
  found:      onboarding resolve {name} EMAIL --sent
  not found:  onboarding resolve {name} EMAIL --resend     \
(keeps the Message-ID: a copy can be recognised)"""

EmailsOrAll = Annotated[
    list[str] | None, typer.Argument(metavar="EMAIL", help="The people's addresses; see --all.")
]
AllPeople = Annotated[bool, typer.Option("--all", help="All people, instead of naming addresses.")]
SentOption = Annotated[
    bool, typer.Option("--sent", help="The mail server's log shows that it was sent.")
]
SuppressOption = Annotated[
    bool,
    typer.Option("--suppress", help="And send these addresses nothing more, until `retry`."),
]
ResendOption = Annotated[
    bool,
    typer.Option(
        "--resend",
        help="It was not sent, or may arrive twice: send it again, with the same Message-ID.",
    ),
]


def resolve_command(
    name: options.Name,
    emails: EmailsOrAll = None,
    *,
    all_: AllPeople = False,
    sent: SentOption = False,
    resend: ResendOption = False,
    by: options.By = "",
    config_file: options.ConfigFile = None,
) -> None:
    """List messages in doubt, or say whether they were sent.

    The list says how to look them up in the mail server's log. Then use --sent or --resend.
    """
    if sent and resend:
        message = "Choose one of --sent and --resend."
        raise typer.BadParameter(message, param_hint="--sent / --resend")
    # Without a decision it only lists, needs no lease, and so works during a run.
    if not sent and not resend:
        raise typer.Exit(print_doubts(options.load_config(config_file), name, emails or None))
    chosen = _read_people(emails, all_=all_)
    # Chosen here, executed under the lease: a message in doubt may be moved by a run meanwhile.
    decision = LockedWebinar.resolve_sent if sent else LockedWebinar.resolve_resend
    changed = _decide(config_file, name, decision, chosen, by)
    effect = "counts as sent" if sent else _requeue_effect(name)
    raise typer.Exit(_print_changes(dict.fromkeys(changed, effect), chosen, "No message in doubt"))


def retry_command(
    name: options.Name,
    emails: EmailsOrAll = None,
    *,
    by: options.By = "",
    config_file: options.ConfigFile = None,
) -> None:
    """Queue rejected and failed messages again; the next run sends them.

    All of them, or those to EMAIL. Named addresses also get back what `cancel` cancelled and what
    bounced, and messages go to them again.
    """
    # No --all is needed here: rejected and failed messages have
    # reached no person, so none gets two.
    chosen = emails or None
    changed, queued = _decide(config_file, name, _retry, chosen, by)
    effects = dict.fromkeys(changed, "gets messages again") | dict.fromkeys(
        queued, _requeue_effect(name)
    )
    states = "rejected, failed, cancelled or bounced" if chosen else "rejected or failed"
    raise typer.Exit(_print_changes(effects, chosen, f"No {states} message"))


async def _retry(
    webinar: LockedWebinar, emails: Collection[str] | None
) -> tuple[Sequence[str], Sequence[str]]:
    """Queue messages again. Returns the address keys, and those with a message in the queue."""
    changed = await webinar.retry(emails)
    queued = await webinar.list_messages({State.QUEUED}, changed)
    return changed, [address_key(record.delivery.email) for record in queued]


def cancel_command(
    name: options.Name,
    emails: EmailsOrAll = None,
    *,
    all_: AllPeople = False,
    suppress: SuppressOption = False,
    by: options.By = "",
    config_file: options.ConfigFile = None,
) -> None:
    """Cancel messages that are not yet sent, or came back."""
    chosen = _read_people(emails, all_=all_)
    if suppress:
        raise typer.Exit(_suppress(config_file, name, chosen, by))
    changed = _decide(config_file, name, LockedWebinar.cancel, chosen, by)
    states = "queued or bounced" if chosen else "queued"
    effects = dict.fromkeys(changed, "is cancelled")
    raise typer.Exit(_print_changes(effects, chosen, f"No {states} message"))


def _suppress(config_file: Path | None, name: str, emails: Collection[str] | None, by: str) -> int:
    if emails is None:
        message = "Name the addresses that get nothing more."
        raise typer.BadParameter(message, param_hint="--suppress")
    changed = _decide(config_file, name, LockedWebinar.suppress, emails, by)
    effect = f"gets no message any more, until `onboarding retry {name} EMAIL`"
    return _print_changes(dict.fromkeys(changed, effect), emails, "No message")


def print_doubts(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Print the messages in doubt, and how to look them up. Changes nothing.

    `emails`: only those to these addresses; None is all.
    """
    config, target = find_webinar(config, name)
    found = asyncio.run(read_status(config, target, datetime.now(UTC), ProgressLines()))
    if found.seen is None:
        raise no_run_yet(name)
    doubts = found.in_doubt
    if emails is not None:
        keys = {address_key(email) for email in emails}
        doubts = [record for record in doubts if address_key(record.delivery.email) in keys]
    if not doubts:
        echo(f"{name}: no message {'' if emails is None else 'for these addresses '}is in doubt.")
        return EXIT_DONE
    rows = [_doubt_row(record, found.seen.time_zone) for record in doubts]
    columns = ("address", "mail", "since", "Message-ID")
    # The Message-ID is to be copied, so it gets a line of its own.
    narrow = [("  ", f"{email}, {kind}, {since}\n{id_}") for email, kind, since, id_ in rows]
    print_table("In doubt", columns, rows, narrow=narrow)
    # What can't be known is left to a person: a second mail can't be taken
    # back, and a missing one keeps a panelist out.
    echo(DOUBT_HELP.format(name=name))
    return EXIT_NEEDS_A_PERSON


def _doubt_row(record: MessageRecord, time_zone: str) -> tuple[str, str, str, str]:
    delivery, since = record.delivery, format_in_zone(record.at, time_zone)
    return delivery.email, delivery.label, since, delivery.message_id


def _read_people(emails: list[str] | None, *, all_: bool) -> list[str] | None:
    """The addresses to work on; None is all. Raises BadParameter unless one of both was given."""
    # An empty list never means all people: a script with an empty variable would decide about them.
    if bool(emails) == all_:
        raise typer.BadParameter("Name the addresses, or use --all.", param_hint="EMAIL / --all")
    return emails or None


def _decide(
    config_file: Path | None,
    name: str,
    decision: ChangeMessages[T],
    emails: Collection[str] | None,
    by: str,
) -> T:
    actor = options.find_actor(by)
    config, target = find_webinar(options.load_config(config_file), name)

    async def work(stop: asyncio.Event) -> T:
        async with (
            options.open_command_services(config, stop, quiet=True) as services,
            # The lease, because a run that sends at this moment holds these messages as well.
            lock_webinar(services, target, actor) as webinar,
        ):
            return await decision(webinar, emails)

    return run_until_stopped(work)


def _requeue_effect(name: str) -> str:
    return f"is queued again: `onboarding run {name}` sends it"


def _print_changes(changed: Mapping[str, str], emails: Collection[str] | None, nothing: str) -> int:
    """Print a line for each address in `changed` with its effect, and for each other named address.

    Returns the exit code.
    """
    for key, effect in changed.items():
        echo(f"{key}: {effect}.")
    # Named addresses without a message are a fault: the person
    # meant another address or another state.
    unchanged = [email for email in emails or () if address_key(email) not in changed]
    for email in unchanged:
        echo(f"{email}: {nothing} for this address.", err=True)
    if not changed and not unchanged:
        echo(f"{nothing}.", err=True)
    return EXIT_DONE if changed and not unchanged else EXIT_NEEDS_A_PERSON
