"""The fragments that a session's messages are made of: each is encoded once, and looked at once where it is long.

HTML comes in pieces, as Jinja yields them, and text by its paragraphs. Where a long one is known to hold nothing that
may not stand in every letter, its middle is left out of what the check (`proof`) looks at. Its edges stay, for what
stands next to it may make something of them. Judges nothing itself: `proof` does, and `seams` knows where HTML may be
parted.
"""

from binascii import a2b_qp
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from onboarding.letters import proof, quoted
from onboarding.letters.letter import Guarded
from onboarding.letters.normal_form import Normal
from onboarding.letters.seams import seams

LONG = 200
"""Characters from which on a fragment is worth being parted."""

ROOM = 1_000_000
"""Characters that are remembered of a session at the most, twice: HTML and text. Then it begins again."""

OVERHEAD = 100
"""What a remembered fragment counts beside its characters, so that many short ones are bounded as well."""

Part = Callable[[str], tuple[int, int]]
"""Tells where a fragment may be parted, as `seams` does."""


class Fragment(NamedTuple):
    """Text in quoted-printable: as it travels, and as the check looks at it."""

    encoded: bytes
    checked: bytes


class Parted(NamedTuple):
    """A fragment, whole and without its middle; and the middle as the check looks through it, if it may stay."""

    encoded: bytes
    edges: bytes
    middle: Normal | None


class Fragments:
    """The fragments of one session's messages; `guarded` and `configured` are what `proof` guards and admits."""

    def __init__(self, guarded: Guarded, configured: frozenset[str], part: Part = seams) -> None:
        is_neutral = partial(proof.is_neutral, guarded=guarded, configured=configured)
        self._html = Memory(partial(_fragments, parted=partial(_parted_html, part=part), is_neutral=is_neutral))
        self._text = Memory(partial(_fragments, parted=_parted_text, is_neutral=is_neutral))

    def html(self, pieces: Sequence[str]) -> Fragment:
        """Encode HTML of pieces, as Jinja's `generate` yields them; it ends with a line end."""
        return _joined(self._html.of(pieces))

    def text(self, text: str) -> Fragment:
        """Encode a text; it ends with a line end."""
        *paragraphs, last = text.split("\n\n")
        return _joined(self._text.of([*[f"{paragraph}\n\n" for paragraph in paragraphs], last]))


def _joined(fragments: Sequence[Fragment]) -> Fragment:
    return Fragment(
        quoted.ended(b"".join([fragment.encoded for fragment in fragments])),
        quoted.ended(b"".join([fragment.checked for fragment in fragments])),
    )


class Memory:
    """The fragments of texts. It is bounded: when it is full, it begins again."""

    def __init__(self, make: Callable[[Sequence[str]], Iterable[Fragment]]) -> None:
        self._make = make
        self._known: dict[str, Fragment] = {}
        self._room = ROOM

    def of(self, texts: Sequence[str]) -> list[Fragment]:
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


def _fragments(
    texts: Sequence[str], parted: Callable[[str], Parted], is_neutral: Callable[[Sequence[Normal]], bool]
) -> Iterator[Fragment]:
    """Encode, and look through the middles of what is long, all at once: where they end, nothing goes on."""
    long = {text: parted(text) for text in texts if len(text) > LONG}
    all_neutral = is_neutral([each.middle for each in long.values() if each.middle])
    for text in texts:
        if each := long.get(text):
            neutral = each.middle and (all_neutral or is_neutral([each.middle]))
            yield Fragment(each.encoded, each.edges if neutral else each.encoded)
        else:
            encoded = quoted.piece(text)
            yield Fragment(encoded, encoded)


def _parted_text(paragraph: str) -> Parted:
    """A paragraph has line ends before and behind it, so it may be left out."""
    encoded = quoted.piece(paragraph)
    return Parted(encoded, b"", Normal.of(a2b_qp(encoded)))


def _parted_html(piece: str, part: Part) -> Parted:
    """Values come escaped, so as a type of their own: only a template's own text outlives the session."""
    return _of_a_template(piece, part) if type(piece) is str else _at_seams(piece, part)


def _at_seams(piece: str, part: Part) -> Parted:
    encoded, (first, last) = quoted.piece(piece), part(piece)
    if first == last:
        return Parted(encoded, encoded, None)
    middle = proof.searched_html(a2b_qp(quoted.piece(piece[first:last])))
    return Parted(encoded, quoted.piece(piece[:first]) + quoted.piece(piece[last:]), middle)


_of_a_template = lru_cache(maxsize=4096)(_at_seams)
