"""Where a piece of HTML may be parted: nothing that the check looks for reaches across.

The check (`verify`) looks for links, addresses and words, none of which holds a `>`, and for the
schemes of links: an attribute's value, up to the first of the characters that end a scheme. So a
piece may be parted behind a `>`, where no such value is open. Pure; what stands before and behind
the piece is not known, so every doubt is a no. A careless rule here lets the wrong link pass:
`tests/messages/test_seams.py` compares it with the whole check.
"""

from onboarding.messages.normal_form import normalize

ENDS_A_SCHEME = "\"':/?"
"""Each ends a link's scheme; a quote may begin an attribute's value. (`#` may be an entity's.)"""


MOST_SEAMS = 20
"""Places looked at from either end. A look costs the piece's length; an early one is right."""


def seams(html: str) -> tuple[int, int]:
    """Find the first and the last place where a piece may be parted; twice the same for none."""
    first, last = _first_seam(html), _last_seam(html)
    # The first is the earliest seam of all, so it is never behind the last.
    return (first, last) if first and last else (0, 0)


def _first_seam(html: str) -> int:
    end = 0
    for _look in range(MOST_SEAMS):
        end = html.find(">", end) + 1
        if not end or not _is_open(html, end):
            return end
    return 0


def _last_seam(html: str) -> int:
    # One more than the length: `rfind` leaves out its end, and the piece may end with a `>`.
    end = len(html) + 1
    for _look in range(MOST_SEAMS):
        end = html.rfind(">", 0, end - 1) + 1
        if not end or not _is_open(html, end):
            return end
    return 0


def _is_open(html: str, end: int) -> bool:
    """Tell whether a link's scheme may be open here, from this piece or from one before it."""
    last = max(html.rfind(character, 0, end) for character in ENDS_A_SCHEME)
    # A value may have been opened in the piece before, which is not known here.
    if last < 0:
        return True
    before = html[:last].rstrip()
    # A quote behind `=` begins a value. At the very beginning of the piece, the `=` may stand in
    # the piece before. All other quotes end one.
    return html[last] in "\"'" and (not before or before.endswith("="))


def is_in_one_piece(link: bytes) -> bool:
    """Tell whether a link, or the place of one, can't be parted itself."""
    return b">" not in normalize(link)
