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
from onboarding.model.deliveries import Delivery, message_id
from onboarding.model.kinds import due_at, expires_at, takes_back
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


async def deliver(services: Services, run: DeliveryRun, patience: timedelta) -> int:
    """Deliver what is due, over several connections at once; returns how many messages the server took.

    What is put off is tried again within this run as long as that is due within `patience` from now. Raises what
    stopped it (the server refuses us or is away, a signal), after the messages in flight were settled and those
    claimed were given back.
    """
    until = services.clock.now() + patience
    if waiting := await _queued(run):
        services.progress.begin("Sending", waiting)
    try:
        while run.running:
            await _deliver_due(run)
            due = await services.ledger.run(deliveries.next_due, run.state.session_row, rehearsal=run.rehearsal)
            if due is None or due > until or run.only is not None or not run.running:
                break
            seconds = max((due - services.clock.now()).total_seconds(), 1.0)
            services.progress.waiting("The mail server has put messages off", seconds)
            await services.clock.sleep(seconds)
    finally:
        services.progress.end()
        if loss := services.post.loss:
            services.progress.say(loss)
        await services.ledger.run(deliveries.release_claims, run.holder.name)
    if run.failure:
        raise run.failure
    services.raise_if_stopped()
    return run.sent


async def _queued(run: DeliveryRun) -> int:
    return await run.services.ledger.run(deliveries.queued, run.state.session_row, rehearsal=run.rehearsal)


async def _deliver_due(run: DeliveryRun) -> None:
    """One pass over what is due; what has become too late, before it or meanwhile, expires."""
    await _expire(run)
    run.all_claimed = False
    pool, connections = run.services.post.pool(), run.services.config.smtp.max_connections
    workers = [asyncio.create_task(_worker(run, pool)) for _ in range(connections * WORKERS)]
    grace = asyncio.create_task(_cut_off(run, workers))
    try:
        await asyncio.wait(workers)
    finally:
        grace.cancel()
    for worker in workers:
        if not worker.cancelled():
            worker.result()
    await _expire(run)


async def _expire(run: DeliveryRun) -> None:
    await run.services.ledger.run(deliveries.expire, run.state.session_row, run.services.clock.now())


async def _cut_off(run: DeliveryRun, workers: Sequence[asyncio.Task[None]]) -> None:
    """After a signal, give the messages in flight their grace, then cut their lines: those are in doubt."""
    await run.services.stop.wait()
    await run.services.clock.linger(GRACE)
    for worker in workers:
        worker.cancel()


async def _worker(run: DeliveryRun, pool: Pool) -> None:
    """Deliver one message after the other until there is none, or something stops everybody."""
    while run.running and (delivery := await _next(run)):
        try:
            await deliver_one(run, delivery, pool)
        except OnboardingError as error:
            run.fail(error)
        if delivery not in run.put_back:
            run.services.progress.advance()


async def _next(run: DeliveryRun) -> Delivery | None:
    """Take the next message that is due, claiming a chunk of them where none is left; last those put back."""
    while not run.claimed and not run.all_claimed:
        await _claim(run)
    waiting = run.claimed or run.put_back
    return waiting.popleft() if waiting else None


async def _claim(run: DeliveryRun) -> None:
    """Claim a chunk, unless another worker has done so while this one waited."""
    async with run.claiming:
        if not run.claimed and not run.all_claimed:
            row, holder, now = run.state.session_row, run.holder.name, run.services.clock.now()
            claim = run.services.ledger.run(
                deliveries.claim, row, holder, now, CHUNK, rehearsal=run.rehearsal, only=run.only
            )
            run.claimed.extend(await claim)
            run.all_claimed = len(run.claimed) < CHUNK


UNDONE = frozenset({Action.ADD, Action.REPLACE, Action.REMOVE})
"""What would have changed a person's link, had it been carried out."""


async def enqueue(services: Services, state: RunState, plan: Plan, rehearsal_to: str = "") -> int:
    """Queue what the plan owes; returns how many messages that are.

    `plan` is the one made after registering. Who is still to be added, replaced or removed in it was not: RingCentral
    refused, or its list lags behind. What they are owed is owed once that is done.
    """
    now = services.clock.now()
    domain = services.config.brand.sender_address.rpartition("@")[2]
    orders = [
        order
        for item in plan.mail
        if _is_due(item, rehearsal_to) and (order := _order(item, state, domain, now, rehearsal_to))
    ]
    await services.ledger.run(deliveries.enqueue, state.session_row, orders, now)
    return len(orders)


def _is_due(item: PlanItem, rehearsal_to: str) -> bool:
    """Whether a message is true already, and not in the queue yet; a rehearsal's own never is."""
    return item.action not in UNDONE and (bool(rehearsal_to) or not item.queued)


def _order(
    item: PlanItem, state: RunState, domain: str, now: datetime, rehearsal_to: str
) -> deliveries.NewDelivery | None:
    """One message to queue; None where the link has not come (its problem was told already)."""
    invitee, session = item.invitee, state.snapshot.session
    box = state.snapshot.mailbox(invitee.key)
    told = box.told if item.mail and takes_back(item.mail) else _true_now(item, session)
    if item.mail is None or told is None:
        return None
    number = box.messages + 1
    rehearsal = f"rehearsal {now.isoformat()}" if rehearsal_to else ""
    return deliveries.NewDelivery(
        email=invitee.email,
        name=invitee.name,
        kind=item.mail,
        number=number,
        message_id=message_id(session.key, invitee.email, item.mail, number, domain, rehearsal),
        facts=told,
        due_at=due_at(item.mail, session, now),
        expires_at=expires_at(item.mail, session),
        rehearsal_to=rehearsal_to,
    )


def _true_now(item: PlanItem, session: Session) -> Facts | None:
    record = item.registration
    return facts(session, record.role, record) if record else None
