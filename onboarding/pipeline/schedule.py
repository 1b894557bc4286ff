"""A webinar's schedule in the ledger: what was seen of it, who missed what, what comes next.

`plan.entries_due` decides. What comes next is known from the ledger alone, so that `run --all` and
`status` need no call for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from onboarding.ledger import (
    answers,
    attendance,
    bounces,
    call_offs,
    entries,
    mailboxes,
    registrations,
    roster_rows,
)
from onboarding.ledger.sessions import StoredSession
from onboarding.model.answers import PersonAnswer
from onboarding.model.deliveries import UNDER_WAY, Mailbox, State
from onboarding.model.entries import Attendance, Schedule, find_send_after
from onboarding.model.people import Invitee, Role
from onboarding.model.registrations import MANAGED, ManagedRegistration
from onboarding.model.sessions import Session
from onboarding.plan import Plan
from onboarding.plan.entries_due import Reader, ReaderEntries, Timetable, plan_entries

if TYPE_CHECKING:
    from onboarding.pipeline.refresh import RunState
    from onboarding.pipeline.services import Services


async def note_entries(services: "Services", state: "RunState") -> "RunState":
    """Record which entries of the schedule a run has seen, and with which start of the session.

    An entry goes only to people that it falls due for after that.
    """
    snapshot = state.snapshot
    ids = [entry.id for entry in snapshot.schedule.entries]
    row, start = state.session_row, snapshot.session.start
    # Written only where an entry or the start is new: most runs write nothing.
    if all(start in snapshot.seen.get(id_, {}) for id_ in ids):
        return state
    await services.ledger.run(entries.record_seen, row, ids, start, snapshot.now)
    seen = await services.ledger.run(entries.load_seen, row)
    return replace(state, snapshot=replace(snapshot, seen=seen))


async def record_missed(services: "Services", state: "RunState", plan: Plan) -> None:
    """Record the entries that people do not get any more, each with an event."""
    start = state.snapshot.session.start
    missed = [
        entries.SkippedEntry(item.invitee.key, due.entry.id, start, due.reason)
        for item in plan.items
        for due in item.missed
    ]
    if missed:
        row, now = state.session_row, services.clock.now()
        await services.ledger.run(entries.record_skipped, row, missed, now)


@dataclass(frozen=True, slots=True)
class PersonEntries:
    """One person of a webinar as the ledger knows them, with their part of the schedule."""

    invitee: Invitee
    entries: ReaderEntries


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the schedule has for a webinar from now on.

    `send_after` is when invitations may leave that wait for that; None if none do. `ask_at` is when
    a run should ask who has joined, because something is due to some; None if nothing is.
    """

    people: tuple[PersonEntries, ...] = ()
    send_after: datetime | None = None
    ask_at: datetime | None = None

    @property
    def has_any(self) -> bool:
        """Whether anything is still to be sent."""
        return self.ask_at is not None or any(person.entries.next for person in self.people)

    @property
    def next_moment(self) -> datetime | None:
        """When a run has something to send next; in the past, if it has now."""
        moments = [person.entries.next.due_at for person in self.people if person.entries.next]
        others = [moment for moment in (self.send_after, self.ask_at) if moment]
        return min([*moments, *others], default=None)


def load_upcoming(
    connection: sa.Connection,
    schedule: Schedule,
    seen: StoredSession,
    now: datetime,
    listed_at: datetime | None = None,
) -> Upcoming:
    """Find what comes next for each person on the roster of the last run, from the ledger alone.

    People to whom no run sends anything by itself are left out.
    `listed_at` is when a run listed the invitees last: one after `send_after` has invited all that
    may be invited.
    """
    has_messages = bool(schedule or schedule.send_after)
    if not has_messages or call_offs.load_call_off(connection, seen.id):
        return Upcoming()
    session = seen.as_session()
    boxes = mailboxes.load_mailboxes(connection, seen.id, now)
    timetable = Timetable(schedule, session, now, entries.load_seen(connection, seen.id))
    given = answers.load_answers(connection, seen.id)
    reading = attendance.load_reading(connection, seen.id)
    begin = _find_send_after_ahead(schedule, session, listed_at)
    known = registrations.load_managed(connection, seen.id)
    readers = _list_readers(connection, seen.id)
    people = []
    for invitee in readers:
        box = boxes.get(invitee.key, Mailbox())
        is_coming = not timetable.is_over and _is_to_be_invited(
            invitee, box, known.get(invitee.key), is_ahead=begin is not None
        )
        if box.invited_at or is_coming:
            reader = _as_reader(invitee, box, given, session, reading.certain)
            people.append(PersonEntries(invitee, plan_entries(reader, timetable)))
    waits = any(invitee.key not in boxes for invitee in readers)
    return Upcoming(
        tuple(people), begin if waits else None, _find_ask_at(people, session, reading.at)
    )


def _list_readers(connection: sa.Connection, session: int) -> list[Invitee]:
    """List the people of the last run's roster who may be mailed."""
    suppressed = bounces.load_suppressed(connection, session)
    roster = roster_rows.load_roster(connection, session).values()
    return [invitee for invitee in roster if invitee.email and invitee.key not in suppressed]


def _find_send_after_ahead(
    schedule: Schedule, session: Session, listed_at: datetime | None
) -> datetime | None:
    """Find `send_after`; None if there is none, or a run has listed the invitees since."""
    begin = find_send_after(schedule, session)
    is_past = begin is not None and listed_at is not None and listed_at >= begin
    return None if is_past else begin


_HELD = frozenset({State.REJECTED, State.FAILED, State.EXPIRED, State.CANCELLED})
"""States of a message that no run sends again by itself."""


def _is_to_be_invited(
    invitee: Invitee, box: Mailbox, known: ManagedRegistration | None, *, is_ahead: bool
) -> bool:
    """Whether a run will invite a person who was not invited yet, as far as the ledger knows.

    `is_ahead`: invitations wait for `send_after`.
    """
    if box.last and box.last.state in _HELD:
        return False
    if box.last and box.last.state in UNDER_WAY | {State.IN_DOUBT}:
        return True
    # The Host is registered by RingCentral, and the first run after `send_after` writes to them.
    if invitee.role is Role.HOST:
        return is_ahead
    # Who is not ours is mailed only on request, and so is who has RingCentral's own invitation.
    return known is not None and known.standing in MANAGED and not known.mailed_by_ringcentral


ASK_AGAIN = timedelta(hours=1)
"""After the end, how long a run waits before it asks again who has joined, the first time."""


def _find_ask_at(
    people: Sequence[PersonEntries], session: Session, asked_at: datetime | None
) -> datetime | None:
    """Find when a run should ask who has joined, because an entry hangs on it; None: nothing does.

    Until the end each run asks. After it, RingCentral may never say it: the waits double.
    """
    due = min((entry.due_at for person in people for entry in person.entries.unsure), default=None)
    if due is None or asked_at is None or asked_at < max(due, session.end):
        return due
    return asked_at + max(ASK_AGAIN, asked_at - due)


def _as_reader(
    invitee: Invitee,
    box: Mailbox,
    given: Mapping[str, PersonAnswer],
    session: Session,
    joined: Mapping[str, Attendance],
) -> Reader:
    answer = given.get(invitee.key)
    return Reader(
        key=invitee.key,
        # The role that they were told last: the one that they have at RingCentral.
        role=box.facts.role if box.facts else invitee.role,
        zone=invitee.time_zone or session.time_zone,
        invited_at=box.invited_at,
        entries=box.entries,
        answer=answer.answer if answer else None,
        attendance=joined.get(invitee.key, Attendance.UNKNOWN),
    )
