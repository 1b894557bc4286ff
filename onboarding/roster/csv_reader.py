"""CSV as spreadsheets really write it: which delimiter, and then Python's own reader.

Makes a grid of text in which the header is row 1 and a row keeps the spreadsheet's number: a cell
with line breaks is one row, a blank row counts. Knows no column by name, and no encoding (that is
`encoding`). Called by `reader`.
"""

import csv
import io
import re

from onboarding.errors import ConfigurationError

_CSV_DELIMITERS = ",;\t"
_EXCEL_DELIMITER = re.compile(r'"?sep=([^"\r\n])"?[,;\t]*\r?\n?', re.IGNORECASE)


def read_csv(text: str, name: str) -> list[list[str]]:
    """Read the rows of a CSV file. A first line `sep=;` is Excel's own and counts as no row.

    Quotation marks are read strictly: one that is left open would silently swallow the people below
    it. Raises ConfigurationError with the row where that happens.
    """
    declared = _EXCEL_DELIMITER.match(text)
    body = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _find_delimiter(body)
    rows: list[list[str]] = []
    # The reader's own limit would refuse the whole file for one long cell; `cells` names it.
    csv.field_size_limit(max(len(body), csv.field_size_limit()))
    try:
        rows.extend(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ConfigurationError(
            f"The roster {name} can't be read from row {len(rows) + 1} on: its quotation marks don't pair up.",
            hint='Close the quotation mark there; inside a quoted cell write it twice: "the ""big"" one".',
        ) from error
    return rows


def _find_delimiter(text: str) -> str:
    """Find which of comma, semicolon and tab the header has most of, outside quotation marks; else a comma."""
    header = re.sub(r'"[^"]*"', "", text).lstrip("\r\n").splitlines()[:1]
    return max(_CSV_DELIMITERS, key="".join(header).count)
