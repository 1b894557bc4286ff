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
    """Encode a text of pieces, as Jinja's `generate` yields them for HTML; it ends with a line end.

    Pieces of the very type `str` are the template's own, the same object each time, and are remembered. Values come
    escaped, so as a type of their own, and are not: they may be secrets.
    """
    encoded = b"".join([_remembered(piece) if type(piece) is str else _encoded(piece) for piece in pieces])
    return _ended(encoded)


def quoted_once(text: str) -> bytes:
    """Encode a text that is one person's own; it ends with a line end. Nothing is remembered."""
    return _ended(_encoded(text))


def _encoded(piece: str) -> bytes:
    """Encode one piece, with a soft break behind it where it does not end a line."""
    if len(piece) < LONGEST_LINE and piece.isascii() and piece.isprintable() and "=" not in piece:
        return piece.encode("ascii") + SOFT_BREAK if piece else b""
    lines = piece.replace("\r\n", "\n").replace("\r", "\n") if "\r" in piece else piece
    # One letter more, and off again: so the last line has room for the soft break, and may end in a space.
    encoded = b2a_qp(lines.encode() + b"x").replace(b"\n", b"\r\n")[:-1]
    return encoded if encoded.endswith(b"\r\n") else encoded + SOFT_BREAK


_remembered = lru_cache(maxsize=4096)(_encoded)


def _ended(encoded: bytes) -> bytes:
    return encoded + b"\r\n" if not encoded or encoded.endswith(SOFT_BREAK) else encoded
