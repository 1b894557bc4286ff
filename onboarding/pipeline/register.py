"""Applies a plan's change at RingCentral, with the intention in the ledger before the PATCH leaves.

So after a crash anywhere, the next run still knows which people this ledger added (and may mail)
and which it removed (and owes a cancellation). How a lost answer is recovered is decided in
`ringcentral`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

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
from onboarding.model.sessions import Registration, UntouchedRecord
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Action, Plan
from onboarding.plan.identity import Records, add_addresses
from onboarding.plan.invitee_changes import diff


async def register(
    services: Services, state: RunState, plan: Plan
) -> tuple[RunState, tuple[Problem, ...]]:
    """Do what the plan says at RingCentral.

    Returns the state afterwards, and the problems of the people that RingCentral did not serve.
    """
    # Both before the PATCH: they are true already, and hold even if RingCentral fails now.
    await _record_adopted(services, state, plan)
    await _clear_fulfilled(services, state, plan)
    snapshot = state.snapshot
    applied = Applied(snapshot.registrations, untouched=snapshot.untouched)
    if plan.change:
        applied = await _apply(services, state, plan)
    # Read back rather than worked out, so that the second plan sees what a run after a crash would.
    managed = await services.ledger.run(registrations.load_managed, state.session_row)
    after = replace(
        snapshot,
        registrations=applied.registrations,
        untouched=applied.untouched,
        managed=managed,
        # A new moment: the calls may have waited for minutes, and the session may be over by now.
        now=services.clock.now(),
    )
    return replace(state, snapshot=after), applied.problems


async def _apply(services: Services, state: RunState, plan: Plan) -> Applied:
    """Change the list at RingCentral, between what is recorded before and after."""
    snapshot, row = state.snapshot, state.session_row
    # Before the intentions are written over it: what RingCentral refuses is put back to this.
    before = await services.ledger.run(registrations.load_managed, row)
    await _record_intentions(services, state, plan)
    services.progress.say(_describe_change(plan.change))
    answer = await services.ringcentral.apply(
        snapshot.session.key, plan.change, snapshot.registrations, snapshot.untouched
    )
    applied = replace(
        answer,
        registrations=add_addresses(answer.registrations, snapshot.colleagues),
        untouched=add_addresses(answer.untouched, snapshot.colleagues),
    )
    # An error above leaves the intentions as they are. That is right: the PATCH may have arrived.
    await _record_result(services, state, plan, applied, before)
    return applied


async def _record_adopted(services: Services, state: RunState, plan: Plan) -> None:
    adopted = [item.invitee for item in plan.items if item.adopted]
    await _set_standing(services, state, adopted, Standing.ADOPTED)


async def _clear_fulfilled(services: Services, state: RunState, plan: Plan) -> None:
    """Forget what RingCentral left undone and others have done since.

    If it changes back later, it is requested again.
    """
    kept = plan.with_action(Action.KEEP)
    same = [
        item for item in kept if item.registration and not diff(item.invitee, item.registration)
    ]
    found = chain.from_iterable(state.snapshot.find_managed(item.invitee) for item in same)
    fulfilled = [managed.invitee for managed in found if managed.last_requested]
    if fulfilled:
        await services.ledger.run(registrations.clear_unfulfilled, state.session_row, fulfilled)


async def _record_intentions(services: Services, state: RunState, plan: Plan) -> None:
    """Record who will be added or removed.

    Committed before the PATCH leaves: after it, a crash would make us forget the people that we
    added.
    """
    await _set_standing(services, state, plan.change.add, Standing.ADDING)
    await _set_standing(services, state, _removals(plan).values(), Standing.REMOVING)


def _removals(plan: Plan) -> dict[str, Invitee]:
    """List the people to remove, by their record's id: also a linked user that another replaces."""
    removed = {
        # By id, because a record may have no address, and two records may have the same one.
        item.registration.id: item.invitee
        for item in plan.with_action(Action.REMOVE)
        if item.registration
    }
    for item in plan.with_action(Action.REPLACE):
        old = item.registration
        # A linked user can't be changed, so another one means delete and add. The old person is
        # then removed in fact, although the plan has one item for both.
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
    """Record what came of the intentions.

    A person who is not where they should be keeps their intention: a list may lag behind the
    change, so only RingCentral's refusal takes an intention back.
    """
    # Matched by address or ids, never by position: the order of an answer is not promised.
    records = Records.of(applied.registrations, state.snapshot.colleagues)
    added = [
        invitee
        for invitee in plan.change.add
        if invitee not in applied.undone and records.find(invitee)
    ]
    await _set_standing(services, state, added, Standing.ADDED)
    await _record_removed(services, state, _find_removed(plan, applied))
    row, refused = state.session_row, _find_refused(plan, applied)
    # Only for these. A person who is just missing stays `adding` or `removing` until a list
    # decides.
    await services.ledger.run(registrations.revert, row, refused, before, services.clock.now())
    updated = [item.invitee for item in plan.with_action(Action.UPDATE, Action.REPLACE)]
    added = [invitee for invitee in added if invitee not in updated]
    await _update_unfulfilled(services, state, [*updated, *added], records)


