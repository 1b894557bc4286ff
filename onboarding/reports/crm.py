"""The report in the shape of a CRM: its headers, its words, one row for each person.

`[reports.NAME]` says which of our columns stands under which header, and how the CRM calls each
status. Pure; what a mapping may name depends on the rosters' own columns, so it is checked here and
not when the configuration is loaded.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onboarding.errors import ConfigurationError
from onboarding.reports.report import STATUS_WORDS, Report, person_status
from onboarding.reports.table import (
    CellsByColumn,
    CellValue,
    ReportTable,
    list_columns,
    person_cells,
)

STATUS = "status"
"""The column that only a CRM's shape has: where a person is, in the CRM's word."""

CONSTANT = "="
"""What marks a fixed text in a mapping: `=Webinar` is `Webinar` in every row."""


@dataclass(frozen=True, slots=True)
class CrmShape:
    """`[reports.NAME]`: header -> our column or `=` and a fixed text; our status -> the CRM's."""

    name: str
    columns: Mapping[str, str]
    status: Mapping[str, str]


def build_crm_table(report: Report, shape: CrmShape) -> ReportTable:
    """Build the table: a row for each person of each session, from their latest message.

    A status without a word of the CRM's keeps ours. Raises ConfigurationError for a column or a
    status that there is not, naming the key and the nearest.
    """
    # First, and against the rosters' own columns: a mistyped column would be empty in every row.
    _check_shape(shape, (*list_columns(report), STATUS))
    rows = []
    for webinar in report.webinars:
        for person in webinar.people:
            # Their messages are counted in a report, but in a CRM this would become a contact.
            if person.is_forgotten:
                continue
            status = person_status(person)
            cells = person_cells(webinar, person, person.latest)
            rows.append({**cells, STATUS: shape.status.get(status, status)})
    return ReportTable(tuple(shape.columns), tuple(_map_row(row, shape) for row in rows))


def _map_row(row: CellsByColumn, shape: CrmShape) -> tuple[CellValue, ...]:
    return tuple(
        # Another webinar's roster may lack a column that is known; its cells are empty.
        source.removeprefix(CONSTANT) if source.startswith(CONSTANT) else row.get(source, "")
        for source in shape.columns.values()
    )


def _check_shape(shape: CrmShape, known: tuple[str, ...]) -> None:
    section = f"[reports.{shape.name}]"
    if not shape.columns:
        raise ConfigurationError(
            f"{section} has no columns.", hint='Write columns = {"Email" = "email"}.'
        )
    for header, source in shape.columns.items():
        if not source.startswith(CONSTANT) and source not in known:
            raise ConfigurationError(
                f"{section} columns: “{header}” is to be “{source}”, which is no column of the"
                " report.",
                hint=_name_nearest(source, known) + " A fixed text begins with =.",
            )
    for status in shape.status:
        if status not in STATUS_WORDS:
            raise ConfigurationError(
                f"{section} status: “{status}” is no status.",
                hint=_name_nearest(status, STATUS_WORDS),
            )


def _name_nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest word, else list all."""
    nearest = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f"Did you mean {nearest[0]}?" if nearest else f"There are {', '.join(known)}."
