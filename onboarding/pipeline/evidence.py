"""Settles messages in doubt by what the mail server itself shows (`[smtp.sent]`).

Evidence moves a message to `sent`, never back to the queue: that a message is not found proves
nothing, so it stays in doubt until a person decides.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from onboarding.errors import Interrupted, OnboardingError
from onboarding.inbox.settings import KEEP, SentSettings
from onboarding.ledger import bounces, deliveries
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.deliveries import State
from onboarding.pipeline.services import Services

if TYPE_CHECKING:
    from onboarding.inbox.imap import ImapFolder

FOUND_IN_FOLDER = "found in the folder of sent messages"
FOUND_IN_LOG = "found in the mail server's log"


async def settle_doubts(services: Services, session_row: int) -> int:
    """Record messages in doubt that the server shows as taken; returns how many.

    Call while holding the webinar's lease. A place that can't be read settles nothing, and is said.
    """
    sent = services.config.smtp.sent
    if not sent.is_configured:
        return 0
    doubts = await _list_doubts(services, session_row)
    if not doubts:
        return 0
    try:
        found = await _find_evidence(sent, doubts, services.clock.now(), services.stop)
    except Interrupted:
        raise
    except OnboardingError as error:
        # The run goes on: what is in doubt stays so, and `wait` sees to it that a person is told.
        services.progress.say(f"Messages in doubt can't be looked up: {error.message}")
        return 0
    reason = FOUND_IN_LOG if sent.log else FOUND_IN_FOLDER
    now = services.clock.now()
    moved = await services.ledger.run(
        bounces.record_evidence, session_row, sorted(found), reason, now
    )
    return len(moved)


async def check_evidence(sent: SentSettings, now: datetime, stop: asyncio.Event) -> None:
    """Make sure that the place of evidence can be read. Raises OnboardingError where it can't."""
    # A Message-ID that no message has: what is looked up for it is all that a run looks up.
    await _find_evidence(sent, ["<check@invalid>"], now, stop)


async def _list_doubts(services: Services, session_row: int) -> list[str]:
    records = await services.ledger.run(deliveries.list_deliveries, session_row)
    return [
        record.delivery.message_id for record in records if record.delivery.state is State.IN_DOUBT
    ]


async def _find_evidence(
    sent: SentSettings, message_ids: Sequence[str], now: datetime, stop: asyncio.Event
) -> set[str]:
    # Late imports: nearly all runs have no doubt to settle.
    if sent.log:
        from onboarding.inbox.postfix_log import find_logged  # noqa: PLC0415

        return await asyncio.to_thread(find_logged, sent.log, message_ids)
    from onboarding.inbox.imap import open_imap  # noqa: PLC0415

    folder = await open_imap(sent, KEEP, now, stop)
    try:
        return await asyncio.to_thread(_search_folder, folder, message_ids)
    finally:
        await asyncio.to_thread(folder.close)


def is_settling(record: DeliveryRecord, sent: SentSettings, now: datetime) -> bool:
    """Whether a message is in doubt, and the server may still show what became of it."""
    is_young = record.at <= now < record.at + sent.wait
    return sent.is_configured and record.delivery.state is State.IN_DOUBT and is_young


def _search_folder(folder: "ImapFolder", message_ids: Sequence[str]) -> set[str]:
    folder.check()
    return {message_id for message_id in message_ids if folder.find_message(message_id)}
