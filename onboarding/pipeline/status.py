"""What the ledger says: who has their link and who has not, what needs a person, what happened to an address.

Asks only the ledger, and changes nothing in it. For tables, reports and programs.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import deliveries, events, leases, registrations, sessions
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import ledger_path
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.foreign_text import clean, printable
from onboarding.model.known_secrets import Secrets
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.pipeline.lease import lease_name
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

HistoryEvent = events.Event
"""One thing that happened to a person or a message (`onboarding history`)."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one webinar. `seen` is None where no run has looked at it yet.

    `mailed_by_ringcentral`: addresses of people added from here whom RingCentral has mailed itself.
    """

    name: str
    webinar_id: str
    seen: StoredSession | None
    records: Sequence[DeliveryRecord]
    problems: Sequence[Problem]
    mailed_by_ringcentral: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many deliveries stand in each state that occurs."""
        return dict(Counter(entry.delivery.state.value for entry in self.current))

    @property
    def current(self) -> list[DeliveryRecord]:
        """The deliveries that count: not those that a later one replaced."""
        return [entry for entry in self.records if entry.delivery.state is not State.SUPERSEDED]

    @property
    def in_doubt(self) -> list[DeliveryRecord]:
        """The messages that may or may not have arrived, those of a run that died included."""
        return [entry for entry in self.records if entry.delivery.state is State.IN_DOUBT]

    @property
    def is_empty(self) -> bool:
        """Whether no run has done anything yet, or found anything wrong."""
        return not self.records and not self.problems


async def read_status(config: Config, target: Target, now: datetime, progress: Progress) -> Status:
    """Read what the ledger knows of a webinar on the configured server.

    Raises what `ledger.read_only.read_ledger` raises.
    """
    known = partial(_load_status, config=config, target=target, now=now)
    found = await asyncio.to_thread(read_ledger, ledger_path(config.ledger), known, progress)
    return found or Status(target.name, target.webinar_id, None, (), ())


def _load_status(
    connection: sa.Connection, config: Config, target: Target, now: datetime
) -> Status | None:
    """None before the first run; a session that only `plan` has looked at had none."""
    server = config.ringcentral.server
    seen = sessions.find(connection, server, target.webinar_id, target.session_id or None)
    if seen is None or seen.run_at is None:
        return None
    entries = deliveries.list_deliveries(connection, seen.id)
    running = leases.is_held(connection, lease_name(server, target.webinar_id), now)
    problems = sessions.list_problems(connection, seen.id)
    mailed = registrations.list_mailed_by_ringcentral(connection, seen.id)
    shown = entries if running else [_as_if_taken_over(entry) for entry in entries]
    return Status(
        target.name,
        target.webinar_id,
        replace(seen, title=printable(seen.title), time_zone=printable(seen.time_zone)),
        [_clean_record(entry, config.secrets) for entry in shown],
        [_clean_problem(problem, config.secrets) for problem in problems],
        [printable(email) for email in mailed],
    )


def _clean_record(entry: DeliveryRecord, secrets: Secrets) -> DeliveryRecord:
    """Clean what was stored: a ledger of an older version holds replies as the server gave them."""
    return replace(
        entry,
        name=printable(entry.name),
        reply=clean(entry.reply, secrets),
        reason=clean(entry.reason, secrets),
    )


def _clean_problem(problem: Problem, secrets: Secrets) -> Problem:
    return replace(
        problem, email=clean(problem.email, secrets), message=clean(problem.message, secrets)
    )


def _as_if_taken_over(entry: DeliveryRecord) -> DeliveryRecord:
    """What a dead run was sending is in doubt, and is shown so before the next run writes it down."""
    if entry.delivery.state is not State.SENDING:
        return entry
    doubtful = replace(entry.delivery, state=State.IN_DOUBT)
    return replace(entry, delivery=doubtful, reason=deliveries.RUN_DIED)


def no_run_yet(name: str) -> ConfigurationError:
    """Say that there is nothing to show or to decide, because no run has worked on a webinar."""
    return ConfigurationError(f"{name} has had no run yet", hint=f"`onboarding run {name}` first.")


def ledger_file(config: Config) -> Path:
    """Where the configured ledger is."""
    return ledger_path(config.ledger)


@dataclass(frozen=True, slots=True)
class Attention:
    """What needs a person: how many people it is about, and their messages by state."""

    people: int
    states: Mapping[State, int]
    problems: int

    def __bool__(self) -> bool:
        return bool(self.states or self.problems)


def find_attention(records: Sequence[DeliveryRecord], problems: Sequence[Problem]) -> Attention:
    """Collect what needs a person. A person with a message and a problem, or two of them, counts once."""
    waiting = [record for record in records if record.delivery.state in NEEDS_A_PERSON]
    keys = {address_key(record.delivery.email) for record in waiting}
    for problem in problems:
        # A row without an address is a person, too; a problem with neither concerns the whole
        # webinar.
        if who := address_key(problem.email) or (f"row {problem.row}" if problem.row else ""):
            keys.add(who)
    return Attention(len(keys), Counter(record.delivery.state for record in waiting), len(problems))


async def read_attention(services: Services, session_row: int) -> Attention:
    """Read what needs a person from the ledger that a run holds open; its problems are not known yet."""
    return find_attention(await services.ledger.run(deliveries.list_deliveries, session_row), ())


def read_history(config: Config, email: str, progress: Progress) -> Sequence[HistoryEvent]:
    """Read everything that happened to an address, in order, in all sessions. Raises what `read_ledger` raises."""
    of_person = partial(events.list_events, key=address_key(email))
    found = read_ledger(ledger_path(config.ledger), of_person, progress) or []
    # A ledger of an older version holds texts as they came from outside.
    return [
        replace(event, title=printable(event.title), detail=clean(event.detail, config.secrets))
        for event in found
    ]
