"""The page of one webinar: its people as they are now, what needs a person, and what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from onboarding.console.access import Viewer, require_viewer
from onboarding.console.act_tasks import ActTask
from onboarding.console.console import Console, find_console
from onboarding.console.live import find_version, stream_parts
from onboarding.console.live_parts import Parts
from onboarding.console.pages import CONSOLE_PAGES, find_macro, page
from onboarding.console.queries import read_page_number, read_words
from onboarding.console.words import build_bar, describe_countdown
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import NEEDS_A_PERSON, State
from onboarding.model.kinds import clears_facts
from onboarding.model.people import Problem
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import WebinarView, read_webinar
from onboarding.reports.report import (
    MEANINGS,
    NO_MESSAGE,
    OFF_BOARD,
    ReportedMessage,
    ReportedPerson,
    badge,
)

PARTS, ACT_PARTS = "webinar_parts.html.j2", "act_parts.html.j2"

PEOPLE_ON_A_PAGE = 100
"""A panel of 99 is on one page; a larger one has several."""


@dataclass(frozen=True, slots=True)
class PeopleQuery:
    """Whom a person looks for: words of name, address, role or state; only who needs a person."""

    words: str = ""
    only_attention: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person as the table shows them: the message that matters most, and what to know.

    `label` and `tone` say where they are; `message` is None before the first. `remarks` are
    sentences, those that need a person first.
    """

    person: ReportedPerson
    code: str
    label: str
    tone: str
    message: ReportedMessage | None
    remarks: tuple[str, ...]

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to look after them."""
        return self.tone == "attention"


@dataclass(frozen=True, slots=True)
class People:
    """The people that are shown, of how many, and the page of them."""

    rows: Sequence[PersonRow]
    found: int
    page: int
    pages: int


async def show_webinar(request: Request) -> Response:
    """Show the page."""
    view = await run_in_threadpool(_read, find_console(request), request.path_params["webinar"])
    query = read_people_query(request.query_params)
    task = find_console(request).tasks.find(view.target.name)
    parts = render_webinar(view, query, require_viewer(request), task)
    return page(
        "webinar.html.j2",
        request,
        view=view,
        query=query,
        parts=parts,
        columns=find_columns(make_rows(view)),
        rows=[name for name in parts if name.startswith("person-")],
        version=find_version(parts),
        fields=_as_fields(query),
    )


async def stream_webinar(request: Request) -> Response:
    """Stream the page's parts as they change."""
    console, name = find_console(request), request.path_params["webinar"]
    query, viewer = read_people_query(request.query_params), require_viewer(request)

    def make() -> Parts:
        return render_webinar(_read(console, name), query, viewer, console.tasks.find(name))

    return stream_parts(request, make)


def _read(console: Console, name: str) -> WebinarView:
    services = console.services
    target = find_target(services.config, name)
    return read_webinar(services.config, target, services.clock.now(), services.progress)


def read_people_query(fields: Mapping[str, str]) -> PeopleQuery:
    """Read whom a person looks for. What makes no sense counts as not written."""
    only_attention = fields.get("show", "") == "attention"
    return PeopleQuery(read_words(fields), only_attention, read_page_number(fields))


def _as_fields(query: PeopleQuery) -> dict[str, object]:
    show = "attention" if query.only_attention else ""
    return {"q": query.words, "show": show, "page": query.page}


def render_webinar(
    view: WebinarView, query: PeopleQuery, viewer: Viewer, task: ActTask | None = None
) -> Parts:
    """Render the parts of the page: what is so now, then a row for each person who is shown.

    `task` is the act at work on it in this console, or the last one.
    """
    rows = make_rows(view)
    people = choose_people(rows, query)
    troubled = [row for row in rows if row.needs_a_person]
    coming = [row for row in rows if _is_coming(row)]
    parts = {
        "countdown": find_macro(PARTS, "countdown")(_describe_distance(view)),
        "now": find_macro(PARTS, "now")(view, build_bar(view.panel), viewer),
        "act-note": find_macro(ACT_PARTS, "act_note")(task),
        "acts": find_macro(ACT_PARTS, "webinar_acts")(view, viewer),
        "needs": find_macro(PARTS, "needs")(view, troubled, list_other_problems(view), viewer),
        "people-head": find_macro(PARTS, "people_head")(view, people, query, len(rows)),
        "coming": find_macro(PARTS, "coming")(view, coming),
        "notes": find_macro(PARTS, "notes")(view),
    }
    columns, person_row = find_columns(rows), find_macro(PARTS, "person_row")
    for row in people.rows:
        parts[f"person-{row.code}"] = person_row(view, row, columns)
    return parts


