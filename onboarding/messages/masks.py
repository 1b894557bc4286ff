"""The secrets of one message: replaced in a text, and looked for in what is left of it.

Their usual spellings are replaced, which costs little. Whether a trace of them is left is asked of
a text's letters and digits alone: a template may print a link letter by letter, or half of it. What
is done about a trace is decided in `copies`.
"""

import re
from functools import lru_cache
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import quote

import markupsafe

from onboarding.messages import calendar
from onboarding.messages.normal_form import normalize
from onboarding.model.copies import mask_link
from onboarding.model.known_secrets import LINK_PART
from onboarding.model.sessions import Registration, link_digest

FINGERPRINT_DIGITS = 12
"""Hex digits of the link's digest that stand in a copy."""

SHORTEST_CODE = 6
"""A shorter phone code is not replaced in the text: it would be found in dates and numbers."""

PART_BLOCK = 5
"""Every run of `LINK_PART` characters holds a whole block of so many, quickly looked for."""

_NO_WORD = bytes(octet for octet in range(256) if not bytes([octet]).isalnum())
_LOWER = bytes(range(256)).lower()


class Mask(NamedTuple):
    """The secrets of one message, how they are spelled, and what stands in their place.

    `spellings` are pairs: what a template prints for a secret, and its mask. `parts` are the runs
    of letters and digits that tell the link, `code` that of the phone code.
    """

    link: str
    phone: str
    spellings: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    code: bytes

    def __repr__(self) -> str:
        return f"Mask({self.link!r})"  # its other values are secrets

    @classmethod
    def of(cls, record: Registration | None) -> "Mask":
        """Collect the secrets of a registration; without one there are none."""
        link_uri, phone_code = (record.join_uri, record.phone_code) if record else (None, "")
        link = link_uri.get_secret_value() if link_uri else ""
        # The phone code gets the link's fingerprint: its own could be found by trying all codes.
        fingerprint = link_digest(link_uri)[:FINGERPRINT_DIGITS] if link_uri else ""
        mask, code_mask = mask_link(fingerprint), f"code-{fingerprint}"
        code = keep_letters(phone_code)
        spellings = [(spelling, mask) for spelling in _spell(link)]
        if len(code) >= SHORTEST_CODE:
            spellings += [(spelling, code_mask) for spelling in _spell(phone_code)]
        return cls(mask, code_mask, tuple(spellings), _link_parts(link), code)

    def apply(self, text: str) -> str:
        """Replace the usual spellings in a text."""
        for spelling, mask in self.spellings:
            text = text.replace(spelling, mask)
        return text

    def is_traced_in(self, text: str) -> bool:
        """Whether anything of the secrets is left in a text."""
        return self.is_in(find_letters(text))

    def is_in(self, letters: bytes) -> bool:
        """Whether `find_letters` has found anything of the secrets."""
        has_code = bool(self.code) and self.code in letters
        return has_code or any(_is_partly_in(part, letters) for part in self.parts)

    def without_code(self) -> "Mask":
        """Make a mask for the link alone."""
        return self._replace(code=b"")


def _spell(secret: str) -> list[str]:
    """List how templates, calendar and links in links usually spell a value, each once."""
    if not secret:
        return []
    if _IS_SIMPLE.fullmatch(secret):
        # Nearly every link and code is, and `quote` takes longer than all the rest.
        # What is left here needs no other escapes, in HTML, in calendars and in addresses.
        half = secret.replace(":", "%3A").replace("?", "%3F").replace("=", "%3D")
        half = half.replace(" ", "%20")
        return [secret, half.replace("/", "%2F"), half]
    quoted = quote(secret, safe="")
    return [
        *(secret, quoted, quoted.replace("%2F", "/")),
        *(escape(secret), str(markupsafe.escape(secret)), calendar.escape(secret)),
    ]


def _link_parts(link: str) -> tuple[bytes, ...]:
    """Cut a link into the runs of letters and digits that tell it, as `known_secrets` does."""
    octets = link.encode("utf-8", "replace")
    if b"%" in octets:
        octets = normalize(octets)
    words = octets.partition(b"://")[2].partition(b"/")[2].translate(_LOWER_WORDS, b"._~-").split()
    return tuple([word for word in words if len(word) >= LINK_PART])


_IS_SIMPLE = re.compile(r"[\w:/.?=~ -]*", re.ASCII)
_LOWER_WORDS = bytes(
    _LOWER[octet] if bytes([octet]).isalnum() else ord(" ") for octet in range(256)
)
"""Letters and digits in lower case; all else is between words."""

_ANY_TAG = re.compile(r"<[^<>]*>")
_CUT_TAG = re.compile(r"^[^<>]*>|<[^<>]*$")
"""What is left of tags that begin before a piece or end behind it."""
_OTHER_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_LETTER_ESCAPE = re.compile(rb"%(?:25|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
"""A percent-escape of an ASCII letter or digit, or of an escape."""


def find_letters(text: str) -> bytes:
    """Find the letters and digits of a text, with its tags and then without them."""
    # Without tags: a template may print a secret letter by letter, with tags between. With them: a
    # secret may stand inside of a tag.
    return keep_letters(text) + (keep_letters(_ANY_TAG.sub("", text)) if "<" in text else b"")


def is_long(line: str) -> bool:
    """Whether no run of a secret's letters can reach across a line.

    Then the lines before and behind it can be looked through without it.
    """
    # A line with part of a tag may lose its letters with that tag, when tags are left out.
    return "<" not in line and ">" not in line and len(keep_letters(line)) >= LINK_PART


@lru_cache(maxsize=4096)
def is_no_part(markup: str) -> bool:
    """Whether a template's own HTML can be no part of a secret that is spelled around it.

    It has no letter outside of its tags, or so many that no run of a secret's reaches across them.
    A template may print some of a secret's letters as its own text.
    """
    shown = keep_letters(_CUT_TAG.sub("", _ANY_TAG.sub("", markup)))
    return not shown or len(shown) >= LINK_PART


def keep_letters(text: str) -> bytes:
    """Keep the ASCII letters and digits of a text, in lower case, without any escapes."""
    if "&" in text:
        text = unescape(text)
    octets = text.encode("utf-8", "replace")
    if b"%" in octets:
        has_letters = _LETTER_ESCAPE.search(octets)
        octets = normalize(octets) if has_letters else _OTHER_ESCAPE.sub(b"", octets)
    return octets.translate(_LOWER, _NO_WORD)


def _is_partly_in(part: bytes, letters: bytes) -> bool:
    """Whether a text holds a run of a link's part that is long enough to tell it."""
    blocks = [
        part[start : start + PART_BLOCK]
        for start in range(0, len(part) - PART_BLOCK + 1, PART_BLOCK)
    ]
    # Blocks don't overlap, so they are far fewer than the runs; nearly every text ends here.
    if not any(map(letters.__contains__, blocks)):
        return False
    runs = range(max(len(part) - LINK_PART, 0) + 1)
    return any(part[start : start + LINK_PART] in letters for start in runs)
