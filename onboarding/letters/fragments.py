"""The pieces that a session's messages are made of: each is encoded once, and looked at once where it is long.

Most of a message is the same for many people. What of a long piece of HTML is known to hold nothing that may not
stand in anybody's letter is left out of what the check (`proof`) looks at. Its edges stay, for a piece next to it may
make something of them. Judges nothing itself: `proof` does, and `seams` knows where a piece may be parted.
"""

from binascii import a2b_qp
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Generic, NamedTuple, TypeVar

from onboarding.letters import proof, quoted
from onboarding.letters.letter import Guarded
from onboarding.letters.normal_form import Normal
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
    """A piece, encoded whole and without its middle; and the middle as the check looks through it, if it may stay."""

    encoded: bytes
    edges: bytes
    middle: Normal | None


class Fragments:
    """The fragments of one session's messages; `guarded` and `configured` are what `proof` guards and admits."""

    def __init__(self, guarded: Guarded, configured: frozenset[str], part: Part = seams) -> None:
        self._pieces = Memory(partial(_fragments, guarded=guarded, configured=configured, part=part))
        self._lines = Memory(_encoded_lines)

    def html(self, pieces: Sequence[str]) -> Fragment:
        """Encode HTML of pieces, as Jinja's `generate` yields them; it ends with a line end."""
        found = self._pieces.of(pieces)
        return Fragment(
            quoted.ended(b"".join([fragment.encoded for fragment in found])),
            quoted.ended(b"".join([fragment.checked for fragment in found])),
        )

    def text(self, text: str) -> bytes:
        """Encode a text by its lines; it ends with a line end."""
        return b"".join(self._lines.of(text.removesuffix("\n").split("\n")))


class Memory(Generic[Made]):
    """What was made of texts. It is bounded: when it is full, it begins again."""

    def __init__(self, make: Callable[[Sequence[str]], Iterable[Made]]) -> None:
        self._make = make
        self._known: dict[str, Made] = {}
        self._room = ROOM

    def of(self, texts: Sequence[str]) -> list[Made]:
        """Look up what was made of each text, and make what is missing, all at once."""
        known = self._known
        missing = [text for text in texts if text not in known]
        if missing:
            known.update(zip(missing, self._make(missing), strict=True))
            self._room -= sum(map(len, missing)) + OVERHEAD * len(missing)
        found = [known[text] for text in texts]
        if self._room < 0:
            known.clear()
            self._room = ROOM
        return found


def _encoded_lines(lines: Sequence[str]) -> Iterator[bytes]:
    return (quoted.piece(f"{line}\n") for line in lines)


def _fragments(pieces: Sequence[str], guarded: Guarded, configured: frozenset[str], part: Part) -> Iterator[Fragment]:
    """Encode pieces, and look through the middles of the long ones, all at once: where they end, nothing goes on."""
    # Values come escaped, so as a type of their own: only a template's own text outlives the session.
    long = {
        piece: _of_a_template(piece, part) if type(piece) is str else _parted(piece, part)
        for piece in pieces
        if len(piece) > LONG
    }
    is_neutral = partial(proof.is_neutral, guarded=guarded, configured=configured)
    all_neutral = is_neutral([parted.middle for parted in long.values() if parted.middle])
    for piece in pieces:
        if parted := long.get(piece):
            neutral = parted.middle and (all_neutral or is_neutral([parted.middle]))
            yield Fragment(parted.encoded, parted.edges if neutral else parted.encoded)
        else:
            encoded = quoted.piece(piece)
            yield Fragment(encoded, encoded)


def _parted(piece: str, part: Part) -> Parted:
    first, last = part(piece)
    middle = proof.searched_html(a2b_qp(quoted.piece(piece[first:last])))
    return Parted(quoted.piece(piece), quoted.piece(piece[:first]) + quoted.piece(piece[last:]), middle)


_of_a_template = lru_cache(maxsize=4096)(_parted)
