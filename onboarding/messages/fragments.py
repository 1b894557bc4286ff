"""The HTML of a session's messages by its pieces: each is encoded once, and looked at once.

The pieces are as Jinja yields them.

Where a long piece is known to hold nothing that may not stand in every message, its middle is left
out of what the check (`verify`) looks at. Its edges stay, for what stands next to it may make
something of them. Judges nothing itself: `verify` does, and `seams` knows where HTML may be parted.
"""

from binascii import a2b_qp
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import filterfalse
from typing import NamedTuple

from onboarding.messages.foreign import CheckedPiece, is_neutral
from onboarding.messages.quoted_printable import encode_fragment, terminate
from onboarding.messages.request import ProtectedValues
from onboarding.messages.seams import seams

LONG = 60
"""Characters from which on a fragment is worth being parted."""

ROOM = 1_000_000
"""Characters that are remembered of a session at the most. Then it begins again."""

OVERHEAD = 100
"""What a piece counts beside its characters, so that many short ones are bounded as well."""

Part = Callable[[str], tuple[int, int]]
"""Tells where a fragment may be parted, as `seams` does."""


class Fragment(NamedTuple):
    """Text in quoted-printable: as it travels, and as the check looks at it."""

    encoded: bytes
    checked: bytes


class Parted(NamedTuple):
    """A piece, whole and without its middle; and the middle for the check, if it may go."""

    encoded: bytes
    edges: bytes
    middle: CheckedPiece | None


class Fragments:
    """The pieces of one session's messages; `verify` guards `guarded`, and admits `configured`."""

    def __init__(
        self, guarded: ProtectedValues, configured: frozenset[str], part: Part = seams
    ) -> None:
        self._part = part
        self._is_neutral = partial(is_neutral, guarded=guarded, configured=configured)
        self._encoded: dict[str, bytes] = {}
        self._checked: dict[str, bytes] = {}
        self._room = ROOM

    def html(self, pieces: Sequence[str]) -> Fragment:
        """Encode HTML of pieces; it ends with a line end."""
        encoded, checked = self._encoded, self._checked
        # Before new pieces come, never between: all those of this message are looked up below.
        if self._room < 0:
            encoded.clear()
            checked.clear()
            self._room = ROOM
        if new := [*filterfalse(encoded.__contains__, pieces)]:
            self._add(new)
        return Fragment(
            terminate(b"".join(map(encoded.__getitem__, pieces))),
            terminate(b"".join(map(checked.__getitem__, pieces))),
        )

    def _add(self, pieces: Sequence[str]) -> None:
        """Encode; of long pieces, the check looks at the edges alone where that is enough."""
        self._room -= sum(map(len, pieces)) + OVERHEAD * len(pieces)
        long = []
        for piece in pieces:
            # Values come escaped, so as a type of their own: only a template's own text outlives
            # the session.
            of_a_template = type(piece) is str
            if len(piece) <= LONG:
                encode = _encode_of_a_template if of_a_template else encode_fragment
                self._encoded[piece] = self._checked[piece] = encode(piece)
                continue
            parted = (_part_of_a_template if of_a_template else _at_seams)(piece, self._part)
            # Whole at first: the check sees less only where `_remove_neutral_middles` has cleared.
            self._encoded[piece] = self._checked[piece] = parted.encoded
            if parted.middle:
                long.append((piece, parted.edges, parted.middle))
        if long:
            self._remove_neutral_middles(long)

    def _remove_neutral_middles(self, long: Sequence[tuple[str, bytes, CheckedPiece]]) -> None:
        """Look through all middles together, since no word reaches across; else through each."""
        all_neutral = self._is_neutral([middle for _piece, _edges, middle in long])
        for piece, edges, middle in long:
            if all_neutral or self._is_neutral([middle]):
                self._checked[piece] = edges


def _at_seams(piece: str, part: Part) -> Parted:
    encoded = encode_fragment(piece)
    first, last = part(piece)
    if first == last:
        return Parted(encoded, encoded, None)
    # Encoded and decoded again: the check reads what arrives, with its line ends.
    middle = CheckedPiece.of(a2b_qp(encode_fragment(piece[first:last])))
    return Parted(
        encoded,
        encode_fragment(piece[:first]) + encode_fragment(piece[last:]),
        middle,
    )


# These outlive the session: the next one of this process mostly has the same templates.
_part_of_a_template = lru_cache(maxsize=4096)(_at_seams)
_encode_of_a_template = lru_cache(maxsize=4096)(encode_fragment)
