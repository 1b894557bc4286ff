"""The steps that the pipeline takes with a message, without its ledger: offer, hand over."""

from typing import Any

from onboarding.model.deliveries import Deferred, Message, Outcome, Rejected
from onboarding.smtp.pool import Pool
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import Connection, EnvelopeAccepted

BODY = b"Subject: Your link\r\n\r\nHello\r\n"


def message(number: int = 1, body: bytes = BODY, **changes: Any) -> Message:
    fields = {"sender": "events@example.com", "recipient": f"person{number}@example.com", **changes}
    return Message(**{"message_id": f"<{number}@example.com>", "body": body, **fields})


async def deliver(connection: Connection, what: Message) -> Outcome:
    """Offer one message and hand it over; return the outcome of the last step that was taken."""
    ready = await connection.send_envelope(what)
    return await connection.send_body(what) if isinstance(ready, EnvelopeAccepted) else ready


async def send(settings: SmtpSettings, *messages: Message) -> list[Outcome]:
    """Send messages one after the other through one pool."""
    outcomes = []
    async with Pool(settings) as pool:
        for item in messages or (message(),):
            async with pool.connection() as connection:
                outcomes.append(await deliver(connection, item))
    return outcomes


async def offer(
    settings: SmtpSettings, what: Message | None = None
) -> EnvelopeAccepted | Deferred | Rejected:
    """Offer one message and leave it at that."""
    async with Pool(settings) as pool, pool.connection() as connection:
        return await connection.send_envelope(what or message())
