"""CSV and JSON rosters: from bytes to text, and from text to a grid.

Most files have one encoding. In a file of UTF-8 a row may still be in Windows-1252, because another
program has added it: such bytes pass through the CSV or JSON reader as they are, and `decode_row`
decodes them once a row is known.

The header is row 1 of the grid. A row of CSV keeps the spreadsheet's number: a cell with line
breaks is one row, and a blank row counts. Knows no column by name. Called by `reader`.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Sequence

from onboarding.errors import ConfigurationError
from onboarding.roster.row import Row, clean_row

MIXED = (
    "This row is in two encodings, UTF-8 and Windows-1252, so its letters can't be read for"
    " certain. Type it again, or save the file as CSV UTF-8."
)
SAVE_AS_UTF8 = (
    "In Excel choose Save As, “CSV UTF-8 (comma delimited)”, or keep the roster as .xlsx."
)

# Excel's “Unicode text” is UTF-16 with a mark. Without one it looks like a binary file.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What `surrogateescape` makes of the bytes 0x80 to 0xFF (PEP 383).
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


def read_text_rows(content: bytes, name: str) -> list[Row]:
    """Read the rows of a JSON or CSV file, and find each row's encoding if the file has several.

    `name` is what messages call the roster. Raises ConfigurationError if it can't be read.
    """
    text = decode_text(content, name)
    grid = read_json(text, name) if is_json(text) else read_csv(text, name)
    # Asked of the whole text: JSON can write a lone surrogate (`\\udc80`) that was no byte.
    if has_one_encoding(text):
        return [clean_row(number, cells) for number, cells in enumerate(grid, 1)]
    return [_decode_row(number, cells) for number, cells in enumerate(grid, 1)]


def is_json(text: str) -> bool:
    """Tell whether a roster's text is JSON. All other text is CSV."""
    # A header of CSV hardly begins so, and a name says too little (standard input has none).
    return text.lstrip()[:1] in {"[", "{"}


def _decode_row(number: int, cells: list[str]) -> Row:
    decoded = decode_row(cells)
    return clean_row(number, cells, MIXED) if decoded is None else clean_row(number, decoded)


def decode_text(content: bytes, name: str) -> str:
    """Decode a file: by its byte order mark, else UTF-8 line by line, else Windows-1252.

    Bytes of a UTF-8 file that are not UTF-8 are kept as lone surrogates (PEP 383), for
    `decode_row`. Raises ConfigurationError if it is no text in any encoding.
    """
    encoding, errors = _find_encoding(content)
    try:
        text = content.decode(encoding, errors)
    except UnicodeDecodeError:
        text = "\0"
    # No text has a NUL. Archives, pictures and UTF-16 without its mark have: as Windows-1252 they
    # would decode, and become rows of nonsense.
    if "\0" in text:
        raise ConfigurationError(
            f"The roster {name} is no text in UTF-8, UTF-16 or Windows-1252.", hint=SAVE_AS_UTF8
        )
    return text


def encode_text(text: str, before: bytes) -> bytes:
    """Encode a text as the file that it was read from (`before`), with its byte order mark.

    Raises UnicodeEncodeError for a character that the file's encoding lacks.
    """
    encoding, errors = _find_encoding(before)
    if encoding == "utf-16":
        # The codec of that name would write this machine's byte order.
        mark = before[: len(codecs.BOM_UTF16)]
        order = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
        return mark + text.encode(order)
    return text.encode(encoding, errors)


def _find_encoding(content: bytes) -> tuple[str, str]:
    """Find a file's encoding, and how its decoder treats bytes that are none of it."""
    # One line in UTF-8 decides: text in another encoding is hardly ever valid UTF-8, while nearly
    # all bytes are valid Windows-1252.
    if content.startswith(_UTF_16):
        return "utf-16", "strict"
    if content.startswith(codecs.BOM_UTF8):
        # The mark says what the file was when it was saved: a row may have come later.
        return "utf-8-sig", "surrogateescape"
    # Strict for Windows-1252: the five bytes that it lacks show that it is another encoding.
    return ("utf-8", "surrogateescape") if _is_utf8(content) else ("cp1252", "strict")


def _is_utf8(content: bytes) -> bool:
    """Tell whether the whole file is UTF-8, or at least one line is that is not plain ASCII."""
    if content.isascii() or _decodes(content):
        return True
    # A line of ASCII proves nothing: it is the same in both encodings.
    return any(not line.isascii() and _decodes(line) for line in content.splitlines())


