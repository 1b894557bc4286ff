"""Puts another person into one row of a CSV roster, and leaves every other byte as it is.

Keeps encoding, byte order mark, separator, quoting and line ends. The row's further cells are
emptied: they were about another person. Workbooks and JSON are refused, since rewriting one would
change more than a row. Writes no file: `pipeline.replace` does.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from onboarding.errors import ConfigurationError
from onboarding.roster.header import Column, parse_header
from onboarding.roster.reader import FORMATS
from onboarding.roster.row import clean_row
from onboarding.roster.text_reader import decode_text, encode_text, is_json, split_declaration

Quoting = int
"""One of csv's constants."""


class _Record(NamedTuple):
    """A row of a CSV file: its cells, and its lines as they stand in the file."""

    cells: list[str]
    first_line: int
    lines: int


def replace_row(
    content: bytes,
    name: str,
    row: int,
    person: Mapping[Column, str],
    columns: Mapping[str, str],
) -> bytes:
    """Give the roster with another person in a row, as bytes to write.

    `row` counts as in `Invitee.row`, `person` has a text for each column to fill. Raises
    ConfigurationError where the file is no CSV, lacks a column or can't hold a character.
    """
    # Never by way of csv for the whole file: writing it back would quote other rows differently,
    # and a person who compares versions would see changes that they didn't make.
    text = _read_csv_text(content, name)
    declaration, delimiter, body = split_declaration(text)
    # Split as csv counts: at every line end inside quotation marks, too, and none translated.
    lines = list(io.StringIO(body, newline=""))
    records = list(_find_records(lines, delimiter))
    # A blank line is a record as well, so that numbers agree with those of the reader.
    old = records[row - 1]
    cells = _fill_cells(old, _find_indexes(records, person, columns, name), person)
    end = old.first_line + old.lines
    raw = "".join(lines[old.first_line : end])
    new = _format_like(raw, old.cells, cells, delimiter)
    changed = [declaration, *lines[: old.first_line], new, *lines[end:]]
    return _encode("".join(changed), content, name)


def _fill_cells(
    old: _Record, indexes: Mapping[Column, int], person: Mapping[Column, str]
) -> list[str]:
    # A short row is padded, or a column beyond its end would have no place.
    cells = [""] * max(len(old.cells), 1 + max(indexes.values()))
    for column, index in indexes.items():
        cells[index] = person[column]
    return cells


def _encode(text: str, before: bytes, name: str) -> bytes:
    try:
        return encode_text(text, before)
    except UnicodeEncodeError as error:
        raise ConfigurationError(
            f"The roster {name} can't hold {error.object[error.start]!r}: "
            f"it is in {error.encoding}.",
            hint="Save it as CSV UTF-8 first.",
        ) from None


def _read_csv_text(content: bytes, name: str) -> str:
    is_binary = any(form.recognises(content) for form in FORMATS)
    text = "" if is_binary else decode_text(content, name)
    # JSON and workbooks have formatting and formulas that no writer of ours would keep.
    if is_binary or is_json(text):
        raise ConfigurationError(f"The roster {name} is no CSV file, so no row of it is rewritten.")
    if encode_text(text, content) != content:
        # Rewriting it would change other rows, too.
        raise ConfigurationError(
            f"The roster {name} can't be rewritten without changing other rows."
        )
    return text


def _find_records(lines: Sequence[str], delimiter: str) -> Iterator[_Record]:
    # csv's limit for a cell is the process's own, and the reader
    # has raised it for this file before.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    first_line = 0
    for cells in reader:
        yield _Record(cells, first_line, reader.line_num - first_line)
        first_line = reader.line_num


def _find_indexes(
    records: Sequence[_Record], person: Mapping[Column, str], columns: Mapping[str, str], name: str
) -> dict[Column, int]:
    """Find where each column of the person stands. Raises ConfigurationError for one that lacks."""
    rows = (clean_row(1, record.cells).cells for record in records)
    header = parse_header(next(cells for cells in rows if any(cells)), columns, name)
    # A blank text needs no column: nothing is lost if the file has none for it.
    lacking = [column for column in person if person[column] and column not in header.indexes]
    if lacking:
        missing = ", ".join(lacking)
        raise ConfigurationError(f"The roster {name} has no column for {missing}.")
    return {column: header.indexes[column] for column in person if column in header.indexes}


def _format_like(raw: str, old: Sequence[str], new: Sequence[str], delimiter: str) -> str:
    """Write cells with the quoting and the line end of the row before."""
    # The last row of a file may have no line end, and stays so.
    ending = raw[len(raw.rstrip("\r\n")) :]
    written = raw.removesuffix(ending) if ending else raw
    # Tried on the old cells: a row that comes out the same was written with all cells quoted.
    quotes_all = _write_cells(old, delimiter, csv.QUOTE_ALL) == written
    quoting = csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL
    return _write_cells(new, delimiter, quoting) + ending


def _write_cells(cells: Sequence[str], delimiter: str, quoting: Quoting) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, quoting=quoting, lineterminator="").writerow(cells)  # type: ignore[arg-type]
    return stream.getvalue()
