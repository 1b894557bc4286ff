"""Applies a plan's change at RingCentral, with the intention in the ledger before the PATCH leaves.

So that after a crash anywhere the next run still knows whom this ledger added (and may mail) and whom it removed (and
owes a cancellation). Recovery of a lost answer is `ringcentral/`'s own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from onboarding.ledger import deliveries, registrations
from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import (
    Applied,
    Change,
    ManagedRegistration,
    Standing,
    not_understood_of,
    registration_key,
    requested,
)
from onboarding.model.sessions import Registration
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Action, Plan
from onboarding.plan.identity import Records, add_addresses
from onboarding.plan.invitee_changes import diff


async def register(services: Services, state: RunState, plan: Plan) -> tuple[RunState, tuple[Problem, ...]]:
    """Do what the plan says at RingCentral; returns the picture afterwards, and who could not be served."""
    await _adopt(services, state, plan)
    await _forget_fulfilled(services, state, plan)
    problems: tuple[Problem, ...] = ()
    records, untouched = state.snapshot.registrations, state.snapshot.untouched
    if plan.change:
        before = await services.ledger.run(registrations.load_managed, state.session_row)
        await _intend(services, state, plan)
        services.progress.say(_in_words(plan.change))
        applied = await services.ringcentral.apply(state.snapshot.session.key, plan.change, records, untouched)
        records = add_addresses(applied.registrations, state.snapshot.colleagues)
        untouched = add_addresses(applied.untouched, state.snapshot.colleagues)
        problems = applied.problems
        await _settle(services, state, plan, replace(applied, registrations=records, untouched=untouched), before)
    known = await services.ledger.run(registrations.load_managed, state.session_row)
    snapshot = replace(
        state.snapshot, registrations=records, untouched=untouched, managed=known, now=services.clock.now()
    )
    return replace(state, snapshot=snapshot), problems


async def _adopt(services: Services, state: RunState, plan: Plan) -> None:
    adopted = [item.invitee for item in plan.items if item.adopted]
    await _stand(services, state, adopted, Standing.ADOPTED)


async def _forget_fulfilled(services: Services, state: RunState, plan: Plan) -> None:
    """Who is as wanted by now, by other hands, may be changed again should the record change back."""
    asked = [
        known.invitee
        for item in plan.with_action(Action.KEEP)
        if item.registration and not diff(item.invitee, item.registration)
        for known in state.snapshot.find_managed(item.invitee)
        if known.last_requested
    ]
    if asked:
        await services.ledger.run(registrations.clear_unfulfilled, state.session_row, asked)


async def _intend(services: Services, state: RunState, plan: Plan) -> None:
    """Committed before the PATCH leaves; moving it behind would make a crash forget whom we added."""
    await _stand(services, state, plan.change.add, Standing.ADDING)
    await _stand(services, state, _removals(plan).values(), Standing.REMOVING)


def _removals(plan: Plan) -> dict[str, Invitee]:
    """Who is removed, by the id of their record: also a linked user whose place another one takes."""
    removed = {item.registration.id: item.invitee for item in plan.with_action(Action.REMOVE) if item.registration}
    for item in plan.with_action(Action.REPLACE):
        old = item.registration
        if old and old.linked_user and old.linked_user != item.invitee.linked_user:
            removed[old.id] = Invitee(0, "", old.role, old.first_name, old.last_name, linked_user=old.linked_user)
    return removed


async def _settle(
    services: Services, state: RunState, plan: Plan, applied: Applied, before: Mapping[str, ManagedRegistration]
) -> None:
    """Write down what came of the intentions.

    Who is not where they should be was intended all the same: a list may lag behind the change, so only RingCentral's
    refusal takes an intention back.
    """
    now = services.clock.now()
    records = Records.of(applied.registrations, state.snapshot.colleagues)
    added = [one for one in plan.change.add if one not in applied.undone and records.find(one)]
    await _stand(services, state, added, Standing.ADDED)
    there = {record.id for record in applied.registrations} | {record.id for record in applied.untouched}
    removals = _removals(plan)
    missing = [invitee for id_, invitee in removals.items() if id_ not in there]
    gone = [invitee for invitee in missing if not not_understood_of(invitee, applied.untouched)]
    await _stand(services, state, gone, Standing.REMOVED)
    await services.ledger.run(deliveries.cancel_for_removed, state.session_row, [one.email for one in gone], now)
    kept = {one.id for one in applied.undone if isinstance(one, Registration)} & there
    refused = [
        *(one for one in plan.change.add if one in applied.undone),
        *(invitee for id_, invitee in removals.items() if id_ in kept),
    ]
    await services.ledger.run(registrations.revert, state.session_row, refused, before, now)
    changed = [item.invitee for item in plan.with_action(Action.UPDATE, Action.REPLACE)]
    await _note_unfulfilled(services, state, [*changed, *(one for one in added if one not in changed)], records)


async def _note_unfulfilled(services: Services, state: RunState, changed: Iterable[Invitee], records: Records) -> None:
    """Remember what RingCentral left undone.

    Not before the answer: an update that a crash kept from leaving has to be sent by the next run.
    """
    done = []
    for invitee in changed:
        record = records.find(invitee)
        left = diff(invitee, record) if record else {}
        if left:
            asked = {name: value for name, value in requested(invitee).items() if name in left}
            now = services.clock.now()
            await services.ledger.run(registrations.record_unfulfilled, state.session_row, invitee, asked, now)
        else:
            done.append(invitee)
    await services.ledger.run(registrations.clear_unfulfilled, state.session_row, done)


async def _stand(services: Services, state: RunState, invitees: Iterable[Invitee], standing: Standing) -> None:
    # Without address and ids a person can't be told from any other.
    people = [one for one in invitees if registration_key(one)]
    if people:
        await services.ledger.run(registrations.set_standing, state.session_row, people, standing, services.clock.now())


def _in_words(change: Change) -> str:
    parts = {"add": len(change.add), "update": len(change.update), "remove": len(change.remove)}
    told = ", ".join(f"{count} to {verb}" for verb, count in parts.items() if count)
    return f"Telling RingCentral: {told}."
