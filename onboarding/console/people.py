"""The people of one webinar as rows of a table: where each is, what to know, which rows are shown.

Pure: takes what `pipeline.webinar_view` has read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from onboarding.console.queries import read_page_number, read_words
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import NEEDS_A_PERSON
from onboarding.model.kinds import clears_facts
from onboarding.model.people import Problem
from onboarding.pipeline.webinar_view import WebinarView
from onboarding.reports.report import NO_MESSAGE, OFF_BOARD, ReportedMessage, ReportedPerson, badge

PEOPLE_ON_A_PAGE = 100
"""A panel of 99 is on one page; a larger one has several."""


@dataclass(frozen=True, slots=True)
class PeopleQuery:
    """The people that are looked for: by words of name, address, role or state; those in need."""

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
        """Whether a person has to look after them."""
        return self.tone == "attention"


@dataclass(frozen=True, slots=True)
class People:
    """The people that are shown, of how many, and the page of them."""

    rows: Sequence[PersonRow]
    found: int
    page: int
    pages: int


def read_people_query(fields: Mapping[str, str]) -> PeopleQuery:
    """Read which people are looked for. What makes no sense counts as not written."""
    only_attention = fields.get("show", "") == "attention"
    return PeopleQuery(read_words(fields), only_attention, read_page_number(fields))


def as_fields(query: PeopleQuery) -> dict[str, object]:
    """Write which people are looked for, as `read_people_query` reads it."""
    show = "attention" if query.only_attention else ""
    return {"q": query.words, "show": show, "page": query.page}


@dataclass(frozen=True, slots=True)
class ProblemGroup:
    """The problems of one row of the roster, of one address, or of the webinar itself."""

    row: int | None
    email: str
    problems: tuple[Problem, ...]


def list_other_problems(view: WebinarView) -> list[ProblemGroup]:
    """List the problems of the last run that are about no person of the panel, row by row."""
    if view.report is None:
        return []
    keys = {address_key(person.email) for person in view.report.people}
    groups: dict[tuple[int | None, str], list[Problem]] = {}
    for problem in view.report.problems:
        if address_key(problem.email) not in keys:
            groups.setdefault((problem.row, problem.email), []).append(problem)
    return [ProblemGroup(row, email, tuple(found)) for (row, email), found in groups.items()]


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
    warnings = [problem.message for problem in problems]
    key = address_key(person.email)
    if reason := view.status.suppressed.get(key):
        warnings.append(f"No message goes to this address any more: {reason}")
    if person.outdated:
        warnings.append(f"Out of date: {', '.join(person.outdated)}.")
    label, tone = _describe_place(message)
    return PersonRow(
        person,
        view.code_of(person),
        label,
        "attention" if warnings or troubled else tone,
        message,
        _list_person_remarks(warnings, message, person.note),
    )


def _list_person_remarks(
    warnings: Iterable[str], message: ReportedMessage | None, note: str
) -> tuple[str, ...]:
    # What a server says to a message that it took helps no reader of this page.
    has_reason = message is not None and badge(message.state) != "done"
    reasons = (message.reason, message.reply) if message and has_reason else ()
    return tuple(dict.fromkeys(filter(None, (*warnings, *reasons, note))))


def _describe_place(message: ReportedMessage | None) -> tuple[str, str]:
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


def select_people(rows: Sequence[PersonRow], query: PeopleQuery) -> People:
    """Choose the people to show: those who fit the words, one page of them."""
    found = [row for row in rows if _is_meant(row, query)]
    pages = max(1, -(-len(found) // PEOPLE_ON_A_PAGE))
    number = min(max(1, query.page), pages)
    first = (number - 1) * PEOPLE_ON_A_PAGE
    return People(found[first : first + PEOPLE_ON_A_PAGE], len(found), number, pages)


def _is_meant(row: PersonRow, query: PeopleQuery) -> bool:
    person = row.person
    text = f"{person.name} {person.email} {person.company} {person.role} {row.label}".casefold()
    has_words = all(word in text for word in query.words.casefold().split())
    return has_words and (row.needs_a_person or not query.only_attention)
