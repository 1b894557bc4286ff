"""The rows of a roster that need correcting, as a roster of their own with a column for the error.

What a row lacks is found as for a run (`reader`); the caller says what came of the others, by
address. The producer corrects the rows and hands the file back: the reader takes the column `error`
for one of the roster's own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from onboarding.model.addresses import address_key
from onboarding.model.people import Problem, Roster
from onboarding.roster.cells import fold
from onboarding.roster.reader import parse_rows, read_rows

ERROR = "error"
"""The column that says what is wrong with a row."""


@dataclass(frozen=True, slots=True)
class FailedRows:
    """A header as the user wrote it, with `ERROR` as its last column, and rows of as many cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def find_failed_rows(
    content: bytes,
    name: str = "standard input",
    columns: Mapping[str, str] = MappingProxyType({}),
    faults: Iterable[Problem] = (),
) -> FailedRows:
    """Find the rows with a problem of their own, or of their person's (`faults`, by address).

    Raises ConfigurationError where `reader.read` does.
    """
    grid = [row for row in read_rows(content, name) if any(row.cells)]
    # The same grid as a run's, so that row numbers agree with those that `status` has shown.
    errors = _find_errors(parse_rows(grid, name, columns), faults)
    header = grid[0].cells
    # A file that was corrected before has the column already: it is written again, not twice.
    kept = [index for index, cell in enumerate(header) if fold(cell) != fold(ERROR)]
    failed = [row for row in grid[1:] if row.number in errors]
    return FailedRows(
        (*_select_cells(header, kept), ERROR),
        tuple((*_select_cells(row.cells, kept), errors[row.number]) for row in failed),
    )


def _find_errors(roster: Roster, faults: Iterable[Problem]) -> dict[int, str]:
    """Say by row what is wrong with it, each thing once."""
    # A dict as an ordered set: a fault found twice is written once, in the order of finding.
    errors: dict[int, dict[str, None]] = {}
    for problem in roster.problems:
        if problem.row is not None:
            errors.setdefault(problem.row, {})[_describe_cell_fault(problem)] = None
    for row, message in _match_faults(roster, faults):
        errors.setdefault(row, {})[message] = None
    return {row: " ".join(messages) for row, messages in errors.items()}


def _match_faults(roster: Roster, faults: Iterable[Problem]) -> Iterator[tuple[int, str]]:
    """Yield each fault of a person on the roster, with their row."""
    # A second row of a person has the first one's address: that row has no fault.
    known = {(address_key(problem.email), problem.message) for problem in roster.problems}
    # By address and not by row: since the last run, rows may have moved.
    rows = {invitee.key: invitee.row for invitee in roster.invitees if invitee.email}
    for fault in faults:
        key = address_key(fault.email)
        if key in rows and (key, fault.message) not in known:
            yield rows[key], _describe_cell_fault(fault)


def _describe_cell_fault(problem: Problem) -> str:
    return f"{problem.column}: {problem.message}" if problem.column else problem.message


def _select_cells(cells: Sequence[str], kept: Iterable[int]) -> list[str]:
    # A short row gets blanks, or the error would land below another header.
    return [cells[index] if index < len(cells) else "" for index in kept]
