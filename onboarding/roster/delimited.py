"""CSV as spreadsheets really write it: which encoding, which delimiter, and then Python's own reader.

Makes a grid of text in which the header is row 1 and a row keeps the spreadsheet's number: a cell with line breaks
is one row, a blank row counts. Knows no column by name. Called by `source`, which also uses `decode` for JSON.
"""

import codecs
import csv
import io
import re

from onboarding.errors import ConfigurationError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DELIMITERS = ",;\t"
_EXCEL_DELIMITER = re.compile(r'"?sep=([^"\r\n])"?[,;\t]*\r?\n?', re.IGNORECASE)
_SAVE_AS_UTF8 = "In Excel choose Save As, “CSV UTF-8 (comma delimited)”, or keep the roster as .xlsx."


def decode(content: bytes, name: str) -> str:
    """The text of a file: by its byte order mark, else UTF-8, else Windows-1252.

    UTF-8 is tried strictly and first, since other encodings hardly ever happen to be valid UTF-8, while nearly any
    bytes are valid Windows-1252. Raises ConfigurationError for what is no text in any of them.
    """
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ConfigurationError(f"The roster {name} is no text in UTF-8, UTF-16 or Windows-1252.", hint=_SAVE_AS_UTF8)


def grid(text: str, name: str) -> list[list[str]]:
    """The rows of a CSV file. A first line `sep=;` is Excel's own and counts as no row.

    Quotation marks are read strictly: one that is left open would swallow the people below it without a word. Raises
    ConfigurationError with the row where that happens.
    """
    declared = _EXCEL_DELIMITER.match(text)
    body = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _delimiter(body)
    rows: list[list[str]] = []
    try:
        rows.extend(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ConfigurationError(
            f"The roster {name} can't be read from row {len(rows) + 1} on: its quotation marks don't pair up.",
            hint='Close the quotation mark there; inside a quoted cell write it twice: "the ""big"" one".',
        ) from error
    return rows


def _delimiter(text: str) -> str:
    """The one of comma, semicolon and tab that the header has most of, outside quotation marks; else a comma."""
    header = re.sub(r'"[^"]*"', "", text).lstrip("\r\n").splitlines()[:1]
    return max(_DELIMITERS, key="".join(header).count)
