"""Where a roster comes from: a file or standard input, told apart by its content; then from grid to `Roster`.

The first bytes decide what a file is, not its name: a workbook saved as `.csv` is still read, and standard input has
no name. Knows nothing of what a good row is (that is `person`). Called by the pipeline before anything else.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from onboarding.errors import ConfigurationError
from onboarding.input_files import MEGABYTE, read_stream
from onboarding.model.people import Invitee, LinkedUser, Problem, Roster
from onboarding.roster import delimited, listing, workbook
from onboarding.roster.cells import clean
from onboarding.roster.header import understand
from onboarding.roster.person import person

MOST_BYTES = 32 * MEGABYTE
"""No roster of people who share a stage is as big; a file beyond it is a mistake, and would only fill the memory."""

STANDARD_INPUT = 0
"""Its descriptor."""

_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"
_SAVE_AS_XLSX = "Open it in Excel and save it as .xlsx without a password, or as CSV UTF-8."


async def fetch(source: Path | Literal["-"]) -> bytes:
    """Get a roster's bytes: from a file, a FIFO (`<(command)` is one), or with `-` from standard input.

    Raises ConfigurationError where it can't be opened, is a device, sends nothing for a minute, or is too large.
    """
    try:
        return await read_stream(STANDARD_INPUT if source == "-" else source, MOST_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"The roster {name_of(source)} can't be read: {error.strerror}.",
            hint="Check the path (in config.toml it counts from config.toml's own folder) and who may read it. "
            "A program's output is piped in: `program | onboarding ... --invitees -`.",
        ) from error


def name_of(source: Path | Literal["-"]) -> str:
    """What messages call a roster."""
    return "standard input" if source == "-" else str(source)


def read(content: bytes, name: str = "standard input", columns: Mapping[str, str] = MappingProxyType({})) -> Roster:
    """Read a roster that is CSV, XLSX or JSON; `name` is what messages call it.

    `columns` maps our column names to the file's headers, where they differ. Everything wrong with a row is a
    `Problem`; raises ConfigurationError where no row can be read at all, or there is none.
    """
    grid = _grid(content, name)
    cleaned = ([clean(cell) for cell in cells] for cells in grid)
    rows = [(number, cells) for number, cells in enumerate(cleaned, 1) if any(cells)]
    if not rows:
        raise ConfigurationError(f"The roster {name} is empty.", hint="Write a header and one row for each person.")
    header = understand(rows[0][1], columns, name)
    people = [(number, cells) for number, cells in rows[1:] if not header.is_blank(cells)]
    if not people:
        raise ConfigurationError(f"The roster {name} has a header, but nobody below it.", hint="Add a row per person.")
    return _roster(person(number, cells, header) for number, cells in people)


def _grid(content: bytes, name: str) -> list[list[str]]:
    if content.startswith(b"PK\x03\x04"):
        return workbook.grid(content, name)
    if content.startswith(_COMPOUND_FILE):
        raise ConfigurationError(
            f"The roster {name} is an Excel file of the old kind, or has a password.", hint=_SAVE_AS_XLSX
        )
    text = delimited.decode(content, name)
    if text.lstrip()[:1] in {"[", "{"}:
        return listing.grid(text, name)
    return delimited.grid(text, name)


def _roster(rows: Iterable[Invitee | tuple[Problem, ...]]) -> Roster:
    """Put the rows together; of several for one address or one linked user the first that can be used counts."""
    invitees: list[Invitee] = []
    problems: list[Problem] = []
    first_rows: dict[str | LinkedUser, int] = {}
    for row in rows:
        match row:
            case Invitee() as invitee:
                names = [name for name in (invitee.key, invitee.linked_user) if name]
                first = next((first_rows[name] for name in names if name in first_rows), None)
                if first is None:
                    first_rows |= dict.fromkeys(names, invitee.row)
                    invitees.append(invitee)
                else:
                    problems.append(_duplicate(invitee, first))
            case _:
                problems.extend(row)
    return Roster(tuple(invitees), tuple(problems))


def _duplicate(invitee: Invitee, first: int) -> Problem:
    message = f"This person already stands in row {first}, which counts. Delete one of the two rows."
    return Problem(invitee.row, None, invitee.email, message)
