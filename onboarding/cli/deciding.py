"""The work behind `resolve`, `retry` and `cancel`."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from onboarding.cli.output import echo
from onboarding.cli.running import clock_for
from onboarding.cli.terminal import Lines, Quiet, local, table, working
from onboarding.config import Config
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON
from onboarding.ledger import decisions
from onboarding.ledger.deliveries import Entry
from onboarding.model.people import address_key
from onboarding.pipeline.deciding import Decision, Desk, desk
from onboarding.pipeline.rooms import opened
from onboarding.pipeline.status import no_run_yet, status
from onboarding.pipeline.target import target

T = TypeVar("T")


def list_doubts(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Show what is in doubt (of these addresses, None: of all), and what to do about it. Changes nothing."""
    wanted = None if emails is None else {address_key(email) for email in emails}
    known = asyncio.run(status(config, target(config, name), datetime.now(UTC), Lines()))
    if known.seen is None:
        raise no_run_yet(name)
    doubts = [one for one in known.in_doubt if wanted is None or address_key(one.delivery.email) in wanted]
    if not doubts:
        echo(f"{name}: nothing {'' if wanted is None else 'of theirs '}is in doubt.")
        return EXIT_DONE
    _show(doubts)
    echo(
        "\nThe body left, and no answer came: only the mail server knows. Search its log for the Message-ID\n"
        "(Postfix: grep ID /var/log/mail.log; Exchange: Get-MessageTraceV2 -MessageId ID; Google: Email log search).\n"
        f"  found:      onboarding resolve {name} EMAIL --sent\n"
        f"  not found:  onboarding resolve {name} EMAIL --resend     (the same Message-ID: a copy can be recognised)"
    )
    return EXIT_NEEDS_A_PERSON


def settle_doubts(config: Config, name: str, emails: Collection[str] | None, *, sent: bool) -> int:
    """Write down what a person found out."""
    moved = _decided(config, name, decisions.resolve_sent if sent else decisions.resolve_resend, emails)
    what = "counts as sent" if sent else f"is queued again: `onboarding run {name}` sends it"
    return _told(moved, emails, what, "nothing of theirs is in doubt (or its use is over)")


def try_again(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Queue what was rejected or has failed."""
    moved = _decided(config, name, decisions.retry, emails)
    return _told(
        moved,
        emails,
        f"is queued again: `onboarding run {name}` sends it, if they are on board",
        "nothing was rejected, has failed or (named) was called off",
    )


def call_off(config: Config, name: str, emails: Collection[str] | None) -> int:
    """Call off what is queued."""
    moved = _decided(config, name, decisions.cancel, emails)
    return _told(moved, emails, "is called off", "nothing of theirs is queued")


def _decided(config: Config, name: str, decision: Decision, emails: Collection[str] | None) -> Sequence[str]:
    return _at_desk(config, name, lambda seat: seat.decide(decision, emails))


def _at_desk(config: Config, name: str, act: Callable[[Desk], Awaitable[T]]) -> T:
    async def sit(stop: asyncio.Event) -> T:
        progress = Quiet()
        goal = target(config, name)
        async with opened(config, progress, clock_for(stop, progress), stop) as rooms, desk(rooms, goal) as seat:
            return await act(seat)

    return working(sit)


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


def _show(doubts: Sequence[Entry]) -> None:
    rows = [(one.delivery.email, one.delivery.kind, local(one.at), one.delivery.message_id) for one in doubts]
    table("In doubt", ("address", "mail", "since", "Message-ID"), rows)
