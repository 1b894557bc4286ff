"""The report as one table, a row for each message: what the CSV file and the workbook hold.

The first columns are those of the first version, in their order, because programs read them by
name. Pure: no file is written here (`csv_file` and `workbook` do).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.people import Problem, format_problem
from onboarding.model.time_zones import zone_named
from onboarding.reports.report import (
    NO_MESSAGE,
    SHOWN_FINGERPRINT,
    Report,
    ReportedMessage,
    ReportedPerson,
    WebinarReport,
    format_masked_link,
)

CellValue = str | int | datetime
"""A text, a number, or an aware time in the session's zone. An empty text is no value."""

CellsByColumn = Mapping[str, CellValue]
"""A row by the names of its columns; what is missing is empty."""

CSV_COLUMNS = (
    *("email", "name", "role", "kind", "state", "at", "attempts"),
    *("message_id", "reply", "reason", "link"),
    *("first_name", "last_name", "company", "webinar_id", "session_id", "title", "start"),
    *("registered_at", "link_fingerprint", "entry", "answer", "attendance", "joined_at"),
    "wrong_door",
)
"""The columns in order, before the roster's own. The names stay: programs read by them."""

EXTRA_PREFIX = "x_"
"""What a roster's own column is called after, so that it never has the name of one of ours."""

NOT_USED = "not_used"
"""The state in a row that shows a problem of the last run instead of a message."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table: the names of its columns, and rows of as many cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[CellValue, ...], ...]


def build_table(report: Report) -> ReportTable:
    """Build the table: a row for each message, each person without one, and each problem."""
    rows = [row for webinar in report.webinars for row in _webinar_rows(webinar)]
    return select_columns(list_columns(report), rows)


OVERVIEW_COLUMNS = (
    *("webinar", "title", "webinar_id", "session_id", "start", "time_zone", "made_at"),
    *("people", "messages", "sent", "outdated", "need_a_person"),
)
"""The columns of the overview: one row for each webinar, with its totals."""


def build_overview(report: Report) -> ReportTable:
    """Build the overview: what the report is about, when it was made, and the totals."""
    rows = [_overview_cells(webinar, report.made_at) for webinar in report.webinars]
    return select_columns(OVERVIEW_COLUMNS, rows)


def _overview_cells(webinar: WebinarReport, made_at: datetime) -> CellsByColumn:
    return {
        **_session_cells(webinar),
        "webinar": webinar.webinar_name,
        "time_zone": webinar.time_zone,
        "made_at": _local_time(made_at, webinar),
        "people": len(webinar.people),
        "messages": len(webinar.messages),
        "sent": dict(webinar.counts).get(State.SENT, 0),
        "outdated": len(webinar.outdated_people),
        "need_a_person": webinar.attention,
    }


def list_columns(report: Report) -> tuple[str, ...]:
    """List the table's columns: ours, then those that only the rosters have."""
    return (*CSV_COLUMNS, *(f"{EXTRA_PREFIX}{name}" for name in report.list_extra_columns()))


def select_columns(columns: tuple[str, ...], rows: Sequence[CellsByColumn]) -> ReportTable:
    """Put rows into a table's order of columns."""
    return ReportTable(columns, tuple(tuple(row.get(name, "") for name in columns) for row in rows))


def person_cells(
    webinar: WebinarReport, person: ReportedPerson, message: ReportedMessage | None
) -> CellsByColumn:
    """Make the row of a person and one of their messages."""
    about_message = (
        _message_cells(webinar, message)
        if message
        else {"state": NO_MESSAGE, "reason": person.note}
    )
    return {**_session_cells(webinar), **_who_cells(webinar, person), **about_message}


def _webinar_rows(webinar: WebinarReport) -> Iterator[CellsByColumn]:
    for person in webinar.people:
        # A person without a message is a row, too: each row of the roster has to show up.
        for message in person.messages or [None]:
            yield person_cells(webinar, person, message)
    # A problem knows an address only. By key, as it may be spelled as the roster has it.
    people = {address_key(person.email): person for person in webinar.people if person.email}
    for problem in webinar.problems:
        yield _problem_cells(webinar, problem, people.get(address_key(problem.email)))


def _session_cells(webinar: WebinarReport) -> dict[str, CellValue]:
    return {
        "webinar_id": webinar.key.webinar_id,
        "session_id": webinar.key.session_id,
        "title": webinar.title,
        "start": _local_time(webinar.start, webinar),
    }


def _who_cells(webinar: WebinarReport, person: ReportedPerson) -> dict[str, CellValue]:
    registered, joined = person.registered_at, person.joined_at
    # Prefixed, so a roster's column called `state` can't take the place of ours.
    extra = {f"{EXTRA_PREFIX}{name}": value for name, value in person.extra.items()}
    return {
        "email": person.email,
        "name": person.name,
        "role": person.role.value,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "company": person.company,
        "registered_at": _local_time(registered, webinar) if registered else "",
        "answer": person.answer,
        "attendance": person.attendance,
        "joined_at": _local_time(joined, webinar) if joined else "",
        "wrong_door": "yes" if person.wrong_door else "",
        **extra,
    }


def _message_cells(webinar: WebinarReport, message: ReportedMessage) -> dict[str, CellValue]:
    return {
        "kind": message.kind.value,
        "state": message.state.value,
        "at": _local_time(message.at, webinar),
        "attempts": message.attempts,
        "message_id": message.message_id,
        "reply": message.reply,
        "reason": message.reason,
        # The first version's column, which programs read; the next one tells links apart more
        # surely.
        "link": format_masked_link(message.link_fingerprint),
        "link_fingerprint": message.link_fingerprint[:SHOWN_FINGERPRINT],
        "entry": message.entry,
    }


def _problem_cells(
    webinar: WebinarReport, problem: Problem, person: ReportedPerson | None
) -> CellsByColumn:
    who: CellsByColumn = _who_cells(webinar, person) if person else MappingProxyType({})
    what = format_problem(replace(problem, email=""))  # the address has a column of its own
    about = {"email": problem.email, "state": NOT_USED, "reason": what}
    return {**_session_cells(webinar), **who, **about}


def _local_time(moment: datetime, webinar: WebinarReport) -> datetime:
    # To the second: a spreadsheet shows no more, and its dates hold little more.
    return moment.astimezone(zone_named(webinar.time_zone)).replace(microsecond=0)
