"""The one list of sessions that a `run --all` reads, and which of its sessions is a webinar's.

The company's list shows the webinars of all hosts, and needs a user permission. Where RingCentral
refuses it, that is remembered for a day, and the list of one's own sessions is read instead.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from onboarding.ledger import looks
from onboarding.ledger.sessions import StoredSession
from onboarding.model.sessions import Session, SessionList, SessionStatus, has_ended
from onboarding.pipeline.rate_limiter import account_of
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.ringcentral.errors import NotPermitted

LOOK_BACK = timedelta(hours=24)
"""How long after its end a session is still in the list, at least."""


async def read_session_list(services: Services, look_back: timedelta = LOOK_BACK) -> SessionList:
    """Read the sessions that have not ended for longer than `look_back`: one call per thousand.

    Raises what RingCentral's client raises.
    """
    now = services.clock.now()
    since = now - max(look_back, LOOK_BACK)
    account = account_of(services.config.ringcentral)
    if not await services.ledger.run(looks.is_list_refused, account, now):
        try:
            return await services.ringcentral.sessions(since=since, company=True)
        except NotPermitted:
            await services.ledger.run(looks.record_refused_list, account, now)
    return await services.ringcentral.sessions(since=since, company=False)


def find_listed(
    sessions: SessionList, target: Target, seen: StoredSession | None, now: datetime
) -> Session | None:
    """Find a webinar's session in the list, by the rule of a run; None: it has to be asked for.

    Where config.toml names no session, it is the last run's until that is over, else the only one
    that is not over.
    """
    own = [session for session in sessions.listed if session.key.webinar_id == target.webinar_id]
    if target.session_id:
        return _find_by_id(own, target.session_id)
    known = None
    if seen and not has_ended(seen.status, seen.end, now, grace=target.schedule.end_grace):
        known = _find_by_id(own, seen.key.session_id)
    return known or _find_ahead(own)


def _find_by_id(sessions: Sequence[Session], session_id: str) -> Session | None:
    found = (session for session in sessions if session.key.session_id == session_id)
    return next(found, None)


def _find_ahead(own: Sequence[Session]) -> Session | None:
    """Find the only session of a webinar that is not over; if all are, the one that was last."""
    ahead = [session for session in own if session.status is not SessionStatus.FINISHED]
    # Of several, a person has to say which one is meant: asking for the session tells them.
    if len(ahead) > 1:
        return None
    return ahead[0] if ahead else max(own, key=lambda session: session.start, default=None)
