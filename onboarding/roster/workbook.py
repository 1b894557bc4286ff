"""XLSX rosters: the first visible sheet as a grid of text, whole numbers whole and dates in ISO form.

python-calamine reads the cells; what it can't know is how far the sheet reaches before it fills the memory with the
rectangle around them, so that is found out first. No formulas, styles or other sheets. Called by `source`.
"""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from xml.etree import ElementTree as ET

from python_calamine import CalamineError, CalamineWorkbook

from onboarding.errors import ConfigurationError

MOST_CELLS = 2_000_000
"""One value in a sheet's last corner spans 17 thousand million cells, each of which calamine would allocate."""

MOST_XML = 128 * 1024 * 1024
"""Bytes that the workbook's parts may have once unpacked: a zip of a few kilobytes can hold far more than memory."""

_BROKEN = (
    CalamineError,
    ET.ParseError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    StopIteration,
    ValueError,
)
_HINT = "Open it in Excel and save it as .xlsx, without a password, or as CSV UTF-8."

Cell = float | str | bool | time | date | datetime | timedelta


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet's name and where in the zip its XML lies."""

    title: str
    part: str


def grid(content: bytes, name: str) -> list[list[str]]:
    """The cells of the first visible sheet as text, from its row 1 on.

    Raises ConfigurationError for what is no workbook, and for one that would not fit into memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _bound_parts(archive, name)
            sheet = _first_sheet(archive)
            _bound_extent(archive, sheet, name)
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            rows = workbook.get_sheet_by_name(sheet.title).to_python(skip_empty_area=False)
    except _BROKEN as error:
        raise ConfigurationError(f"The roster {name} is no Excel workbook that can be read.", hint=_HINT) from error
    return [[_text(cell) for cell in row] for row in rows]


def _bound_parts(archive: zipfile.ZipFile, name: str) -> None:
    if sum(part.file_size for part in archive.infolist()) > MOST_XML:
        raise ConfigurationError(
            f"The roster {name} unpacks to more than {MOST_XML // 1024**2} MB.",
            hint="Copy the people into a new workbook.",
        )


def _first_sheet(archive: zipfile.ZipFile) -> Sheet:
    """The first sheet of cells that is not hidden (ECMA-376 part 1, 18.2.19 and 9.2)."""
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in _elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        if element.get("Type", "").endswith("/worksheet")
    }
    for element in _elements(archive, "xl/workbook.xml", "sheet"):
        relation = next(value for key, value in element.items() if key.endswith("}id"))
        if relation in targets and element.get("state", "visible") == "visible":
            part = posixpath.join("/xl", targets[relation])
            return Sheet(element.get("name", ""), posixpath.normpath(part).lstrip("/"))
    raise ValueError("no visible worksheet")


def _bound_extent(archive: zipfile.ZipFile, sheet: Sheet, name: str) -> None:
    """Refuse a sheet whose cells lie too far apart.

    The cells themselves are asked, not the sheet's `dimension`: that is optional, may be wrong, and counts cells that
    only have a colour, which cost nothing.
    """
    rows, columns = _extent(archive, sheet.part)
    if rows * columns > MOST_CELLS:
        raise ConfigurationError(
            f"In the roster {name}, the sheet “{sheet.title}” reaches to row {rows} and column {columns}.",
            hint="Something stands far off the list. Delete the rows below and the columns beside it, and save again.",
        )


def _extent(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """The last row and the last column in which a cell holds something."""
    rows = columns = row = column = 0
    for event, element in _parse(archive, part):
        match event, _local_name(element):
            case "start", "row":
                row, column = int(element.get("r", row + 1)), 0
            case "end", "c":
                row, column = _position(element.get("r"), row, column + 1)
                if len(element):
                    rows, columns = max(rows, row), max(columns, column)
                element.clear()
            case "end", "row":
                element.clear()
    return rows, columns


def _position(reference: str | None, row: int, column: int) -> tuple[int, int]:
    """Row and column of a reference such as `AB12`; those given where a cell has none (18.3.1.4: it is optional)."""
    if reference is None:
        return row, column
    letters = reference.rstrip("0123456789")
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]), place


def _elements(archive: zipfile.ZipFile, part: str, local_name: str) -> Iterator[ET.Element]:
    return (one for event, one in _parse(archive, part) if event == "end" and _local_name(one) == local_name)


def _parse(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[str, ET.Element]]:
    with archive.open(part) as xml:
        # Python's expat bounds what entities may grow to, and resolves none from outside.
        yield from ET.iterparse(xml, ("start", "end"))  # noqa: S314


def _local_name(element: ET.Element) -> str:
    """The name without its namespace: the strict kind of workbook has others than the usual one."""
    return element.tag.rpartition("}")[2]


def _text(value: Cell) -> str:
    """A cell as Excel would write it into a CSV file, but for dates and times, which become ISO 8601.

    Fifteen digits are all that a spreadsheet keeps of a number; an id that needed more arrives as `1.2E+16` and is
    refused as such.
    """
    match value:
        case bool():
            return str(value).upper()
        case int() | float():
            return f"{value:.15g}"
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
