"""One row of the grid: an invitee, or everything that is wrong with the row at once.

Applies the rules in `cells` to each cell, then those that need several cells. Doesn't compare rows
(`reader` finds duplicates) and doesn't judge whether RingCentral would take the person (`plan`
does).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from onboarding.model.foreign_text import clean
from onboarding.model.people import Invitee, LinkedUser, Problem, Role
from onboarding.roster import cells as cell
from onboarding.roster.header import Column, Header

_RULES: Mapping[Column, Callable[[str], str]] = {
    Column.FIRST_NAME: cell.parse_name,
    Column.LAST_NAME: cell.parse_name,
    Column.EMAIL: cell.parse_email,
    Column.ROLE: cell.parse_role,
    Column.JOB_TITLE: cell.parse_name,
    Column.LANGUAGE: cell.parse_language,
    Column.TIME_ZONE: cell.parse_time_zone,
    Column.ACCOUNT_ID: cell.parse_id,
    Column.USER_ID: cell.parse_id,
    Column.DOMAIN: cell.parse_domain,
}

CellFault = tuple[str | None, str]
"""A header as the user wrote it (None: the whole row), and what is wrong below it."""

LONGEST_ADDRESS, LONGEST_MESSAGE = 254, 500
"""Characters of a problem: cells are quoted in it, and a cell may hold anything, a join link too."""

_COLLEAGUES = {Role.HOST, Role.COHOST}


def parse_row(row: int, texts: Sequence[str], header: Header) -> Invitee | tuple[Problem, ...]:
    """Read a row: an invitee where nothing is wrong with it, else all that is.

    Guests need both names (RingCentral asks for them). Colleagues don't: hosts, co-hosts and linked
    users have theirs at RingCentral.
    """
    padded = [*texts, *[""] * len(header.cells)]
    written = _column_texts(padded, header)
    extra = {word: padded[place] for word, place in header.extras.items()}
    values, faults = _apply_rules(written, header)
    found = [*_find_surplus(texts, header)] or [
        *faults,
        *_find_missing(written, values, header),
        *_find_damaged(extra, header),
    ]
    if found:
        email = clean(written[Column.EMAIL], limit=LONGEST_ADDRESS)
        return tuple(
            Problem(row, column, email, clean(message, limit=LONGEST_MESSAGE))
            for column, message in found
        )
    return _build_row_invitee(row, values, extra)


def _column_texts(texts: Sequence[str], header: Header) -> dict[Column, str]:
    """Pick each column's text. A domain without ids beside it is a company's, no linked user's: it is left out."""
    written = {
        column: texts[header.places[column]] if column in header.places else "" for column in Column
    }
    linked = written[Column.ACCOUNT_ID] or written[Column.USER_ID]
    return written if linked else written | {Column.DOMAIN: ""}


def _apply_rules(
    written: Mapping[Column, str], header: Header
) -> tuple[dict[Column, str], list[CellFault]]:
    values: dict[Column, str] = {}
    faults: list[CellFault] = []
    for column, rule in _RULES.items():
        try:
            values[column] = rule(cell.refuse_unusable(written[column])) if written[column] else ""
        except ValueError as error:
            faults.append((header.label(column), str(error)))
    return values, faults


def _find_surplus(texts: Sequence[str], header: Header) -> Iterator[CellFault]:
    """Find cells beyond the header: then cells have slipped to the right, and none means what its header says."""
    if any(texts[len(header.cells) :]):
        yield (
            None,
            "This row has more cells than the header. Put quotation marks around a cell that holds a separator.",
        )


def _find_missing(
    written: Mapping[Column, str], values: Mapping[Column, str], header: Header
) -> Iterator[CellFault]:
    account, user = written[Column.ACCOUNT_ID], written[Column.USER_ID]
    if bool(account) != bool(user):
        lacking = Column.USER_ID if account else Column.ACCOUNT_ID
        yield (
            header.label(lacking),
            "A linked user has both account_id and user_id. Fill in both, or neither.",
        )
    if not written[Column.EMAIL] and not (account or user):
        yield (
            header.label(Column.EMAIL),
            "The address is missing. Fill it in, or the ids of a linked user.",
        )
    if not written[Column.ROLE]:
        yield header.label(Column.ROLE), "The role is missing. Write Host, CoHost or Panelist."
    if not (account or user or values.get(Column.ROLE) in _COLLEAGUES):
        yield from _find_missing_names(written, header)


def _find_missing_names(written: Mapping[Column, str], header: Header) -> Iterator[CellFault]:
    """Find the names that a guest lacks. Without the column, the header may be misspelt: it says so."""
    for column in (Column.FIRST_NAME, Column.LAST_NAME):
        if not written[column]:
            absent = "" if column in header.places else f" {header.describe_missing(column)}"
            yield (
                header.label(column),
                f"The {column.replace('_', ' ')} is missing: a guest needs it.{absent}",
            )


def _find_damaged(extra: Mapping[str, str], header: Header) -> Iterator[CellFault]:
    for word, text in extra.items():
        try:
            cell.refuse_unusable(text)
        except ValueError as error:
            yield header.cells[header.extras[word]], str(error)


def _build_row_invitee(row: int, values: Mapping[Column, str], extra: Mapping[str, str]) -> Invitee:
    account, user = values[Column.ACCOUNT_ID], values[Column.USER_ID]
    return Invitee(
        row=row,
        email=values[Column.EMAIL],
        role=Role(values[Column.ROLE]),
        first_name=values[Column.FIRST_NAME],
        last_name=values[Column.LAST_NAME],
        job_title=values[Column.JOB_TITLE],
        language=values[Column.LANGUAGE],
        time_zone=values[Column.TIME_ZONE],
        linked_user=LinkedUser(account, user, values[Column.DOMAIN] or "pbx") if account else None,
        extra=MappingProxyType(dict(extra)),
    )
