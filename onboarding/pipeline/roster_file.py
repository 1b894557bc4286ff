"""Writes a roster of the panel that is registered already, so that taking over needs no typing.

Read back, it gives a plan that changes nothing at RingCentral. Language and time zone are what this
ledger knows: RingCentral has neither for a person. Changes nothing and sends nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count
from pathlib import Path

from onboarding import roster as rosters
from onboarding.errors import ConfigurationError
from onboarding.model.people import Invitee, LinkedUser, Problem, Roster
from onboarding.model.sessions import Registration
from onboarding.pipeline.refresh import refresh
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Snapshot
from onboarding.plan.identity import Directory
from onboarding.reports.csv_file import render_csv
from onboarding.reports.table import ReportTable
from onboarding.reports.workbook import Sheet, render_workbook
from onboarding.roster.header import Column

EMPTY = Roster((), ())
ROSTER_COLUMNS = tuple(column.value for column in Column)
NO_USER = LinkedUser("", "", "")


async def read_panel(services: Services, target: Target) -> Sequence[Invitee]:
    """List the panel that is registered for a webinar, as rows of a roster.

    Raises ConfigurationError if there is none.
    """
    # As a plan does it: the directory is asked, and records are read by the same rules.
    state = await refresh(services, target, EMPTY)
    panel = list_panel(state.snapshot)
    if not panel:
        raise ConfigurationError(
            f"No panel is registered for {target.name}.",
            hint="Start with the sample roster that `onboarding init` writes.",
        )
    return panel


def list_panel(snapshot: Snapshot) -> list[Invitee]:
    """List the registered panel in RingCentral's order; attendees and odd records are not of it."""
    known = [person.invitee for person in snapshot.managed.values()]
    directory = Directory.of(snapshot.colleagues, *known)
    numbers = count(2)  # a spreadsheet's: the header is row 1
    return [
        _make_roster_row(next(numbers), record, directory, snapshot)
        for record in snapshot.registrations
    ]


def _make_roster_row(
    number: int, record: Registration, directory: Directory, snapshot: Snapshot
) -> Invitee:
    row = Invitee(
        row=number,
        email=record.email,
        role=record.role,
        first_name=record.first_name,
        last_name=record.last_name,
        job_title=record.job_title,
        linked_user=record.linked_user,
    )
    # Only what a record lacks: other ids than the record's would register the person again.
    named = replace(directory.complete(row), linked_user=record.linked_user)
    known = next((managed.invitee for managed in snapshot.find_managed(row)), named)
    return replace(named, language=known.language, time_zone=known.time_zone)


def render_roster(panel: Iterable[Invitee], file: Path | None, made_at: datetime) -> bytes:
    """Render rows as a roster: XLSX if the file's name ends so, else CSV in UTF-8."""
    table = ReportTable(ROSTER_COLUMNS, tuple(map(_cells, panel)))
    if file is not None and file.suffix.lower() == ".xlsx":
        return render_workbook([Sheet("Roster", table)], made_at)
    return render_csv(table)


def _cells(person: Invitee) -> tuple[str, ...]:
    # The ids are written, too: without them a colleague would be read back as a guest.
    user = person.linked_user or NO_USER
    written = {
        Column.FIRST_NAME: person.first_name,
        Column.LAST_NAME: person.last_name,
        Column.EMAIL: person.email,
        Column.ROLE: person.role,
        Column.JOB_TITLE: person.job_title,
        Column.LANGUAGE: person.language,
        Column.TIME_ZONE: person.time_zone,
        Column.ACCOUNT_ID: user.account_id,
        Column.USER_ID: user.user_id,
        Column.DOMAIN: user.domain,
    }
    return tuple(str(written[column]) for column in Column)


def find_problems(content: bytes) -> Sequence[Problem]:
    """Read a roster back as a run would: what RingCentral lacks of a person is a problem there."""
    return rosters.read(content, "written here").problems
