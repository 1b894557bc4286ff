"""Delivers what is queued: claim, compose, keep the pace, offer, `sending`, hand over, record.

The order is the promise. Everything up to the 354 may be done again; `sending` is committed before the body leaves;
what became of it is recorded before the next message is begun. What a reply means is `mail`'s to say, what follows
from it is `model.deliveries.settle`.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from onboarding.errors import Braked, OnboardingError, TryLater
from onboarding.ledger import deliveries, pace
from onboarding.ledger.leases import Holder
from onboarding.letters.letter import Guarded, Letter
from onboarding.letters.stationery import Stationery
from onboarding.mail.pool import Pool
from onboarding.mail.transaction import Connection, Ready
from onboarding.model.deliveries import (
    Delivery,
    Kind,
    Message,
    Outcome,
    Rejected,
    RetryPolicy,
    State,
    Transition,
    settle,
)
from onboarding.model.people import Invitee, address_key
from onboarding.model.sessions import Registration
from onboarding.pipeline.looking import View
from onboarding.pipeline.rooms import Rooms
from onboarding.plan import Plan, Step

WORKERS = 2
"""Workers for each connection: while one sends, the next letter is written."""

CHUNK = 50
"""Messages claimed at a time: few enough that a run broken off holds little back."""

GRACE = 20.0
"""Seconds that messages in flight have to finish after a signal."""

LONGEST_PACE = timedelta(minutes=10)
"""A longer wait for the pace is no pace any more: the day's messages are used up."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One person as their letter needs them: who they are, and their record (None once they are removed)."""

    invitee: Invitee
    record: Registration | None

    @classmethod
    def of(cls, step: Step) -> "Reader":
        """The reader that a step is about, in the role that RingCentral has given them."""
        record = step.registration
        return cls(replace(step.invitee, role=record.role) if record else step.invitee, record)

    @property
    def on_board(self) -> bool:
        """Whether they are on the roster and registered, so that a link may be sent to them."""
        return bool(self.invitee.row) and self.record is not None


@dataclass(slots=True)
class Round:
    """One delivering of one session's queue: what its workers share.

    `failure` is the first error that stops everybody; workers look at it between messages and never stop within one.
    `only`: the address keys that `--limit` keeps this run to. `rejected` counts the server's rejections in a row.
    `claimed` are messages leased and not yet begun.
    """

    rooms: Rooms
    view: View
    stationery: Stationery
    holder: Holder
    readers: Mapping[str, Reader]
    guarded: Guarded
    panel: tuple[Invitee, ...]
    rehearsal: bool
    only: frozenset[str] | None = None
    failure: OnboardingError | None = None
    sent: int = 0
    rejected: int = 0
    claimed: deque[Delivery] = field(default_factory=deque)
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    pacing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def going(self) -> bool:
        """Whether another message may be begun."""
        return self.failure is None and not self.rooms.stop.is_set()


async def deliver(rooms: Rooms, work: Round, patience: timedelta) -> int:
    """Deliver what is due, over several connections at once; returns how many messages the server took.

    What is put off is tried again within this run as long as that is due within `patience` from now. Raises what
    stopped it (the server refuses us or is away, a signal), after the messages in flight were settled and those
    claimed were given back.
    """
    until = rooms.clock.now() + patience
    if waiting := await _queued(work):
        rooms.progress.begin("Sending", waiting)
    try:
        while work.going:
            await _deliver_due(work)
            due = await rooms.ledger.run(deliveries.next_due, work.view.session_row, rehearsal=work.rehearsal)
            if due is None or due > until or work.only is not None or not work.going:
                break
            seconds = max((due - rooms.clock.now()).total_seconds(), 1.0)
            rooms.progress.waiting("The mail server has put messages off", seconds)
            await rooms.clock.sleep(seconds)
    finally:
        rooms.progress.end()
        await rooms.ledger.run(deliveries.give_back, work.holder.name)
    if work.failure:
        raise work.failure
    rooms.go_on()
    return work.sent


async def _queued(work: Round) -> int:
    return await work.rooms.ledger.run(deliveries.queued, work.view.session_row, rehearsal=work.rehearsal)


async def _deliver_due(work: Round) -> None:
    """One pass over what is due; what has become too late, before it or meanwhile, expires."""
    await _expire(work)
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


async def _expire(work: Round) -> None:
    await work.rooms.ledger.run(deliveries.expire, work.view.session_row, work.rooms.clock.now())


async def _cut_off(work: Round, workers: Sequence[asyncio.Task[None]]) -> None:
    """After a signal, give the messages in flight their grace, then cut their lines: those are in doubt."""
    await work.rooms.stop.wait()
    await work.rooms.clock.linger(GRACE)
    for worker in workers:
        worker.cancel()


def round_of(
    rooms: Rooms,
    view: View,
    plan: Plan,
    stationery: Stationery,
    holder: Holder,
    *,
    rehearsal: bool = False,
    limited: bool = False,
) -> Round:
    """Make ready for delivering one session's queue: who reads what, and what no letter may hold."""
    picture = view.picture
    readers = {step.invitee.key: Reader.of(step) for step in plan.steps if step.invitee.email}
    links = [one.join_uri for one in picture.registrations if one.join_uri]
    if picture.session.host_join_uri:
        links.append(picture.session.host_join_uri)
    addresses = [*(one.email for one in picture.registrations), *(one.email for one in picture.roster.invitees)]
    panel = tuple(one.invitee for one in readers.values() if one.on_board)
    guarded = Guarded.of(links, addresses)
    only = frozenset(step.invitee.key for step in plan.mail) if limited else None
    return Round(rooms, view, stationery, holder, readers, guarded, panel, rehearsal, only)


