"""Applies a plan's change at RingCentral, with the intention in the ledger before the PATCH leaves.

So that after a crash anywhere the next run still knows whom this ledger added (and may mail) and whom it removed (and
owes a cancellation). Recovery of a lost answer is `ringcentral/`'s own.
"""

from collections.abc import Iterable
from dataclasses import replace

from onboarding.ledger import deliveries, registrations
from onboarding.model.changes import Change, Standing, differences, requested
from onboarding.model.people import Invitee, Problem
from onboarding.pipeline.looking import View
from onboarding.pipeline.rooms import Rooms
from onboarding.plan import Action, Plan
from onboarding.plan.identity import Records, with_addresses


async def register(rooms: Rooms, view: View, plan: Plan) -> tuple[View, tuple[Problem, ...]]:
    """Do what the plan says at RingCentral; returns the picture afterwards, and who could not be served."""
    await _adopt(rooms, view, plan)
    problems: tuple[Problem, ...] = ()
    records = view.picture.registrations
    if plan.change:
        await _intend(rooms, view, plan)
        rooms.progress.say(_in_words(plan.change))
        applied = await rooms.ringcentral.apply(view.picture.session.key, plan.change, records)
        records = with_addresses(applied.registrations, view.picture.colleagues)
        problems = applied.problems
        await _settle(rooms, view, plan, Records.of(records))
    known = await rooms.ledger.run(registrations.acquaintances, view.session_row)
    picture = replace(view.picture, registrations=records, acquaintances=known, now=rooms.clock.now())
    return replace(view, picture=picture), problems


async def _adopt(rooms: Rooms, view: View, plan: Plan) -> None:
    adopted = [step.invitee for step in plan.steps if step.adopted]
    await _stand(rooms, view, adopted, Standing.ADOPTED)


async def _intend(rooms: Rooms, view: View, plan: Plan) -> None:
    """Committed before the PATCH leaves; moving it behind would make a crash forget whom we added."""
    await _stand(rooms, view, plan.change.add, Standing.ADDING)
    await _stand(rooms, view, _removed(plan), Standing.REMOVING)


async def _settle(rooms: Rooms, view: View, plan: Plan, records: Records) -> None:
    """Write down what came of the intentions."""
    now = rooms.clock.now()
    added = [one for one in plan.change.add if records.find(one)]
    await _stand(rooms, view, added, Standing.ADDED)
    gone = [one for one in _removed(plan) if not records.find(one)]
    await _stand(rooms, view, gone, Standing.REMOVED)
    failed = [one for one in (*plan.change.add, *_removed(plan)) if one not in added and one not in gone]
    await rooms.ledger.run(registrations.revert, view.session_row, failed, view.picture.acquaintances, now)
    await rooms.ledger.run(deliveries.withdraw, view.session_row, [one.email for one in gone], now)
    await _note_unfulfilled(rooms, view, [one.invitee for one in plan.change.update], records)


async def _note_unfulfilled(rooms: Rooms, view: View, updated: Iterable[Invitee], records: Records) -> None:
    """Remember what RingCentral left undone.

    Not before the answer: an update that a crash kept from leaving has to be sent by the next run.
    """
    done = []
    for invitee in updated:
        record = records.find(invitee)
        left = differences(invitee, record) if record else {}
        if left:
            asked = {name: value for name, value in requested(invitee).items() if name in left}
            now = rooms.clock.now()
            await rooms.ledger.run(registrations.record_unfulfilled, view.session_row, invitee, asked, now)
        else:
            done.append(invitee)
    await rooms.ledger.run(registrations.clear_unfulfilled, view.session_row, done)


async def _stand(rooms: Rooms, view: View, invitees: Iterable[Invitee], standing: Standing) -> None:
    people = [one for one in invitees if one.email]  # without an address nobody can be told from anybody else
    if people:
        await rooms.ledger.run(registrations.stand, view.session_row, people, standing, rooms.clock.now())


def _removed(plan: Plan) -> list[Invitee]:
    """Who is removed for good; who is registered anew is among the added."""
    return [step.invitee for step in plan.at(Action.REMOVE)]


def _in_words(change: Change) -> str:
    parts = {"add": len(change.add), "update": len(change.update), "remove": len(change.remove)}
    told = ", ".join(f"{count} to {verb}" for verb, count in parts.items() if count)
    return f"Telling RingCentral: {told}."
