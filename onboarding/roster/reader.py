"""From a file or standard input to a `Roster`: the way through this room, and the formats.

The first bytes decide what a file is, not its name: a workbook saved as `.csv` is still read, and
standard input has no name. `FORMATS` is the table of formats. What a good row is, `row` decides.
The pipeline calls this first of all.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from onboarding.errors import ConfigurationError
from onboarding.files.read import MEGABYTE, read_stream
from onboarding.model.people import Invitee, LinkedUser, Problem, Roster
from onboarding.roster import workbook_reader
from onboarding.roster.header import parse_header
from onboarding.roster.row import Row, clean_row, parse_row
from onboarding.roster.text_reader import SAVE_AS_UTF8, read_text_rows
from onboarding.roster.workbook_reader import BROKEN_WORKBOOK

MOST_ROSTER_BYTES = 32 * MEGABYTE
"""Far beyond any panel's roster: a larger file is a mistake, and would only fill the memory."""

STANDARD_INPUT = 0
"""The descriptor of standard input."""

# A zip with something in it; an empty one begins differently and is refused as no text.
_ZIP = b"PK\x03\x04"
# Excel until 2003, and also newer workbooks with a password: that wraps the zip in such a file.
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0"
_SAVE_AS_XLSX = "Open it in Excel and save it as .xlsx without a password, or as CSV UTF-8."


async def fetch(source: Path | Literal["-"]) -> bytes:
    """Get a roster's bytes: from a file, a FIFO such as `<(command)`, or, with `-`, standard input.

    Raises ConfigurationError if it can't be opened, is a device, sends nothing for a minute, or is
    too large.
    """
    try:
        return await read_stream(STANDARD_INPUT if source == "-" else source, MOST_ROSTER_BYTES)
    except OSError as error:
        raise ConfigurationError(
            f"The roster {name_of(source)} can't be read: {error.strerror}.",
            hint="Check the path (in config.toml it counts from config.toml's own folder),"
            " and who may read it."
            " Pipe a program's output in: `program | onboarding ... --invitees -`.",
        ) from error


def name_of(source: Path | Literal["-"]) -> str:
    """Return what messages call a roster."""
    return "standard input" if source == "-" else str(source)


def read(
    content: bytes, name: str = "standard input", columns: Mapping[str, str] = MappingProxyType({})
) -> Roster:
    """Read a roster that is CSV (tabs, too), XLSX, ODS or JSON; `name` is what messages call it.

    `columns` maps our column names to the file's headers, where they differ. Everything wrong with
    a row is a `Problem`; raises ConfigurationError where no row can be read at all, or there is
    none.
    """
    return parse_rows([row for row in read_rows(content, name) if any(row.cells)], name, columns)


def parse_rows(rows: Sequence[Row], name: str, columns: Mapping[str, str]) -> Roster:
    """Parse a grid without empty rows, the header first. Raises ConfigurationError as `read` does.

    A caller that also needs the cells as they were written uses this instead of `read`.
    """
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
    return _build_roster(parse_row(row, header) for row in people)


def read_rows(content: bytes, name: str) -> list[Row]:
    """Read a roster's grid, empty rows included. Raises ConfigurationError if it is no roster."""
    # Rows keep their numbers from here on: empty ones are dropped only by the callers, since every
    # message names the row that the spreadsheet shows.
    for form in FORMATS:
        if form.recognises(content):
            grid = form.read(content, name)
            return [clean_row(number, cells) for number, cells in enumerate(grid, 1)]
    return read_text_rows(content, name)


@dataclass(frozen=True, slots=True)
class Format:
    """A format that `text_reader` does not read: what recognises its bytes and reads its cells.

    `read` takes the bytes and the roster's name. It raises ConfigurationError for a format that
    this program refuses.
    """

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, str], list[list[str]]]


def _zip_names(content: bytes) -> frozenset[str]:
    """List the names in a zip; none if it is no zip, or a broken one."""
    # zipfile finds an archive at the end of any file. Text with one behind it is no workbook.
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
    wanted = workbook_reader.ODS_MIMETYPE
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("mimetype") as entry:
            # A few bytes only: the part may unpack to any size, and nothing is measured yet.
            return entry.read(len(wanted)).decode(errors="replace") == wanted
    # A broken or encrypted entry. The format that comes next says what is wrong with the file.
    except BROKEN_WORKBOOK:
        return False


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
    # After its relatives, because it takes every other zip: a broken one is then called a workbook.
    Format("XLSX", lambda content: content.startswith(_ZIP), workbook_reader.read_xlsx),
    Format(
        "XLS",
        lambda content: content.startswith(_COMPOUND_FILE),
        _refuse_format("an Excel file of the old kind, or has a password", _SAVE_AS_XLSX),
    ),
    Format(
        "flat ODS",
        # Without this XML would be read as CSV, and the message would be about columns.
        lambda content: content.lstrip()[:5] == b"<?xml" and b"opendocument" in content[:4096],
        _refuse_format("a flat OpenDocument file", "Save it as .ods, .xlsx or CSV."),
    ),
)
"""In the order in which they are tried. All other files are text: JSON, or CSV with commas,
semicolons or tabs.
"""


def _build_roster(rows: Iterable[Invitee | tuple[Problem, ...]]) -> Roster:
    """Put the rows together. Of several for one person, the first usable row counts."""
    invitees: list[Invitee] = []
    problems: list[Problem] = []
    first_rows: dict[str | LinkedUser, int] = {}
    for row in rows:
        # A row that can't be used reserves nothing: a later, correct row of the same person counts.
        if not isinstance(row, Invitee):
            problems.extend(row)
            continue
        # A person is known by address, by ids, or by both.
        keys = [key for key in (row.key, row.linked_user) if key]
        # Either key is enough: the same person by address here and by ids there would be registered
        # twice, and RingCentral answers a second registration with 409.
        first = next((first_rows[key] for key in keys if key in first_rows), None)
        if first is None:
            first_rows |= dict.fromkeys(keys, row.row)
            invitees.append(row)
        else:
            problems.append(_build_duplicate_problem(row, first))
    return Roster(tuple(invitees), tuple(problems))


def _build_duplicate_problem(invitee: Invitee, first: int) -> Problem:
    # Not merged: the two rows may differ in role, and only the producer knows which is right.
    message = f"This person is already in row {first}, which counts. Delete one of the two rows."
    return Problem(invitee.row, None, invitee.email, message)
