"""What a plan asks of RingCentral, and the result: the values between `plan` and `ringcentral/`.

Pure. People are matched by e-mail or linked user and never by position (`docs/ringcentral.md`,
"Invitees").
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, LinkedUser, Problem
from onboarding.model.sessions import Registration, UntouchedRecord

SEATS = 99
"""Co-hosts and panelists that a webinar holds (`docs/ringcentral.md`, "Invitees")."""


class Standing(StrEnum):
    """What this ledger has done about a person at RingCentral."""

    ADDING = "adding"  # a PATCH that adds them was about to leave; counts as ours
    ADDED = "added"
    ADOPTED = "adopted"  # found registered; a person said that they may be mailed from here
    UPDATED = "updated"  # found registered and changed as the roster asks; not ours for all that
    REMOVING = "removing"  # a PATCH that removes them was about to leave
    REMOVED = "removed"


MANAGED = frozenset({Standing.ADDING, Standing.ADDED, Standing.ADOPTED})
"""Standings of people that this ledger may mail. It removes only those that it added."""


@dataclass(frozen=True, slots=True)
class ManagedRegistration:
    """A person that this ledger registered, adopted, updated or removed.

    `invitee` has what a later cancellation needs. `last_requested` is what RingCentral was asked
    for and did not set, field -> value: that is reported, and not sent again and again.
    `mailed_by_ringcentral`: a run has seen and reported that RingCentral has mailed them itself.
    """

    invitee: Invitee
    standing: Standing
    last_requested: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mailed_by_ringcentral: bool = False


def registration_key(person: Invitee) -> str:
    """The key under which the ledger keeps a person: their address, or their ids without one."""
    user = person.linked_user
    return person.key or (_ids(user) if user else "")


def record_fields(invitee: Invitee) -> dict[str, str]:
    """Give what an invitee's record should hold, field by field, in comparable text."""
    return {
        "role": str(invitee.role),
        "first name": invitee.first_name,
        "last name": invitee.last_name,
        "job title": invitee.job_title,
        "linked user": _ids(invitee.linked_user) if invitee.linked_user else "",
    }


def _ids(user: LinkedUser) -> str:
    return f"{user.account_id}/{user.user_id}"


@dataclass(frozen=True, slots=True)
class Update:
    """An invitee with a record that differs from the roster: the record, and what it should be."""

    registration: Registration
    invitee: Invitee


@dataclass(frozen=True, slots=True)
class Change:
    """Everything that RingCentral is asked to change for one session."""

    add: tuple[Invitee, ...] = ()
    update: tuple[Update, ...] = ()
    remove: tuple[Registration, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.update or self.remove)


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of a change: the session's records afterwards, and the people that it failed for.

    `registrations` is what is known of every invitee of the session now, from the answers and from
    the last list, if there was one; `untouched` the records that are left alone. `undone` are
    people who were certainly not added, and records that were certainly not removed, by this
    change: RingCentral refused them, or they were never sent. For all others the change may have
    been made, even where nothing shows it yet.
    """

    registrations: tuple[Registration, ...]
    problems: tuple[Problem, ...] = ()
    undone: tuple[Invitee | Registration, ...] = ()
    untouched: tuple[UntouchedRecord, ...] = ()


def matches(registration: Registration, invitee: Invitee) -> bool:
    """Tell whether a record is this invitee's: the same linked user, or the same address."""
    # Where both have ids, these decide alone: an address can pass to another colleague.
    if invitee.linked_user and registration.linked_user:
        return invitee.linked_user == registration.linked_user
    return _is_same_address(invitee, registration.email)


def _is_same_address(invitee: Invitee, email: str) -> bool:
    """Whether both have an address, and it is the same. Without one they have nothing in common."""
    return bool(invitee.email and email) and invitee.key == address_key(email)


def find_registration(
    invitee: Invitee, registrations: Iterable[Registration]
) -> Registration | None:
    """Find the invitee's record, None where there is none."""
    return next((record for record in registrations if matches(record, invitee)), None)


def find_not_understood(
    invitee: Invitee, untouched: Iterable[UntouchedRecord]
) -> UntouchedRecord | None:
    """Find a record that is not understood and shows the invitee's address or linked user.

    One of them is enough: a person who may be there already is neither added nor changed. None if
    there is no such record.
    """
    return next((record for record in untouched if record.fault and _shows(record, invitee)), None)


def _shows(record: UntouchedRecord, invitee: Invitee) -> bool:
    is_user = record.linked_user is not None and record.linked_user == invitee.linked_user
    return is_user or _is_same_address(invitee, record.email)


def differences(invitee: Invitee, record: Registration) -> dict[str, tuple[str, str]]:
    """What an update would change, field -> (old, new). Old is empty where the record lacks it.

    Names and job title count for guests only: a colleague's come from RingCentral. What the roster
    leaves open is no difference.
    """
    pairs = {"role": (str(record.role), str(invitee.role))}
    # RingCentral can't rename a linked user, so a difference would come back at every run.
    if not (record.linked_user or invitee.linked_user):
        pairs["first name"] = (record.first_name, invitee.first_name)
        pairs["last name"] = (record.last_name, invitee.last_name)
        pairs["job title"] = (record.job_title, invitee.job_title)
    return {name: (old, new) for name, (old, new) in pairs.items() if new and old != new}


def disagreements(changes: Mapping[str, tuple[str, str]]) -> list[str]:
    """Of some differences, the fields in which the record says something else, not nothing."""
    return [name for name, (old, _) in changes.items() if old]


def describe_unchanged(fields: Iterable[str]) -> str:
    """Say what RingCentral was asked for and did not do."""
    names = " and the ".join(fields)
    return f"RingCentral was asked to change the {names} and did not. Change it there by hand."


NO_LINK = (
    "RingCentral has given no join link that can be used for them. "
    "Run again, or look at them in RingCentral."
)
"""The words for a record without a join link."""


def split_change(change: Change, occupied: int) -> tuple[Change, ...]:
    """Split a change into the fewest PATCH calls: one, or two if removing must come before adding.

    That is so if a person is removed and added (a guest who becomes co-host), or if there are not
    enough seats for all at once. `occupied` counts the seats taken now. Whether RingCentral removes
    before it adds within one call is not documented.
    """
    # Another linked user with the same address counts too: RingCentral would call it a conflict.
    is_replaced = any(
        matches(gone, new) or _is_same_address(new, gone.email)
        for gone in change.remove
        for new in change.add
    )
    # Only with removals: without them a second call would gain no seat.
    is_crowded = bool(change.remove and change.add) and occupied + len(change.add) > SEATS
    if is_replaced or is_crowded:
        # Removing goes first: it frees the seat and the address. After a crash in between, the
        # next run finds that they are missing, and adds them.
        return replace(change, add=()), Change(add=change.add)
    return (change,) if change else ()
