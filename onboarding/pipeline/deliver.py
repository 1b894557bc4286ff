"""Queues what a plan owes, and delivers a session's queue.

`deliver` claims what is due, keeps the workers busy, and comes back for what was deferred. It stops
at the first error that stops all workers. After a signal it waits for the messages in flight.
Workers stop between messages, never within one. `send` does one message.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.errors import OnboardingError
from onboarding.ledger import claims, deliveries, new_deliveries
from onboarding.ledger.new_deliveries import load_uid_seed
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Delivery, calendar_uid, message_id
from onboarding.model.kinds import RULES, Kind, clears_facts
from onboarding.model.sessions import Facts
from onboarding.pipeline.delivery_run import DeliveryRun
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.send import deliver_one
from onboarding.pipeline.services import Services
from onboarding.plan import Action, Plan, PlanItem
from onboarding.plan.entries_due import DueEntry, find_deadline
from onboarding.plan.messages_due import current_facts

WORKERS = 2
"""Workers for each connection: while one sends, the next message is composed."""

CHUNK = 200
"""Messages claimed at a time, so that memory does not grow with their number."""

GRACE = 20.0
"""Seconds that messages in flight have to finish after a signal."""

AFTER_NEWS = timedelta(seconds=1)
"""How long an entry waits for a message with news to the same mailbox, to come after it."""

NOT_DONE = frozenset({Action.ADD, Action.REPLACE, Action.REMOVE})
"""Actions that would have changed a person's link, had they been carried out."""


AlsoWrite = Callable[[sa.Connection, int], None]
"""A statement about a session, given by its number."""


async def queue_messages(
    services: Services,
    state: RunState,
    plan: Plan,
    rehearsal_to: str = "",
    also: AlsoWrite | None = None,
) -> int:
    """Queue what the plan owes; returns how many messages that are.

    `plan` is the one made after registering. A person still to be added, replaced or removed in it
    was not: RingCentral refused, or its list lags behind. What they are owed is owed once that is
    done. `also` is executed in the same transaction.
    """
    new = await make_deliveries(services, state, plan, rehearsal_to)
    now = services.clock.now()
    return await services.ledger.run(_queue, state.session_row, new, now, also)


def _queue(
    connection: sa.Connection,
    session: int,
    new: Sequence[new_deliveries.NewDelivery],
    now: datetime,
    also: AlsoWrite | None,
) -> int:
    queued = new_deliveries.enqueue(connection, session, new, now)
    if also:
        also(connection, session)
    return len(queued)


async def make_deliveries(
    services: Services, state: RunState, plan: Plan, rehearsal_to: str = ""
) -> list[new_deliveries.NewDelivery]:
    """Make the deliveries that the plan owes and that are not in the queue yet."""
    now = services.clock.now()
    domain = services.config.brand.sender_address.rpartition("@")[2]
    messages = [
        _new_delivery(message, state, domain, now, rehearsal_to)
        for item in plan.items
        for message in _list_owed(item, now, rehearsal_to)
    ]
    seed = await services.ledger.run(load_uid_seed)
    return [_add_calendar(message, state, domain, seed) for message in messages if message]


