"""From a roster's bytes to its text: which encoding, row by row.

Most files have one encoding. In a file of UTF-8 a row may still be in Windows-1252, because another
program has added it: such bytes travel through the CSV or JSON reader as they are, and `decode_row`
reads them once a row is known. Knows no column and no delimiter. Called by `reader`.
"""

import codecs
import re
from collections.abc import Sequence

from onboarding.errors import ConfigurationError

MIXED = (
    "This row is in two encodings, UTF-8 and Windows-1252, so its letters can't be read for certain."
    " Type it again, or save the file as CSV UTF-8."
)
SAVE_AS_UTF8 = (
    "In Excel choose Save As, “CSV UTF-8 (comma delimited)”, or keep the roster as .xlsx."
)

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


def decode_text(content: bytes, name: str) -> str:
    """Decode a file: by its byte order mark, else UTF-8 line by line, else Windows-1252.

    A file with one line in UTF-8 is UTF-8, for other encodings hardly ever happen to be valid
    UTF-8, while nearly any bytes are valid Windows-1252. Its bytes that are none are kept as lone
    surrogates (PEP 383), for `decode_row`. Raises ConfigurationError if it is no text in any
    encoding.
    """
    if content.startswith(_UTF_16):
        encoding, errors = "utf-16", "strict"
    elif content.startswith(codecs.BOM_UTF8):
        encoding, errors = "utf-8-sig", "strict"
    elif _is_utf8(content):
        encoding, errors = "utf-8", "surrogateescape"
    else:
        encoding, errors = "cp1252", "strict"
    try:
        text = content.decode(encoding, errors)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ConfigurationError(
            f"The roster {name} is no text in UTF-8, UTF-16 or Windows-1252.", hint=SAVE_AS_UTF8
        )
    return text


def _is_utf8(content: bytes) -> bool:
    """Tell whether the whole file is UTF-8, or at least one line is that is not plain ASCII."""
    if content.isascii() or _decodes(content):
        return True
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
    row = "".join(cells)
    if has_one_encoding(row):
        return list(cells)
    if _BEYOND_ASCII.search(row):
        return None
    return [cell.encode("ascii", "surrogateescape").decode("cp1252", "replace") for cell in cells]
