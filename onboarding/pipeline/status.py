"""What the ledger says: who has their link, what needs a person, what happened to an address.

Asks only the ledger, and changes nothing in it. For tables, reports and programs.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import (
    answers,
    attendance,
    bounces,
    call_offs,
    claims,
    deliveries,
    events,
    pauses,
    registrations,
    sessions,
)
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import find_place
from onboarding.model.addresses import address_key
from onboarding.model.answers import PersonAnswer
from onboarding.model.attendance import PersonAttendance
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.foreign_text import clean, printable
from onboarding.model.known_secrets import Secrets
from onboarding.model.pauses import Pause
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.model.sessions import CallOff
from onboarding.pipeline.schedule import Upcoming, load_upcoming
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

HistoryEvent = events.Event
"""One thing that happened to a person or a message (`onboarding history`)."""

MessageRecord = DeliveryRecord
"""One message and what came of it (`onboarding status`)."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one webinar. `seen` is None where no run has looked at it yet.

    `mailed_by_ringcentral`: addresses of people that we added and RingCentral has mailed itself.
    `pause` is the one that holds now. `call_off` is None for a session that takes place. `answers`
    are those that people gave from their calendars, `suppressed` says why no message goes to an
    address any more; both by address key. `upcoming` is what the schedule has for each person,
    `attendance` who has joined, by address key. `problems` need a person; `notes` are only worth
    knowing.
    """

    name: str
    webinar_id: str
    seen: StoredSession | None
    records: Sequence[DeliveryRecord]
    problems: Sequence[Problem]
    mailed_by_ringcentral: Sequence[str] = ()
    pause: Pause | None = None
    call_off: CallOff | None = None
    answers: Mapping[str, PersonAnswer] = field(default_factory=lambda: MappingProxyType({}))
    suppressed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    upcoming: Upcoming = field(default_factory=Upcoming)
    attendance: Mapping[str, PersonAttendance] = field(default_factory=lambda: MappingProxyType({}))
    notes: Sequence[Problem] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many deliveries are in each state that occurs."""
        # Without superseded ones, so that the counts add up to what people have or are still to
        # get.
        return dict(Counter(record.delivery.state.value for record in self.current))

    @property
    def current(self) -> list[DeliveryRecord]:
        """The deliveries that count: not those that a later one replaced."""
        return [record for record in self.records if record.delivery.state is not State.SUPERSEDED]

    def find_written_address(self, key: str) -> str:
        """The address of an address key as it was written; the key where no message has it."""
        emails = (record.delivery.email for record in self.records)
        return next((email for email in emails if address_key(email) == key), key)

    @property
    def in_doubt(self) -> list[DeliveryRecord]:
        """The messages that may or may not have arrived, those of a run that died included."""
        return [record for record in self.records if record.delivery.state is State.IN_DOUBT]

    @property
    def is_empty(self) -> bool:
        """Whether no run has done anything yet, or found anything wrong."""
        return not (self.records or self.problems or self.notes)


async def read_status(config: Config, target: Target, now: datetime, progress: Progress) -> Status:
    """Read what the ledger knows of a webinar on the configured server.

    Raises what `ledger.read_only.read_ledger` raises.
    """
    load = partial(load_status, config=config, target=target, now=now)
    # In a thread: it reads files and may wait for SQLite's lock, which would stop the event loop.
    found = await asyncio.to_thread(read_ledger, find_place(config.ledger), load, progress)
    return found or Status(target.name, target.webinar_id, None, (), ())


def load_status(connection: sa.Connection, config: Config, target: Target, now: datetime) -> Status:
    """Load the status, its texts clean. Nothing is seen before a run, and a `plan` is none."""
    config = config.of_company(target.company)
    server = config.ringcentral.server
    pause = pauses.load_pause(connection, server, target.webinar_id, target.session_id, now)
    seen = sessions.find(connection, config.account, target.webinar_id, target.session_id or None)
    # A `plan` stores the session it saw, but it owes no person anything: no state to show yet.
    if seen is None or seen.run_at is None:
        return Status(target.name, target.webinar_id, None, (), (), pause=pause)
    records = deliveries.list_deliveries(connection, seen.id)
    # In the same snapshot as the rows. Else a run that ends in between would leave its `sending`
    # rows looking like those of a dead run.
    stalled = claims.list_stalled(connection, seen.id, now)
    records = [mark_in_doubt(record, stalled) for record in records]
    # The ledger lists a run's notes after its problems.
    remarks = sessions.list_problems(connection, seen.id)
    notes = sessions.list_problems(connection, seen.id, only_notes=True)
    problems = remarks[: len(remarks) - len(notes)]
    mailed = registrations.list_mailed_by_ringcentral(connection, seen.id)
    return Status(
        target.name,
        target.webinar_id,
        replace(seen, title=printable(seen.title), time_zone=printable(seen.time_zone)),
        [_clean_record(record, config.secrets) for record in records],
        [_clean_problem(problem, config.secrets) for problem in problems],
        [printable(email) for email in mailed],
        pause,
        call_offs.load_call_off(connection, seen.id),
        answers.load_answers(connection, seen.id),
        _find_suppressed(connection, seen.id, records, config.secrets),
        load_upcoming(connection, target.schedule, seen, now),
        attendance.load_reading(connection, seen.id).people,
        [_clean_problem(note, config.secrets) for note in notes],
    )


