"""Brings roster, RingCentral and ledger together into the one picture that a plan is made from.

Reads only: what it writes into the ledger are facts seen (a session, a webinar, the directory), never a registration
or a delivery. Makes the fewest calls: what the ledger still knows for certain is not asked again.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from pydantic import TypeAdapter

from onboarding import roster as rosters
from onboarding.errors import ConfigurationError
from onboarding.interrupt import wait_unless_stopped
from onboarding.ledger import cache, mailboxes, registrations, sessions
from onboarding.model.people import Roster
from onboarding.model.sessions import Session, SessionStatus
from onboarding.model.webinars import Webinar
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Plan, Snapshot, make_plan
from onboarding.plan.identity import identify, needs_directory
from onboarding.ringcentral.errors import NotThere

WEBINAR = TypeAdapter(Webinar)

SESSION_GRACE = timedelta(days=1)
"""How long after its end a session whose id is not configured is still taken for the webinar's current one."""


@dataclass(frozen=True, slots=True)
class RunState:
    """A picture, with what the pipeline needs beside it.

    `session_row` is the ledger's number of the session; `webinar` what RingCentral, or the ledger if `remembered`,
    says of the webinar.
    """

    session_row: int
    snapshot: Snapshot
    webinar: Webinar
    remembered: bool


async def read_roster(target: Target, stop: asyncio.Event) -> Roster:
    """Read the target's roster. Raises ConfigurationError where there is none, or it can't be read at all.

    It may be a stream that makes us wait; `stop` ends that.
    """
    if target.invitees is None:
        raise ConfigurationError(
            f"no roster is given for {target.name}", hint="Name it with --invitees FILE, or - for standard input."
        )
    content = await wait_unless_stopped(stop, rosters.fetch(target.invitees))
    return rosters.read(content, rosters.name_of(target.invitees), target.columns)


async def refresh(services: Services, target: Target, roster: Roster) -> RunState:
    """See everything that a plan has to know."""
    webinar, remembered = await _webinar(services, target)
    return await _view(services, target, roster, webinar, remembered=remembered)


async def plan_fresh(services: Services, target: Target, state: RunState, options: Options) -> tuple[RunState, Plan]:
    """Make the plan; if there is anything to do, make it on the webinar's own facts and not on remembered ones."""
    plan = make_plan(state.snapshot, options)
    if not (plan and state.remembered):
        return state, plan
    webinar = await _ask_webinar(services, target)
    if webinar == state.webinar:
        return state, plan
    fresh = await _view(services, target, state.snapshot.roster, webinar, remembered=False)
    return fresh, make_plan(fresh.snapshot, options)


async def _webinar(services: Services, target: Target) -> tuple[Webinar, bool]:
    server = services.config.ringcentral.server
    known = await services.ledger.run(cache.find_webinar_facts, server, target.webinar_id)
    if known is not None:
        return WEBINAR.validate_python(known), True
    return await _ask_webinar(services, target), False


async def _ask_webinar(services: Services, target: Target) -> Webinar:
    webinar = await services.ringcentral.webinar(target.webinar_id)
    if webinar.not_understood:
        return webinar  # not remembered: the next run may understand more, or find it mended
    facts = WEBINAR.dump_python(webinar, mode="json")
    server = services.config.ringcentral.server
    await services.ledger.run(cache.store_webinar_facts, server, target.webinar_id, facts, services.clock.now())
    return webinar


async def _session(services: Services, target: Target, webinar: Webinar) -> Session:
    """Find the session; one that is not configured is remembered from the last run while it is not over."""
    if target.session_id:
        return await services.ringcentral.session(webinar, target.session_id)
    seen = await services.ledger.run(sessions.find, services.config.ringcentral.server, webinar.id, None)
    if seen and seen.status is not SessionStatus.FINISHED and services.clock.now() < seen.end + SESSION_GRACE:
        try:
            return await services.ringcentral.session(webinar, seen.key.session_id)
        except NotThere:
            services.progress.say("The webinar's session is another one than at the last run: looking for it.")
    return await services.ringcentral.session(webinar)


async def _view(services: Services, target: Target, roster: Roster, webinar: Webinar, *, remembered: bool) -> RunState:
    now = services.clock.now()
    session = await _session(services, target, webinar)
    listed = await services.ringcentral.invitees(session.key)
    row = await services.ledger.run(sessions.upsert, session)
    colleagues = await services.ledger.run(cache.load_colleagues, services.config.ringcentral.server)
    if needs_directory(roster.invitees, listed, colleagues, session):
        colleagues = await services.ringcentral.directory()
        await services.ledger.run(cache.store_colleagues, services.config.ringcentral.server, colleagues, now)
    snapshot = Snapshot(
        session=session,
        roster=roster,
        registrations=listed.registrations,
        untouched=listed.untouched,
        now=now,
        managed=await services.ledger.run(registrations.load_managed, row),
        mailboxes=await services.ledger.run(mailboxes.load_mailboxes, row),
        colleagues=tuple(colleagues),
    )
    return RunState(row, identify(snapshot), webinar, remembered)
