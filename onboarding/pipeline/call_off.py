"""A webinar that does not take place: every person who holds a link gets a cancellation.

The same run as any other, from a plan that has only cancellations (`plan.call_offs`). The word of a
person is stored first, so that after a crash the next run goes on. A session that is gone at
RingCentral is called off from what the ledger knows. No person is removed there.
"""

from collections.abc import Sequence
from dataclasses import replace

from onboarding.errors import ConfigurationError
from onboarding.ledger import call_offs, roster_rows
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Roster
from onboarding.model.sessions import CallOff
from onboarding.pipeline.acts import approve_act
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import read_roster, refresh_or_recall
from onboarding.pipeline.run import execute_plan, recover, start_run
from onboarding.pipeline.run_values import PreparedRun, Result, count_heavy_calls
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import load_seen_session
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Plan, SkipCode, make_plan


async def prepare_call_off(services: Services, target: Target, by: str) -> PreparedRun:
    """Look at what a call-off would send; call while holding the webinar's lease.

    Raises ConfigurationError for a session that is over, and what RingCentral's client raises.
    """
    calls_before = count_heavy_calls(services)
    roster = await _read_roster_if_possible(services, target)
    # A person often deletes the webinar at RingCentral first, and only then thinks of the mail.
    state = await refresh_or_recall(services, target, roster, even_without_call_off=True)
    state, doubts = await recover(services, state)
    snapshot = state.snapshot
    if RULES[Kind.CANCELLATION].is_over(snapshot.session, snapshot.now):
        message = f"The session of {target.name} is over: there is nothing to call off."
        raise ConfigurationError(message, hint=f"`onboarding status {target.name}` shows it.")
    # Only in memory, so that the plan can be shown. `execute_call_off` stores it after the yes.
    call_off = snapshot.call_off or CallOff(services.clock.now(), by)
    state = replace(state, snapshot=replace(snapshot, call_off=call_off))
    options = Options()
    plan = make_plan(state.snapshot, options)
    if snapshot.call_off is None:
        # The plan's note says that it is called off: so far a person has only asked for that.
        plan = replace(plan, notes=snapshot.session.notes)
    looked = PreparedRun(target, state, plan, options, None, doubts, calls_before)
    return await start_run(services, looked)


async def execute_call_off(
    services: Services, prepared: PreparedRun, lease: HeldLease, by: str
) -> Result:
    """Store that the session is called off, and send the cancellations.

    Raises NotApproved under `approval = "strict"`: then nothing was done.
    """
    target, state, due = prepared.target, prepared.state, prepared.plan.mail
    # Before the word is stored: a call-off that is refused must not stop the webinar's other mail.
    await approve_act(services, target, state, due, by, call_offs.CALL_OFF)
    row, now = state.session_row, services.clock.now()
    # Committed before the first cancellation leaves. After a crash between the two no run can send
    # an invitation to a webinar that does not take place.
    await services.ledger.run(call_offs.record_call_off, row, by, now)
    return await execute_plan(services, prepared, lease)


def list_doubts(plan: Plan) -> Sequence[str]:
    """List the addresses of people who may hold a link: a person has to decide about each."""
    return [item.invitee.email for item in plan.items if item.skip is SkipCode.IN_DOUBT]


async def find_current_call_off(services: Services, target: Target) -> CallOff | None:
    """Find who has called a webinar off. Raises ConfigurationError before its first run."""
    stored = await load_seen_session(services, target)
    return await services.ledger.run(call_offs.load_call_off, stored.id)


async def undo_call_off(services: Services, target: Target, by: str) -> bool:
    """Let runs go on; call while holding the webinar's lease. False if it is not called off."""
    stored, now = await load_seen_session(services, target), services.clock.now()
    return await services.ledger.run(call_offs.remove_call_off, stored.id, by, now)


async def _read_roster_if_possible(services: Services, target: Target) -> Roster:
    """Read the roster for names and languages. Without it, the one of the last run will do.

    Raises ConfigurationError where there is neither.
    """
    try:
        return await read_roster(target, services.stop)
    except ConfigurationError as error:
        # A roster that was deleted or broken must not keep people from hearing of the call-off. Who
        # gets a cancellation follows from the mailboxes; the roster only adds names and languages.
        stored = await load_seen_session(services, target)
        people = await services.ledger.run(roster_rows.load_roster, stored.id)
        services.progress.say(f"{error.message} The people are those of the last run.")
        return Roster(tuple(people.values()), ())
