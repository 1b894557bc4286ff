"""Reads the ledger for the hand-off to marketing operations: the values that `reports` shows.

Apart from `status`, because the report loads page templates and calendars, which a run does not
need. Changes nothing, and asks neither RingCentral nor the mail server.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import sqlalchemy as sa
from pydantic import SecretStr

from onboarding.config import Config
from onboarding.ledger import mailboxes, registrations, roster_rows, sessions
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import ledger_path
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Mailbox, State
from onboarding.model.foreign_text import clean, printable
from onboarding.model.kinds import RULES
from onboarding.model.known_secrets import Secrets
from onboarding.model.people import Invitee, Problem
from onboarding.model.ports import Progress
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import link_digest
from onboarding.pipeline.refresh import fetch_roster
from onboarding.pipeline.status import Status, load_status, no_run_yet
from onboarding.pipeline.target import Target
from onboarding.reports.report import (
    MEANINGS,
    Report,
    ReportedMessage,
    ReportedPerson,
    WebinarReport,
    mask_link,
)
from onboarding.roster import FailedRows, find_failed_rows

COMPANY_COLUMNS = ("company", "organisation", "organization", "firma", "unternehmen")
"""What a roster calls a person's company, as templates write it."""

JOB_TITLE = "job_title"
"""The roster's own column that a report shows among the further ones."""

WRONG_ADDRESS = frozenset({State.REJECTED, State.BOUNCED})
"""States that most often mean that the roster has a wrong address."""

REMOVED_FROM_BOARD = "the registration was removed"
"""What is out of date for a person who was removed and had no cancellation yet."""


@dataclass(frozen=True, slots=True)
class HandOff:
    """What the ledger holds of one session for the report, by `registration_key`.

    `links` are the fingerprints of all join links that were mailed.
    """

    status: Status
    seen: StoredSession
    roster: Mapping[str, Invitee]
    managed: Mapping[str, ManagedRegistration]
    registered_at: Mapping[str, datetime]
    mailboxes: Mapping[str, Mailbox]
    notes: Sequence[Problem]
    links: frozenset[str]
    secrets: Secrets


def read_report(
    config: Config, targets: Sequence[Target], now: datetime, progress: Progress
) -> tuple[Report, list[str]]:
    """Read the report on some webinars, and the names of those without a run so far.

    Raises ConfigurationError if none has had a run, and what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_all, config=config, targets=targets, now=now)
    found = read_ledger(ledger_path(config.ledger), load, progress) or [None] * len(targets)
    known = [hand_off for hand_off in found if hand_off]
    unknown = [target.name for target, hand_off in zip(targets, found, strict=True) if not hand_off]
    if not known:
        raise no_run_yet(targets[0].name)
    return Report(now, tuple(map(make_webinar_report, known))), unknown


def _load_all(
    connection: sa.Connection, config: Config, targets: Iterable[Target], now: datetime
) -> list[HandOff | None]:
    """Load all webinars in one snapshot, so that they are of one moment."""
    return [_load_hand_off(connection, config, target, now) for target in targets]


def _load_hand_off(
    connection: sa.Connection, config: Config, target: Target, now: datetime
) -> HandOff | None:
    status = load_status(connection, config, target, now)
    if status.seen is None or status.is_empty:
        return None
    row = status.seen.id
    return HandOff(
        status=status,
        seen=status.seen,
        roster=roster_rows.load_roster(connection, row),
        managed=registrations.load_managed(connection, row),
        registered_at=registrations.list_registered_at(connection, row),
        mailboxes=mailboxes.load_mailboxes(connection, row),
        notes=sessions.list_problems(connection, row, only_notes=True),
        links=frozenset(record.delivery.facts.link for record in status.records),
        secrets=config.secrets,
    )


def make_webinar_report(found: HandOff) -> WebinarReport:
    """Make the report on one session: the roster's people in its order, then all others."""
    records: dict[str, list[DeliveryRecord]] = {}
    for record in found.status.current:
        records.setdefault(address_key(record.delivery.email), []).append(record)
    keys = dict.fromkeys([*found.roster, *records])
    # `status` lists the notes after the problems; both are clean there.
    notes = found.status.problems[len(found.status.problems) - len(found.notes) :]
    reasons = {address_key(note.email): note.message for note in notes if note.email}
    return WebinarReport(
        webinar_name=found.status.name,
        title=found.seen.title,
        key=found.seen.key,
        start=found.seen.start,
        duration=found.seen.duration,
        time_zone=found.seen.time_zone,
        people=tuple(
            _make_person(found, key, records.get(key, []), reasons.get(key, "")) for key in keys
        ),
        problems=tuple(found.status.problems[: len(found.status.problems) - len(found.notes)]),
        notes=tuple(note.message for note in notes if not note.email),
    )


