"""A table as a CSV file that a spreadsheet opens and never runs.

Cells that a spreadsheet would run as a formula get an apostrophe in front: names and server replies
come from outside. Only CSV needs that, as it has no type for text (`workbook` has).
"""

import csv
import io
import re
from datetime import datetime

from onboarding.reports.table import CellValue, ReportTable

# OWASP's list for CSV injection, with the full-width forms that some spreadsheets read alike.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_PHONE_NUMBER = re.compile(r"\+[0-9][0-9 ()/.-]*")


def render_csv(table: ReportTable, *, keeps_phone_numbers: bool = False) -> bytes:
    """Render a table as UTF-8, with the byte order mark that Excel needs. Times are ISO 8601.

    With `keeps_phone_numbers` a cell such as `+49 30 123` gets no apostrophe: a CRM that imports
    the file would take it for a part of the number, and digits run nothing.
    """
    # The writer ends lines by CRLF itself (RFC 4180); a translated line end would double them.
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(table.columns)
    for row in table.rows:
        rows.writerow([_cell_text(cell, keeps_phone_numbers) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _cell_text(cell: CellValue, keeps_phone_numbers: bool) -> str:  # noqa: FBT001  -- passed on
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    text = str(cell)
    if keeps_phone_numbers and _PHONE_NUMBER.fullmatch(text):
        return text
    # Spaces in front don't count: some programs drop them when they import.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text
