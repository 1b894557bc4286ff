"""Which webinars `run --all` leaves alone, because their session was over at the last run."""

from datetime import datetime, timedelta

from onboarding.ledger import sessions
from onboarding.ledger.sessions import StoredSession
from onboarding.model.sessions import END_GRACE, has_ended
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

RECHECK_EVERY = timedelta(days=1)
"""How often a session that is over is checked all the same, in case it was moved or followed by another."""

RECHECKED_FOR = timedelta(days=60)
"""How long after its end it is still checked."""


async def is_finished(services: Services, target: Target) -> bool:
    """Whether a webinar needs no run: its session is over, and was checked lately."""
    server = services.config.ringcentral.server
    session_id = target.session_id or None
    seen = await services.ledger.run(sessions.find, server, target.webinar_id, session_id)
    return seen is not None and _needs_no_run(seen, services.clock.now())


def _needs_no_run(seen: StoredSession, now: datetime) -> bool:
    if not has_ended(seen.status, seen.end, now, grace=END_GRACE):
        return False
    # A run in the future was recorded before the clock was set back. It says nothing about today.
    checked = seen.run_at is not None and seen.run_at <= now < seen.run_at + RECHECK_EVERY
    return checked or now > seen.end + RECHECKED_FOR
