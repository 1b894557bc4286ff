"""XLSX rosters: the first visible sheet as a grid of text, whole numbers whole and dates in ISO form.

python-calamine reads the cells; what it can't know is how far the sheet reaches before it fills the
memory with the rectangle around them, so that is found out first. No formulas, styles or other
sheets. Called by `reader`.
"""

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from xml.etree import ElementTree as ET

from python_calamine import CalamineWorkbook

from onboarding.errors import ConfigurationError
from onboarding.roster.archive import BROKEN_WORKBOOK, check_extent, check_size, copy_parts

_XLSX_HINT = "Open it in Excel and save it as .xlsx, without a password, or as CSV UTF-8."

Cell = float | str | bool | time | date | datetime | timedelta


@dataclass(frozen=True, slots=True)
class XlsxSheet:
    """A worksheet's name and where in the zip its XML lies."""

    title: str
    part: str


def read_xlsx(content: bytes, name: str) -> list[list[str]]:
    """Read the cells of the first visible sheet as text, from its row 1 on.

    Raises ConfigurationError if it is no workbook, or would not fit into memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_size(archive, name)
            sheet = _find_xlsx_sheet(archive)
            # The cells themselves are asked, not the sheet's `dimension`: that is optional, may be
            # wrong, and counts cells that only have a colour, which cost nothing.
            check_extent(*_measure_xlsx_sheet(archive, sheet.part), sheet.title, name)
            copy = copy_parts(archive, {sheet.part: _prepare_xlsx_sheet})
        with CalamineWorkbook.from_filelike(copy) as workbook:
            rows = workbook.get_sheet_by_name(sheet.title).to_python(skip_empty_area=False)
    except BROKEN_WORKBOOK as error:
        raise ConfigurationError(
            f"The roster {name} is no Excel workbook that can be read.", hint=_XLSX_HINT
        ) from error
    return [[format_cell(cell) for cell in row] for row in rows]


def _find_xlsx_sheet(archive: zipfile.ZipFile) -> XlsxSheet:
    """The first sheet of cells that is not hidden (ECMA-376 part 1, 18.2.19 and 9.2)."""
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in _iterate_elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        if element.get("Type", "").endswith("/worksheet")
    }
    for element in _iterate_elements(archive, "xl/workbook.xml", "sheet"):
        relation = next(value for key, value in element.items() if key.endswith("}id"))
        if relation in targets and element.get("state", "visible") == "visible":
            part = posixpath.join("/xl", targets[relation])
            return XlsxSheet(element.get("name", ""), posixpath.normpath(part).lstrip("/"))
    raise ValueError("no visible worksheet")


_XLSX_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\b[^>]*\st=["'])e(?=["'])""")


def _prepare_xlsx_sheet(content: bytes) -> bytes:
    """Make texts of error cells: calamine refuses the whole workbook for an error that it doesn't know (#SPILL!)."""
    return _XLSX_ERROR_CELL.sub(rb"\1str", content)


def _measure_xlsx_sheet(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """The last row and the last column in which a cell holds something."""
    rows = columns = row = column = 0
    for event, element in _iterate_events(archive, part):
        match event, _local_name(element):
            case "start", "row":
                row, column = int(element.get("r", row + 1)), 0
            case "end", "c":
                row, column = _parse_reference(element.get("r"), row, column + 1)
                if len(element):
                    rows, columns = max(rows, row), max(columns, column)
                element.clear()
            case "end", "row":
                element.clear()
    return rows, columns


def _parse_reference(reference: str | None, row: int, column: int) -> tuple[int, int]:
    """Row and column of a reference such as `AB12`; those given where a cell has none (18.3.1.4: it is optional)."""
    if reference is None:
        return row, column
    letters = reference.rstrip("0123456789")
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]), place


def _iterate_elements(archive: zipfile.ZipFile, part: str, local_name: str) -> Iterator[ET.Element]:
    for event, element in _iterate_events(archive, part):
        if event == "end" and _local_name(element) == local_name:
            yield element


def _iterate_events(archive: zipfile.ZipFile, part: str) -> Iterator[tuple[str, ET.Element]]:
    with archive.open(part) as xml:
        # Python's expat bounds what entities may grow to, and resolves none from outside.
        yield from ET.iterparse(xml, ("start", "end"))  # noqa: S314


def _local_name(element: ET.Element) -> str:
    """The name without its namespace: the strict kind of workbook has others than the usual one."""
    return element.tag.rpartition("}")[2]


def format_cell(value: Cell) -> str:
    """Format a cell as Excel would write it into a CSV file, but for dates and times, which become ISO 8601.

    Fifteen digits are all that a spreadsheet keeps of a number; an id that needed more arrives as
    `1.2E+16` and is refused as such.
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
