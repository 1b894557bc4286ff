"""Which webinar and session a target means: from the ledger if it knows, else from RingCentral.

RingCentral allows ten Heavy calls a minute for all webinars of a user. So a webinar's facts, which
hardly change, are remembered, and the session of the last run is asked for by its id.
"""

from dataclasses import replace

from pydantic import TypeAdapter

from onboarding.ledger import cache, sessions
from onboarding.model.sessions import Session, Webinar, has_ended
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.ringcentral.errors import NotThere

WEBINAR = TypeAdapter(Webinar)


async def find_or_fetch_webinar(services: Services, target: Target) -> tuple[Webinar, bool]:
    """Find the webinar in the ledger, else at RingCentral. Returns also if it is remembered."""
    account = services.config.account
    facts = await services.ledger.run(cache.find_webinar_facts, account, target.webinar_id)
    if facts is not None:
        return WEBINAR.validate_python(facts), True
    return await fetch_webinar(services, target), False


async def fetch_webinar(services: Services, target: Target) -> Webinar:
    """Ask RingCentral for the webinar, and remember its facts."""
    webinar = await services.ringcentral.webinar(target.webinar_id)
    if webinar.not_understood:
        return webinar  # not remembered: the next run may understand more, or find it corrected
    facts = WEBINAR.dump_python(webinar, mode="json")
    account = services.config.account
    await services.ledger.run(
        cache.store_webinar_facts, account, target.webinar_id, facts, services.clock.now()
    )
    return webinar


async def fetch_session(services: Services, target: Target) -> Session:
    """Ask RingCentral for a webinar's session alone. Raises NotThere where it is gone."""
    webinar, _ = await find_or_fetch_webinar(services, target)
    return await select_session(services, target, webinar)


async def select_session(services: Services, target: Target, webinar: Webinar) -> Session:
    """Find the session: the configured one, else the last run's until it is over.

    Else it is what RingCentral's client chooses.
    """
    if target.session_id:
        return await services.ringcentral.session(webinar, target.session_id)
    account = services.config.account
    last = await services.ledger.run(sessions.find, account, webinar.id, None)
    # One call for the known session instead of a list of all. The grace keeps a run on a session
    # that runs late, when the next one is already planned.
    grace = target.schedule.end_grace
    if last and not has_ended(last.status, last.end, services.clock.now(), grace=grace):
        try:
            return await services.ringcentral.session(webinar, last.key.session_id)
        except NotThere:
            services.progress.say(
                "The webinar has another session than at the last run: looking for it."
            )
    return await services.ringcentral.session(webinar)


def complete_listed(listed: Session, webinar: Webinar) -> Session:
    """Add to a session from a list what only its webinar says."""
    return replace(
        listed,
        title=listed.title or webinar.title,
        host=listed.host or webinar.host,
        panelist_authentication=webinar.panelist_authentication,
        not_understood=(*webinar.not_understood, *listed.not_understood),
    )
