"""The parts of a change, person by person: lists of them, what is still missing, and what to say of one.

Pure. `batch` keeps how far a change has come, and `bisection` finds out whom a refusal means.
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
    parts = tuple(items)
    return Change(
        add=tuple(item for item in parts if isinstance(item, Invitee)),
        update=tuple(item for item in parts if isinstance(item, Update)),
        remove=tuple(item for item in parts if isinstance(item, Registration)),
    )


def select_missing(
    change: Change, registrations: Iterable[Registration], untouched: Iterable[UntouchedRecord] = ()
) -> Change:
    """Select the part of a change that a session's records do not show yet.

    A person to update who has no record any more can't be updated, so is not missing either. A person
    to remove is there as long as their id is, even if their record has changed.
    """
    known = {record.id: record for record in registrations}
    ids = {*known, *(record.id for record in untouched)}
    return Change(
        add=tuple(item for item in change.add if not find_registration(item, known.values())),
        update=tuple(item for item in change.update if needs_update(item, known.get(item.registration.id))),
        remove=tuple(item for item in change.remove if item.id in ids),
    )


def needs_update(update: Update, record: Registration | None) -> bool:
    """Tell whether a record is there and differs from what the update asks for."""
    return record is not None and bool(differences(update.invitee, record))


def find_record(item: BatchItem, records: Iterable[Registration]) -> Registration | None:
    """Find a person's record: a new one by who they are, any other by its id."""
    match item:
        case Invitee():
            return find_registration(item, records)
        case Update(registration=old) | (Registration() as old):
            return next((record for record in records if record.id == old.id), None)


def build_problem(item: BatchItem, message: str) -> Problem:
    """Say something about a person in the form that the roster's own problems have."""
    match item:
        case Invitee():
            return Problem(item.row, None, item.email or item.name, message)
        case Update(invitee=invitee):
            return Problem(invitee.row, None, invitee.email or invitee.name, message)
        case Registration():
            name = f"{item.first_name} {item.last_name}".strip()
            return Problem(None, None, item.email or name or f"invitee {item.id}", message)
