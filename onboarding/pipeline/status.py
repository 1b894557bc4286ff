"""Who has their link and who has not: what the ledger says of one webinar, for tables, reports and programs.

Asks nobody but the ledger, and changes nothing in it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import ConfigurationError
from onboarding.ledger import deliveries, leases, registrations, sessions
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import ledger_path
from onboarding.model.deliveries import State
from onboarding.model.foreign_text import clean, printable
from onboarding.model.known_secrets import Secrets
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.pipeline.lease import lease_name
from onboarding.pipeline.target import Target


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one webinar. `seen` is None where no run has looked at it yet.

    `mailed_by_ringcentral`: addresses of people added from here whom RingCentral has mailed itself.
    """

    name: str
    webinar_id: str
    seen: StoredSession | None
    entries: Sequence[DeliveryRecord]
    problems: Sequence[Problem]
    mailed_by_ringcentral: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many deliveries stand in each state that occurs."""
        return dict(Counter(entry.delivery.state.value for entry in self.current))

    @property
    def current(self) -> list[DeliveryRecord]:
        """The deliveries that count: not those that a later one replaced."""
        return [entry for entry in self.entries if entry.delivery.state is not State.SUPERSEDED]

    @property
    def in_doubt(self) -> list[DeliveryRecord]:
        """The messages that may or may not have arrived, those of a run that died included."""
        return [entry for entry in self.entries if entry.delivery.state is State.IN_DOUBT]

    @property
    def is_empty(self) -> bool:
        """Whether no run has done anything yet, or found anything wrong."""
        return not self.entries and not self.problems


async def status(config: Config, target: Target, now: datetime, progress: Progress) -> Status:
    """Read what the ledger knows of a webinar on the configured server.

    Raises what `ledger.read_only.read_ledger` raises.
    """
    known = partial(_known, config=config, target=target, now=now)
    found = await asyncio.to_thread(read_ledger, ledger_path(config.ledger), known, progress)
    return found or Status(target.name, target.webinar_id, None, (), ())


def _known(
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
        [_cleaned(entry, config.secrets) for entry in shown],
        [_clean_problem(problem, config.secrets) for problem in problems],
        [printable(email) for email in mailed],
    )


def _cleaned(entry: DeliveryRecord, secrets: Secrets) -> DeliveryRecord:
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
