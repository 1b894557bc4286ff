"""ODS rosters (LibreOffice, Google Sheets): the first visible sheet as a grid of text, as from an XLSX file.

A cell or a row may say that it is repeated a million times, so python-calamine, which writes them
all out, is given the file only after that was counted. Called by `reader`.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from onboarding.errors import ConfigurationError
from onboarding.roster.archive import BROKEN_WORKBOOK, check_extent, check_size, copy_parts
from onboarding.roster.workbook_reader import format_cell

ODS_MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
"""How its `mimetype` entry begins (OpenDocument 1.3 part 2, 3.3); a template's goes on."""

_ODS_CONTENT = "content.xml"
_ODS_HINT = "Open it in LibreOffice and save it again as .ods or .xlsx, or as CSV in UTF-8."
_ODS_ERROR_CELL = re.compile(rb'<table:table-cell\b[^>]*\bcalcext:value-type="error"[^>]*>')
_SPACES = re.compile(rb"""\btext:c\s*=\s*(?:"[^"]*"|'[^']*')""")
_EMPTY_STRING = re.compile(rb'\soffice:string-value=""')


@dataclass(slots=True)
class OdsExtent:
    """How far one sheet reaches, counting repeated rows and cells: its last row and column with something in it."""

    sheet: str = ""
    rows: int = 0
    columns: int = 0
    row: int = 0
    column: int = 0
    filled: int = 0


def read_ods(content: bytes, name: str) -> list[list[str]]:
    """Read the cells of the first visible sheet as text, from its row 1 on.

    Raises ConfigurationError if it is no spreadsheet, has a password, or would not fit into memory.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_size(archive, name)
            if b"encryption-data" in archive.read("META-INF/manifest.xml"):
                raise ConfigurationError(
                    f"The roster {name} has a password.", hint="Save it without one."
                )
            spent = 0  # calamine reads all sheets
            for extent in _measure_ods_sheets(archive):
                check_extent(extent.rows, extent.columns, extent.sheet, name, spent)
                spent += extent.rows * extent.columns
            copy = copy_parts(archive, {_ODS_CONTENT: _prepare_ods_content})
        with CalamineWorkbook.from_filelike(copy) as book:
            rows = book.get_sheet_by_name(_find_ods_sheet(book)).to_python(skip_empty_area=False)
    except BROKEN_WORKBOOK as error:
        raise ConfigurationError(
            f"The roster {name} is no spreadsheet that can be read.", hint=_ODS_HINT
        ) from error
    return [[format_cell(cell) for cell in row] for row in rows]


def _find_ods_sheet(book: CalamineWorkbook) -> str:
    sheets = (sheet for sheet in book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet)
    return next(sheet.name for sheet in sheets if sheet.visible is SheetVisibleEnum.Visible)


def _prepare_ods_content(content: bytes) -> bytes:
    """Let a failed formula show its text (`#N/A`), and no space be repeated.

    LibreOffice gives a failed formula an empty value, which would count as blank. Spaces may be
    repeated thousands of millions of times; several count as one here anyway.
    """
    return _SPACES.sub(b"", _ODS_ERROR_CELL.sub(lambda cell: _EMPTY_STRING.sub(b"", cell[0]), content))


def _measure_ods_sheets(archive: zipfile.ZipFile) -> Iterator[OdsExtent]:
    """How far each sheet reaches; calamine reads them all."""
    extent = OdsExtent()
    with archive.open(_ODS_CONTENT) as xml:
        # Python's expat bounds what entities may grow to, and resolves none from outside.
        for event, element in ET.iterparse(xml, ("start", "end")):  # noqa: S314
            match event, element.tag.rpartition("}")[2]:
                case "start", "table":
                    extent = OdsExtent("".join(_list_values(element, "name")[:1]))
                case "start", "table-row":
                    extent.column = extent.filled = 0
                case "end", "table-cell" | "covered-table-cell":
                    _count_ods_cell(extent, element)
                    element.clear()
                case "end", "table-row":
                    extent.row += _count_repeats(element, "number-rows-repeated")
                    if extent.filled:
                        extent.rows, extent.columns = extent.row, max(extent.columns, extent.filled)
                    element.clear()
                case "end", "table":
                    yield extent
                    element.clear()


def _count_ods_cell(extent: OdsExtent, cell: ET.Element) -> None:
    extent.column += _count_repeats(cell, "number-columns-repeated")
    holds = len(cell) or any(key.endswith(("value-type", "}formula")) for key in cell.keys())  # noqa: SIM118 - no dict
    if holds:
        extent.filled = extent.column


def _count_repeats(element: ET.Element, attribute: str) -> int:
    """How often it is repeated; of several such attributes, whichever their namespace, the greatest counts."""
    return max([1, *map(int, _list_values(element, attribute))])


def _list_values(element: ET.Element, name: str) -> list[str]:
    return [value for key, value in element.items() if key.rpartition("}")[2] == name]
