"""Applies a plan's change at RingCentral, with the intention in the ledger before the PATCH leaves.

So after a crash anywhere, the next run still knows which people this ledger added (and may mail)
and which it removed (and owes a cancellation). How a lost answer is recovered is the business of
`ringcentral`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onboarding.ledger import deliveries, registrations
from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import (
    Applied,
    Change,
    ManagedRegistration,
    Standing,
    find_not_understood,
    record_fields,
    registration_key,
)
from onboarding.model.sessions import Registration
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Action, Plan
from onboarding.plan.identity import Records, add_addresses
from onboarding.plan.invitee_changes import diff


async def register(
    services: Services, state: RunState, plan: Plan
) -> tuple[RunState, tuple[Problem, ...]]:
    """Do what the plan says at RingCentral; returns the state afterwards, and the problems of people not served."""
    await _record_adopted(services, state, plan)
    await _clear_fulfilled(services, state, plan)
    problems: tuple[Problem, ...] = ()
    records, untouched = state.snapshot.registrations, state.snapshot.untouched
    if plan.change:
        before = await services.ledger.run(registrations.load_managed, state.session_row)
        await _record_intentions(services, state, plan)
        services.progress.say(_describe_change(plan.change))
        applied = await services.ringcentral.apply(
            state.snapshot.session.key, plan.change, records, untouched
        )
        records = add_addresses(applied.registrations, state.snapshot.colleagues)
        untouched = add_addresses(applied.untouched, state.snapshot.colleagues)
        problems = applied.problems
        await _record_result(
            services,
            state,
            plan,
            replace(applied, registrations=records, untouched=untouched),
            before,
        )
    known = await services.ledger.run(registrations.load_managed, state.session_row)
    snapshot = replace(
        state.snapshot,
        registrations=records,
        untouched=untouched,
        managed=known,
        now=services.clock.now(),
    )
    return replace(state, snapshot=snapshot), problems


async def _record_adopted(services: Services, state: RunState, plan: Plan) -> None:
    adopted = [item.invitee for item in plan.items if item.adopted]
    await _set_standing(services, state, adopted, Standing.ADOPTED)


async def _clear_fulfilled(services: Services, state: RunState, plan: Plan) -> None:
    """Forget what RingCentral left undone and others have done since: if it changes back, it is asked for again."""
    asked = [
        known.invitee
        for item in plan.with_action(Action.KEEP)
        if item.registration and not diff(item.invitee, item.registration)
        for known in state.snapshot.find_managed(item.invitee)
        if known.last_requested
    ]
    if asked:
        await services.ledger.run(registrations.clear_unfulfilled, state.session_row, asked)


async def _record_intentions(services: Services, state: RunState, plan: Plan) -> None:
    """Write who will be added or removed.

    Committed before the PATCH leaves: behind it, a crash would make us forget the people that we
    added.
    """
    await _set_standing(services, state, plan.change.add, Standing.ADDING)
    await _set_standing(services, state, _removals(plan).values(), Standing.REMOVING)


def _removals(plan: Plan) -> dict[str, Invitee]:
    """List who is removed, by the id of their record: also a linked user that another one replaces."""
    removed = {
        item.registration.id: item.invitee
        for item in plan.with_action(Action.REMOVE)
        if item.registration
    }
    for item in plan.with_action(Action.REPLACE):
        old = item.registration
        if old and old.linked_user and old.linked_user != item.invitee.linked_user:
            removed[old.id] = Invitee(
                0, "", old.role, old.first_name, old.last_name, linked_user=old.linked_user
            )
    return removed


async def _record_result(
    services: Services,
    state: RunState,
    plan: Plan,
    applied: Applied,
    before: Mapping[str, ManagedRegistration],
) -> None:
    """Write what came of the intentions.

    A person who is not where they should be keeps their intention: a list may lag behind the
    change, so only RingCentral's refusal takes an intention back.
    """
    records = Records.of(applied.registrations, state.snapshot.colleagues)
    added = [
        invitee
        for invitee in plan.change.add
        if invitee not in applied.undone and records.find(invitee)
    ]
    await _set_standing(services, state, added, Standing.ADDED)
    await _record_removed(services, state, _find_removed(plan, applied))
    now = services.clock.now()
    await services.ledger.run(
        registrations.revert, state.session_row, _find_refused(plan, applied), before, now
    )
    changed = [item.invitee for item in plan.with_action(Action.UPDATE, Action.REPLACE)]
    changed += [invitee for invitee in added if invitee not in changed]
    await _update_unfulfilled(services, state, changed, records)


async def _record_removed(services: Services, state: RunState, removed: Sequence[Invitee]) -> None:
    """Write who is gone, and cancel what they were to get."""
    await _set_standing(services, state, removed, Standing.REMOVED)
    emails = [invitee.email for invitee in removed]
    await services.ledger.run(
        deliveries.cancel_for_removed, state.session_row, emails, services.clock.now()
    )


def _find_listed_ids(applied: Applied) -> set[str]:
    return {record.id for record in applied.registrations} | {
        record.id for record in applied.untouched
    }


def _find_removed(plan: Plan, applied: Applied) -> list[Invitee]:
    """List who is gone from RingCentral's list, unless a record that is not understood may be theirs."""
    listed = _find_listed_ids(applied)
    missing = [invitee for record_id, invitee in _removals(plan).items() if record_id not in listed]
    return [invitee for invitee in missing if not find_not_understood(invitee, applied.untouched)]


def _find_refused(plan: Plan, applied: Applied) -> list[Invitee]:
    """List the people that RingCentral refused to add or to remove."""
    not_added = [invitee for invitee in plan.change.add if invitee in applied.undone]
    undone_ids = {record.id for record in applied.undone if isinstance(record, Registration)}
    kept_ids = undone_ids & _find_listed_ids(applied)
    not_removed = [
        invitee for record_id, invitee in _removals(plan).items() if record_id in kept_ids
    ]
    return [*not_added, *not_removed]


async def _update_unfulfilled(
    services: Services, state: RunState, changed: Iterable[Invitee], records: Records
) -> None:
    """Remember what RingCentral left undone.

    Not before the answer: an update that did not leave because of a crash has to be sent by the
    next run.
    """
    done = []
    for invitee in changed:
        record = records.find(invitee)
        left = diff(invitee, record) if record else {}
        if left:
            asked = {name: value for name, value in record_fields(invitee).items() if name in left}
            now = services.clock.now()
            await services.ledger.run(
                registrations.record_unfulfilled, state.session_row, invitee, asked, now
            )
        else:
            done.append(invitee)
    await services.ledger.run(registrations.clear_unfulfilled, state.session_row, done)


async def _set_standing(
    services: Services, state: RunState, invitees: Iterable[Invitee], standing: Standing
) -> None:
    # Without address and ids a person can't be told from any other.
    people = [invitee for invitee in invitees if registration_key(invitee)]
    if people:
        await services.ledger.run(
            registrations.set_standing, state.session_row, people, standing, services.clock.now()
        )


def _describe_change(change: Change) -> str:
    parts = {"add": len(change.add), "update": len(change.update), "remove": len(change.remove)}
    changes = ", ".join(f"{count} to {verb}" for verb, count in parts.items() if count)
    return f"Telling RingCentral: {changes}."
