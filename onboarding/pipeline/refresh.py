"""Brings roster, RingCentral and ledger together into the `Snapshot` that a plan is made from.

Changes nothing at RingCentral and sends nothing. Into the ledger it writes only what was seen (a
session, a webinar, the company directory), never a registration or a delivery. Makes the fewest
calls: RingCentral is not asked for what the ledger still knows for certain.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onboarding import roster as rosters
from onboarding.config.settings import suggest
from onboarding.errors import ConfigurationError
from onboarding.interrupt import wait_unless_stopped
from onboarding.ledger import (
    answers,
    attendance,
    bounces,
    cache,
    call_offs,
    entries,
    mailboxes,
    registrations,
    replacements,
    sessions,
)
from onboarding.ledger.sessions import StoredSession
from onboarding.model.foreign_text import printable
from onboarding.model.people import Colleague, Role, Roster
from onboarding.model.registrations import ManagedRegistration
from onboarding.model.sessions import InviteeList, Session, Webinar
from onboarding.pipeline.attendance import look_who_joined
from onboarding.pipeline.hold_back import load_gate
from onboarding.pipeline.services import Services
from onboarding.pipeline.session_lookup import (
    complete_listed,
    fetch_webinar,
    find_or_fetch_webinar,
    select_session,
)
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Plan, Snapshot, make_plan
from onboarding.plan.identity import identify, needs_directory
from onboarding.plan.selection import find_unknown
from onboarding.ringcentral.errors import NotThere


@dataclass(frozen=True, slots=True)
class RunState:
    """A snapshot, with what the pipeline needs beside it.

    `session_row` is the ledger's number of the session. `webinar` is what RingCentral says of the
    webinar, or what the ledger remembers of that (`remembered`). `listed` is the session as a list
    showed it, where it was not asked for by itself.
    """

    session_row: int
    snapshot: Snapshot
    webinar: Webinar
    remembered: bool
    listed: Session | None = None

    @property
    def session_digest(self) -> str:
        """The digest of what RingCentral says of the session."""
        # Not of the completed one: the next list is compared with this one.
        return (self.listed or self.snapshot.session).digest


async def read_roster(target: Target, stop: asyncio.Event) -> Roster:
    """Read the target's roster. It may be a stream that makes us wait; `stop` ends that.

    Raises ConfigurationError if there is none, or if it can't be read at all.
    """
    content, name = await fetch_roster(target, stop)
    return rosters.read(content, name, target.columns)


async def fetch_roster(target: Target, stop: asyncio.Event) -> tuple[bytes, str]:
    """Fetch the bytes of the target's roster, and what messages call it.

    Raises ConfigurationError if there is none, or if it can't be read.
    """
    if target.invitees is None:
        raise ConfigurationError(
            f"No roster is given for {target.name}.",
            hint="Name it with --invitees FILE, or - for standard input.",
        )
    content = await wait_unless_stopped(stop, rosters.fetch(target.invitees))
    return content, rosters.name_of(target.invitees)


async def refresh(
    services: Services, target: Target, roster: Roster, listed: Session | None = None
) -> RunState:
    """Find out everything that a plan needs. Raises what RingCentral's client raises.

    `listed` is the session where a list has shown it already, so that it need not be asked for.
    """
    # From the ledger if possible: a run with nothing to do then makes two Heavy calls instead of
    # three, and RingCentral allows ten a minute for all webinars of a user.
    webinar, remembered = await find_or_fetch_webinar(services, target)
    return await _build_state(
        services, target, roster, webinar, remembered=remembered, listed=listed
    )


async def refresh_to_send(
    services: Services, target: Target, roster: Roster, seen: StoredSession, listed: Session | None
) -> RunState:
    """Find out what messages that are queued already need, without the webinar's lease.

    Writes nothing about the session: a run may be planning it. `listed` is the session as the run
    that queued them saw it; None: it is asked for. Raises what `refresh` raises.
    """
    webinar, remembered = await find_or_fetch_webinar(services, target)
    try:
        session = (
            complete_listed(listed, webinar)
            if listed
            else await services.ringcentral.session(webinar, seen.key.session_id)
        )
        invitees = await services.ringcentral.invitees(session.key)
        snapshot = await _join(services, target, roster, session, invitees, seen.id)
        state = RunState(seen.id, identify(snapshot), webinar, remembered, listed)
        if _lacks_host_link(state):
            session = await services.ringcentral.session(webinar, seen.key.session_id)
            state = replace(state, snapshot=replace(state.snapshot, session=session), listed=None)
    except NotThere:
        state_known = await _recall(services, target, roster)
        if state_known and state_known.snapshot.call_off:
            return state_known
        raise
    return state


async def refresh_or_recall(
    services: Services,
    target: Target,
    roster: Roster,
    *,
    listed: Session | None = None,
    even_without_call_off: bool = False,
) -> RunState:
    """As `refresh`, but a session that is called off may be gone at RingCentral.

    Then the ledger has what its cancellations need. `even_without_call_off`: a person is about to
    call it off. Raises NotThere where the ledger has no such session either.
    """
    try:
        return await refresh(services, target, roster, listed)
    except NotThere:
        state = await _recall(services, target, roster)
        is_enough = state and (state.snapshot.call_off or even_without_call_off)
        # Without a call-off a missing session is an error: a run must not act on what was true
        # once.
        if not (state and is_enough):
            raise
        services.progress.say("The session is gone at RingCentral: the ledger knows its people.")
        return state


async def _recall(services: Services, target: Target, roster: Roster) -> RunState | None:
    """Put together what the ledger knows of a session, without RingCentral. None: nothing."""
    ledger, account = services.ledger, services.config.account
    stored = await ledger.run(sessions.find, account, target.webinar_id, target.session_id or None)
    if stored is None:
        return None
    snapshot = Snapshot(
        session=stored.as_session(),
        roster=roster,
        # Unknown, not empty: only plans that change nothing at RingCentral are made from this.
        registrations=(),
        now=services.clock.now(),
        managed=await ledger.run(registrations.load_managed, stored.id),
        mailboxes=await ledger.run(mailboxes.load_mailboxes, stored.id),
        colleagues=tuple(await ledger.run(cache.load_colleagues, account)),
        call_off=await ledger.run(call_offs.load_call_off, stored.id),
        suppressed=await ledger.run(bounces.load_suppressed, stored.id),
        allow_domains=frozenset(services.config.rehearsal.allow_domains),
    )
    webinar = Webinar(target.webinar_id, stored.title)
    return RunState(stored.id, identify(snapshot), webinar, remembered=False)


async def plan_fresh(
    services: Services, target: Target, state: RunState, options: Options
) -> tuple[RunState, Plan]:
    """Make the plan, knowing who has joined; if there is anything to do, from fresh facts.

    Raises ConfigurationError for an address of `--only` that no one has.
    """
    state = await look_who_joined(services, state)
    # What is held back needs fresh facts, too: it may be held back because of old ones.
    if _may_be_outdated(state) and make_plan(state.snapshot, options):
        webinar = await fetch_webinar(services, target) if state.remembered else state.webinar
        # Only if they differ is all of it fetched again: that costs two more of ten calls a minute.
        if webinar != state.webinar or _lacks_host_link(state):
            roster = state.snapshot.roster
            fresh = await _build_state(services, target, roster, webinar, remembered=False)
            state = _keep_attendance(fresh, state.snapshot)
    plan = await plan_approved(services, target, state, options)
    unknown = find_unknown(options.only, plan)
    if unknown is not None:
        raise _unknown_person(unknown, plan, target.name)
    return state, plan


def _keep_attendance(state: RunState, asked: Snapshot) -> RunState:
    """Keep what was asked before: one call a run says who has joined."""
    snapshot = replace(
        state.snapshot,
        attendance=asked.attendance,
        attendance_note=asked.attendance_note,
        attendance_calls=asked.attendance_calls,
    )
    return replace(state, snapshot=snapshot)


def _may_be_outdated(state: RunState) -> bool:
    return state.remembered or _lacks_host_link(state)


def _lacks_host_link(state: RunState) -> bool:
    """Whether the Host's link may be known only to the session itself, which was not asked for.

    No message may hold that link, so it has to be known before one is written.
    """
    is_known = any(
        record.role is Role.HOST and record.join_uri for record in state.snapshot.registrations
    )
    return state.listed is not None and state.listed.host_join_uri is None and not is_known


async def plan_approved(
    services: Services,
    target: Target,
    state: RunState,
    options: Options,
    *,
    within: Plan | None = None,
) -> Plan:
    """Make the plan, and hold back what is not approved, if the webinar asks for approval.

    Raises ConfigurationError for a template that can't be used, if a message has to be compared.
    """
    gate = await load_gate(
        services, target, state.session_row, state.snapshot, dial_in=state.webinar.dial_in
    )
    if gate is None:
        return make_plan(state.snapshot, options, within=within)
    # `plan` gets a function, because it may import neither ledger nor templates. In a thread, as in
    # `run.load_mailer`: to compare messages with what is approved, they are rendered.
    return await asyncio.to_thread(
        make_plan, state.snapshot, options, within=within, hold=gate.hold
    )


def _unknown_person(email: str, plan: Plan, name: str) -> ConfigurationError:
    known = [item.invitee.email for item in plan.items if item.invitee.email]
    return ConfigurationError(
        f"{printable(email) or 'An empty address'} is neither on the roster nor registered.",
        hint=suggest(email, known) or f"`onboarding plan {name}` lists all people.",
    )


async def _build_state(
    services: Services,
    target: Target,
    roster: Roster,
    webinar: Webinar,
    *,
    remembered: bool,
    listed: Session | None = None,
) -> RunState:
    if listed:
        session = complete_listed(listed, webinar)
    else:
        session = await select_session(services, target, webinar)
    # Always the whole list and never from the ledger: only RingCentral knows who is registered, and
    # the join links are nowhere else.
    invitees = await services.ringcentral.invitees(session.key)
    # Even for a `plan`: managed people, mailboxes and a stored page all hang on this row.
    account = services.config.company.account
    row = await services.ledger.run(sessions.upsert, session, account)
    if not target.session_id:
        # Else commands that read the ledger alone would go on showing a session that is gone.
        now = services.clock.now()
        await services.ledger.run(sessions.record_gone, services.config.account, session.key, now)
    snapshot = await _join(services, target, roster, session, invitees, row)
    return RunState(row, identify(snapshot), webinar, remembered, listed)


async def _join(
    services: Services,
    target: Target,
    roster: Roster,
    session: Session,
    invitees: InviteeList,
    row: int,
) -> Snapshot:
    """Join what RingCentral says of a session with what the ledger knows of it."""
    ledger, now = services.ledger, services.clock.now()
    managed = await ledger.run(registrations.load_managed, row)
    who_joined = await ledger.run(attendance.load_reading, row)
    return Snapshot(
        session=session,
        roster=roster,
        registrations=invitees.registrations,
        untouched=invitees.untouched,
        now=now,
        managed=managed,
        mailboxes=await ledger.run(mailboxes.load_mailboxes, row, now),
        colleagues=await _find_colleagues(services, roster, session, invitees, managed),
        allow_domains=frozenset(services.config.rehearsal.allow_domains),
        replacements=await ledger.run(replacements.load_replacements, row),
        call_off=await ledger.run(call_offs.load_call_off, row),
        suppressed=await ledger.run(bounces.load_suppressed, row),
        schedule=target.schedule,
        seen=await ledger.run(entries.load_seen, row),
        answers={
            key: given.answer
            for key, given in (await ledger.run(answers.load_answers, row)).items()
        },
        agreed=await ledger.run(answers.load_agreed, row, session.start, session.duration),
        attendance=who_joined.certain,
        attendance_note=who_joined.fault,
    )


async def _find_colleagues(
    services: Services,
    roster: Roster,
    session: Session,
    listed: InviteeList,
    managed: Mapping[str, ManagedRegistration],
) -> tuple[Colleague, ...]:
    """Load the directory from the ledger; ask RingCentral if that does not identify all people."""
    account = services.config.account
    colleagues = await services.ledger.run(cache.load_colleagues, account)
    if needs_directory(roster.invitees, listed, colleagues, session, managed.values()):
        # Up to 500 pages: fetched only when a person can't be identified without it.
        colleagues = await fetch_colleagues(services)
    return tuple(colleagues)


async def fetch_colleagues(services: Services) -> Sequence[Colleague]:
    """Ask RingCentral for the company directory, and store it in the ledger.

    Raises what RingCentral's client raises.
    """
    account = services.config.account
    colleagues = await services.ringcentral.directory()
    await services.ledger.run(cache.store_colleagues, account, colleagues, services.clock.now())
    return colleagues
