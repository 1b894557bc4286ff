"""The hand-off to marketing operations: who has their link and who doesn't, as CSV or HTML.

Pure: takes a `Report` that the pipeline has built and returns text or bytes. It knows no join link,
only a fingerprint, so it can't leak one. Last page of the story: `onboarding report`.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from onboarding.model.deliveries import NEEDS_A_PERSON, UNDER_WAY, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem, Role, format_problem
from onboarding.model.sessions import SessionKey
from onboarding.model.time_zones import zone_named
from onboarding.reports.page import PAGES


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One person's latest message and what came of it.

    `at` (aware) is when the delivery last changed, None while it has only been queued. `reply` and
    `reason` are for people to read. `link_fingerprint` is (the beginning of) the link's digest,
    empty where the message held none.
    """

    email: str
    name: str
    role: Role
    kind: Kind
    state: State
    at: datetime | None
    attempts: int
    message_id: str
    reply: str
    reason: str
    link_fingerprint: str


@dataclass(frozen=True, slots=True)
class Report:
    """One webinar session's deliveries and problems.

    `start` and `made_at` are aware; `time_zone` is an IANA name.
    """

    webinar_name: str
    title: str
    key: SessionKey
    start: datetime
    time_zone: str
    made_at: datetime
    rows: tuple[ReportRow, ...]
    problems: tuple[Problem, ...]


CSV_COLUMNS = (
    *("email", "name", "role", "kind", "state", "at", "attempts"),
    *("message_id", "reply", "reason", "link"),
)
"""The columns of the CSV file, in order. The names stay: programs read the file by them."""

NOT_USED = "not_used"
"""The state of a roster row that could not be used: the CSV file has all people in one table."""

MEANINGS = {
    State.QUEUED: "The message is queued; the next run sends it.",
    State.SENDING: "The message is on its way to the mail server right now.",
    State.SENT: "Our mail server has accepted the message and is responsible for it.",
    State.IN_DOUBT: (
        "The connection dropped before the server confirmed. It may have been sent: check its log."
    ),
    State.REJECTED: (
        "The mail server rejected the message for good. Fix the address or the message, then retry."
    ),
    State.FAILED: "The mail server deferred the message until it was too late. Retry.",
    State.SUPERSEDED: "The message was never sent: a newer one replaced it.",
    State.EXPIRED: "The message was never sent: it would have come too late.",
    State.CANCELLED: "The message was never sent: it was cancelled.",
    State.RECORDED: (
        "Nothing was sent from here: a person said that they have these facts already (--as-told)."
    ),
    State.BOUNCED: (
        "Our mail server accepted the message, a later one returned it. Fix the address."
    ),
}
"""What each state means, for readers of the report."""

_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def write_csv(report: Report, stream: BinaryIO) -> None:
    """Write one row per person as UTF-8, with the byte order mark that Excel needs.

    Times are ISO 8601 in the session's time zone. Cells that a spreadsheet would run as a formula
    get an apostrophe in front: names and server replies come from outside.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    rows = csv.writer(text)
    rows.writerow(CSV_COLUMNS)
    rows.writerows([_escape_formula(cell) for cell in row] for row in _csv_rows(report))
    text.detach()


def render_html(report: Report) -> str:
    """Render one page for screen, print and screen readers: no scripts, nothing fetched.

    Rows that need a person come first.
    """
    counts = Counter(row.state for row in report.rows)
    return PAGES.get_template("report.html.j2").render(
        report=report,
        rows=sorted(report.rows, key=lambda row: row.state not in NEEDS_A_PERSON),
        counts=[
            (state, counts[state])
            for state in sorted(State, key=lambda state: state is not State.SENT)
            if counts[state]
        ],
        attention=sum(counts[state] for state in NEEDS_A_PERSON) + len(report.problems),
        meanings=MEANINGS,
    )


def mask_link(link_fingerprint: str) -> str:
    """Show a join link as its fingerprint: enough to tell two apart, useless to join with."""
    return f"https://…/•••• {link_fingerprint[:4]}" if link_fingerprint else ""


def badge(state: State) -> str:
    """Choose a state's badge: one of the page's four colours, each with its sign."""
    match state:
        case State.SENT:
            return "done"
        case _ if state in NEEDS_A_PERSON:
            return "attention"
        case _ if state in UNDER_WAY:
            return "under-way"
        case _:
            return "over"


def _csv_rows(report: Report) -> Iterator[tuple[str, ...]]:
    zone = zone_named(report.time_zone)
    for row in report.rows:
        at = row.at.astimezone(zone).isoformat(timespec="seconds") if row.at else ""
        about = (row.email, row.name, row.role, row.kind, row.state, at, str(row.attempts))
        yield *about, row.message_id, row.reply, row.reason, mask_link(row.link_fingerprint)
    for problem in report.problems:
        what = format_problem(replace(problem, email=""))  # the address has a column of its own
        yield problem.email, "", "", "", NOT_USED, "", "", "", "", what, ""


def _escape_formula(cell: str) -> str:
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell


PAGES.filters |= {"masked": mask_link, "tone": badge}