def _find_suppressed(
    connection: sa.Connection, session: int, records: Sequence[DeliveryRecord], secrets: Secrets
) -> dict[str, str]:
    """Find which of the people with a message are sent nothing any more, and why."""
    suppressed = bounces.load_suppressed(connection, session)
    keys = dict.fromkeys(address_key(record.delivery.email) for record in records)
    return {key: clean(suppressed[key], secrets) for key in keys if key in suppressed}


# A ledger of an older version holds replies as the server sent them, control characters and perhaps
# secrets included. So texts are cleaned here, too, and not only where they are stored.


def _clean_record(record: DeliveryRecord, secrets: Secrets) -> DeliveryRecord:
    return replace(
        record,
        name=printable(record.name),
        reply=clean(record.reply, secrets),
        reason=clean(record.reason, secrets),
    )


def _clean_problem(problem: Problem, secrets: Secrets) -> Problem:
    # Line by line: of a message that is held back, the lines that have changed are shown.
    lines = [clean(line, secrets) for line in problem.message.split("\n")]
    return replace(problem, email=clean(problem.email, secrets), message="\n".join(lines))


def clean_event(event: HistoryEvent, secrets: Secrets) -> HistoryEvent:
    """Make an event's texts fit to be shown."""
    return replace(event, title=printable(event.title), detail=clean(event.detail, secrets))


def mark_in_doubt(record: DeliveryRecord, stalled: Collection[int]) -> DeliveryRecord:
    """Show what a dead run was sending as in doubt, before the next run records that.

    `stalled` are the ids of these (`ledger.claims.list_stalled`).
    """
    if record.delivery.id not in stalled:
        return record
    # Only shown so: `status` writes nothing. Recovering needs the lease, which the next run takes.
    delivery = replace(record.delivery, state=State.IN_DOUBT)
    return replace(record, delivery=delivery, reason=claims.RUN_DIED)


async def find_seen_session(services: Services, target: Target) -> StoredSession | None:
    """Find the session that the last plan or run saw; None where the ledger knows none."""
    account, session_id = services.config.account, target.session_id or None
    return await services.ledger.run(sessions.find, account, target.webinar_id, session_id)


async def load_seen_session(services: Services, target: Target) -> StoredSession:
    """Load the session that the last plan or run saw. Raises ConfigurationError without one."""
    if seen := await find_seen_session(services, target):
        return seen
    raise no_run_yet(target.name)


def no_run_yet(name: str) -> ConfigurationError:
    """Make the error for a webinar without a run: there is nothing to show or to decide."""
    return ConfigurationError(f"{name} has had no run yet.", hint=f"`onboarding run {name}` first.")


def ledger_file(config: Config) -> Path | None:
    """The configured ledger's file; None for one on a server."""
    place = find_place(config.ledger)
    return place if isinstance(place, Path) else None


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs a person: how many people it is about, and their messages by state."""

    people: int
    states: Mapping[State, int]
    problems: int

    def __bool__(self) -> bool:
        return bool(self.states or self.problems)


def find_attention(records: Sequence[DeliveryRecord], problems: Sequence[Problem]) -> Attention:
    """Collect what needs a person. People count once, with however many messages and problems."""
    waiting = [record for record in records if record.delivery.state in NEEDS_A_PERSON]
    keys = {address_key(record.delivery.email) for record in waiting}
    for problem in problems:
        # A row without an address is a person, too. A problem with neither is the webinar's.
        row_key = f"row {problem.row}" if problem.row else ""
        if person_key := address_key(problem.email) or row_key:
            keys.add(person_key)
    return Attention(len(keys), Counter(record.delivery.state for record in waiting), len(problems))


async def read_attention(services: Services, session_row: int) -> Attention:
    """Read what needs a person from the ledger that a run has open, without this run's problems."""
    return find_attention(await services.ledger.run(deliveries.list_deliveries, session_row), ())


def read_history(config: Config, email: str, progress: Progress) -> Sequence[HistoryEvent]:
    """Read everything that happened to an address, in order, in all sessions.

    Raises what `ledger.read_only.read_ledger` raises.
    """
    return _read_events(config, partial(events.list_events, key=address_key(email)), progress)


def read_webinar_history(
    config: Config, target: Target, progress: Progress
) -> Sequence[HistoryEvent]:
    """Read what was done about a webinar as a whole, in order: approvals, runs, pauses.

    `config` is that of the target's company. Raises what `ledger.read_only.read_ledger` raises.
    """
    load = partial(
        events.list_session_events,
        account=config.account,
        webinar_id=target.webinar_id,
        session_id=target.session_id,
    )
    return _read_events(config, load, progress)


def _read_events(
    config: Config,
    load: Callable[[sa.Connection], Sequence[HistoryEvent]],
    progress: Progress,
) -> Sequence[HistoryEvent]:
    # No ledger is no error here: nothing has happened, and that is an answer.
    found = read_ledger(find_place(config.ledger), load, progress) or []
    return [clean_event(event, config.secrets) for event in found]
