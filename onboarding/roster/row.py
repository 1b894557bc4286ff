"""One row of the grid: an invitee, or everything that is wrong with the row at once.

Applies the rules in `cells` to each cell, then those that need several cells. Doesn't compare rows (`source` finds the
duplicates) and doesn't judge whether RingCentral would take the person (`plan` does).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from onboarding.model.foreign_text import clean
from onboarding.model.people import Invitee, LinkedUser, Problem, Role
from onboarding.roster import cells as cell
from onboarding.roster.header import Column, Header

_RULES: Mapping[Column, Callable[[str], str]] = {
    Column.FIRST_NAME: cell.name,
    Column.LAST_NAME: cell.name,
    Column.EMAIL: cell.address,
    Column.ROLE: cell.role,
    Column.JOB_TITLE: cell.name,
    Column.LANGUAGE: cell.language,
    Column.TIME_ZONE: cell.time_zone,
    Column.ACCOUNT_ID: cell.identifier,
    Column.USER_ID: cell.identifier,
    Column.DOMAIN: cell.domain,
}

Fault = tuple[str | None, str]
"""A header as the user wrote it (None: the whole row), and what is wrong below it."""

LONGEST_ADDRESS, LONGEST_MESSAGE = 254, 500
"""Characters of a problem: cells are quoted in it, and a cell may hold anything, a join link too."""

_COLLEAGUES = {Role.HOST, Role.COHOST}


def parse_row(row: int, texts: Sequence[str], header: Header) -> Invitee | tuple[Problem, ...]:
    """Read a row: an invitee where nothing is wrong with it, else all that is.

    Guests need both names (RingCentral asks for them). Colleagues don't: hosts, co-hosts and linked users have theirs
    at RingCentral.
    """
    padded = [*texts, *[""] * len(header.cells)]
    written = _written(padded, header)
    extra = {word: padded[place] for word, place in header.extras.items()}
    values, faults = _apply_rules(written, header)
    every = [*_surplus(texts, header)] or [*faults, *_missing(written, values, header), *_damaged(extra, header)]
    if every:
        email = clean(written[Column.EMAIL], limit=LONGEST_ADDRESS)
        return tuple(Problem(row, column, email, clean(message, limit=LONGEST_MESSAGE)) for column, message in every)
    return _invitee(row, values, extra)


def _written(texts: Sequence[str], header: Header) -> dict[Column, str]:
    """Each column's text. A domain without ids beside it is not a linked user's, but a company's: it is left out."""
    written = {column: texts[header.places[column]] if column in header.places else "" for column in Column}
    linked = written[Column.ACCOUNT_ID] or written[Column.USER_ID]
    return written if linked else written | {Column.DOMAIN: ""}


def _apply_rules(written: Mapping[Column, str], header: Header) -> tuple[dict[Column, str], list[Fault]]:
    values: dict[Column, str] = {}
    faults: list[Fault] = []
    for column, rule in _RULES.items():
        try:
            values[column] = rule(cell.sound(written[column])) if written[column] else ""
        except ValueError as error:
            faults.append((header.written(column), str(error)))
    return values, faults


def _surplus(texts: Sequence[str], header: Header) -> Iterator[Fault]:
    """Once cells have slipped to the right, what stands below any header is not what was meant."""
    if any(texts[len(header.cells) :]):
        yield None, "This row has more cells than the header. Put quotation marks around a cell that holds a separator."


def _missing(written: Mapping[Column, str], values: Mapping[Column, str], header: Header) -> Iterator[Fault]:
    account, user = written[Column.ACCOUNT_ID], written[Column.USER_ID]
    if bool(account) != bool(user):
        lacking = Column.USER_ID if account else Column.ACCOUNT_ID
        yield header.written(lacking), "A linked user has both account_id and user_id. Fill in both, or neither."
    if not written[Column.EMAIL] and not (account or user):
        yield header.written(Column.EMAIL), "The address is missing. Fill it in, or the ids of a linked user."
    if not written[Column.ROLE]:
        yield header.written(Column.ROLE), "The role is missing. Write Host, CoHost or Panelist."
    if not (account or user or values.get(Column.ROLE) in _COLLEAGUES):
        for column in (Column.FIRST_NAME, Column.LAST_NAME):
            if not written[column]:
                absent = "" if column in header.places else f" {header.missing(column)}"
                yield header.written(column), f"The {column.replace('_', ' ')} is missing: a guest needs it.{absent}"


def _damaged(extra: Mapping[str, str], header: Header) -> Iterator[Fault]:
    for word, text in extra.items():
        try:
            cell.sound(text)
        except ValueError as error:
            yield header.cells[header.extras[word]], str(error)


def _invitee(row: int, values: Mapping[Column, str], extra: Mapping[str, str]) -> Invitee:
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