async def _record_removed(services: Services, state: RunState, removed: Sequence[Invitee]) -> None:
    """Record who is gone, and cancel what is queued for them."""
    await _set_standing(services, state, removed, Standing.REMOVED)
    emails = [invitee.email for invitee in removed]
    await services.ledger.run(
        deliveries.cancel_for_removed, state.session_row, emails, services.clock.now()
    )


def _find_listed_ids(applied: Applied) -> set[str]:
    records: Iterable[Registration | UntouchedRecord]
    records = chain(applied.registrations, applied.untouched)
    return {record.id for record in records}


def _find_removed(plan: Plan, applied: Applied) -> list[Invitee]:
    """List the people that RingCentral's list has no longer.

    Not among them are people who may have a record that was not understood.
    """
    listed = _find_listed_ids(applied)
    missing = [invitee for record_id, invitee in _removals(plan).items() if record_id not in listed]
    # Their record may only have become unreadable. A cancellation to a person who is still on board
    # can't be called back.
    return [invitee for invitee in missing if not find_not_understood(invitee, applied.untouched)]


def _find_refused(plan: Plan, applied: Applied) -> list[Invitee]:
    """List the people that RingCentral refused to add or to remove."""
    not_added = [invitee for invitee in plan.change.add if invitee in applied.undone]
    undone_ids = {record.id for record in applied.undone if isinstance(record, Registration)}
    # A refusal of a record that is gone is no refusal: the person was removed by another way.
    kept_ids = undone_ids & _find_listed_ids(applied)
    not_removed = [
        invitee for record_id, invitee in _removals(plan).items() if record_id in kept_ids
    ]
    return [*not_added, *not_removed]


async def _update_unfulfilled(
    services: Services, state: RunState, changed: Iterable[Invitee], records: Records
) -> None:
    """Record what RingCentral left undone, so that later runs do not request it again.

    Only after the answer: if a crash kept an update from leaving, the next run has to send it.
    """
    row, now = state.session_row, services.clock.now()
    fulfilled = []
    for invitee in changed:
        record = records.find(invitee)
        differences = diff(invitee, record) if record else {}
        if not differences:
            fulfilled.append(invitee)
            continue
        wanted = record_fields(invitee)
        # With the value that was asked for: if the roster changes it, it is requested again.
        left = {name: value for name, value in wanted.items() if name in differences}
        await services.ledger.run(registrations.record_unfulfilled, row, invitee, left, now)
    await services.ledger.run(registrations.clear_unfulfilled, row, fulfilled)


async def _set_standing(
    services: Services, state: RunState, invitees: Iterable[Invitee], standing: Standing
) -> None:
    # Without address and ids a person can't be distinguished from others.
    people = [invitee for invitee in invitees if registration_key(invitee)]
    if people:
        await services.ledger.run(
            registrations.set_standing, state.session_row, people, standing, services.clock.now()
        )


def _describe_change(change: Change) -> str:
    parts = {"add": len(change.add), "update": len(change.update), "remove": len(change.remove)}
    changes = ", ".join(f"{count} to {verb}" for verb, count in parts.items() if count)
    return f"Telling RingCentral: {changes}."
