"""The one form in which two spellings of a link, a word or an address are compared.

Percent-escapes are undone. Letters that only look different become the usual ones (NFKC), those beyond ASCII lose
their case, and characters that show nothing go. A domain's A-labels become letters. ASCII letters keep their case,
so that bytes can still be compared exactly; `lower` does the rest. Decides nothing.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from onboarding.model.people import address_key


class Normal(NamedTuple):
    """A text in that form, and the same in lower case: both have each character at the same place."""

    text: bytes
    lower: bytes

    @classmethod
    def of(cls, text: bytes) -> "Normal":
        """Bring a text (UTF-8) into that form."""
        plain = _unescaped(text)
        if not plain.isascii():
            plain = _unescaped(_folded(plain))
        lower = plain.lower()
        if b"xn--" not in lower:
            return cls(plain, lower)
        shown = _A_LABEL.sub(_letters, plain)
        return cls(shown, shown.lower())


def normal(text: bytes) -> bytes:
    """Bring a text (UTF-8) into that form."""
    return Normal.of(text).text


def normal_key(address: str) -> str:
    """Fold an address so that two spellings of one mailbox compare equal, those of this module too."""
    return address_key(normal(address.encode(errors="replace")).decode(errors="replace"))


_ESCAPE = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})")
_OCTETS = {f"{octet:02x}".encode(): bytes([octet]) for octet in range(256)}


def _unescaped(text: bytes) -> bytes:
    """Undo percent-escapes, also those of escapes: a redirecting link holds another one so."""
    return _ESCAPE.sub(lambda found: _OCTETS[found[1].lower()], text) if b"%" in text else text


def mask(octets: bytes) -> bytes:
    """Make a table for `runs`: it finds runs of these octets."""
    return bytes(ord("x") if octet in octets else ord(" ") for octet in range(256))


BEYOND_ASCII = bytes(range(0x80, 0x100))
_MASK = mask(BEYOND_ASCII)

SHORT = 8
"""Bytes of a run that is remembered: an accented letter or two, which many names share, and no whole name."""


def runs(text: bytes, table: bytes, shortest: int = 1) -> Iterator[tuple[int, int]]:
    """Find where runs of some octets begin and end; ten times as fast as a regular expression."""
    masked = text.translate(table)
    least = b"x" * shortest
    start = masked.find(least)
    while start >= 0:
        end = masked.find(b" ", start)
        end = len(text) if end < 0 else end
        yield start, end
        start = masked.find(least, end)


def _folded(text: bytes) -> bytes:
    """Fold what is beyond ASCII, each run with the letter before it: an accent may stand behind that."""
    text = text.replace(_NO_BREAK_SPACE, b" ")  # in every time of day
    if all(map(_stays, set(text.translate(None, _ASCII).decode(errors="replace")))):
        return text
    parts: list[bytes] = []
    done = 0
    for start, end in runs(text, _MASK):
        begin = start - 1 if text[max(start - 1, done) : start].isalnum() else start
        run = text[begin:end]
        parts += (text[done:begin], _remembered(run) if len(run) <= SHORT else _fold(run))
        done = end
    return b"".join((*parts, text[done:]))


_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}".encode()
_ASCII = bytes(range(0x80))
_NEVER_ALONE = range(0x1160, 0x1200)
"""Letters of Hangul that become one with the letter before them."""


@lru_cache(maxsize=1024)
def _stays(character: str) -> bool:
    """Tell whether a character stays as it is, whatever stands before it: so do most that a letter holds."""
    alone = not unicodedata.category(character).startswith("M") and ord(character) not in _NEVER_ALONE
    return alone and _fold(character.encode()) == character.encode()


def _fold(run: bytes) -> bytes:
    shown = _SHOWS_NOTHING.sub("", run.decode(errors="replace"))
    plain = unicodedata.normalize("NFKC", shown).replace("\N{IDEOGRAPHIC FULL STOP}", ".")
    folded = "".join([letter if letter.isascii() else letter.casefold() for letter in plain])
    return unicodedata.normalize("NFKC", folded).encode()


_remembered = lru_cache(maxsize=1024)(_fold)

_SHOWS_NOTHING = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""Unicode's Default_Ignorable_Code_Point: soft hyphens, zero-width characters, marks of direction and variation."""

_A_LABEL = re.compile(rb"(?<![a-z0-9-])xn--([a-z0-9-]{1,59})(?![a-z0-9-])", re.IGNORECASE)


def _letters(found: re.Match[bytes]) -> bytes:
    """Show an A-label's letters (RFC 3492); what is none stays."""
    try:
        return _fold(found[1].decode("punycode").encode())
    except ValueError:
        return found[0]
