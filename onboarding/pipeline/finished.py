"""Which webinars `run --all` leaves alone, because their session was over at the last run."""

from datetime import datetime, timedelta

from onboarding.ledger import sessions
from onboarding.ledger.sessions import StoredSession
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.refresh import SESSION_GRACE
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

RECHECK_DAYS = timedelta(days=60)
"""How long after its end a session is still checked once a day, in case it was moved or followed by another."""


async def is_finished(services: Services, target: Target) -> bool:
    """Whether a webinar needs no run: its session is over, and was checked lately."""
    server = services.config.ringcentral.server
    session_id = target.session_id or None
    seen = await services.ledger.run(sessions.find, server, target.webinar_id, session_id)
    return seen is not None and _needs_no_run(seen, services.clock.now())


def _needs_no_run(seen: StoredSession, now: datetime) -> bool:
    ended = seen.status is SessionStatus.FINISHED or now > seen.end + SESSION_GRACE
    # A run in the future was recorded before the clock was set back. It says nothing about today.
    checked = seen.run_at is not None and seen.run_at <= now < seen.run_at + SESSION_GRACE
    return ended and (checked or now > seen.end + RECHECK_DAYS)
