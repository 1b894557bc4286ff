"""Delivers a session's queue: claims what is due, keeps workers at it, comes back for what was put off, and stops well.

`posting` does one message. Workers stop between messages: at the first error that stops everybody, and at a signal,
which leaves the messages in flight their grace.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from onboarding.errors import OnboardingError
from onboarding.ledger import deliveries
from onboarding.mail.pool import Pool
from onboarding.model.deliveries import Delivery
from onboarding.pipeline.posting import post
from onboarding.pipeline.rooms import Rooms
from onboarding.pipeline.round import Round

WORKERS = 2
"""Workers for each connection: while one sends, the next letter is written."""

CHUNK = 200
"""Messages claimed at a time, so that memory does not grow with their number."""

GRACE = 20.0
"""Seconds that messages in flight have to finish after a signal."""


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
        if loss := rooms.post.loss:
            rooms.progress.say(loss)
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


async def _expire(work: Round) -> None:
    await work.rooms.ledger.run(deliveries.expire, work.view.session_row, work.rooms.clock.now())


async def _cut_off(work: Round, workers: Sequence[asyncio.Task[None]]) -> None:
    """After a signal, give the messages in flight their grace, then cut their lines: those are in doubt."""
    await work.rooms.stop.wait()
    await work.rooms.clock.linger(GRACE)
    for worker in workers:
        worker.cancel()


async def _worker(work: Round, pool: Pool) -> None:
    """Deliver one message after the other until there is none, or something stops everybody."""
    while work.going and (delivery := await _next(work)):
        try:
            await post(work, delivery, pool)
        except OnboardingError as error:
            work.fail(error)
        if delivery not in work.put_back:
            work.rooms.progress.advance()


async def _next(work: Round) -> Delivery | None:
    """Take the next message that is due, claiming a chunk of them where none is left; last those put back."""
    while not work.claimed and not work.all_claimed:
        await _claim(work)
    waiting = work.claimed or work.put_back
    return waiting.popleft() if waiting else None


async def _claim(work: Round) -> None:
    """Claim a chunk, unless another worker has done so while this one waited."""
    async with work.claiming:
        if not work.claimed and not work.all_claimed:
            row, holder, now = work.view.session_row, work.holder.name, work.rooms.clock.now()
            claim = work.rooms.ledger.run(
                deliveries.claim, row, holder, now, CHUNK, rehearsal=work.rehearsal, only=work.only
            )
            work.claimed.extend(await claim)
            work.all_claimed = len(work.claimed) < CHUNK
