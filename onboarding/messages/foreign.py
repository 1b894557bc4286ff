"""Finds in a text what may not be in a person's message: links and addresses of others.

Beside them, links that mail may not hold. Works on bytes: their `lower` keeps every offset. Costs
the text's size, however many people there are. Knows no message: `verify` does.
"""

import re
import string
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from onboarding.messages.displayed import as_displayed, join_link_lines
from onboarding.messages.join_links import leads_below, long_words
from onboarding.messages.normal_form import Normal, normal_key, normalize
from onboarding.messages.request import ProtectedValues


class CheckedPiece(NamedTuple):
    """A piece of HTML, ready to be looked through for one session after the other.

    `addresses` is its text where it may hold one, else empty; `long_words` are those in it.
    """

    addresses: bytes
    lower: bytes
    long_words: bytes

    @classmethod
    def of(cls, html: bytes) -> "CheckedPiece | None":
        """Make a piece ready; None where a link in it leads where mail may not lead."""
        shown = as_displayed("HTML", html)
        # What a link over several lines becomes is looked through beside the text, not instead.
        text, lower = Normal.of(shown + join_link_lines(html, shown))
        # Both need no people, so they are judged here, once for a piece.
        if has_odd_scheme(html) or _is_unencrypted(lower):
            return None
        return cls(text if b"@" in text else b"", lower, long_words(lower))


def is_neutral(
    pieces: Iterable[CheckedPiece], guarded: ProtectedValues, configured: frozenset[str]
) -> bool:
    """Tell whether pieces, each ending where a word does, may all be in every message."""
    addresses, lower, words = map(b"\n".join, zip(*pieces, strict=True))
    leads_on = any(leads_below(lower, place) for place in guarded.links)
    foreign = leads_on or any(guarded.tokens.find_in(words, b""))
    return not foreign and not _has_foreign_address(addresses, guarded, configured)


def find_foreign(
    text: Normal, own: bytes, guarded: ProtectedValues, allowed: frozenset[str]
) -> str:
    """Find another person's link or address, or a link without encryption."""
    if _foreign_link(text, normalize(own), guarded):
        return "a join link that isn't this person's"
    if _has_foreign_address(text.text, guarded, allowed):
        return "somebody else's address"
    return "a link without encryption (http:)" if _is_unencrypted(text.lower) else ""


def _has_foreign_address(text: bytes, guarded: ProtectedValues, allowed: frozenset[str]) -> bool:
    return any(
        # One lawful way to read it is enough: `x=me@example.com` is one's own address behind a
        # sign.
        not allowed.intersection(keys) and guarded.addresses.intersection(keys)
        for keys in _addresses(text, guarded.domains)
    )


def _is_unencrypted(lower: bytes) -> bool:
    """Tell whether a text holds a link without encryption."""
    return bool(_PLAIN_HTTP.search(lower))


_GOES_ON = re.compile(rb"[\w%&=+~/?#@$-]|[.,;:!*'](?=\w)")
"""What makes an address longer, so another one; a full stop at its end does not."""


def contains_link(text: bytes, link: bytes) -> bool:
    """Tell whether a text holds a link as a whole, not as the beginning of a longer one."""
    at = text.find(link)
    # Further places count: the first may be the beginning of a longer link.
    while at >= 0 and _GOES_ON.match(text, at + len(link)):
        at = text.find(link, at + 1)
    return at >= 0


def _foreign_link(text: Normal, own: bytes, guarded: ProtectedValues) -> bool:
    """Look beside the own link, which has to be whole, for other links and others' tokens."""
    lower, rest = text.lower, _BEFORE_HOST.sub(b"", own)
    # One's own link lies below a guarded place like all others, so it is cut out before looking.
    if rest:
        before, *beside = text.text.split(rest)
        # With something behind it, one's own link is another link.
        if any(map(_GOES_ON.match, beside)):
            return True
        # A line break in its place: what stood on its two sides must not become one word.
        lower = b"\n".join((before, *beside)).lower()
    leads_on = any(leads_below(lower, place) for place in guarded.links)
    return leads_on or any(guarded.tokens.find_in(lower, own.lower()))


_BEFORE_HOST = re.compile(rb"\A[^/?#]*//(?:[^/?#]*@)?")


_PLAIN_HTTP = re.compile(rb"http:(?!//www\.w3\.org/)")
"""`http://www.w3.org/` names XHTML's vocabulary; it leads no reader there."""

SCHEMES = frozenset({b"https", b"mailto", b"tel", b"cid"})
_COLON = rb"(?::|&colon;|&#0*58;|&#x0*3a;)"
_SCHEMES_USED = tuple(
    re.compile(
        attribute
        + rb"""\s*+=\s*+["']\s*+((?:[^"':/?#&]++|(?!"""
        + _COLON
        + rb""")(?:&#?\w+;|&))*+)"""
        + _COLON
    )
    for attribute in (b"href", b"src")
)
"""One pattern per attribute, each beginning with letters: ten times as fast as alternatives.

Each character can be read in one way only (`*+` gives none back): else a row of entities takes
ages.
"""


def has_odd_scheme(html: bytes) -> bool:
    """Look at where links lead, in the markup: names are escaped there, so have no quotes."""
    lower = html.lower()
    return not all(SCHEMES.issuperset(used.findall(lower)) for used in _SCHEMES_USED)


LONGEST_LOCAL = 128
"""Bytes looked at before an `@`: a local part has 64 (RFC 5321 4.5.3.1.1), more may touch it."""

LONGEST_DOMAIN = 256
"""Bytes looked at behind an `@` (RFC 5321 4.5.3.1.2)."""

_WORD_BYTES = (
    string.ascii_letters.encode() + string.digits.encode() + b"_" + bytes(range(0x80, 0x100))
)
_LOCAL = _WORD_BYTES + b".!#$%&'*+/=?^`{|}~-"
_BEHIND_AT = re.compile(rb"@([A-Za-z0-9_.\x80-\xff-]{0,%d})" % LONGEST_DOMAIN)
_BEFORE = re.compile(rb"[!#$%&'*/=?^`{|}~]")
"""May begin an address by RFC 5321, but in running text and links rather stands before one."""


def _addresses(text: bytes, domains: frozenset[bytes]) -> Iterator[list[str]]:
    """Give, for each address at one of these domains, the ways to read it: whole, and cut.

    It is cut behind each character that may also come before an address.

    A domain beyond ASCII can be written in several ways, so it is always looked at.
    """
    for found in _BEHIND_AT.finditer(text):
        # A full stop or dash at the end belongs to the sentence.
        at, domain = found.start(), found[1].rstrip(b".-")
        if domain.lower() in domains or not domain.isascii():
            before = text[max(0, at - LONGEST_LOCAL) : at]
            local = before[len(before.rstrip(_LOCAL)) :]
            starts = [0, *(found.end() for found in _BEFORE.finditer(local))]
            yield [
                normal_key((local[start:] + b"@" + domain).decode(errors="replace"))
                for start in starts
            ]
