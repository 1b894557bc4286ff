"""One row of the grid: an invitee, or everything that is wrong with the row at once.

Applies the rules in `cells` to each cell, then those that need several cells. Doesn't compare rows
(`reader` finds duplicates) and doesn't judge whether RingCentral would take the person (`plan`
does).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
"""Characters of a problem: it quotes cells, and a cell may hold anything, a join link too."""

_COLLEAGUES = {Role.HOST, Role.COHOST}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the grid: its number, its clean cells, and why they can't be read, if so."""

    number: int
    cells: list[str]
    fault: str = ""


def clean_row(number: int, cells: Sequence[str], fault: str = "") -> Row:
    """Make a row of cells as a reader gives them."""
    return Row(number, [cell.clean_cell(text) for text in cells], fault)


def parse_row(row: Row, header: Header) -> Invitee | tuple[Problem, ...]:
    """Read a row: an invitee where nothing is wrong with it, else all that is.

    Guests need both names (RingCentral asks for them). Colleagues don't: hosts, co-hosts and linked
    users have theirs at RingCentral.
    """
    # Programs leave blank cells at a row's end out, so a short row is complete. A long one is not.
    padded = [*row.cells, *[""] * len(header.cells)]
    written = _select_texts(padded, header)
    # Nothing else is said of such a row: its letters are undecoded, and every rule would complain.
    if row.fault:
        return _build_row_problems(row, written, [(None, row.fault)])
    surplus = list(_find_surplus(row, header))
    # Behind a separator without quotation marks all cells are one column off,
    # so the rules would blame the wrong ones.
    if surplus:
        return _build_row_problems(row, written, surplus)
    values, faults = _apply_rules(written, header)
    extra = {name: padded[index] for name, index in header.extras.items()}
    # From here all faults are gathered: a producer corrects a row once, not once per fault.
    faults += [*_find_missing(written, values, header), *_find_damaged(extra, header)]
    if faults:
        return _build_row_problems(row, written, faults)
    return _build_row_invitee(row.number, values, extra)


def _build_row_problems(
    row: Row, written: Mapping[Column, str], faults: Iterable[CellFault]
) -> tuple[Problem, ...]:
    # Problems are stored, printed and handed over, so what a cell quotes is cleaned here at once. A
    # join link in the wrong column must not get into a report.
    email = clean(written[Column.EMAIL], limit=LONGEST_ADDRESS)
    return tuple(
        Problem(row.number, label, email, clean(message, limit=LONGEST_MESSAGE))
        for label, message in faults
    )


def _select_texts(texts: Sequence[str], header: Header) -> dict[Column, str]:
    """Select each column's text; blank for a column that the roster lacks."""
    written = dict.fromkeys(Column, "")
    written |= {column: texts[index] for column, index in header.indexes.items()}
    # A domain without ids beside it is a company's, and no linked user's.
    if not (written[Column.ACCOUNT_ID] or written[Column.USER_ID]):
        written[Column.DOMAIN] = ""
    return written


def _apply_rules(
    written: Mapping[Column, str], header: Header
) -> tuple[dict[Column, str], list[CellFault]]:
    values = dict.fromkeys(Column, "")
    faults: list[CellFault] = []
    for column, text in written.items():
        try:
            if text:
                # `refuse_unusable` first: `#N/A` is a lawful name by the length rule.
                values[column] = _RULES[column](cell.refuse_unusable(text))
        except ValueError as error:
            faults.append((header.label(column), str(error)))
    return values, faults


def _find_surplus(row: Row, header: Header) -> Iterator[CellFault]:
    """Find cells beyond the header: then no cell of the row is surely below its own header."""
    # Blank cells beyond the header are common (a sheet that was wider once) and harm nothing.
    if any(row.cells[len(header.cells) :]):
        message = (
            "This row has more cells than the header."
            " Put quotation marks around a cell that holds a separator."
        )
        yield None, message


def _find_missing(
    written: Mapping[Column, str], values: Mapping[Column, str], header: Header
) -> Iterator[CellFault]:
    yield from _find_missing_id(written, header)
    # The text and not the value: an address that is wrong is there, and is not also missing.
    account, user = written[Column.ACCOUNT_ID], written[Column.USER_ID]
    if not written[Column.EMAIL] and not (account or user):
        yield (
            header.label(Column.EMAIL),
            "The address is missing. Fill it in, or the ids of a linked user.",
        )
    if not written[Column.ROLE]:
        yield header.label(Column.ROLE), "The role is missing. Write Host, CoHost or Panelist."
    # A role that can't be read counts as a guest's: better one hint too many
    # now than another round of corrections later.
    if not (account or user or values.get(Column.ROLE) in _COLLEAGUES):
        yield from _find_missing_names(written, header)


def _find_missing_id(written: Mapping[Column, str], header: Header) -> Iterator[CellFault]:
    account, user = written[Column.ACCOUNT_ID], written[Column.USER_ID]
    # RingCentral's `linkedUser` needs both. A half is not taken for a guest, either: that could
    # register the colleague a second time.
    if bool(account) != bool(user):
        missing = Column.USER_ID if account else Column.ACCOUNT_ID
        yield (
            header.label(missing),
            "A linked user has both account_id and user_id. Fill in both, or neither.",
        )


def _find_missing_names(written: Mapping[Column, str], header: Header) -> Iterator[CellFault]:
    """Find the names that a guest lacks; a missing column's header may be misspelt, so it says."""
    for column in (Column.FIRST_NAME, Column.LAST_NAME):
        if not written[column]:
            absent = "" if column in header.indexes else f" {header.describe_missing(column)}"
            yield (
                header.label(column),
                f"The {column.replace('_', ' ')} is missing: a guest needs it.{absent}",
            )


def _find_damaged(extra: Mapping[str, str], header: Header) -> Iterator[CellFault]:
    for name, text in extra.items():
        try:
            # An extra has no rule of its own, but templates print it: it must be readable.
            cell.refuse_unusable(text)
        except ValueError as error:
            yield header.cells[header.extras[name]], str(error)


def _build_row_invitee(row: int, values: Mapping[Column, str], extra: Mapping[str, str]) -> Invitee:
    account = values[Column.ACCOUNT_ID]
    # The phone directory (“pbx”), as the messages of `parse_domain` promise.
    domain = values[Column.DOMAIN] or "pbx"
    return Invitee(
        row=row,
        email=values[Column.EMAIL],
        role=Role(values[Column.ROLE]),
        first_name=values[Column.FIRST_NAME],
        last_name=values[Column.LAST_NAME],
        job_title=values[Column.JOB_TITLE],
        language=values[Column.LANGUAGE],
        time_zone=values[Column.TIME_ZONE],
        linked_user=LinkedUser(account, values[Column.USER_ID], domain) if account else None,
        extra=MappingProxyType(dict(extra)),
    )
