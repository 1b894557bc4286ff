"""The steps that the pipeline takes with a message, without its ledger: offer, hand over."""

from typing import Any

from onboarding.mail.pool import Pool
from onboarding.mail.settings import SmtpSettings
from onboarding.mail.transaction import Connection, Ready
from onboarding.model.deliveries import Deferred, Message, Outcome, Rejected

BODY = b"Subject: Your link\r\n\r\nHello\r\n"


def message(number: int = 1, body: bytes = BODY, **changes: Any) -> Message:
    fields = {"sender": "events@example.com", "recipient": f"person{number}@example.com", **changes}
    return Message(**{"message_id": f"<{number}@example.com>", "body": body, **fields})


async def deliver(connection: Connection, what: Message) -> Outcome:
    """Offer one message and hand it over; return the outcome of the last step that was taken."""
    ready = await connection.offer(what)
    return await connection.hand_over(what) if isinstance(ready, Ready) else ready


async def send(settings: SmtpSettings, *messages: Message) -> list[Outcome]:
    """Send messages one after the other through one pool."""
    outcomes = []
    async with Pool(settings) as pool:
        for one in messages or (message(),):
            async with pool.connection() as connection:
                outcomes.append(await deliver(connection, one))
    return outcomes


async def offer(settings: SmtpSettings, what: Message | None = None) -> Ready | Deferred | Rejected:
    """Offer one message and leave it at that."""
    async with Pool(settings) as pool, pool.connection() as connection:
        return await connection.offer(what or message())