def _describe_distance(view: WebinarView) -> str:
    if view.status.seen is None:
        return ""
    start, end = view.status.seen.start, view.status.seen.end
    return describe_countdown(start, end, view.read_at, is_over=view.is_over)


def list_other_problems(view: WebinarView) -> list[Problem]:
    """List the problems of the last run that are about no person of the panel."""
    if view.report is None:
        return []
    keys = {address_key(person.email) for person in view.report.people}
    return [problem for problem in view.report.problems if address_key(problem.email) not in keys]


def make_rows(view: WebinarView) -> list[PersonRow]:
    """Make the rows of all people, those who need a person first."""
    if view.report is None:
        return []
    problems: dict[str, list[Problem]] = {}
    for problem in view.report.problems:
        problems.setdefault(address_key(problem.email), []).append(problem)
    rows = [
        make_row(view, person, problems.get(address_key(person.email), ()))
        for person in view.report.people
    ]
    # `sorted` is stable: in both halves the roster's order stays.
    return sorted(rows, key=lambda row: not row.needs_a_person)


def make_row(
    view: WebinarView, person: ReportedPerson, problems: Iterable[Problem] = ()
) -> PersonRow:
    """Make a person's row: an older message that needs a person counts before the latest one."""
    troubled = [message for message in person.messages if message.state in NEEDS_A_PERSON]
    message = troubled[-1] if troubled else person.latest
    told = tuple(problem.message for problem in problems)
    outdated = f"Out of date: {', '.join(person.outdated)}." if person.outdated else ""
    # What a server says to a message that it took is of no use to anybody.
    has_reason = message is not None and badge(message.state) != "done"
    reasons = (message.reason, message.reply) if message and has_reason else ()
    remarks = dict.fromkeys(filter(None, (*told, outdated, *reasons, person.note)))
    needs = bool(told or outdated or troubled)
    label, tone = _name_place(message)
    return PersonRow(
        person, view.code_of(person), label, "attention" if needs else tone, message, tuple(remarks)
    )


def _name_place(message: ReportedMessage | None) -> tuple[str, str]:
    """Say in words and in a tone where a person is, by the message that matters most."""
    if message is None:
        return NO_MESSAGE.replace("_", " "), "over"
    if clears_facts(message.kind) and message.state not in NEEDS_A_PERSON:
        return OFF_BOARD, "over"
    return message.state.replace("_", " "), badge(message.state)


def find_columns(rows: Iterable[PersonRow]) -> frozenset[str]:
    """Find which of the columns are shown that are empty for all before anything is known."""
    known = {"answer": False, "attendance": False}
    for row in rows:
        known["answer"] |= bool(row.person.answer)
        known["attendance"] |= bool(row.person.attendance)
    return frozenset(name for name, is_known in known.items() if is_known)


def choose_people(rows: Sequence[PersonRow], query: PeopleQuery) -> People:
    """Choose whom to show: those who fit the words, one page of them."""
    found = [row for row in rows if _matches(row, query)]
    pages = max(1, -(-len(found) // PEOPLE_ON_A_PAGE))
    number = min(max(1, query.page), pages)
    first = (number - 1) * PEOPLE_ON_A_PAGE
    return People(found[first : first + PEOPLE_ON_A_PAGE], len(found), number, pages)


def _matches(row: PersonRow, query: PeopleQuery) -> bool:
    person = row.person
    text = f"{person.name} {person.email} {person.company} {person.role} {row.label}".casefold()
    has_words = all(word in text for word in query.words.casefold().split())
    return has_words and (row.needs_a_person or not query.only_attention)


def _is_coming(row: PersonRow) -> bool:
    return row.message is not None and row.message.state is State.QUEUED


NEXT_WORDS = {
    State.IN_DOUBT: "Find out from the mail server's log whether it arrived, and decide.",
    State.REJECTED: "Correct the address on the roster, or remove the cause and retry.",
    State.FAILED: "Retry: the next run sends it.",
    State.EXPIRED: "Call them: it is too late for a message.",
    State.BOUNCED: "Correct the address on the roster: the next run writes to the new one.",
}
"""What a person does about a message that needs one."""

CONSOLE_PAGES.globals |= {"meanings": MEANINGS, "next_words": NEXT_WORDS}
