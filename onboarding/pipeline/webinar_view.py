"""One webinar, and one person of it, for the console: who they are, what they hold, what happened.

Each view is of one moment: everything in it is read in one snapshot of the ledger. Changes nothing,
and asks neither RingCentral nor the mail server. All webinars at once are in `overview`.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.ledger import claims, events, kept, leases
from onboarding.ledger.kept import KeptMessage
from onboarding.ledger.overview import count_panels
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import find_place
from onboarding.model.addresses import address_key
from onboarding.model.ports import Progress
from onboarding.model.sessions import SessionKey, has_ended
from onboarding.pipeline.hand_off import load_hand_off, make_webinar_report
from onboarding.pipeline.kept_messages import clean_kept
from onboarding.pipeline.lease import lease_name
from onboarding.pipeline.overview import RunAtWork, WebinarPanel
from onboarding.pipeline.status import HistoryEvent, Status, clean_event, load_status
from onboarding.pipeline.target import Target
from onboarding.reports.report import ReportedPerson, WebinarReport

CODE_DIGITS = 16
"""Hex digits that stand for a person in an address: 64 bits tell any panel's people apart."""

SHOWN_ACTS = 5
"""Acts about a webinar as a whole that its page shows: who wants more asks `history`."""


@dataclass(frozen=True, slots=True)
class WebinarView:
    """One webinar as it is at `read_at`. `report` is None while no run has found or done anything.

    `panel` counts its people by how they are. `at_work` is the run that holds the webinar now.
    `acts` is what people did about it as a whole, oldest first: approvals, runs, pauses, call-offs.
    """

    target: Target
    status: Status
    report: WebinarReport | None
    panel: WebinarPanel
    at_work: RunAtWork | None
    read_at: datetime
    acts: Sequence[HistoryEvent] = ()

    @property
    def latest_acts(self) -> Sequence[HistoryEvent]:
        """The last few of the acts."""
        return self.acts[-SHOWN_ACTS:]

    @property
    def title(self) -> str:
        """The webinar's title, or its name in config.toml before the first run."""
        return (self.status.seen.title if self.status.seen else "") or self.target.name

    @property
    def is_over(self) -> bool:
        """Whether the session has ended."""
        seen = self.status.seen
        return seen is not None and has_ended(seen.status, seen.end, self.read_at)

    def find_person(self, code: str) -> ReportedPerson | None:
        """Find a person of this webinar by their code (`person_code`)."""
        people = self.report.people if self.report else ()
        return next((person for person in people if self.code_of(person) == code), None)

    def code_of(self, person: ReportedPerson) -> str:
        """Give the code that stands for a person of this webinar in an address."""
        key = self.report.key if self.report else SessionKey("", "", "")
        return person_code(key, person.email)


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person of a webinar: history and kept messages of this session, oldest first.

    `keep_days` is how long messages are kept after the session's end; 0 is not at all.
    """

    webinar: WebinarView
    person: ReportedPerson
    code: str
    history: Sequence[HistoryEvent]
    kept: Sequence[KeptMessage]
    keep_days: int

    def find_kept(self, delivery: int) -> KeptMessage | None:
        """Find what was kept of a delivery."""
        return next((copy for copy in self.kept if copy.record.delivery.id == delivery), None)


def person_code(session: SessionKey, email: str) -> str:
    """Make the code that stands for a person in an address of the console.

    Not their e-mail address: a proxy writes addresses of pages into its log, and a browser keeps
    them.
    """
    name = f"{session.server}\n{session}\n{address_key(email)}"
    return hashlib.sha256(name.encode()).hexdigest()[:CODE_DIGITS]


def read_webinar(config: Config, target: Target, now: datetime, progress: Progress) -> WebinarView:
    """Read one webinar. Raises what `ledger.read_only.read_ledger` raises."""
    load = partial(_load_webinar, config=config, target=target, now=now)
    found = read_ledger(find_place(config.ledger), load, progress)
    # No ledger yet is the same as one that knows nothing of this webinar.
    unseen = Status(target.name, target.webinar_id, None, (), ())
    return found or WebinarView(target, unseen, None, WebinarPanel(), None, now)


def read_person(
    config: Config, target: Target, code: str, now: datetime, progress: Progress
) -> PersonView | None:
    """Read one person of a webinar by their code; None if the webinar has no such person.

    Raises what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_person, config=config, target=target, code=code, now=now)
    return read_ledger(find_place(config.ledger), load, progress)


def _load_webinar(
    connection: sa.Connection, config: Config, target: Target, now: datetime
) -> WebinarView:
    config = config.of_company(target.company)
    found = load_hand_off(connection, config, target, now)
    held = leases.list_held(connection, now)
    lease = held.get(lease_name(config.ringcentral.server, target.webinar_id))
    status = found.status if found else load_status(connection, config, target, now)
    return WebinarView(
        target,
        status,
        make_webinar_report(found) if found else None,
        _count_panel(connection, status),
        RunAtWork.of(lease) if lease else None,
        now,
        _list_acts(connection, config, status.seen) if status.seen else (),
    )


def _list_acts(
    connection: sa.Connection, config: Config, seen: StoredSession
) -> list[HistoryEvent]:
    # Of this session only: the webinar's earlier ones have had pages of their own.
    ids = (seen.key.webinar_id, seen.key.session_id)
    acts = events.list_session_events(connection, config.account, *ids)
    return [clean_event(act, config.secrets) for act in acts]


def _count_panel(connection: sa.Connection, status: Status) -> WebinarPanel:
    numbers = [status.seen.id] if status.seen else []
    return next(iter(count_panels(connection, numbers).values()), WebinarPanel())


def _load_person(
    connection: sa.Connection, config: Config, target: Target, code: str, now: datetime
) -> PersonView | None:
    webinar = _load_webinar(connection, config, target, now)
    person, seen = webinar.find_person(code), webinar.status.seen
    if person is None or seen is None:
        return None
    key = address_key(person.email)
    copies = kept.list_kept(connection, seen.id, key)
    stalled = claims.list_stalled(connection, seen.id, now)
    return PersonView(
        webinar,
        person,
        code,
        _list_history(connection, config, key, seen),
        [clean_kept(copy, config, stalled) for copy in copies],
        config.ledger.keep_messages,
    )


def _list_history(
    connection: sa.Connection, config: Config, key: str, seen: StoredSession
) -> list[HistoryEvent]:
    # Of this session only: a user of the console may be given some webinars and not others.
    ids = (seen.key.webinar_id, seen.key.session_id)
    return [
        clean_event(event, config.secrets)
        for event in events.list_events(connection, key)
        if (event.webinar_id, event.session_id) == ids
    ]
