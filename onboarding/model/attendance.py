"""Who of the panel has joined a session: what RingCentral's history says, matched with the list.

Pure. Whether someone is missing is said only of people that RingCentral can tell apart: one
participant that belongs to no record may be any of those with the same role.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.entries import Attendance
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import Registration, Session, SessionStatus

UNDER_WAY_OR_OVER = frozenset({SessionStatus.ACTIVE, SessionStatus.FINISHED})
"""Only then can it be known who is missing: before, the room may not be open."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One who has joined a session, by RingCentral's history.

    `original_role` is the one they were invited with; None where it is not understood.
    `as_attendee`: they came in by the attendees' door. `invitee_id` is the id of their record in
    the list of invitees. All but the role may be empty.
    """

    original_role: Role | None
    as_attendee: bool = False
    invitee_id: str = ""
    email: str = ""
    linked_user: LinkedUser | None = None
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PersonAttendance:
    """Whether a person has joined, since when, and whether they came by the attendees' door."""

    attendance: Attendance
    joined_at: datetime | None = None
    wrong_door: bool = False


UNKNOWN_ATTENDANCE = PersonAttendance(Attendance.UNKNOWN)


@dataclass(frozen=True, slots=True)
class AttendanceReading:
    """What the last look at a session's participants brought; `people` by address key.

    `at` is None before the first look. `is_final`: it was known, and the session was over.
    `fault` is why it is not known, in words; empty if it is.
    """

    at: datetime | None = None
    is_final: bool = False
    fault: str = ""
    people: Mapping[str, PersonAttendance] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def certain(self) -> dict[str, Attendance]:
        """What is still true without a new look: a person who was missing may have come since."""
        return {
            key: person.attendance
            for key, person in self.people.items()
            if person.attendance is Attendance.JOINED or self.is_final
        }


def can_be_known(session: Session, now: datetime) -> bool:
    """Whether RingCentral can be asked who has joined: from the arrival time on, once it began."""
    return session.status in UNDER_WAY_OR_OVER and now >= session.arrive_by


def match_participants(
    participants: Sequence[Participant], registrations: Mapping[str, Registration]
) -> dict[str, PersonAttendance]:
    """Say of each person, by the key of their record, whether they have joined.

    A participant is found by the record's id, by address, or as linked user. One that belongs to no
    record makes all of that original role unknown; one without a role that is understood, all.
    """
    joined: dict[str, list[Participant]] = {}
    unmatched: set[Role] = set()
    for participant in participants:
        key = _find_key(participant, registrations)
        if key is not None:
            joined.setdefault(key, []).append(participant)
        else:
            role = participant.original_role
            unmatched |= {role} if role else {*Role}
    return {
        key: UNKNOWN_ATTENDANCE if record.role in unmatched else _sum_up_joins(joined.get(key, ()))
        for key, record in registrations.items()
    }


def _find_key(participant: Participant, registrations: Mapping[str, Registration]) -> str | None:
    """Find whose participant it is; by each sign in turn, since a later one is less certain."""
    records = registrations.items()
    if participant.invitee_id:
        for key, record in records:
            if record.id == participant.invitee_id:
                return key
    if email := address_key(participant.email):
        for key, record in records:
            if email in {key, address_key(record.email)}:
                return key
    if participant.linked_user:
        for key, record in records:
            if record.linked_user == participant.linked_user:
                return key
    return None


def _sum_up_joins(parts: Iterable[Participant]) -> PersonAttendance:
    """Sum up a person's ways in: the earliest time, and whether none was the panel's door."""
    found = list(parts)
    if not found:
        return PersonAttendance(Attendance.MISSING)
    times = [part.joined_at for part in found if part.joined_at]
    return PersonAttendance(
        Attendance.JOINED,
        min(times, default=None),
        wrong_door=all(part.as_attendee for part in found),
    )
