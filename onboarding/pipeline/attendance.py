"""Looks who of the panel has joined: one call a run, from the arrival time on, once it has begun.

The run goes on with any answer of RingCentral's: without a certain answer a person's attendance is
unknown, and unknown people get neither the entry for those who joined nor that for the missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from onboarding.errors import ConfigurationError, OnboardingError, Refused, TryLater
from onboarding.ledger import attendance
from onboarding.model.attendance import (
    UNKNOWN_ATTENDANCE,
    AttendanceReading,
    Participant,
    can_be_known,
    match_participants,
)
from onboarding.model.entries import Attendance
from onboarding.model.registrations import find_registration, registration_key
from onboarding.model.sessions import Registration, SessionStatus
from onboarding.plan import Snapshot
from onboarding.ringcentral.errors import NotPermitted, NotThere

if TYPE_CHECKING:
    from onboarding.pipeline.refresh import RunState
    from onboarding.pipeline.services import Services

SAYS_NOTHING = "RingCentral does not say who has joined"
NEITHER_HOST_NOR_COHOST = (
    f"{SAYS_NOTHING}: it tells only the session's Host and co-hosts. Make the user of the JWT a "
    "co-host, or use the Host's JWT. Until then no one counts as joined or missing."
)
NO_HISTORY = f"{SAYS_NOTHING} yet. The next run asks again."


async def look_who_joined(services: "Services", state: "RunState") -> "RunState":
    """Ask who has joined, if that can be known now and is not known for good, and store it."""
    snapshot, row = state.snapshot, state.session_row
    if snapshot.call_off or not can_be_known(snapshot.session, snapshot.now):
        return state
    last = await services.ledger.run(attendance.load_reading, row)
    if last.is_final:
        return state
    calls_before = services.ringcentral.calls.get("Heavy", 0)
    reading = await _ask_who_joined(services, snapshot, last)
    calls = services.ringcentral.calls.get("Heavy", 0) - calls_before
    await services.ledger.run(attendance.store_reading, row, reading, services.clock.now())
    known = {key: person.attendance for key, person in reading.people.items()}
    found = replace(
        snapshot,
        attendance=known,
        attendance_note=reading.fault,
        attendance_calls=calls,
    )
    return replace(state, snapshot=found)


async def _ask_who_joined(
    services: "Services", snapshot: Snapshot, last: AttendanceReading
) -> AttendanceReading:
    records = _name_records(snapshot)
    try:
        participants = await services.ringcentral.participants(snapshot.session.key)
    # An interruption goes on: it ends the run. All else is about this call alone.
    except (Refused, TryLater, ConfigurationError) as error:
        return _make_unknown(records, last, _describe_error(error))
    if not any(participant.original_role for participant in participants):
        return _make_unknown(records, last, NO_HISTORY)
    return _make_known(snapshot, participants, records)


def _make_known(
    snapshot: Snapshot, participants: Sequence[Participant], records: Mapping[str, Registration]
) -> AttendanceReading:
    is_over = snapshot.session.status is SessionStatus.FINISHED
    return AttendanceReading(is_final=is_over, people=match_participants(participants, records))


def _make_unknown(
    records: Mapping[str, Registration], last: AttendanceReading, fault: str
) -> AttendanceReading:
    """Make the reading of a look that brought nothing: who had joined by the last one, has."""
    joined = {
        key: person for key, person in last.people.items() if person.attendance is Attendance.JOINED
    }
    return AttendanceReading(
        fault=fault, people={**dict.fromkeys(records, UNKNOWN_ATTENDANCE), **joined}
    )


def _describe_error(error: OnboardingError) -> str:
    match error:
        case NotPermitted():
            return NEITHER_HOST_NOR_COHOST
        case NotThere():
            return NO_HISTORY
        case _:
            return f"{SAYS_NOTHING}. {error.message}"


def _name_records(snapshot: Snapshot) -> dict[str, Registration]:
    """Give each record the key of its person: the roster's, else the ledger's, else its own."""
    records = {}
    managed = [known.invitee for known in snapshot.managed.values()]
    people = [*snapshot.roster.invitees, *managed]
    taken: set[str] = set()
    for person in people:
        record = find_registration(person, snapshot.registrations)
        if record and record.id not in taken:
            taken.add(record.id)
            records[registration_key(person)] = record
    others = [record for record in snapshot.registrations if record.id not in taken]
    return records | {registration_key(record.as_invitee()): record for record in others}
