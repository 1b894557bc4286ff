"""The zip around a workbook: what it is, whether it fits into memory, and a plain copy that python-calamine is given.

The copy holds exactly what was measured, unpacked: a zip may say less about its parts than they
hold. Knows no sheets (`workbook_reader` and `ods_reader` do).
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from xml.etree import ElementTree as ET

from python_calamine import CalamineError

from onboarding.errors import ConfigurationError

MOST_WORKBOOK_BYTES = 128 * 1024 * 1024
"""Bytes that the workbook's parts may have once unpacked: a zip of a few kilobytes can hold far more than memory."""

MOST_CELLS = 2_000_000
"""One value in a sheet's last corner spans 17 thousand million cells, each of which calamine would allocate."""

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

_NEEDED = re.compile(r".*\.(xml|rels)|mimetype")

PartChange = Callable[[bytes], bytes]


def check_size(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse an archive whose parts would not fit into memory."""
    if sum(part.file_size for part in archive.infolist()) > MOST_WORKBOOK_BYTES:
        raise ConfigurationError(
            f"The roster {name} unpacks to more than {MOST_WORKBOOK_BYTES // 1024**2} MB.",
            hint="Copy the people into a new workbook.",
        )


def copy_parts(archive: zipfile.ZipFile, changes: Mapping[str, PartChange]) -> io.BytesIO:
    """Copy the parts that hold cells, without compression; `changes` rewrites the parts of these names."""
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_STORED) as plain:
        for part in dict.fromkeys(archive.namelist()):
            if _NEEDED.fullmatch(part):
                content = archive.read(part)
                plain.writestr(part, changes[part](content) if part in changes else content)
    copy.seek(0)
    return copy


def check_extent(rows: int, columns: int, sheet: str, name: str, spent: int = 0) -> None:
    """Refuse a sheet whose cells lie too far apart; `spent` are the cells of sheets before it that are read, too."""
    if spent + rows * columns > MOST_CELLS:
        raise ConfigurationError(
            f"In the roster {name}, the sheet “{sheet}” reaches to row {rows} and column {columns}.",
            hint="Something stands far off the list. Delete the rows below and the columns beside it, and save again.",
        )
