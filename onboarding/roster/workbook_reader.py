"""XLSX and ODS rosters: the first visible sheet as a grid of text.

python-calamine reads the cells. It fills the memory with the rectangle around them, so first comes
how far each sheet reaches: a far cell, or a cell repeated a million times, is refused. calamine is
given an unpacked copy of exactly what was measured, because a zip may say less about its parts than
they hold. No formulas, styles or other sheets. Called by `reader`.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from xml.etree import ElementTree as ET

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from onboarding.errors import ConfigurationError

MOST_WORKBOOK_BYTES = 128 * 1024 * 1024
"""Bytes of the workbook's parts, unpacked: a zip of some kilobytes can hold more than memory."""

MOST_CELLS = 2_000_000
"""A value in a sheet's last corner spans 17 thousand million cells, and calamine allocates each."""

# Wide on purpose, since hostile content may fail anywhere in three libraries. Keep their use around
# the parsing only: it would hide faults of our own.
BROKEN_WORKBOOK = (
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
"""All that a zip, its XML and calamine raise for content that is broken."""

# Pictures, macros and printer settings are left out: calamine needs none, and they take memory.
_NEEDED = re.compile(r".*\.(xml|rels)|mimetype")

PartChange = Callable[[bytes], bytes]


def check_size(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse an archive with more in it than fits into memory."""
    # The declared sizes are a true bound: zipfile reads no more of a part than the directory says.
    if sum(part.file_size for part in archive.infolist()) > MOST_WORKBOOK_BYTES:
        raise ConfigurationError(
            f"The roster {name} unpacks to more than {MOST_WORKBOOK_BYTES // 1024**2} MB.",
            hint="Copy the people into a new workbook.",
        )


def copy_parts(archive: zipfile.ZipFile, changes: Mapping[str, PartChange]) -> io.BytesIO:
    """Copy the parts that hold cells, without compression; `changes` rewrites parts by name."""
    copy = io.BytesIO()
    # Stored, so the copy can't hide more than it shows, and calamine has nothing to unpack.
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as plain:
        # A zip may name a part twice; calamine would read the copy that was not measured.
        for part in filter(_NEEDED.fullmatch, dict.fromkeys(archive.namelist())):
            content = archive.read(part)
            if part in changes:
                content = changes[part](content)
            plain.writestr(part, content)
    copy.seek(0)
    return copy


def check_extent(rows: int, columns: int, sheet: str, name: str, spent: int = 0) -> None:
    """Refuse a sheet with cells that are too far apart.

    `spent` counts the cells of the sheets before it, which are read, too.
    """
    # The product counts, not the filled cells: calamine allocates the whole rectangle.
    if spent + rows * columns > MOST_CELLS:
        raise ConfigurationError(
            f"In the roster {name}, the sheet “{sheet}” reaches to row {rows}"
            f" and column {columns}.",
            hint="A cell is far off the list. Delete the rows below the list and the columns"
            " beside it, and save again.",
        )


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
    """Find the first sheet of cells that is not hidden (ECMA-376 part 1, 18.2.19 and 9.2)."""
    targets = {
        element.get("Id"): element.get("Target", "")
        for element in _iterate_elements(archive, "xl/_rels/workbook.xml.rels", "Relationship")
        # Sheets of charts and macros have other types; they hold no cells. The end is compared
        # since the strict kind has another namespace.
        if element.get("Type", "").endswith("/worksheet")
    }
    for element in _iterate_elements(archive, "xl/workbook.xml", "sheet"):
        # Any namespace, for the strict kind. A sheet without it raises StopIteration: broken.
        relation = next(value for key, value in element.items() if key.endswith("}id"))
        if relation in targets and element.get("state", "visible") == "visible":
            # A target may be absolute or relative to `xl/`; `join` drops
            # the first part before an absolute one.
            part = posixpath.join("/xl", targets[relation])
            return XlsxSheet(element.get("name", ""), posixpath.normpath(part).lstrip("/"))
    raise ValueError("no visible worksheet")


_XLSX_ERROR_CELL = re.compile(rb"""(<(?:\w+:)?c\b[^>]*\st=["'])e(?=["'])""")


def _prepare_xlsx_sheet(content: bytes) -> bytes:
    """Make texts of error cells."""
    # calamine refuses the whole workbook for an error that it doesn't know, such as #SPILL!.
    return _XLSX_ERROR_CELL.sub(rb"\1str", content)


def _measure_xlsx_sheet(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """Find the last row and the last column in which a cell holds something."""
    # Positions are optional (ECMA-376 part 1, 18.3.1.4 and 18.3.1.73), so they are counted along. A
    # file from another program may have none, and the measure has to hold for it, too.
    rows = columns = row = column = 0
    for event, element in _iterate_events(archive, part):
        match event, _local_name(element):
            case "start", "row":
                row, column = int(element.get("r", row + 1)), 0
            case "end", "c":
                row, column = _parse_reference(element.get("r"), row, column + 1)
                # A cell with only a style has no child. Whole columns are
                # coloured often, and cost nothing.
                if len(element):
                    rows, columns = max(rows, row), max(columns, column)
                element.clear()
            case "end", "row":
                element.clear()
    return rows, columns


def _parse_reference(reference: str | None, row: int, column: int) -> tuple[int, int]:
    """Parse the row and column of a reference such as `AB12`.

    A cell need not have one (18.3.1.4): then those given count.
    """
    if reference is None:
        return row, column
    letters = reference.rstrip("0123456789")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return int(reference[len(letters) :]), number


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
    """Format a cell as Excel writes it into a CSV file; dates and times become ISO 8601."""
    match value:
        # Before the numbers and before texts: to Python a bool is an int, and a datetime is a date.
        case bool():
            return str(value).upper()
        case int() | float():
            # A spreadsheet keeps fifteen digits of a number. An id that needed more becomes
            # `1.2e+16` here and is refused as such.
            return f"{value:.15g}"
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


ODS_MIMETYPE = "application/vnd.oasis.opendocument.spreadsheet"
"""How its `mimetype` entry begins (OpenDocument 1.3 part 2, 3.3); a template's goes on."""

_ODS_CONTENT = "content.xml"
_ODS_HINT = "Open it in LibreOffice and save it again as .ods or .xlsx, or as CSV in UTF-8."
_ODS_ERROR_CELL = re.compile(rb'<table:table-cell\b[^>]*\bcalcext:value-type="error"[^>]*>')
_SPACES = re.compile(rb"""\btext:c\s*=\s*(?:"[^"]*"|'[^']*')""")
_EMPTY_STRING = re.compile(rb'\soffice:string-value=""')


@dataclass(slots=True)
class OdsExtent:
    """How far a sheet reaches, with repeated rows and cells counted.

    `rows` and `columns` are its last row and column with something in them, `row` and `column`
    where counting has come, and `filled` is the last such column of the row.
    """

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
        # Size, password, extent, copy: each step relies on the one before. Measuring a part that
        # was not bounded, or encrypted, would fill the memory or fail as broken XML.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            check_size(archive, name)
            _refuse_encrypted(archive, name)
            _check_ods_extents(archive, name)
            copy = copy_parts(archive, {_ODS_CONTENT: _prepare_ods_content})
        with CalamineWorkbook.from_filelike(copy) as book:
            rows = book.get_sheet_by_name(_find_ods_sheet(book)).to_python(skip_empty_area=False)
    except BROKEN_WORKBOOK as error:
        raise ConfigurationError(
            f"The roster {name} is no spreadsheet that can be read.", hint=_ODS_HINT
        ) from error
    return [[format_cell(cell) for cell in row] for row in rows]


def _refuse_encrypted(archive: zipfile.ZipFile, name: str) -> None:
    if b"encryption-data" in archive.read("META-INF/manifest.xml"):
        raise ConfigurationError(f"The roster {name} has a password.", hint="Save it without one.")


def _check_ods_extents(archive: zipfile.ZipFile, name: str) -> None:
    # calamine reads all sheets, the hidden ones too.
    # So sheets are counted together, or a hundred small ones would pass one by one.
    spent = 0
    for extent in _measure_ods_sheets(archive):
        check_extent(extent.rows, extent.columns, extent.sheet, name, spent)
        spent += extent.rows * extent.columns


def _find_ods_sheet(book: CalamineWorkbook) -> str:
    # Asked of calamine, unlike for XLSX: in ODS a sheet is hidden
    # by its style, and it follows those.
    sheets = (sheet for sheet in book.sheets_metadata if sheet.typ is SheetTypeEnum.WorkSheet)
    return next(sheet.name for sheet in sheets if sheet.visible is SheetVisibleEnum.Visible)


def _prepare_ods_content(content: bytes) -> bytes:
    """Let a failed formula show its text (`#N/A`), and no space be repeated."""
    # LibreOffice gives a failed formula an empty value, which would count as blank.
    content = _ODS_ERROR_CELL.sub(lambda cell: _EMPTY_STRING.sub(b"", cell[0]), content)
    # A space may be repeated thousands of millions of times. `clean_cell` makes one of several.
    return _SPACES.sub(b"", content)


def _measure_ods_sheets(archive: zipfile.ZipFile) -> Iterator[OdsExtent]:
    """Measure how far each sheet reaches."""
    extent = OdsExtent()
    for event, element in _iterate_events(archive, _ODS_CONTENT):
        match event, _local_name(element):
            case "start", "table":
                extent = OdsExtent("".join(_find_attributes(element, "name")[:1]))
            case "start", "table-row":
                extent.column = extent.filled = 0
            case "end", "table-cell" | "covered-table-cell":
                _count_ods_cell(extent, element)
                element.clear()
            case "end", "table-row":
                _count_ods_row(extent, element)
                element.clear()
            case "end", "table":
                yield extent
                element.clear()


def _count_ods_row(extent: OdsExtent, row: ET.Element) -> None:
    # LibreOffice writes the empty rest of a sheet as one row repeated a million times. It moves the
    # position, and reaches no further than the last row with something in it.
    extent.row += _count_repeats(row, "number-rows-repeated")
    if extent.filled:
        extent.rows = extent.row
        extent.columns = max(extent.columns, extent.filled)


def _count_ods_cell(extent: OdsExtent, cell: ET.Element) -> None:
    extent.column += _count_repeats(cell, "number-columns-repeated")
    # A value or a formula counts without text as well, because calamine makes a cell of it.
    if len(cell) or any(key.endswith(("value-type", "}formula")) for key, _ in cell.items()):
        extent.filled = extent.column


def _count_repeats(element: ET.Element, attribute: str) -> int:
    """Count how often it is repeated; of several such attributes the greatest counts."""
    return max([1, *map(int, _find_attributes(element, attribute))])


def _find_attributes(element: ET.Element, name: str) -> list[str]:
    # In any namespace: a huge count must not hide behind a prefix that calamine doesn't mind.
    return [value for key, value in element.items() if key.rpartition("}")[2] == name]
