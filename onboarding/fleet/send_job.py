"""The job that sends one chunk of a session's due messages, on any worker (`pipeline.chunks`)."""

from onboarding.fleet.outcome import conclude, end_sending
from onboarding.fleet.values import plan_job, send_job
from onboarding.ledger import jobs
from onboarding.model.sessions import Session
from onboarding.pipeline.chunks import claim_chunk, send_chunk
from onboarding.pipeline.lease import sender_lease
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.webinar_end import WebinarEnd
from onboarding.pipeline.webinar_work import load_known


async def send_next_chunk(
    services: Services, target: Target, session_row: int, listed: Session | None
) -> WebinarEnd:
    """Send one chunk, and add a job for the next one if more may be due.

    `services` are those of the webinar's company. `listed` is the session where it is known.
    """
    work = _send_queued_chunk(services, target, session_row, listed)
    return await end_sending(services, WebinarEnd(target), work)


async def _send_queued_chunk(
    services: Services, target: Target, session_row: int, listed: Session | None
) -> Result | None:
    services.raise_if_stopped()
    known = await load_known(services, target)
    seen = known.seen
    # Paused, or planned again with another session: then there is nothing to send here.
    if known.pause or seen is None or seen.id != session_row:
        return None
    async with sender_lease(services) as lease:
        chunk = await claim_chunk(services, session_row, lease)
        if not chunk.messages:
            return None
        sent = await send_chunk(services, target, seen, chunk, listed)
    following = [send_job(target.name, session_row, 0, listed)] if chunk.is_full else []
    if sent.has_outdated:
        following = [plan_job(target.name, None)]
    await services.ledger.run(jobs.add_jobs, following)
    return await conclude(services, target, sent.count)
