"""Text as quoted-printable (RFC 2045 6.7), by pieces: what many messages share is encoded once.

Soft line breaks make that possible: each piece begins on a line of its own, so its bytes don't
depend on what stands before it. Remembers nothing (that is `fragments`' work) and knows no message;
`binascii` does the encoding.
"""

from binascii import b2a_qp
from collections.abc import Iterable

LONGEST_ENCODED_LINE = 76
"""Without the line end, with the `=` of a soft break (RFC 2045 6.7, rule 5)."""

SOFT_BREAK = b"=\r\n"


def encode_pieces(pieces: Iterable[str]) -> bytes:
    """Encode a text of pieces; it ends with a line end."""
    return terminate(b"".join(map(encode_fragment, pieces)))


def encode_fragment(text: str) -> bytes:
    """Encode one piece, with a soft break behind it where it does not end a line.

    No line of it begins with a dot, and each ends in CRLF: it may travel as it is.
    """
    # Many pieces are a name or a few words and need no encoder.
    if len(text) < LONGEST_ENCODED_LINE and _is_plain(text):
        return text.encode("ascii") + SOFT_BREAK if text else b""
    lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    # One letter more, and off again: so the last line has room for the soft break, and may end in a
    # space.
    written = b2a_qp(lines.encode() + b"x").replace(b"\n", b"\r\n")[:-1]
    # Until there is none: of several dots, the next one is then at the beginning of a line.
    while (
        written.startswith(b".") or b"\r\n." in written
    ):  # a line that begins with a dot must not travel as it is
        written = (b"\r\n" + written).replace(b"\r\n.", b"\r\n=2E=\r\n")[2:]
    return written if written.endswith(b"\r\n") else written + SOFT_BREAK


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and "=" not in text and not text.startswith(".")


def terminate(written: bytes) -> bytes:
    """Let the last of encoded pieces end with a line end."""
    # Else the soft break would join the last line with the boundary.
    return written + b"\r\n" if not written or written.endswith(SOFT_BREAK) else written
