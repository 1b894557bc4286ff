"""Makes text from outside safe to store and to show: all of it passes here.

It comes from a mail server, RingCentral, a provider's log-in, a roster, or the ledger of an older
version. `printable` makes one line that does nothing to a terminal. `clean` also removes what may
be a secret. Pure: the secrets of the run are arguments. Replies are classified and queue ids read
before; what is stored is cleaned first.
"""

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from onboarding.model.known_secrets import NONE, Place, Secrets

LONGEST_TEXT = 1000
"""Characters that are kept of what a server says: it is stored and shown for every person."""

LOOKED_AT = 8
"""How much of a text is read, as a multiple of what is kept: an answer may have megabytes."""

MAX_MARKS = 4
"""Combining marks that a letter keeps. No language needs more, and many cover the lines around."""

REMOVED = "(removed)"
NO_CODE = "no code"
DAMAGED = "\ufffd"

_CODE = re.compile(r"(?<![\w-])[A-Z]{2,5}-\d{1,5}(?![\w-])")
_OAUTH_ERROR = re.compile(r"[a-z_]{1,40}")

# The order matters: the last form would take `ESC [` alone and leave the rest as text.
_SEQUENCES = re.compile(
    # Control sequences: colours, cursor (ECMA-48 5.4).
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    # Command strings with their end, such as OSC 8 links.
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    # Any other escape sequence.
    r"|\x1b[ -/]*[0-~]"
)
_ZERO_WIDTH_JOINERS = "\u200c\u200d"
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing although Unicode counts them as letters, marks or symbols."""

_DOUBTFUL = re.compile(
    r"[:/]/|\w[/?#]\w|[%=][0-9A-Fa-f]{2}|=\s|&[#\w]|\\|\w{20}|[\w+-]{30}|eyJ", re.ASCII
)
"""Without one of these, a text holds no link, nothing encoded and no base64."""

_LINKS = re.compile(
    r"""
    (?<![a-z])[a-z][a-z0-9+.-]{1,30}:[/\\]+[^\s<>"]+  # with a scheme, whichever
    | (?<![\w.-])(?:(?:[\w-]+\.)+(?:xn--[\w-]+|[^\W\d_]{2,})\.?(?::\d*)?  # a host's name
        | (?:[\w-]+\.)*[\w-]+:\d+  # or one with a port
        | \d+(?:\.\d+){3}(?!/\d{1,3}(?![\w/])) )  # or an address, but no network (192.0.2.0/24)
      (?:[/?\#][^\s<>"]*\w|/+\w)[^\s<>"]*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_AUTHORITY = re.compile(
    r"^(?:[a-z][a-z0-9+.-]*:[/\\]+)?(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[^/\\?#:]*)", re.IGNORECASE
)
# 39, because a label of 40 characters counts as base64 (`_CODED`): a token in a host's place is
# not shown, and cleaning a second time changes nothing.
_HOST_NAME = re.compile(r"(?=.{1,253}$)(?:[\w-]{1,39}\.)*[\w-]{1,39}|\[[0-9a-f:.]{2,45}\]")
_CODED = re.compile(
    # Base64; the last line of a part may be short.
    r"[A-Za-z0-9+/]{40,}={0,2}(?:\s+[A-Za-z0-9+/]+={1,2})?"
    # Base64 with - and _. It has a capital, a small letter and a digit, or it may be plain words.
    r"|(?<![\w-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*\d)[\w-]{40,}={0,2}"
    # A JWT (RFC 7519), short or cut off.
    r"|eyJ[\w-]{5,}\.[\w-]*(?:\.[\w-]*)?",
    re.ASCII,
)
_ENCODED = re.compile(
    # A soft line break; quoted-printable and percent signs, also of percent signs (`%2525..`).
    r"=\s+|[=%](?:25)*([0-9a-f]{2})"
    # Entities of HTML, also of ampersands; those of numbers may lack their end.
    r"|&(?:amp;)*(?:\#0*\d{1,7};?|\#x0*[0-9a-f]{1,6};?|[a-z]{2,8};)"
    # Escapes of JSON and of programs: `\u0041`, `\U00000041`, `%u0041`, `\x41`, `\u{41}`, octal.
    r"|(?:(?:\\{1,4}|%)u(?:0{6}|00)|\\{1,4}(?:x|u\{0{0,6}(?=[0-9a-f]{2}\})))([0-9a-f]{2})\}?"
    r"|\\{1,4}(?:([01][0-7]{2})|(?=[/:.]))",
    re.IGNORECASE,
)
_TOKEN_CHARACTERS = re.compile(r"[\w+=~-]*", re.ASCII)
_CLOSING = ".,;:!?)]}'\u201d\u2019\u00bb"
_SEPARATORS = re.compile(r"[/?&#=;]*")
TIMES_ENCODED = 3
"""How often text may have been encoded, one encoding over another: `%` itself becomes `%25`."""


def printable(text: str, limit: int = LONGEST_TEXT) -> str:
    """Make one line of a text, safe to print, with at most `limit` characters.

    Control, bidirectional and format characters go, and a flood of combining marks. White space,
    line ends too, becomes one space. The joiners of Persian, Indic scripts and emoji stay between
    the characters that need them. Halves of characters become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text[:limit]
    # Cut first, so that an answer of megabytes costs no more than a long one.
    composed = unicodedata.normalize("NFC", text[: LOOKED_AT * limit])
    return " ".join(visible(composed).split())[:limit]


def visible(text: str) -> str:
    """Make a text safe to print as `printable` does, but keep its spaces, as in a table's line."""
    if text.isascii() and text.isprintable():
        return text
    plain = _SEQUENCES.sub("", text)
    shown = "".join(_show_character(plain, index) for index in range(len(plain)))
    return _limit_marks(shown)


def clean(text: str, secrets: Secrets = NONE, limit: int = LONGEST_TEXT) -> str:
    """Make a text printable, and take out what may be a secret.

    A URL, with a scheme or without, becomes `(link to HOST)`. What the run knows as a secret,
    base64 of 40 characters or more and a JWT become `(removed)`, however they are encoded (percent
    signs, quoted-printable, entities) and wherever a line breaks in them. Cleaning twice changes
    nothing.
    """
    if _is_harmless(text) and not secrets.may_be_in(text):
        return text[:limit]
    # Cut to `limit` only at the end: half a secret at the edge would not be recognised.
    line = printable(text[: LOOKED_AT * limit], LOOKED_AT * limit)
    return _replace_places(line, _find_secrets(line, secrets))[:limit]


def error_code(text: str) -> str:
    """Find the error code in RingCentral's answer: `CMN-101`; "no code" where there is none."""
    # Searched and not matched: the directory puts its codes into longer text.
    found = _CODE.search(text)
    return found.group() if found else NO_CODE


def oauth_error(text: str) -> str:
    """Give an OAuth error (RFC 6749 5.2) as it is, "no code" where it is none."""
    # RFC 6749 allows more characters, but its codes need only these. Any other text may hold a
    # secret.
    return text if _OAUTH_ERROR.fullmatch(text) else NO_CODE


@lru_cache(maxsize=64)
def _is_harmless(text: str) -> bool:
    """Tell quickly that a text holds no link and nothing encoded. Cached: most replies repeat."""
    return (
        len(text) <= LONGEST_TEXT
        and text.isascii()
        and text.isprintable()
        and not _DOUBTFUL.search(text)
    )


def _show_character(text: str, index: int) -> str:
    """Give a character as it may be shown, which depends on the characters beside it."""
    char = text[index]
    if char in _BLANK:
        return ""
    match unicodedata.category(char):
        case "Cf":
            return char if char in _ZERO_WIDTH_JOINERS and _joins_letters(text, index) else ""
        case "Cc":
            return " " if char.isspace() else ""
        case "Zs" | "Zl" | "Zp":
            return " "
        # Surrogates, unassigned and private characters: each terminal shows something else.
        case "Cs" | "Cn" | "Co":
            return DAMAGED
        case _:
            return char


def _joins_letters(text: str, index: int) -> bool:
    """Whether a joiner stands between characters beyond ASCII: only scripts and emoji need it."""
    before, after = text[index - 1 : index], text[index + 1 : index + 2]
    return bool(before and after) and not (before.isascii() or after.isascii())


def _limit_marks(text: str) -> str:
    run, kept = 0, []
    for char in text:
        run = run + 1 if unicodedata.category(char).startswith("M") else 0
        if run <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class _DecodedLine:
    """A text after decoding. `places` says where in the original each of its characters was.

    So what is found in the decoded text is removed from the original.
    """

    text: str
    places: Sequence[Place]

    def original(self, place: Place) -> Place:
        begin, end = place
        return self.places[begin][0], self.places[end - 1][1]


def _decode_line(line: str) -> Iterator[_DecodedLine]:
    """Yield the line as it is compared (compatibility characters, no marks), then decoded again.

    It is decoded until nothing changes, but at most `TIMES_ENCODED` times.
    """
    pairs = [
        (char, (index, index + 1))
        for index, original in enumerate(line)
        for char in _fold_character(original)
    ]
    view = _DecodedLine("".join(char for char, _ in pairs), [place for _, place in pairs])
    yield view
    for _ in range(TIMES_ENCODED):
        decoded = _decode_once(view)
        if decoded.text == view.text:
            return
        yield (view := decoded)


def _fold_character(char: str) -> str:
    if char.isascii():
        return char
    # Full-width letters and letters with marks between would hide a link from the patterns.
    parts = unicodedata.normalize("NFKC", char)
    return "".join(part for part in parts if unicodedata.category(part)[0] not in "MC")


def _decode_once(view: _DecodedLine) -> _DecodedLine:
    text: list[str] = []
    places: list[Place] = []
    done = 0
    for found in _ENCODED.finditer(view.text):
        decoded = _decode_character(found)
        text += [view.text[done : found.start()], decoded]
        places += view.places[done : found.start()]
        # What was decoded stands for the whole escape, so all of that is removed with it.
        places += [view.original(found.span())] * len(decoded)
        done = found.end()
    return _DecodedLine("".join(text) + view.text[done:], [*places, *view.places[done:]])


def _decode_character(found: re.Match[str]) -> str:
    """Decode a character. Beyond ASCII it belongs to no link, token or code: it stays encoded."""
    digits = found[1] or found[2]
    if digits or found[3]:
        char = chr(int(digits, 16) if digits else int(found[3], 8))
        return char if char.isascii() else found.group()
    if not found.group().startswith("&"):
        return ""
    return html.unescape(found.group().replace("amp;", ""))


def _find_secrets(line: str, secrets: Secrets) -> list[tuple[Place, str]]:
    """Find every place of the line that has to go, and the words that replace it."""
    found: list[tuple[Place, str]] = []
    for view in _decode_line(line):
        known = [_extend_to_token(view.text, place) for place in secrets.places(view.text)]
        coded = [match.span() for match in _CODED.finditer(view.text)]
        found += [(view.original(place), REMOVED) for place in (*known, *coded)]
        found += [(view.original(place), words) for place, words in _find_links(view.text, known)]
    return found


def _find_links(text: str, known: Sequence[Place]) -> Iterator[tuple[Place, str]]:
    for match in _LINKS.finditer(text):
        # The punctuation of the sentence around it is not part of a link.
        start, link = match.start(), match.group().rstrip(_CLOSING)
        authority = _AUTHORITY.match(link)
        host = authority[1].rstrip(".").lower() if authority else ""
        host_start = start + (authority.start(1) if authority else 0)
        # A secret may be written where a host belongs; then it is not shown.
        is_secret = _overlaps((host_start, host_start + len(host)), known)
        is_shown = _HOST_NAME.fullmatch(host) and not is_secret
        yield (start, start + len(link)), f"(link to {host})" if is_shown else "(link)"


def _overlaps(place: Place, others: Sequence[Place]) -> bool:
    return any(begin < place[1] and place[0] < end for begin, end in others)


def _extend_to_token(text: str, place: Place) -> Place:
    """Extend a part of a secret by the characters beside it: most likely they are the rest."""
    begin, end = place
    after = _TOKEN_CHARACTERS.match(text, end)
    while begin and _TOKEN_CHARACTERS.fullmatch(text[begin - 1]):
        begin -= 1
    return begin, after.end() if after else end


def _replace_places(line: str, found: Sequence[tuple[Place, str]]) -> str:
    """Replace each place by its words.

    Places that touch become one; if one of them is a link, it gets the words for the link.
    """
    kept: list[str] = []
    done, words = 0, ""
    # Places overlap: the same link is found in every view of the line.
    for (begin, end), what in sorted(found):
        if words and _SEPARATORS.fullmatch(line, done, max(done, begin)):
            words = what if words == REMOVED else words
        else:
            kept += [words, line[done:begin]]
            words = what
        done = max(done, end)
    return "".join([*kept, words, line[done:]])
