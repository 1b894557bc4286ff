"""What a reader's program shows of a part: entities, folded lines and escapes undone.

The checks look at that, because it is what a reader sees and follows. Works on bytes.
"""

import re
from functools import lru_cache
from html import unescape


def as_displayed(part: str, content: bytes) -> bytes:
    """Show a part's text as a mail program would: entities, folded lines and escapes undone."""
    match part:
        case "HTML":
            parts = _ENTITY.split(content)  # text and an entity in turn
            parts[1::2] = map(_character, parts[1::2])
            return b"".join(parts)
        case "calendar":
            # Before the escapes: a fold may stand between a backslash and its character.
            unfolded = content.replace(b"\r\n ", b"").replace(b"\r\n\t", b"")
            parts = _CALENDAR_ESCAPE.split(unfolded)  # text and an escaped character in turn
            parts[1::2] = [_LINE_ENDS.get(escaped, escaped) for escaped in parts[1::2]]
            return b"".join(parts)
    return content


def join_link_lines(html: bytes, shown: bytes) -> bytes:
    """Write attributes' values of several lines in one, as browsers read links (WHATWG URL 4.4)."""
    if not any(map(shown.rstrip().__contains__, (b"\n", b"\r", b"\t"))):
        return b""
    values = _SEVERAL_LINES.findall(_BREAK.sub(b"\n", html))
    in_one = b"\n".join([value.translate(None, b"\t\r\n") for value in values])
    return b"\n" + as_displayed("HTML", in_one)


_BREAK = re.compile(
    rb"&(?:#0*(?:9|1[03])(?![0-9])|#[xX]0*[9aAdD](?![0-9a-fA-F])|Tab(?=;)|NewLine(?=;));?"
)
_SEVERAL_LINES = re.compile(rb"""=\s*["']([^"'<>\t\r\n]*+[\t\r\n][^"'<>]*+)""")

_ENTITY = re.compile(rb"(&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]{1,31});?)")


@lru_cache(maxsize=1024)
def _character(entity: bytes) -> bytes:
    return unescape(entity.decode()).encode()


_CALENDAR_ESCAPE = re.compile(rb"\\(.)")
_LINE_ENDS = {b"n": b"\n", b"N": b"\n"}
