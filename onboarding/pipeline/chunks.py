"""A chunk: a share of a session's due messages that one sender takes, without the webinar's lease.

The messages are claimed before RingCentral is asked, so what it says is never older than what
queued them. A message that tells other facts than RingCentral does now is not sent: it goes back to
the queue, and a run has to plan the webinar again. What a sender that died has claimed is taken
back as that of a run (`ledger.claims.recover_dead`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from onboarding.ledger import claims, deliveries, looks
from onboarding.ledger.sessions import StoredSession
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Delivery
from onboarding.model.kinds import clears_facts
from onboarding.model.sessions import Session
from onboarding.pipeline.deliver import CHUNK
from onboarding.pipeline.delivery_run import check_rate
from onboarding.pipeline.inputs import load_settled_roster, parse_settled_roster
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.mailer import Mailer
from onboarding.pipeline.refresh import RunState, plan_approved, refresh_to_send
from onboarding.pipeline.run import load_mailer
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Plan, PlanItem
from onboarding.plan.messages_due import current_facts


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages of one session that a sender has claimed, and the lease that shows that it lives."""

    lease: HeldLease
    messages: Sequence[Delivery]

    @property
    def is_full(self) -> bool:
        """Whether more may be due than was claimed."""
        return len(self.messages) == CHUNK


@dataclass(frozen=True, slots=True)
class SentChunk:
    """How many messages the server took, and whether any was left because it is out of date."""

    count: int
    has_outdated: bool


async def claim_chunk(services: Services, session_row: int, lease: HeldLease) -> Chunk:
    """Claim messages that are due; none is an empty chunk. What is too late expires."""
    now = services.clock.now()
    await services.ledger.run(deliveries.expire_overdue, session_row, now)
    claimed = await services.ledger.run(claims.claim, session_row, lease.holder.name, now, CHUNK)
    return Chunk(lease, claimed)


async def send_chunk(
    services: Services, target: Target, seen: StoredSession, chunk: Chunk, listed: Session | None
) -> SentChunk:
    """Send the chunk by what RingCentral says now.

    `listed` is the session where it is known already. Raises what `pipeline.deliver.deliver`
    raises, RosterNotReady, and what RingCentral's client raises.
    """
    try:
        # Before the scarce call: where the mail server is away, or the day's messages are used up,
        # it would be made for nothing.
        await check_rate(services)
        async with services.pool.connection() as connection:
            await connection.open()
        file = await load_settled_roster(services, target)
        roster = parse_settled_roster(file, target)
        state = await refresh_to_send(services, target, roster, seen, listed)
        plan = await plan_approved(services, target, state, Options())
        mailer = await load_mailer(services, target)
    # A signal, too: nothing has left yet, so another sender may take the messages at once.
    except BaseException:
        await services.ledger.run(claims.release_claims, chunk.lease.holder.name)
        raise
    return await send_claimed(services, mailer, state, plan, chunk)


async def send_claimed(
    services: Services, mailer: Mailer, state: RunState, plan: Plan, chunk: Chunk
) -> SentChunk:
    """Send the messages of a chunk that are still true; a run has to look at the others."""
    items = {item.invitee.key: item for item in plan.items if item.invitee.email}
    session = state.snapshot.session
    current = [
        message
        for message in chunk.messages
        if _is_true(message, session, items.get(address_key(message.email)))
    ]
    has_outdated = len(current) < len(chunk.messages)
    if has_outdated:
        await services.ledger.run(looks.request_run, state.session_row)
    # What is left out stays claimed until the end, where all that was not sent is released.
    count = await mailer.deliver_chunk(state, plan, chunk.lease, current)
    return SentChunk(count, has_outdated)


def _is_true(message: Delivery, session: Session, item: PlanItem | None) -> bool:
    """Whether a message was queued with the facts that it would tell now."""
    # A person who is not registered gets nothing: `send` decides that.
    if clears_facts(message.kind) or item is None or item.registration is None:
        return True
    record = item.registration
    return current_facts(session, record.role, record) == message.facts
