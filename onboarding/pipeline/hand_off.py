"""Reads the ledger for the hand-off to marketing operations: the values that `reports` shows.

Apart from `status`, because the report loads calendars and page templates, which a run does not
need. Changes nothing, and asks neither RingCentral nor the mail server.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.ledger import mailboxes, registrations, roster_rows
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import find_place
from onboarding.model.deliveries import State
from onboarding.model.people import Problem
from onboarding.model.ports import Progress
from onboarding.model.sessions import has_ended
from onboarding.pipeline.refresh import fetch_roster
from onboarding.pipeline.reported_people import HandOff, make_people
from onboarding.pipeline.status import load_status, no_run_yet
from onboarding.pipeline.target import Target
from onboarding.reports.report import MEANINGS, Report, WebinarReport
from onboarding.roster import FailedRows, find_failed_rows

WRONG_ADDRESS = frozenset({State.REJECTED, State.BOUNCED})
"""States that most often mean that the roster has a wrong address."""


def read_report(
    config: Config, targets: Sequence[Target], now: datetime, progress: Progress
) -> tuple[Report, list[str]]:
    """Read the report on some webinars, and the names of those without a run so far.

    Raises ConfigurationError if none has had a run, and what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_all, config=config, targets=targets, now=now)
    # Without a ledger nothing has been run: the same as a ledger that knows none of the webinars.
    found = read_ledger(find_place(config.ledger), load, progress) or [None] * len(targets)
    known = [hand_off for hand_off in found if hand_off]
    unknown = [target.name for target, hand_off in zip(targets, found, strict=True) if not hand_off]
    if not known:
        raise no_run_yet(targets[0].name)
    return Report(now, tuple(map(make_webinar_report, known))), unknown


def _load_all(
    connection: sa.Connection, config: Config, targets: Iterable[Target], now: datetime
) -> list[HandOff | None]:
    """Load all webinars in one snapshot, so that they are of one moment."""
    return [load_hand_off(connection, config, target, now) for target in targets]


def load_hand_off(
    connection: sa.Connection, config: Config, target: Target, now: datetime
) -> HandOff | None:
    """Load what the ledger holds of one session. None before its first run, or if that was idle."""
    status = load_status(connection, config, target, now)
    # A run that has done and found nothing yet is left out: an empty report would look finished.
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
        is_over=has_ended(status.seen.status, status.seen.end, now),
        # Fingerprints, since the ledger has no links: enough to find one that is in a roster's
        # cell.
        links=frozenset(record.delivery.facts.link for record in status.records),
        secrets=config.secrets,
    )


def make_webinar_report(found: HandOff) -> WebinarReport:
    """Make the report on one session."""
    problems, notes = found.status.problems, found.status.notes
    call_off = found.status.call_off
    return WebinarReport(
        webinar_name=found.status.name,
        title=found.seen.title,
        key=found.seen.key,
        start=found.seen.start,
        duration=found.seen.duration,
        time_zone=found.seen.time_zone,
        people=make_people(found, [note for note in notes if note.email]),
        problems=tuple(problems),
        notes=tuple(note.message for note in notes if not note.email),
        person_problems=tuple(_list_person_problems(found, problems)),
        call_off=call_off.describe(found.seen.time_zone) if call_off else "",
    )


def _list_person_problems(found: HandOff, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Find what the run said against people, and not against rows that it could not use."""
    used = {invitee.row for invitee in found.roster.values()}
    for problem in problems:
        # RingCentral's records have no row.
        if problem.email and (problem.row is None or problem.row in used):
            yield problem


async def read_failed_rows(
    target: Target, webinar: WebinarReport, stop: asyncio.Event
) -> FailedRows:
    """Read the roster again, and find the rows that a person has to correct.

    These are rows that can't be used, people that RingCentral refused, and addresses to which the
    mail server took no message. Raises ConfigurationError if the roster can't be read.
    """
    # The rows are copied from the file itself: the ledger's copy has no row that can't be used.
    content, name = await fetch_roster(target, stop)
    return find_failed_rows(content, name, target.columns, _list_faults(webinar))


def _list_faults(webinar: WebinarReport) -> list[Problem]:
    """List what RingCentral and the mail server say against people with a row that can be used."""
    # What is wrong with a row itself is found again when the roster is read, if it is still there.
    # What waits for approval is not the row's fault.
    faults = [problem for problem in webinar.person_problems if not problem.waits_for_approval]
    for person in webinar.people:
        if person.latest and person.latest.state in WRONG_ADDRESS:
            # The server's own words first: they say what is wrong with the address.
            why = person.latest.reply or person.latest.reason
            message = f"{MEANINGS[person.latest.state]} {why}".strip()
            faults.append(Problem(None, None, person.email, message))
    return faults
