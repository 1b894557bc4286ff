"""Sends a test message to the mailbox of `[replies]` and waits for it, to see how it arrives.

`inbox.round_trip` compares; here is what takes time. Nothing is recorded. In the mailbox only what
comes after the sending is looked at, and only the message that was sent is marked.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.inbox.mailboxes import MailSource, Position, StoredMessage
from onboarding.inbox.parts import MAX_BYTES
from onboarding.inbox.round_trip import MARK_FIELD, compare_messages, is_trial
from onboarding.interrupt import wait_unless_stopped
from onboarding.model.checks import CheckResult
from onboarding.model.deliveries import Message, Outcome, Rejected, Sent
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.inbox import open_replies
from onboarding.pipeline.preview_messages import TrialMessage, compose_trial, send_trial

MARK_BYTES = 12
PAUSES = (0.5, 1.0, 2.0, 5.0)
"""Seconds between two looks; the last one from then on."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What came of it: the server's answer, and what was compared; nothing if it did not arrive."""

    outcome: Outcome
    results: Sequence[CheckResult] = ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: for so many seconds, by a clock, and until a signal comes."""

    seconds: float
    clock: Clock
    stop: asyncio.Event


async def make_round_trip(trial: TrialMessage, patience: Patience) -> RoundTrip:
    """Send a message of a preview, and compare it with what arrives.

    Raises ConfigurationError without `[replies]`, Interrupted after a signal, and what sending and
    reading a mailbox raise.
    """
    config = trial.config
    if not config.replies.is_configured:
        raise ConfigurationError(
            "--round-trip needs a mailbox in which it can see the message arrive.",
            hint="Set [replies] in config.toml: the one of `onboarding init` shows how.",
        )
    mark, clock = secrets.token_hex(MARK_BYTES), patience.clock
    message = compose_trial(replace(trial, config=_add_mark(config, mark)), clock.now())
    if isinstance(message, Rejected):
        return RoundTrip(message)
    # A copy may be longer than what was sent: lines are encoded in other ways, fields are added.
    limit = max(MAX_BYTES, 2 * len(message.body))
    mailbox = await open_replies(config.replies, clock.now(), patience.stop, limit)
    try:
        end = await asyncio.to_thread(mailbox.find_end)
        outcome = await send_trial(config, message)
        if not isinstance(outcome, Sent):
            return RoundTrip(outcome)
        results = await _wait_for_message(mailbox, end, message, mark, patience)
    finally:
        await asyncio.to_thread(mailbox.close)
    return RoundTrip(outcome, results)


def _add_mark(config: Config, mark: str) -> Config:
    """Give the same configuration with one more header field in each message."""
    headers = {**config.smtp.headers, MARK_FIELD: mark}
    return config.model_copy(update={"smtp": config.smtp.model_copy(update={"headers": headers})})


async def _wait_for_message(
    mailbox: MailSource, end: Position, message: Message, mark: str, patience: Patience
) -> Sequence[CheckResult]:
    """Look into the mailbox until the message is there, and compare; nothing if it never is."""
    start = patience.clock.now()
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    while True:
        found, end = await asyncio.to_thread(_find_message, mailbox, end, message, mark)
        seconds = (patience.clock.now() - start).total_seconds()
        if found:
            await asyncio.to_thread(mailbox.mark_done, [found.name])
            link = message.join_link.get_secret_value() if message.join_link else ""
            arrival = CheckResult("arrival", ok=True, detail=f"after {max(seconds, 0):.1f} seconds")
            return [arrival, *compare_messages(message.body, found.content, link)]
        if seconds >= patience.seconds:
            return []
        pause = min(next(pauses), patience.seconds - seconds)
        await wait_unless_stopped(patience.stop, patience.clock.sleep(pause))


def _find_message(
    mailbox: MailSource, position: Position, message: Message, mark: str
) -> tuple[StoredMessage | None, Position]:
    """Look at what came since a position. Returns the message, and the position to go on from."""
    for batch in mailbox.read(position):
        for stored in batch.messages:
            if is_trial(stored.content, mark, message.message_id):
                return stored, batch.position
        position = batch.position
    return None, position
