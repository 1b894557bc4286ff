"""The parts of a change, person by person: lists of them, what is still missing, and what to say of one.

Pure. `batch` keeps how far a change has come, and `bisection` finds out which people a refusal
means.
"""

from collections.abc import Iterable

from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import Change, Update, differences, find_registration
from onboarding.model.sessions import Registration, UntouchedRecord

BatchItem = Invitee | Update | Registration
"""One person's part of a change: a person to add, to update, or to remove."""


def list_items(change: Change) -> tuple[BatchItem, ...]:
    """List a change person by person. The order within each kind is that of the request's body."""
    return (*change.add, *change.update, *change.remove)


def build_change(items: Iterable[BatchItem]) -> Change:
    """Build the change that does these people's parts."""
    every_part = tuple(items)
    return Change(
        add=tuple(part for part in every_part if isinstance(part, Invitee)),
        update=tuple(part for part in every_part if isinstance(part, Update)),
        remove=tuple(part for part in every_part if isinstance(part, Registration)),
    )


def select_missing(
    change: Change, registrations: Iterable[Registration], untouched: Iterable[UntouchedRecord] = ()
) -> Change:
    """Select the part of a change that a session's records do not show yet.

    A person to update who has no record any more can't be updated, so is not missing either. A
    person to remove is there as long as their id is, even if their record has changed.
    """
    known = {record.id: record for record in registrations}
    ids = {*known, *(record.id for record in untouched)}
    return Change(
        add=tuple(part for part in change.add if not find_registration(part, known.values())),
        update=tuple(
            part for part in change.update if needs_update(part, known.get(part.registration.id))
        ),
        remove=tuple(part for part in change.remove if part.id in ids),
    )


def needs_update(update: Update, record: Registration | None) -> bool:
    """Tell whether a record is there and differs from what the update asks for."""
    return record is not None and bool(differences(update.invitee, record))


def find_record(part: BatchItem, records: Iterable[Registration]) -> Registration | None:
    """Find a person's record: a new one by who they are, any other by its id."""
    match part:
        case Invitee():
            return find_registration(part, records)
        case Update(registration=old) | (Registration() as old):
            return next((record for record in records if record.id == old.id), None)


def build_problem(part: BatchItem, message: str) -> Problem:
    """Say something about a person in the form that the roster's own problems have."""
    match part:
        case Invitee():
            return Problem(part.row, None, part.email or part.name, message)
        case Update(invitee=invitee):
            return Problem(invitee.row, None, invitee.email or invitee.name, message)
        case Registration():
            name = f"{part.first_name} {part.last_name}".strip()
            return Problem(None, None, part.email or name or f"invitee {part.id}", message)
