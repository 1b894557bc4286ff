"""The secrets that a run knows, and where a text repeats them: whole, in part, encoded or spread.

Pure. A run hands in what it logs in with and the join links it works with; `foreign_text` asks for
the places and removes them. Text is compared as it is, and by its letters and digits alone, without
case: a line break, a soft line break or white space within a secret hides nothing.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from pydantic import SecretStr  # slow to import, and `--help` needs this module

LINK_PART = 10
"""Letters and digits that identify a part of a join link; a shorter part may be a common word."""

PART = 10
"""Characters that identify a part of any other secret, as it is written."""

SPREAD_PART = 16
"""Letters and digits of it, with something else between them: passwords are made of words, too."""

SHORT = 8
"""A secret with fewer letters and digits is only found as it is written."""

WORD = 6
"""A secret with fewer characters is only found as a whole word; parts of words would match it."""

# `SHORT` has to be at least 2 * BLOCK - 1, or a run may lie between two blocks and be missed.
BLOCK = 4
"""Every run of `SHORT` characters holds a whole block of so many that begins at a multiple of it.

So a look-up of a text's blocks tells quickly that it repeats no secret.
"""

Place = tuple[int, int]
"""Where something begins in a text, and where it ends."""

_SCHEME_AND_HOST = re.compile(r"^\w+:/*[^/?#]*")
_LINK_DELIMITERS = re.compile(r"[^\w.~-]+")
_NO_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What no text from outside may repeat. Made with `of`; `|` puts two together."""

    # No repr: an error or a failed test that shows this object shows no secret.
    values: tuple[str, ...] = field(default=(), repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls, *values: "SecretStr | str | None", links: "Iterable[SecretStr | None]" = ()
    ) -> "Secrets":
        """Take passwords, tokens, keys and log-in arguments as they were sent, and join links."""
        return cls(_distinct(values), _distinct(links))

    def with_link(self, link: "SecretStr | None") -> "Secrets":
        """Know one join link more."""
        return Secrets(self.values, (*self.links, link.get_secret_value())) if link else self

    def __or__(self, other: "Secrets") -> "Secrets":
        """All that both know."""
        return Secrets((*self.values, *other.values), (*self.links, *other.links))

    def may_be_in(self, text: str) -> bool:
        """Tell quickly whether a text may hold a secret; "no" is certain if nothing is encoded."""
        if _may_repeat_value(text, self.values):
            return True
        # Links by their letters alone: a reply may break or encode them anywhere.
        _as_written, letters = _split_into_blocks(text)
        return any(block in link for link in map(_link_tail, self.links) for block in letters)

    def places(self, text: str) -> Iterator[Place]:
        """Find every place where a text repeats a secret, or a part of one that tells it."""
        squeezed, positions = squeeze(text)
        for windows in (_spread_windows(self.values), _link_windows(self.links)):
            for begin, end in _find_windows(windows, squeezed):
                yield positions[begin], positions[end - 1] + 1
        yield from _find_windows(_value_windows(self.values), text)
        for value in _short_values(self.values):
            pattern = re.escape(value)
            whole = pattern if len(value) >= WORD else rf"(?<!\w){pattern}(?!\w)"
            yield from (found.span() for found in re.finditer(whole, text))


NONE = Secrets()
"""Nothing is known: text is cleaned by its looks alone."""


def squeeze(text: str) -> tuple[str, Sequence[int]]:
    """Keep a text's letters and digits, in lower case; with the position of each in the text."""
    if text.isalnum() and text.isascii():
        return text.lower(), range(len(text))
    kept: list[str] = []
    positions: list[int] = []
    for position, char in enumerate(text):
        # Not only ASCII: a password may have any letters.
        if char.isalnum():
            lower = char.lower()
            # One character for one, so that positions fit: a few become two in lower case.
            kept.append(lower if len(lower) == 1 else char)
            positions.append(position)
    return "".join(kept), positions


def link_parts(link: str) -> list[str]:
    """Cut a join link into the parts that identify it.

    These are the parts after its host with at least `LINK_PART` letters and digits, squeezed and
    without percent encoding.
    """
    # Without the host: it is the same in every link, and tells no secret.
    path = unquote(_SCHEME_AND_HOST.sub("", link))
    parts = [squeeze(part)[0] for part in _LINK_DELIMITERS.split(path)]
    return [part for part in parts if len(part) >= LINK_PART]


