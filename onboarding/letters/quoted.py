"""Text as quoted-printable (RFC 2045 6.7), piece by piece: what a template says to everybody is encoded once.

Soft line breaks make that possible: each piece begins on a line of its own, so its bytes don't depend on what stands
before it. Sends nothing and knows no message; `binascii` does the encoding.
"""

from binascii import b2a_qp
from collections.abc import Iterable
from functools import lru_cache

LONGEST_LINE = 76
"""Of quoted-printable, without the line end, with the `=` of a soft break (RFC 2045 6.7, rule 5)."""

SOFT_BREAK = b"=\r\n"


def quoted(pieces: Iterable[str]) -> bytes:
    """Encode a text of pieces, as Jinja's `generate` yields them for HTML; it ends with a line end."""
    return ended(encoded(pieces))


def encoded(pieces: Iterable[str]) -> bytes:
    """Encode pieces that may be followed by others.

    Those of the very type `str` are the template's own, the same object each time, and are remembered. Values come
    escaped, so as a type of their own, and are not: they may be secrets.
    """
    return b"".join([_remembered(one) if type(one) is str else piece(one) for one in pieces])


def quoted_once(text: str) -> bytes:
    """Encode a text that is one person's own; it ends with a line end. Nothing is remembered."""
    return ended(piece(text))


def piece(text: str) -> bytes:
    """Encode one piece, with a soft break behind it where it does not end a line."""
    line = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
    if len(line) < LONGEST_LINE and _is_plain(line):
        if line is text:
            return line.encode("ascii") + SOFT_BREAK if line else b""
        if not line.endswith(" "):
            return line.encode("ascii") + b"\r\n"
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    # One letter more, and off again: so the last line has room for the soft break, and may end in a space.
    written = b2a_qp(lines.encode() + b"x").replace(b"\n", b"\r\n")[:-1]
    while written.startswith(b".") or b"\r\n." in written:  # a line that begins with a dot must not travel as it is
        written = (b"\r\n" + written).replace(b"\r\n.", b"\r\n=2E=\r\n")[2:]
    return written if written.endswith(b"\r\n") else written + SOFT_BREAK


def _is_plain(line: str) -> bool:
    return line.isascii() and line.isprintable() and "=" not in line and not line.startswith(".")


_remembered = lru_cache(maxsize=4096)(piece)


def ended(written: bytes) -> bytes:
    """Let the last of encoded pieces end with a line end."""
    return written + b"\r\n" if not written or written.endswith(SOFT_BREAK) else written