def _make_person(
    found: HandOff, key: str, records: Sequence[DeliveryRecord], note: str
) -> ReportedPerson:
    person = _find_person(found, key, records)
    mailbox = found.mailboxes.get(key, Mailbox())
    extra = {name: _clean_cell(found, value) for name, value in person.extra.items()}
    company = next((name for name in COMPANY_COLUMNS if name in extra), "")
    if person.job_title:
        extra = {JOB_TITLE: _clean_cell(found, person.job_title), **extra}
    return ReportedPerson(
        email=_clean_cell(found, person.email),
        name=_clean_cell(found, person.name) or key,
        role=person.role,
        first_name=_clean_cell(found, person.first_name),
        last_name=_clean_cell(found, person.last_name),
        # The column that says the company is not repeated among the further ones.
        company=extra.pop(company, ""),
        extra=extra,
        registered_at=found.registered_at.get(key),
        link_fingerprint=mailbox.facts.link if mailbox.facts else "",
        outdated=_find_outdated(found, key, mailbox),
        messages=tuple(map(_make_message, records)),
        note=note,
    )


def _find_person(found: HandOff, key: str, records: Sequence[DeliveryRecord]) -> Invitee:
    """Find who a person is: by the roster, else by what was registered, else by their messages."""
    if key in found.roster:
        return found.roster[key]
    if key in found.managed:
        return found.managed[key].invitee
    latest = records[-1]
    # A message has one name; which part of it is the last name can't be known.
    return Invitee(0, latest.delivery.email, latest.delivery.facts.role, last_name=latest.name)


def _make_message(record: DeliveryRecord) -> ReportedMessage:
    delivery = record.delivery
    return ReportedMessage(
        kind=delivery.kind,
        state=delivery.state,
        at=record.at,
        attempts=delivery.attempt,
        message_id=delivery.message_id,
        reply=record.reply,
        reason=record.reason,
        link_fingerprint=delivery.facts.link if RULES[delivery.kind].holds_join_link else "",
    )


def _find_outdated(found: HandOff, key: str, mailbox: Mailbox) -> tuple[str, ...]:
    """Name what is no longer true of what a mailbox holds, as far as the last run saw it.

    The newest message says which link and role were given last, whether it was sent or not.
    """
    held, last = mailbox.facts, mailbox.last
    if held is None or last is None:
        return ()
    if key in found.managed and found.managed[key].standing is Standing.REMOVED:
        return (REMOVED_FROM_BOARD,)
    has_link = RULES[last.kind].holds_join_link
    truths = {
        "link": not has_link or held.link == last.facts.link,
        "role": held.role == last.facts.role,
        "start": held.start == found.seen.start,
        "duration": held.duration == found.seen.duration,
    }
    return tuple(name for name, is_true in truths.items() if not is_true)


def _clean_cell(found: HandOff, text: str) -> str:
    """Make a cell of the roster fit to be handed on: no control characters, no secret, no link.

    A web address stays, because it is the roster's own. Only a join link that was mailed is masked:
    a person has pasted it into the roster.
    """
    shown = clean(text, found.secrets) if found.secrets.may_be_in(text) else printable(text)
    digest = link_digest(SecretStr(text))
    return mask_link(digest) if digest in found.links else shown


async def read_failed_rows(
    target: Target, webinar: WebinarReport, stop: asyncio.Event
) -> FailedRows:
    """Read the roster again, and find the rows that a person has to correct.

    These are rows that can't be used, people that RingCentral refused, and addresses to which the
    mail server took no message. Raises ConfigurationError if the roster can't be read.
    """
    content, name = await fetch_roster(target, stop)
    return find_failed_rows(content, name, target.columns, _find_faults(webinar))


def _find_faults(webinar: WebinarReport) -> list[Problem]:
    """List what came of people whose row can be used: at RingCentral, and at the mail server."""
    faults = [problem for problem in webinar.problems if problem.email and not problem.column]
    for person in webinar.people:
        if person.latest and person.latest.state in WRONG_ADDRESS:
            why = person.latest.reply or person.latest.reason
            message = f"{MEANINGS[person.latest.state]} {why}".strip()
            faults.append(Problem(None, None, person.email, message))
    return faults
