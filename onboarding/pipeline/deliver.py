"""Delivers a session's queue: claims what is due, keeps workers at it, comes back for what was put off, and stops well.

`posting` does one message. Workers stop between messages: at the first error that stops everybody, and at a signal,
which leaves the messages in flight their grace.

Turns what a plan owes into queued deliveries: each with its name, its facts, and the time when its use is over.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from onboarding.errors import OnboardingError
from onboarding.ledger import deliveries
from onboarding.model.deliveries import Delivery, Kind, message_id
from onboarding.model.sessions import Facts, Session
from onboarding.pipeline.delivery_run import DeliveryRun
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.send import deliver_one
from onboarding.pipeline.services import Services
from onboarding.plan import Action, Plan, PlanItem
from onboarding.plan.messages_due import facts
from onboarding.smtp.pool import Pool

WORKERS = 2
"""Workers for each connection: while one sends, the next letter is written."""

CHUNK = 200
"""Messages claimed at a time, so that memory does not grow with their number."""

GRACE = 20.0
"""Seconds that messages in flight have to finish after a signal."""


async def deliver(rooms: Services, work: DeliveryRun, patience: timedelta) -> int:
    """Deliver what is due, over several connections at once; returns how many messages the server took.

    What is put off is tried again within this run as long as that is due within `patience` from now. Raises what
    stopped it (the server refuses us or is away, a signal), after the messages in flight were settled and those
    claimed were given back.
    """
    until = rooms.clock.now() + patience
    if waiting := await _queued(work):
        rooms.progress.begin("Sending", waiting)
    try:
        while work.running:
            await _deliver_due(work)
            due = await rooms.ledger.run(deliveries.next_due, work.view.session_row, rehearsal=work.rehearsal)
            if due is None or due > until or work.only is not None or not work.running:
                break
            seconds = max((due - rooms.clock.now()).total_seconds(), 1.0)
            rooms.progress.waiting("The mail server has put messages off", seconds)
            await rooms.clock.sleep(seconds)
    finally:
        rooms.progress.end()
        if loss := rooms.post.loss:
            rooms.progress.say(loss)
        await rooms.ledger.run(deliveries.release_claims, work.holder.name)
    if work.failure:
        raise work.failure
    rooms.raise_if_stopped()
    return work.sent


async def _queued(work: DeliveryRun) -> int:
    return await work.rooms.ledger.run(deliveries.queued, work.view.session_row, rehearsal=work.rehearsal)


async def _deliver_due(work: DeliveryRun) -> None:
    """One pass over what is due; what has become too late, before it or meanwhile, expires."""
    await _expire(work)
    work.all_claimed = False
    pool, connections = work.rooms.post.pool(), work.rooms.config.smtp.max_connections
    workers = [asyncio.create_task(_worker(work, pool)) for _ in range(connections * WORKERS)]
    grace = asyncio.create_task(_cut_off(work, workers))
    try:
        await asyncio.wait(workers)
    finally:
        grace.cancel()
    for worker in workers:
        if not worker.cancelled():
            worker.result()
    await _expire(work)


async def _expire(work: DeliveryRun) -> None:
    await work.rooms.ledger.run(deliveries.expire, work.view.session_row, work.rooms.clock.now())


async def _cut_off(work: DeliveryRun, workers: Sequence[asyncio.Task[None]]) -> None:
    """After a signal, give the messages in flight their grace, then cut their lines: those are in doubt."""
    await work.rooms.stop.wait()
    await work.rooms.clock.linger(GRACE)
    for worker in workers:
        worker.cancel()


async def _worker(work: DeliveryRun, pool: Pool) -> None:
    """Deliver one message after the other until there is none, or something stops everybody."""
    while work.running and (delivery := await _next(work)):
        try:
            await deliver_one(work, delivery, pool)
        except OnboardingError as error:
            work.fail(error)
        if delivery not in work.put_back:
            work.rooms.progress.advance()


async def _next(work: DeliveryRun) -> Delivery | None:
    """Take the next message that is due, claiming a chunk of them where none is left; last those put back."""
    while not work.claimed and not work.all_claimed:
        await _claim(work)
    waiting = work.claimed or work.put_back
    return waiting.popleft() if waiting else None


async def _claim(work: DeliveryRun) -> None:
    """Claim a chunk, unless another worker has done so while this one waited."""
    async with work.claiming:
        if not work.claimed and not work.all_claimed:
            row, holder, now = work.view.session_row, work.holder.name, work.rooms.clock.now()
            claim = work.rooms.ledger.run(
                deliveries.claim, row, holder, now, CHUNK, rehearsal=work.rehearsal, only=work.only
            )
            work.claimed.extend(await claim)
            work.all_claimed = len(work.claimed) < CHUNK


UNDONE = frozenset({Action.ADD, Action.REPLACE, Action.REMOVE})
"""What would have changed a person's link, had it been carried out."""


async def enqueue(rooms: Services, view: RunState, plan: Plan, rehearsal_to: str = "") -> int:
    """Queue what the plan owes; returns how many messages that are.

    `plan` is the one made after registering. Who is still to be added, replaced or removed in it was not: RingCentral
    refused, or its list lags behind. What they are owed is owed once that is done.
    """
    now = rooms.clock.now()
    domain = rooms.config.brand.sender_address.rpartition("@")[2]
    orders = [
        order
        for step in plan.mail
        if _is_due(step, rehearsal_to) and (order := _order(step, view, domain, now, rehearsal_to))
    ]
    await rooms.ledger.run(deliveries.enqueue, view.session_row, orders, now)
    return len(orders)


def _is_due(step: PlanItem, rehearsal_to: str) -> bool:
    """Whether a message is true already, and not in the queue yet; a rehearsal's own never is."""
    return step.action not in UNDONE and (bool(rehearsal_to) or not step.queued)


def _order(
    step: PlanItem, view: RunState, domain: str, now: datetime, rehearsal_to: str
) -> deliveries.NewDelivery | None:
    """One message to queue; None where the link has not come (its problem was told already)."""
    invitee, session = step.invitee, view.snapshot.session
    box = view.snapshot.mailbox(invitee.key)
    told = box.told if step.mail is Kind.CANCELLATION else _true_now(step, session)
    if step.mail is None or told is None:
        return None
    number = box.messages + 1
    rehearsal = f"rehearsal {now.isoformat()}" if rehearsal_to else ""
    return deliveries.NewDelivery(
        email=invitee.email,
        name=invitee.name,
        kind=step.mail,
        number=number,
        message_id=message_id(session.key, invitee.email, step.mail, number, domain, rehearsal),
        facts=told,
        due_at=now,
        expires_at=session.end,
        rehearsal_to=rehearsal_to,
    )


def _true_now(step: PlanItem, session: Session) -> Facts | None:
    record = step.registration
    return facts(session, record.role, record) if record else None
