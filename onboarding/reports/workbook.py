"""Tables as an Excel workbook (XLSX), with real dates and numbers, and text as it is.

Text is stored with the type text, so no spreadsheet runs it as a formula or turns it into a link,
and it needs no apostrophe. Excel's dates have no zone: times are those of the session's zone.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from onboarding.reports.table import CellValue, ReportTable

LONGEST_CELL = 32_767
"""Of one cell, as in Excel; xlsxwriter leaves a longer text out."""

WIDEST, NARROWEST = 60, 8
"""Widths of a column, in characters."""

DATE_FORMAT = "yyyy-mm-dd hh:mm:ss"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook, and its name."""

    name: str
    table: ReportTable


def render_workbook(sheets: Iterable[Sheet], made_at: datetime) -> bytes:
    """Render sheets as an XLSX file. Each has its header in sight, and a filter."""
    content = io.BytesIO()
    # In memory, or it leaves names and addresses in temporary files if it is killed.
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        # A zone would be refused; the same report made at the same time is the same file.
        workbook.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
        date, head = workbook.add_format({"num_format": DATE_FORMAT}), _add_head(workbook)
        for sheet in sheets:
            _write_table(workbook.add_worksheet(sheet.name), sheet.table, date, head)
    return content.getvalue()


def _add_head(workbook: xlsxwriter.Workbook) -> Format:
    return workbook.add_format(
        {"bold": True, "bg_color": "#17203A", "font_color": "#FFFFFF", "valign": "vcenter"}
    )


def _write_table(worksheet: Worksheet, table: ReportTable, date: Format, head: Format) -> None:
    for column, name in enumerate(table.columns):
        worksheet.write_string(0, column, name, head)
        worksheet.set_column(column, column, _column_width(table, column))
    for number, row in enumerate(table.rows, 1):
        for column, cell in enumerate(row):
            _write_cell(worksheet, number, column, cell, date)
    worksheet.freeze_panes(1, 0)
    # Without a column the filter's last column would be -1.
    if table.columns:
        worksheet.autofilter(0, 0, len(table.rows), len(table.columns) - 1)


def _write_cell(worksheet: Worksheet, row: int, column: int, cell: CellValue, date: Format) -> None:
    match cell:
        case datetime():
            # The time is in the session's zone already (`table`), and Excel knows no zones.
            worksheet.write_datetime(row, column, cell.replace(tzinfo=None), date)
        case int():
            worksheet.write_number(row, column, cell)
        case str() if cell:
            # Never `write`: it takes a text that begins with = for a formula.
            worksheet.write_string(row, column, cell[:LONGEST_CELL])


def _column_width(table: ReportTable, column: int) -> int:
    lengths = [len(str(row[column])) for row in table.rows if not _is_date(row[column])]
    dates = [len(DATE_FORMAT) for row in table.rows if _is_date(row[column])]
    longest = max([len(table.columns[column]), *lengths, *dates])
    # Two more: the arrow of the filter covers the end of the header.
    return min(max(longest + 2, NARROWEST), WIDEST)


def _is_date(cell: CellValue) -> bool:
    return isinstance(cell, datetime)
