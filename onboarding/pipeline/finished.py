"""Which webinars `run --all` leaves alone, because their session was over when last seen."""

from datetime import datetime, timedelta

from onboarding.ledger.sessions import StoredSession
from onboarding.model.looks import Look
from onboarding.model.sessions import END_GRACE, has_ended
from onboarding.plan.call_budget import has_passed

RECHECK_EVERY = timedelta(days=1)
"""How often a session that is over is checked: it may be moved, or another may follow."""

RECHECKED_FOR = timedelta(days=60)
"""How long after its end it is still checked."""


def is_finished(
    seen: StoredSession,
    look: Look,
    now: datetime,
    *,
    grace: timedelta = END_GRACE,
    has_entries: bool = False,
) -> bool:
    """Whether a webinar needs no run: its session is over, and was checked lately.

    `grace` is how long after its end it is still looked after; `has_entries`: its schedule has
    something to send still.
    """
    if has_entries or not has_ended(seen.status, seen.end, now, grace=grace):
        return False
    # Without this end each old webinar in config.toml would cost a call a day for ever.
    if now > seen.end + RECHECKED_FOR:
        return True
    # A run checks it, and so does asking for the session alone.
    return not all(has_passed(at, RECHECK_EVERY, now) for at in (seen.run_at, look.asked_at))
