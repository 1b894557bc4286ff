"""The one form in which two spellings of a link, a word or an address are compared.

Percent-escapes are undone. Letters that only look different become the usual ones (NFKC), those
beyond ASCII lose their case, and characters that show nothing go. A domain's A-labels become
letters. ASCII letters keep their case, so that bytes can still be compared exactly; `lower` does
the rest. Decides nothing.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from onboarding.model.addresses import address_key


class Normal(NamedTuple):
    """A text in that form, and in lower case: each character is at the same place in both."""

    text: bytes
    lower: bytes

    @classmethod
    def of(cls, text: bytes) -> "Normal":
        """Bring a text (UTF-8) into that form."""
        plain = _unescape(text)
        if not plain.isascii():
            # A full-width percent sign has just become `%`, so there may be escapes only now.
            plain = _unescape(_fold_text(plain))
        lower = plain.lower()
        if b"xn--" not in lower:
            return cls(plain, lower)
        shown = _A_LABEL.sub(_decode_a_label, plain)
        return cls(shown, shown.lower())


def normalize(text: bytes) -> bytes:
    """Bring a text (UTF-8) into that form."""
    return Normal.of(text).text


@lru_cache(maxsize=8192)
def normal_key(address: str) -> str:
    """Fold an address so that two spellings of one mailbox compare equal, encoded ones too."""
    return address_key(normalize(address.encode(errors="replace")).decode(errors="replace"))


_ESCAPE = re.compile(rb"%(?:25)*([0-9A-Fa-f]{2})")
_OCTETS = {
    "".join(digits).encode(): bytes.fromhex("".join(digits))
    for digits in product(string.hexdigits, repeat=2)
}


def _unescape(text: bytes) -> bytes:
    """Undo percent-escapes, also those of escapes: a redirecting link holds another one so."""
    if b"%" not in text:
        return text
    parts = _ESCAPE.split(text)  # text and an escape's two digits in turn
    parts[1::2] = map(_OCTETS.__getitem__, parts[1::2])
    return b"".join(parts)


def character_mask(octets: bytes) -> bytes:
    """Make a table for `runs`: it finds runs of these octets."""
    return bytes(ord("x") if octet in octets else ord(" ") for octet in range(256))


BEYOND_ASCII = bytes(range(0x80, 0x100))
_BEYOND_ASCII_MASK = character_mask(BEYOND_ASCII)


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


def _fold_text(text: bytes) -> bytes:
    """Fold what is beyond ASCII: by character where none joins the one before it, else by run."""
    # One character may stand a thousand times: each is folded once.
    beyond = {
        letter: _by_itself(letter)
        for letter in set(text.translate(None, _ASCII).decode(errors="replace"))
    }
    if None in beyond.values():
        return _fold_runs(text)
    try:
        shown = text.decode()  # where a letter is found ten times as fast
    except UnicodeDecodeError:
        # Bytes of one letter with ASCII between them: each is broken, together they look whole.
        return _fold_runs(text)
    for letter, folded in beyond.items():
        if folded != letter:
            shown = shown.replace(letter, str(folded))
    return shown.encode()


_ASCII = bytes(range(0x80))
_JOINS_IN_HANGUL = range(0x1160, 0x1200)


@lru_cache(maxsize=4096)
def _by_itself(letter: str) -> str | None:
    """Fold a character; None if it may join the one before it, or is no UTF-8."""
    folded = _fold(letter.encode()).decode()
    joins = any(unicodedata.category(character).startswith("M") for character in letter + folded)
    return (
        None
        if joins or ord(letter) in _JOINS_IN_HANGUL or letter == "\N{REPLACEMENT CHARACTER}"
        else folded
    )


def _fold_runs(text: bytes) -> bytes:
    """Fold each run beyond ASCII, with the letter before it: an accent may come behind that."""
    parts: list[bytes] = []
    done = 0
    for start, end in runs(text, _BEYOND_ASCII_MASK):
        # What is not ASCII is in the run already; of ASCII only letters and digits matter here.
        begin = start - 1 if text[max(start - 1, done) : start].isalnum() else start
        parts += (text[done:begin], _fold(text[begin:end]))
        done = end
    return b"".join((*parts, text[done:]))


def _fold(run: bytes) -> bytes:
    shown = _SHOWS_NOTHING.sub("", run.decode(errors="replace"))
    # IDNA reads an ideographic full stop as a dot between labels (UTS 46). NFKC first: it makes one
    # of the half-width form.
    plain = unicodedata.normalize("NFKC", shown).replace("\N{IDEOGRAPHIC FULL STOP}", ".")
    folded = "".join([letter if letter.isascii() else letter.casefold() for letter in plain])
    # A second time, for folding case may leave letters that join (Unicode's NFKC_Casefold).
    return unicodedata.normalize("NFKC", folded).encode()


_SHOWS_NOTHING = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""Unicode's Default_Ignorable_Code_Point: soft hyphens, zero-width characters, and marks."""

# A label has 63 octets at most, `xn--` among them (RFC 1035 2.3.4).
_A_LABEL = re.compile(rb"(?<![a-z0-9-])xn--([a-z0-9-]{1,59})(?![a-z0-9-])", re.IGNORECASE)


def _decode_a_label(found: re.Match[bytes]) -> bytes:
    """Show an A-label's letters (RFC 3492); what is none stays."""
    try:
        return _fold(found[1].decode("punycode").encode())
    except ValueError:
        return found[0]
