"""Where a roster comes from: a file or standard input, recognised by its content; then from grid to `Roster`.

The first bytes decide what a file is, not its name: a workbook saved as `.csv` is still read, and
standard input has no name. `FORMATS` is the table of formats. What a good row is, `row` decides.
The pipeline calls this first of all.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from onboarding.errors import ConfigurationError
from onboarding.files.read import MEGABYTE, read_stream
from onboarding.model.foreign_text import printable
from onboarding.model.people import Invitee, LinkedUser, Problem, Roster
from onboarding.roster import text_reader, workbook_reader
from onboarding.roster.cells import clean_cell
from onboarding.roster.header import Column, Header, parse_header
from onboarding.roster.row import LONGEST_ADDRESS, parse_row
from onboarding.roster.text_reader import (
    MIXED,
    SAVE_AS_UTF8,
    decode_row,
    decode_text,
    has_one_encoding,
)
from onboarding.roster.workbook_reader import BROKEN_WORKBOOK

MOST_ROSTER_BYTES = 32 * MEGABYTE
"""Far beyond any panel's roster: a larger file is a mistake, and would only fill the memory."""

STANDARD_INPUT = 0
"""The descriptor of standard input."""

_ZIP = b"PK\x03\x04"
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"
_SAVE_AS_XLSX = "Open it in Excel and save it as .xlsx without a password, or as CSV UTF-8."


async def fetch(source: Path | Literal["-"]) -> bytes:
    """Get a roster's bytes: from a file, a FIFO (`<(command)` is one), or with `-` from standard input.

    Raises ConfigurationError where it can't be opened, is a device, sends nothing for a minute, or
    is too large.
    """
    try:
        return await read_stream(STANDARD_INPUT if source == "-" else source, MOST_ROSTER_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"The roster {name_of(source)} can't be read: {error.strerror}.",
            hint="Check the path (in config.toml it counts from config.toml's own folder) and who may read it. "
            "A program's output is piped in: `program | onboarding ... --invitees -`.",
        ) from error


def name_of(source: Path | Literal["-"]) -> str:
    """What messages call a roster."""
    return "standard input" if source == "-" else str(source)


def read(
    content: bytes, name: str = "standard input", columns: Mapping[str, str] = MappingProxyType({})
) -> Roster:
    """Read a roster that is CSV, XLSX, ODS or JSON; `name` is what messages call it.

    `columns` maps our column names to the file's headers, where they differ. Everything wrong with
    a row is a `Problem`; raises ConfigurationError where no row can be read at all, or there is
    none.
    """
    rows = [row for row in _read_rows(content, name) if any(row.cells)]
    if not rows:
        raise ConfigurationError(
            f"The roster {name} is empty.", hint="Write a header and one row for each person."
        )
    first = rows[0]
    if first.fault:
        raise ConfigurationError(
            f"The header of the roster {name} can't be read. {first.fault}", hint=SAVE_AS_UTF8
        )
    header = parse_header(first.cells, columns, name)
    people = [row for row in rows[1:] if not header.is_blank(row.cells)]
    if not people:
        raise ConfigurationError(
            f"The roster {name} has a header, but no people below it.", hint="Add a row per person."
        )
    return _build_roster(_parse_person(row, header) for row in people)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the grid: its number, its clean cells, and why they can't be read (empty if they can)."""

    number: int
    cells: list[str]
    fault: str = ""


def _read_rows(content: bytes, name: str) -> list[Row]:
    for form in FORMATS:
        if form.recognises(content):
            return [
                _clean_row(number, cells)
                for number, cells in enumerate(form.read(content, name), 1)
            ]
    return _read_text_rows(decode_text(content, name), name)


def _read_text_rows(text: str, name: str) -> list[Row]:
    """Read JSON or CSV, and decide each row's encoding if the file has more than one."""
    is_json = text.lstrip()[:1] in {"[", "{"}
    grid = text_reader.read_json(text, name) if is_json else text_reader.read_csv(text, name)
    if has_one_encoding(text):
        return [_clean_row(number, cells) for number, cells in enumerate(grid, 1)]
    rows = []
    for number, cells in enumerate(grid, 1):
        decoded = decode_row(cells)
        rows.append(
            _clean_row(number, cells, MIXED) if decoded is None else _clean_row(number, decoded)
        )
    return rows


def _clean_row(number: int, cells: list[str], fault: str = "") -> Row:
    return Row(number, [clean_cell(cell) for cell in cells], fault)


def _parse_person(row: Row, header: Header) -> Invitee | tuple[Problem, ...]:
    if not row.fault:
        return parse_row(row.number, row.cells, header)
    place = header.places.get(Column.EMAIL)
    email = row.cells[place] if place is not None and place < len(row.cells) else ""
    return (Problem(row.number, None, printable(email, limit=LONGEST_ADDRESS), row.fault),)


@dataclass(frozen=True, slots=True)
class Format:
    """A format that isn't text: its name, what recognises its first bytes, and what reads its cells.

    `read` takes the bytes and the roster's name. It raises ConfigurationError for a format that
    this program refuses.
    """

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, str], list[list[str]]]


def _zip_names(content: bytes) -> frozenset[str]:
    """List the names in a zip; none if it is no zip, or a broken one."""
    if not content.startswith(_ZIP):
        return frozenset()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return frozenset(archive.namelist())
    except BROKEN_WORKBOOK:
        return frozenset()


def _is_ods(content: bytes) -> bool:
    if "mimetype" not in _zip_names(content):
        return False
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("mimetype") as entry:
        return (
            entry.read(len(workbook_reader.ODS_MIMETYPE)).decode(errors="replace")
            == workbook_reader.ODS_MIMETYPE
        )


def _is_numbers(content: bytes) -> bool:
    return any(part.endswith((".iwa", "Index.zip")) for part in _zip_names(content))


def _refuse_format(what: str, hint: str) -> Callable[[bytes, str], list[list[str]]]:
    def refuse(_content: bytes, name: str) -> list[list[str]]:
        raise ConfigurationError(f"The roster {name} is {what}.", hint=hint)

    return refuse


FORMATS: tuple[Format, ...] = (
    Format("ODS", _is_ods, workbook_reader.read_ods),
    Format(
        "Numbers",
        _is_numbers,
        _refuse_format(
            "a Numbers file",
            "In Numbers choose File, Export To, Excel, or CSV with the encoding UTF-8.",
        ),
    ),
    Format(
        "XLSB",
        lambda content: "xl/workbook.bin" in _zip_names(content),
        _refuse_format("an Excel file of the binary kind (.xlsb)", _SAVE_AS_XLSX),
    ),
    Format("XLSX", lambda content: content.startswith(_ZIP), workbook_reader.read_xlsx),
    Format(
        "XLS",
        lambda content: content.startswith(_COMPOUND_FILE),
        _refuse_format("an Excel file of the old kind, or has a password", _SAVE_AS_XLSX),
    ),
    Format(
        "flat ODS",
        lambda content: content.lstrip()[:5] == b"<?xml" and b"opendocument" in content[:4096],
        _refuse_format("a flat OpenDocument file", "Save it as .ods, .xlsx or CSV."),
    ),
)
"""In the order in which they are tried. All other files are text: JSON or CSV."""


def _build_roster(rows: Iterable[Invitee | tuple[Problem, ...]]) -> Roster:
    """Put the rows together. Of several for one address or one linked user the first usable row counts."""
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
    message = (
        f"This person already stands in row {first}, which counts. Delete one of the two rows."
    )
    return Problem(invitee.row, None, invitee.email, message)