async def _worker(work: Round, pool: Pool) -> None:
    """Deliver one message after the other until there is none, or something stops everybody."""
    while work.going and (delivery := await _next(work)):
        try:
            await _deliver_one(work, delivery, pool)
        except OnboardingError as error:
            work.failure = work.failure or error
        work.rooms.progress.advance()


async def _next(work: Round) -> Delivery | None:
    """Take the next message that is due, claiming a chunk of them where none is left."""
    async with work.claiming:
        if not work.claimed:
            row, holder, now = work.view.session_row, work.holder.name, work.rooms.clock.now()
            claim = work.rooms.ledger.run(
                deliveries.claim, row, holder, now, CHUNK, rehearsal=work.rehearsal, only=work.only
            )
            work.claimed.extend(await claim)
        return work.claimed.popleft() if work.claimed else None


async def _may_leave(work: Round, delivery: Delivery) -> bool:
    """Wait for the pace that all runs share. False: the run ends, or the message has become too late meanwhile.

    Asked last of all, so that what was counted does leave.
    """
    smtp = work.rooms.config.smtp
    allowed = pace.Pace(timedelta(seconds=smtp.rate.interval if smtp.rate else 0), smtp.per_day)
    account = f"smtp {smtp.host}:{smtp.port} {smtp.username}"
    async with work.pacing:  # one worker waits at a time
        while work.going and _now(work) < delivery.expires_at:
            if allowed == pace.Pace():
                return True
            wait = await work.rooms.ledger.run(pace.reserve, account, allowed, _now(work))
            if not wait:
                return True
            if wait > max(LONGEST_PACE, allowed.interval):
                raise _used_up(smtp.per_day, wait)
            await work.rooms.clock.sleep(wait.total_seconds())
    return False


def _used_up(per_day: int | None, wait: timedelta) -> TryLater:
    return TryLater(
        f"today's {per_day} messages are used up ([smtp] per_day); the next may leave in {wait}",
        hint="What is left stays queued: run again then, or raise per_day if your provider allows more.",
    )


def _now(work: Round) -> datetime:
    return work.rooms.clock.now()


async def _deliver_one(work: Round, delivery: Delivery, pool: Pool) -> None:
    """Write the letter while the connections are busy with others, then send it over the next that is free."""
    message = _compose(work, delivery)
    if message is None:
        return await _record(work, delivery, Transition(State.SUPERSEDED, "not on board any more"))
    if isinstance(message, Rejected):
        return await _settle(work, delivery, message)
    async with pool.connection() as connection:
        if await _may_leave(work, delivery):
            await _send(work, delivery, connection, message)
    return None


async def _send(work: Round, delivery: Delivery, connection: Connection, message: Message) -> None:
    """Offer, `sending`, hand over, record: before the connection is free again, so no more can ever be in doubt."""
    outcome: Outcome | Ready | None = await connection.offer(message)
    if isinstance(outcome, Ready):
        outcome = await _hand_over(work, delivery, connection, message)
    if outcome:
        await _settle(work, delivery, outcome)


async def _hand_over(work: Round, delivery: Delivery, connection: Connection, message: Message) -> Outcome | None:
    """Cross the point of no return. None: the delivery is not ours any more, so the body does not leave."""
    try:
        ours = await work.rooms.ledger.run(deliveries.sending, delivery, work.holder.name, work.rooms.clock.now())
    except OnboardingError:
        await connection.abandon()
        raise
    if not ours:
        await connection.abandon()
        return None
    try:
        return await connection.hand_over(message)
    except OnboardingError as error:
        # The server said that it does not want us, so it has not taken the message: no doubt, and no attempt lost.
        ledger, now = work.rooms.ledger, _now(work)
        await asyncio.shield(ledger.run(deliveries.not_taken, delivery, work.holder.name, error.message, now))
        raise


def _compose(work: Round, delivery: Delivery) -> Message | Rejected | None:
    """Write the letter from what is true now; None where the person is to get none any more."""
    reader = work.readers.get(address_key(delivery.email))
    cancels = delivery.kind is Kind.CANCELLATION
    if reader is None or not (cancels or reader.on_board):
        return None
    letter = Letter(
        kind=delivery.kind,
        invitee=reader.invitee,
        session=work.view.picture.session,
        registration=None if cancels else reader.record,
        number=delivery.number,
        message_id=delivery.message_id,
        date=work.rooms.clock.now(),
        recipient=delivery.rehearsal_to or reader.invitee.email,
        panel=work.panel,
        previous=work.view.picture.mailbox(reader.invitee.key).told,
    )
    return work.stationery.compose(letter, work.guarded)


async def _settle(work: Round, delivery: Delivery, outcome: Outcome) -> None:
    clock = work.rooms.clock
    offered = replace(delivery, attempt=delivery.attempt + 1)
    transition = settle(offered, outcome, RetryPolicy(), clock.now(), clock.draw())
    work.sent += transition.state is State.SENT
    await _record(work, delivery, transition)
    _brake(work, transition)


def _brake(work: Round, transition: Transition) -> None:
    """Stop after many rejections in a row: something is wrong with us, and every further one costs our name."""
    by_server = transition.state is State.REJECTED and transition.reply is not None
    work.rejected = work.rejected + 1 if by_server else 0
    if work.rejected >= work.rooms.config.smtp.brake:
        raise Braked(
            f"the mail server has rejected {work.rejected} messages in a row; the last answer was: {transition.reply}",
            hint="Find out why before going on. The rest stays queued; `onboarding retry` takes up the rejected ones.",
        )


async def _record(work: Round, delivery: Delivery, transition: Transition) -> None:
    """Shielded: an outcome that the server has given is written down whatever happens to this task."""
    now = work.rooms.clock.now()
    await asyncio.shield(work.rooms.ledger.run(deliveries.record, delivery, work.holder.name, transition, now))