def as_base64(value: str) -> list[str]:
    """Encode a value as it looks within a longer base64: at three offsets, without the edges."""
    # surrogatepass: a secret from the environment may hold bytes that are not UTF-8, and Python
    # reads those as surrogates.
    octets = value.encode(errors="surrogatepass")
    codes = []
    # Base64 works on groups of three octets: a value may begin at each of the three places.
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        # The characters at both edges also hold bits of the text around the value.
        end = -1 if (offset + len(octets)) % 3 else None
        codes.append(b64encode(b"\0" * offset + octets).decode().rstrip("=")[first:end])
    return codes


def _distinct(values: "Iterable[SecretStr | str | None]") -> tuple[str, ...]:
    """Reveal the values that are set, each once, in their order."""
    plain = [
        value if isinstance(value, str) else value.get_secret_value() for value in values if value
    ]
    return tuple(dict.fromkeys(plain))


@lru_cache(maxsize=64)
def _may_repeat_value(text: str, values: tuple[str, ...]) -> bool:
    """Tell whether a text may hold one of the values. Cached: a run's values stay the same."""
    short, known = _value_blocks(values)
    as_written, letters = _split_into_blocks(text)
    return (
        any(value in text for value in short)
        or not known.isdisjoint(as_written)
        or not known.isdisjoint(letters)
    )


@lru_cache(maxsize=64)
def _split_into_blocks(text: str) -> tuple[list[str], list[str]]:
    """Cut a text into blocks, as written and by its letters. Cached: most replies are the same."""
    if len(text) < SHORT:
        return [], []
    return _split_blocks(text), _split_blocks(_clean_text(text))


def _split_blocks(text: str) -> list[str]:
    return [text[start : start + BLOCK] for start in range(0, len(text) - BLOCK + 1, BLOCK)]


def _find_windows(windows: Mapping[int, frozenset[str]], text: str) -> Iterator[Place]:
    for length, known in windows.items():
        for start in range(len(text) - length + 1):
            if text[start : start + length] in known:
                yield start, start + length


def _encode_values(values: tuple[str, ...]) -> Iterator[str]:
    """Yield the forms of values that are found by a part: as written, in base64, in hex."""
    for value in values:
        in_hex = value.encode(errors="surrogatepass").hex()
        forms = (value, *as_base64(value), in_hex, in_hex.upper())
        yield from (form for form in forms if len(squeeze(form)[0]) >= SHORT)


@lru_cache(maxsize=64)
def _link_tail(link: str) -> str:
    """Squeeze what follows a link's host. Cached, because a message gets four replies."""
    return _clean_text(unquote(_SCHEME_AND_HOST.sub("", link)))


def _clean_text(text: str) -> str:
    """Squeeze without positions, in a fifth of the time."""
    return _NO_LETTERS.sub("", text.lower())


@lru_cache(maxsize=16)
def _value_windows(values: tuple[str, ...]) -> Mapping[int, frozenset[str]]:
    """Group by length what identifies a value: runs of `PART` characters, or a shorter value."""
    return _group_by_length((form, PART) for form in _encode_values(values))


@lru_cache(maxsize=16)
def _spread_windows(values: tuple[str, ...]) -> Mapping[int, frozenset[str]]:
    return _group_by_length((squeeze(form)[0], SPREAD_PART) for form in _encode_values(values))


def _link_windows(links: tuple[str, ...]) -> Mapping[int, frozenset[str]]:
    # Not cached, unlike the windows of values: each message brings a link of its own.
    parts = ((part, LINK_PART) for link in links for part in link_parts(link))
    coded = ((squeeze(form)[0], SPREAD_PART) for link in links for form in as_base64(link))
    return _group_by_length([*parts, *coded])


def _group_by_length(needles: Iterable[tuple[str, int]]) -> Mapping[int, frozenset[str]]:
    windows: dict[int, set[str]] = {}
    for needle, most in needles:
        # A needle that is shorter than a window is a window itself, and found only whole.
        length = min(len(needle), most)
        windows.setdefault(length, set()).update(_runs(needle, length))
    return {length: frozenset(runs) for length, runs in windows.items()}


def _runs(text: str, length: int) -> Iterator[str]:
    """Every run of so many characters."""
    return (text[start : start + length] for start in range(len(text) - length + 1))


@lru_cache(maxsize=16)
def _value_blocks(values: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Collect what shows that a text may repeat a value: short values, and blocks of the others."""
    blocks: set[str] = set()
    for form in _encode_values(values):
        blocks.update(_runs(form, BLOCK), _runs(squeeze(form)[0], BLOCK))
    return _short_values(values), frozenset(blocks)


@lru_cache(maxsize=16)
def _short_values(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(value for value in values if len(squeeze(value)[0]) < SHORT)
