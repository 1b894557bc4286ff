"""The pieces that a session's messages are made of: each is encoded once, and looked at once where it is long.

Most of a message is the same for many people. What of a long piece of HTML is known to hold nothing that may not
stand in anybody's letter is left out of what the check (`proof`) looks at. Its edges stay, for a piece next to it may
make something of them. Judges nothing itself: `proof` does, and `seams` knows where a piece may be parted.
"""

from binascii import a2b_qp
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import NamedTuple, TypeVar

from onboarding.letters import proof, quoted
from onboarding.letters.letter import Guarded
from onboarding.letters.seams import seams

LONG = 200
"""Characters from which on a piece of HTML is worth being parted."""

ROOM = 1_000_000
"""Characters that are remembered of a session at the most, twice: pieces, and lines. Then it begins again."""

OVERHEAD = 100
"""What a remembered piece counts beside its characters, so that many short ones are bounded as well."""

Part = Callable[[str], tuple[int, int]]
"""Tells where a piece may be parted, as `seams` does."""

Made = TypeVar("Made")


class Fragment(NamedTuple):
    """HTML in quoted-printable: as it travels, and as the check looks at it."""

    encoded: bytes
    checked: bytes


class Parted(NamedTuple):
    """A piece, encoded whole and without its middle; and the middle as it is read back."""

    encoded: bytes
    edges: bytes
    middle: bytes


class Fragments:
    """The fragments of one session's messages; `guarded` and `configured` are what `proof` guards and admits."""

    def __init__(self, guarded: Guarded, configured: frozenset[str], part: Part = seams) -> None:
        self._pieces = Memory(partial(_fragment, guarded=guarded, configured=configured, part=part))
        self._lines = Memory(lambda line: quoted.piece(f"{line}\n"))

    def html(self, pieces: Iterable[str]) -> Fragment:
        """Encode HTML of pieces, as Jinja's `generate` yields them; it ends with a line end."""
        known = self._pieces
        found = [known[piece] for piece in pieces]
        return Fragment(
            quoted.ended(b"".join([fragment.encoded for fragment in found])),
            quoted.ended(b"".join([fragment.checked for fragment in found])),
        )

    def text(self, text: str) -> bytes:
        """Encode a text by its lines; it ends with a line end."""
        known = self._lines
        return b"".join([known[line] for line in text.removesuffix("\n").split("\n")])


class Memory(dict[str, Made]):
    """What was made of texts. It is bounded, and begins again when it is full."""

    def __init__(self, make: Callable[[str], Made]) -> None:
        super().__init__()
        self._make = make
        self._room = ROOM

    def __missing__(self, text: str) -> Made:
        made = self._make(text)
        self._room -= len(text) + OVERHEAD
        if self._room < 0:
            self.clear()
            self._room = ROOM
        else:
            self[text] = made
        return made


def _fragment(piece: str, guarded: Guarded, configured: frozenset[str], part: Part) -> Fragment:
    if len(piece) <= LONG:
        encoded = quoted.piece(piece)
        return Fragment(encoded, encoded)
    # Values come escaped, so as a type of their own: only a template's own text outlives the session.
    parted = _of_a_template(piece, part) if type(piece) is str else _parted(piece, part)
    neutral = proof.is_neutral(parted.middle, guarded, configured)
    return Fragment(parted.encoded, parted.edges if neutral else parted.encoded)


def _parted(piece: str, part: Part) -> Parted:
    first, last = part(piece)
    middle = a2b_qp(quoted.piece(piece[first:last]))
    return Parted(quoted.piece(piece), quoted.piece(piece[:first]) + quoted.piece(piece[last:]), middle)


_of_a_template = lru_cache(maxsize=4096)(_parted)
