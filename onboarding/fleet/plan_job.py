"""The job that plans one webinar: refresh, plan, register, queue; its first chunk is sent here.

The webinar's lease is held until all is queued. The jobs for further chunks are added in the
transaction that queues. The first chunk leaves from what this job knows, without a further call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import ceil

import sqlalchemy as sa

from onboarding.fleet.outcome import conclude, end_sending
from onboarding.fleet.values import send_job
from onboarding.ledger import claims, jobs, looks
from onboarding.model.sessions import Session, SessionList
from onboarding.pipeline.chunks import Chunk, claim_chunk, send_claimed
from onboarding.pipeline.deliver import CHUNK
from onboarding.pipeline.lease import HeldLease, sender_lease, webinar_lease
from onboarding.pipeline.mailer import Mailer
from onboarding.pipeline.run import begin_run, finish_queued, prepare_run
from onboarding.pipeline.run_values import BegunRun, Result
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.webinar_end import CHECK_OTHER_RUN, WebinarEnd, end_webinar
from onboarding.pipeline.webinar_work import NoWork, SharedPass, Work, find_work, load_known

MOST_CHUNKS = 16
"""Jobs of one webinar that wait at once: a chunk that was full adds another one."""


async def plan_webinar(
    services: Services, target: Target, listed: Session | None, *, sends: bool
) -> WebinarEnd:
    """Plan a webinar if there is a reason to, and send its first chunk if this worker `sends`.

    `services` are those of its company. `listed` is the session where a tick has seen it.
    """
    return await end_webinar(
        services, target, _plan_if_needed(services, target, listed, sends=sends)
    )


async def _plan_if_needed(
    services: Services, target: Target, listed: Session | None, *, sends: bool
) -> WebinarEnd:
    services.raise_if_stopped()
    known = await load_known(services, target)
    now = services.clock.now()
    if not known.is_open(now):
        return WebinarEnd(target)
    unfinished = await services.ledger.run(looks.list_unfinished)
    sessions = SessionList((listed,) if listed else ())
    # Without the queue: chunks that wait are no reason to plan.
    work = await find_work(SharedPass(services, now, sessions, {}, unfinished), known)
    if isinstance(work, NoWork):
        return WebinarEnd(target, work.exit_code, error=work.error, is_known=work.is_known)
    return await _plan_and_send(services, target, work, sends=sends)


@dataclass(frozen=True, slots=True)
class _FirstChunk:
    """The first chunk of a webinar's messages, and what it is sent with."""

    mailer: Mailer
    begun: BegunRun
    chunk: Chunk


async def _plan_and_send(
    services: Services, target: Target, work: Work, *, sends: bool
) -> WebinarEnd:
    async with sender_lease(services) as sender:
        result, first = await _queue_due(services, target, work, sender if sends else None)
        end = WebinarEnd(target, result.exit_code, result)
        if first is None:
            return end
        return await end_sending(services, end, _send_first_chunk(services, target, result, first))


async def _queue_due(
    services: Services, target: Target, work: Work, sender: HeldLease | None
) -> tuple[Result, _FirstChunk | None]:
    """Register and queue what is due. Returns also what the `sender` has claimed of it."""
    async with webinar_lease(services, target, hint=CHECK_OTHER_RUN):
        prepared = await prepare_run(services, target, work.options, prior=work.prior)
        also = partial(
            _add_chunk_jobs,
            name=target.name,
            listed=prepared.state.snapshot.session,
            now=services.clock.now,
            taken=int(sender is not None),
        )
        begun = await begin_run(services, prepared, also=also)
        result = await finish_queued(services, begun)
        if sender is None or prepared.mailer is None:
            return result, None
        # Under the lease: no other run can queue newer facts than this one knows.
        chunk = await claim_chunk(services, begun.state.session_row, sender)
    return result, _FirstChunk(prepared.mailer, begun, chunk) if chunk.messages else None


def _add_chunk_jobs(
    connection: sa.Connection,
    session: int,
    *,
    name: str,
    listed: Session,
    now: Callable[[], datetime],
    taken: int,
) -> None:
    """Add a job for each chunk that is due, without those that are `taken` here."""
    # Asked behind the queueing, which has taken calls: what is due now was not due before.
    due = claims.count_claimable(connection, session, now())
    count = min(ceil(due / CHUNK) - taken, MOST_CHUNKS)
    jobs.add_jobs(connection, [send_job(name, session, number, listed) for number in range(count)])


async def _send_first_chunk(
    services: Services, target: Target, planned: Result, first: _FirstChunk
) -> Result | None:
    """Send the first chunk. Returns the plan's result with what was sent."""
    begun = first.begun
    sent = await send_claimed(services, first.mailer, begun.state, begun.plan, first.chunk)
    return await conclude(services, target, sent.count, planned=planned)