def _add_calendar(
    message: new_deliveries.NewDelivery, state: RunState, domain: str, seed: str
) -> new_deliveries.NewDelivery:
    """Number the version of the calendar entry that a message carries, if it carries any."""
    if not RULES[message.kind].has_calendar:
        return message
    box = state.snapshot.mailbox(address_key(message.email))
    key, to = state.snapshot.session.key, message.rehearsal_to
    new = calendar_uid(seed, key, message.email, domain, to)
    # A UID in use stays: with another one the person would have two entries.
    uid = new if to else box.uid or new
    return replace(message, uid=uid, sequence=box.next_sequence)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A message that a person is owed; `place` counts their messages of this run from 1.

    `due` is its entry, None for a message that tells facts.
    """

    item: PlanItem
    kind: Kind
    place: int
    due_at: datetime
    due: DueEntry | None = None


def _list_owed(item: PlanItem, now: datetime, rehearsal_to: str) -> list[_Owed]:
    """List what a person is owed and is true already, and is not in the queue yet."""
    # `queued` is about the real queue, where a rehearsal has nothing: so it does not count there. A
    # replacement that was not done would mail a link that is about to go, a removal a cancellation
    # of a link that still works.
    if item.action in NOT_DONE:
        return []
    has_news = item.mail is not None and (bool(rehearsal_to) or not item.queued)
    owed = [_Owed(item, item.mail, 1, now)] if item.mail and has_news else []
    # With several connections the reminder could else come before the update.
    entries_at = now + AFTER_NEWS if owed else now
    return owed + [
        _Owed(item, Kind.SCHEDULED, place, entries_at, due)
        for place, due in enumerate(item.entries, len(owed) + 1)
    ]


def _new_delivery(
    owed: _Owed, state: RunState, domain: str, now: datetime, rehearsal_to: str
) -> new_deliveries.NewDelivery | None:
    """Make the delivery of one message; None without a link (the plan names that problem)."""
    kind, facts = owed.kind, _facts_to_send(owed, state)
    if facts is None:
        return None
    invitee, session = owed.item.invitee, state.snapshot.session
    # A unique index refuses the number of a message that was queued since the snapshot.
    number = state.snapshot.mailbox(invitee.key).messages + owed.place
    # A rehearsal's Message-ID has its moment in it: each rehearsal is a new message.
    rehearsal = f"rehearsal {now.isoformat()}" if rehearsal_to else ""
    return new_deliveries.NewDelivery(
        email=invitee.email,
        name=invitee.name,
        kind=kind,
        number=number,
        message_id=message_id(session.key, invitee.email, kind, number, domain, rehearsal),
        facts=facts,
        due_at=RULES[kind].due_at(session, owed.due_at),
        expires_at=(
            find_deadline(owed.due, session) if owed.due else RULES[kind].expires_at(session)
        ),
        rehearsal_to=rehearsal_to,
        entry=owed.due.entry.id if owed.due else "",
    )


def _facts_to_send(owed: _Owed, state: RunState) -> Facts | None:
    """Find the facts in a message: what is true now; in a cancellation, what was sent last."""
    item = owed.item
    if clears_facts(owed.kind):
        box = state.snapshot.mailbox(item.invitee.key)
        # A cancellation that is sent again takes back what the first one took back.
        return box.facts or (box.last.facts if box.last else None)
    record = item.registration
    return current_facts(state.snapshot.session, record.role, record) if record else None


async def deliver(run: DeliveryRun, retry_window: timedelta) -> int:
    """Deliver what is due, over several connections; returns how many messages the server took.

    A deferred message is sent again within this run if it is due within `retry_window` from now.
    Raises what stopped the run (the server refuses us or is away, a signal), after the messages in
    flight were settled and the claims on the others were released.
    """
    services = run.services
    # A missing password ends the run here: before a message is claimed or a place in the rate used.
    services.pool.prepare()
    until = services.clock.now() + retry_window
    waiting = await services.ledger.run(
        deliveries.count_queued, run.state.session_row, rehearsal=run.rehearsal
    )
    return await _deliver(run, waiting, _deliver_until(run, until))


async def deliver_claimed(run: DeliveryRun) -> int:
    """Deliver what the run has claimed, and nothing else; returns how many the server took.

    Raises what `deliver` raises.
    """
    run.all_claimed = True
    return await _deliver(run, len(run.claimed), _serve(run))


async def _deliver(run: DeliveryRun, waiting: int, work: Coroutine[None, None, None]) -> int:
    """Do the work of a delivery of so many messages, and release what it leaves claimed."""
    services = run.services
    if waiting:
        services.progress.begin("Sending", waiting)
    try:
        await work
    finally:
        services.progress.end()
        if loss := services.pool.loss:
            services.progress.say(loss)
        # Rows that stayed claimed would wait until a run recovers them. Only queued rows are
        # released: one that is `sending` may have arrived, and must stay visible as such.
        await services.ledger.run(claims.release_claims, run.holder.name)
    # Before the signal: what stopped the workers says more than that a person pressed Ctrl-C.
    if run.failure:
        raise run.failure
    services.raise_if_stopped()
    return run.sent


async def _deliver_until(run: DeliveryRun, until: datetime) -> None:
    """Deliver what is due, and wait for what was deferred, as long as that is due in time."""
    services = run.services
    while run.is_going:
        await _deliver_due(run)
        due = await services.ledger.run(
            deliveries.find_next_due, run.state.session_row, rehearsal=run.rehearsal
        )
        # A run with --limit does its share and ends: what is due next may be another person's.
        if due is None or due > until or run.only is not None or not run.is_going:
            return
        # At least a second: what is due and was not served would else make this loop spin.
        seconds = max((due - services.clock.now()).total_seconds(), 1.0)
        services.progress.waiting("The mail server has deferred messages", seconds)
        await services.clock.sleep(seconds)


async def _deliver_due(run: DeliveryRun) -> None:
    """Make one pass over what is due; what has become too late, before it or meanwhile, expires."""
    # A claim skips what is too late; here it gets a state that `status` shows. Done again after the
    # pass, because there may be no later run.
    await _expire(run)
    run.all_claimed = False
    await _serve(run)
    await _expire(run)


async def _serve(run: DeliveryRun) -> None:
    """Let workers deliver until no message is left, or something stops them all."""
    connections = run.services.config.smtp.max_connections
    workers = [asyncio.create_task(_work(run)) for _ in range(connections * WORKERS)]
    cutter = asyncio.create_task(_cancel_after_grace(run, workers))
    try:
        # Not `gather`: that returns at the first error and leaves the other workers in mid-message.
        await asyncio.wait(workers)
    finally:
        cutter.cancel()
    for worker in workers:
        if not worker.cancelled():
            # What stops a run is in `run.failure`. An exception here is a bug: it must be seen.
            worker.result()


async def _expire(run: DeliveryRun) -> None:
    await run.services.ledger.run(
        deliveries.expire_overdue, run.state.session_row, run.services.clock.now()
    )


async def _cancel_after_grace(run: DeliveryRun, workers: Sequence[asyncio.Task[None]]) -> None:
    """After a signal, wait for the messages in flight; those still there then are in doubt."""
    await run.services.stop.wait()
    # Not `sleep`, which the same signal would end at once.
    await run.services.clock.linger(GRACE)
    for worker in workers:
        worker.cancel()


async def _work(run: DeliveryRun) -> None:
    """Deliver one message after the other until none is left, or something stops all workers."""
    while run.is_going and (delivery := await _next_delivery(run)):
        try:
            await deliver_one(run, delivery)
        except OnboardingError as error:
            # The worker ends through `is_going`, and the others finish what they have begun. Raised
            # here, the error would end this worker only.
            run.fail(error)
        # A message that was put back is shown as done only when it is: it comes again in this pass.
        if delivery not in run.put_back:
            run.services.progress.advance()


async def _next_delivery(run: DeliveryRun) -> Delivery | None:
    """Take the next message, and claim more if none is left. Those put back come last."""
    # A loop, since the other workers may have taken the whole chunk before this one runs again.
    while not run.claimed and not run.all_claimed:
        await _claim_chunk(run)
    waiting = run.claimed or run.put_back
    return waiting.popleft() if waiting else None


async def _claim_chunk(run: DeliveryRun) -> None:
    """Claim a chunk, unless another worker has done so while this one waited."""
    async with run.claiming:
        if run.claimed or run.all_claimed:
            return
        row, now = run.state.session_row, run.services.clock.now()
        chunk = await run.services.ledger.run(
            claims.claim,
            row,
            run.holder.name,
            now,
            CHUNK,
            rehearsal=run.rehearsal,
            only=run.only,
        )
        run.claimed.extend(chunk)
        # A short chunk was the last, so no further query is needed to find that nothing is left.
        run.all_claimed = len(chunk) < CHUNK
