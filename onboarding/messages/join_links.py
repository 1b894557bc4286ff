"""Where a session's join links live, which words are one person's only, and both found in a text.

Hosts and paths are compared as a browser reads them (WHATWG URL 4.4, RFC 3986 6.2.2). A text that
is looked through is in its `normal_form` and in lower case; that costs its length, with any number
of links. `verify` judges.
"""

import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from onboarding.messages.normal_form import BEYOND_ASCII, character_mask, normalize, runs

_LINK = re.compile(
    rb"(?:[^/?#]*://(?:[^/?#]*@)?)?([^/?#]*?)\.*(?::[0-9]*)?([/\\][^?#]*)?(?:[?#]|\Z)"
)
"""A link's host, without user and port, and its path."""

_PATH = re.compile(rb"\.*(?::[0-9]*)?([/\\][^\s<>?#]*)")
"""What may follow a host in a text: a full stop, a port, and the path."""

LONGEST_PLACE = 1024
"""Bytes looked at behind a host: a join link has at most 256 (`docs/ringcentral.md`)."""


def link_places(links: Iterable[str]) -> set[str]:
    """Where join links live: per host, the deepest folder that all share, without the scheme.

    Everything below such a place is taken for a person's join link. So a link cut short, one with
    something appended, and one of a person who has left meanwhile are seen too. In normal form, in
    lower case.
    """
    folders: dict[bytes, list[list[bytes]]] = {}
    for link in set(map(_above, links)):
        if found := _LINK.match(_lower(link)):
            folders.setdefault(found[1], []).append(_segments(found[2] or b"/")[:-1])
    places = [
        b"/".join((host, *_find_shared_places(paths), b"")) for host, paths in folders.items()
    ]
    return {place.decode(errors="replace") for place in places}


def _lower(link: str) -> bytes:
    return normalize(link.encode(errors="replace")).lower()


def _above(link: str) -> str:
    """Cut off what is a link's own, so that many links become few; an unusual one stays."""
    folder, slash, _own = link.rpartition("/")
    return (
        link
        if any(character in link for character in "%?#") or folder.count("/") < len("://")
        else folder + slash
    )


def _find_shared_places(paths: Iterable[list[bytes]]) -> list[bytes]:
    """Name the folders in which all paths begin."""
    return [
        level[0]
        for level in takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))
    ]


def _segments(path: bytes) -> list[bytes]:
    """Cut a path as a browser does: `//`, `/./` and `/x/../` are `/`, and so is a backslash.

    The last is what stands behind the last slash, maybe nothing.
    """
    segments: list[bytes] = []
    *folders, last = path.replace(b"\\", b"/").split(b"/")
    if last in {b".", b".."}:
        # `/x/.` and `/x/..` name a folder, so nothing stands behind their last slash.
        folders, last = [*folders, last], b""
    for segment in folders:
        if segment == b"..":
            # Above the root there is only the root (RFC 3986 5.2.4): no error without a segment.
            del segments[-1:]
        elif segment not in {b"", b"."}:
            segments.append(segment)
    return [*segments, last]


def leads_below(text: bytes, place: bytes) -> bool:
    """Tell whether a link in a text leads below a place, however it is written."""
    host, *folder, _end = place.split(b"/")
    at = text.find(host)
    while at >= 0:
        end = at + len(host)
        # The usual spelling first. The search behind a host is bounded: in a row of hosts each
        # would else be read to the row's end.
        if text.startswith(place, at) or _is_below(
            folder, _PATH.match(text, end, end + LONGEST_PLACE)
        ):
            return True
        at = text.find(host, at + 1)
    return False


def _is_below(folder: Sequence[bytes], found: re.Match[bytes] | None) -> bool:
    return found is not None and _segments(found[1])[:-1][: len(folder)] == folder


SHORTEST_TOKEN = 10
"""Letters and digits: a shorter word stands in a message by chance."""

_LONG_WORD = re.compile(rf"[^\W_]{{{SHORTEST_TOKEN},}}")

_TOKEN_MASK = character_mask(string.ascii_letters.encode() + string.digits.encode() + BEYOND_ASCII)
"""Letters and digits; what is beyond ASCII may be one."""


def long_words(text: bytes) -> bytes:
    """Take the words from a text that a token may stand in."""
    return b" ".join([text[start:end] for start, end in runs(text, _TOKEN_MASK, SHORTEST_TOKEN)])


@dataclass(frozen=True, slots=True)
class Tokens:
    """Words of letters and digits that stand in one person's link only.

    Such a word opens the stage to all who know how links are made, so it is guarded by itself.
    """

    words: frozenset[bytes] = field(repr=False)
    lengths: tuple[int, ...] = field(repr=False)

    @classmethod
    def of(cls, links: Iterable[str], places: Iterable[str]) -> "Tokens":
        """Take the tokens from different links. What stands in a place of links is no one's."""
        written = [
            set(_LONG_WORD.findall(_lower(link).decode(errors="replace"))) for link in set(links)
        ]
        times = Counter(word for words in written for word in words)
        shared = " ".join(places)
        # While there is one link only, the words of its folder are in no other link either:
        # `shared` keeps them out.
        words = frozenset(
            word.encode() for word, count in times.items() if count == 1 and word not in shared
        )
        return cls(words, tuple(sorted(set(map(len, words)))))

    def find_in(self, text: bytes, own: bytes) -> Iterator[bytes]:
        """Find tokens in a text, also within longer words; those in one's own link don't count."""
        # `lengths` is sorted: runs shorter than its first can hold no token.
        for start, end in runs(text, _TOKEN_MASK, self.lengths[0]) if self.lengths else ():
            run = text[start:end]
            windows = [
                run[at : at + length]
                for length in self.lengths
                for at in range(end - start - length + 1)
            ]
            # Nearly no run has one, and `isdisjoint` makes no set of its windows.
            if not self.words.isdisjoint(windows):
                yield from (token for token in self.words.intersection(windows) if token not in own)
