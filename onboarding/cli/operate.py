"""The work behind `resolve`, `retry` and `cancel`.

`resolve`, `retry`, `cancel`: what only a person can decide about a message.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from onboarding.cli import options
from onboarding.cli.output import echo
from onboarding.cli.run import clock_for
from onboarding.cli.terminal import Lines, Quiet, local, run_until_stopped, table
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.model.addresses import address_key
from onboarding.pipeline.by_hand import LockedWebinar, lock_webinar
from onboarding.pipeline.services import open_services
from onboarding.pipeline.status import no_run_yet, status
from onboarding.pipeline.target import find_target

Action = Callable[[LockedWebinar, Collection[str] | None], Awaitable[Sequence[str]]]


def list_doubts(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Show what is in doubt (of these addresses, None: of all), and what to do about it. Changes nothing."""
    wanted = None if emails is None else {address_key(email) for email in emails}
    known = asyncio.run(status(config, find_target(config, name), datetime.now(UTC), Lines()))
    if known.seen is None:
        raise no_run_yet(name)
    doubts = [one for one in known.in_doubt if wanted is None or address_key(one.delivery.email) in wanted]
    if not doubts:
        echo(f"{name}: nothing {'' if wanted is None else 'of theirs '}is in doubt.")
        return EXIT_DONE
    rows = [(doubt.delivery.email, doubt.delivery.kind, local(doubt.at), doubt.delivery.message_id) for doubt in doubts]
    table("In doubt", ("address", "mail", "since", "Message-ID"), rows)
    echo(
        "\nThe body left, and no answer came: only the mail server knows. Search its log for the Message-ID\n"
        "(Postfix: grep ID /var/log/mail.log; Exchange: Get-MessageTraceV2 -MessageId ID; Google: Email log search).\n"
        f"  found:      onboarding resolve {name} EMAIL --sent\n"
        f"  not found:  onboarding resolve {name} EMAIL --resend     (the same Message-ID: a copy can be recognised)"
    )
    return EXIT_NEEDS_A_PERSON


def settle_doubts(config: Config, name: str, emails: Collection[str] | None, *, sent: bool) -> int:
    """Write down what a person found out."""
    moved = _decided(config, name, LockedWebinar.resolve_sent if sent else LockedWebinar.resolve_resend, emails)
    what = "counts as sent" if sent else f"is queued again: `onboarding run {name}` sends it"
    return _told(moved, emails, what, "nothing of theirs is in doubt (or its use is over)")


def try_again(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Queue what was rejected or has failed."""
    moved = _decided(config, name, LockedWebinar.retry, emails)
    return _told(
        moved,
        emails,
        f"is queued again: `onboarding run {name}` sends it, if they are on board",
        "nothing was rejected, has failed or (named) was called off",
    )


def call_off(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Call off what is queued."""
    moved = _decided(config, name, LockedWebinar.cancel, emails)
    return _told(moved, emails, "is called off", "nothing of theirs is queued")


def _decided(config: Config, name: str, action: Action, emails: Collection[str] | None) -> Sequence[str]:
    async def decide(stop: asyncio.Event) -> Sequence[str]:
        progress = Quiet()
        target = find_target(config, name)
        async with (
            open_services(config, progress, clock_for(stop, progress), stop) as services,
            lock_webinar(services, target) as webinar,
        ):
            return await action(webinar, emails)

    return run_until_stopped(decide)


def _told(moved: Sequence[str], emails: Collection[str] | None, what: str, otherwise: str) -> int:
    """Say whose message was moved, and of the addresses that were named, whose was not."""
    for key in moved:
        echo(f"{key}: {what}.")
    left = [email for email in emails or () if address_key(email) not in moved]
    for email in left:
        echo(f"{email}: nothing was changed; {otherwise}.", err=True)
    if not moved and not left:
        echo(f"Nothing was changed: {otherwise}.", err=True)
    return EXIT_DONE if moved and not left else EXIT_NEEDS_A_PERSON


if TYPE_CHECKING:
    from onboarding.config import Config

Emails = Annotated[list[str] | None, typer.Argument(metavar="EMAIL", help="Whose messages; see --all.")]
All = Annotated[bool, typer.Option("--all", help="Everybody's, instead of naming addresses.")]
Sent = Annotated[bool, typer.Option("--sent", help="The mail server's log shows that it was sent.")]
Resend = Annotated[
    bool,
    typer.Option("--resend", help="It was not sent, or may arrive twice: send it again, with the same Message-ID."),
]


def resolve(
    name: options.Name,
    emails: Emails = None,
    *,
    all_: All = False,
    sent: Sent = False,
    resend: Resend = False,
    config_file: options.ConfigFile = None,
) -> None:
    """List messages in doubt and how to look them up in the mail server's log; settle them with --sent or --resend."""
    # gone

    if sent and resend:
        raise typer.BadParameter("choose one of --sent and --resend", param_hint="--sent / --resend")
    if not sent and not resend:
        raise typer.Exit(list_doubts(_load(config_file), name, emails or None))
    raise typer.Exit(settle_doubts(_load(config_file), name, _whom(emails, all_=all_), sent=sent))


def retry(name: options.Name, emails: Emails = None, *, config_file: options.ConfigFile = None) -> None:
    """Queue rejected and failed messages once more (all of them, or those to EMAIL); the next run sends them.

    Named addresses also get back what `cancel` called off.
    """
    # gone

    raise typer.Exit(try_again(_load(config_file), name, emails or None))


def cancel(
    name: options.Name, emails: Emails = None, *, all_: All = False, config_file: options.ConfigFile = None
) -> None:
    """Call off messages that are queued and not yet sent."""
    # gone

    raise typer.Exit(call_off(_load(config_file), name, _whom(emails, all_=all_)))


def _whom(emails: list[str] | None, *, all_: bool) -> list[str] | None:
    if bool(emails) == all_:
        raise typer.BadParameter("name the addresses, or say --all", param_hint="EMAIL / --all")
    return emails or None


def _load(config_file: options.ConfigFile) -> "Config":
    from onboarding.config import load

    return load(config_file, os.environ)