def _decodes(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def has_one_encoding(text: str) -> bool:
    """Tell whether all of a decoded text is in one encoding."""
    return not _NOT_UTF8.search(text)


def decode_row(cells: Sequence[str]) -> list[str] | None:
    """Decode a row's bytes that are no UTF-8 as Windows-1252; None if the row is in both."""
    # Decided by the row, not by the cell: one program writes a row as a whole.
    row = "".join(cells)
    if has_one_encoding(row):
        return list(cells)
    # Both readings are possible then, and a wrong one misspells a person in a mail.
    if _BEYOND_ASCII.search(row):
        return None
    # "replace" here, unlike for a whole file: one bad byte costs one row, not all of them.
    return [cell.encode("ascii", "surrogateescape").decode("cp1252", "replace") for cell in cells]


_CSV_DELIMITERS = ",;\t"
_EXCEL_DELIMITER = re.compile(r'"?sep=([^"\r\n])"?[,;\t]*\r?\n?', re.IGNORECASE)


def read_csv(text: str, name: str) -> list[list[str]]:
    """Read the rows of a CSV file. A first line `sep=;` is Excel's own and counts as no row.

    Raises ConfigurationError, with the row, where a quotation mark is left open.
    """
    _, delimiter, body = split_declaration(text)
    rows: list[list[str]] = []
    # csv's own limit would refuse the whole file for a long cell; `cells` refuses only its row.
    csv.field_size_limit(max(len(body), csv.field_size_limit()))
    try:
        # Strict, because the people below an open quotation mark would be lost without a word.
        # `extend` keeps the rows before the fault, which is how the message knows its place. No
        # newline translation, as csv asks for: a quoted cell keeps its line ends.
        rows.extend(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ConfigurationError(
            f"The roster {name} can't be read from row {len(rows) + 1} on:"
            " its quotation marks don't pair up.",
            hint="Close the quotation mark there; inside a quoted cell write it twice:"
            ' "the ""big"" one".',
        ) from error
    return rows


def split_declaration(text: str) -> tuple[str, str, str]:
    """Split off Excel's first line `sep=;`. Returns it (or nothing), the delimiter, the rest."""
    declared = _EXCEL_DELIMITER.match(text)
    if declared:
        return declared[0], declared[1], text[declared.end() :]
    return "", _find_delimiter(text), text


def _find_delimiter(text: str) -> str:
    """Find which of comma, semicolon and tab the header has most of; else a comma.

    What is inside quotation marks does not count.
    """
    # Over the whole text, before it is split: a quoted header may hold line breaks. Only the header
    # is counted, because people's cells are full of commas.
    header = re.sub(r'"[^"]*"', "", text).lstrip("\r\n").splitlines()[:1]
    # Of equals `max` takes the first: a file with a single column counts as one with commas.
    return max(_CSV_DELIMITERS, key="".join(header).count)


_JSON_HINT = 'Write a list of objects, [{"first_name": "Ada", ...}, ...], or {"invitees": [...]}.'


def read_json(text: str, name: str) -> list[list[str]]:
    """Read the rows of a JSON roster: objects with the header as their keys.

    Keys keep the order in which they first appear. They are row 1, so the first person is row 2
    wherever a problem names a row. Raises ConfigurationError if it is no JSON, or JSON of another
    shape.
    """
    try:
        # Whole numbers stay Python's, of any length: as floats, ids would lose their last digits.
        value = json.loads(text, parse_float=_parse_json_number)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"The roster {name} is no valid JSON:"
            f" {error.msg} in line {error.lineno}, column {error.colno}.",
            hint=_JSON_HINT,
        ) from error
    # After JSONDecodeError, which is a ValueError, too. The rest are limits of Python's own.
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"The roster {name} is JSON that nests too deeply,"
            " or has a number of thousands of digits.",
            hint=_JSON_HINT,
        ) from error
    # Programs wrap the list to put keys of their own beside it. Those are ignored.
    people = value.get("invitees") if isinstance(value, dict) else value
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ConfigurationError(
            f"The roster {name} is JSON, but no list of people.", hint=_JSON_HINT
        )
    return _build_json_grid(people)


def _build_json_grid(people: list[dict[str, object]]) -> list[list[str]]:
    # Of all people, not only of the first: optional keys are often left out where they are empty.
    keys = list(dict.fromkeys(key for person in people for key in person))
    return [keys, *(_list_json_values(person, keys) for person in people)]


def _list_json_values(person: dict[str, object], keys: list[str]) -> list[str]:
    return [_format_json_value(person.get(key)) for key in keys]


def _parse_json_number(text: str) -> float | int:
    """Parse a number; a whole one stays whole, because exports write ids as `62270350004.0`."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _format_json_value(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            # A list or an object becomes one cell's text. If a rule
            # refuses it, only this row is lost.
            return json.dumps(value, ensure_ascii=False)
