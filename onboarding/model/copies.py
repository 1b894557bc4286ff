"""A message as it is kept: what it said, with fingerprints where its secrets stood.

Pure: only the form of a copy, and how its texts are put together again. `messages.copies` makes a
copy, `ledger.kept` stores it. No copy holds a join link, a part of one that tells it, or a phone
code.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

LINK_HOST = "https://link.invalid/"
"""What a masked join link begins with. No link there ever leads anywhere (RFC 2606)."""

TEXT_MARK = "\x1e"
"""Begins each text of a copy but the first. No text of a message may hold it.

A record separator and not NUL, which not every database can store in a text.
"""

TEXT_START = f"\n{TEXT_MARK}"
"""Between two texts: each begins a line."""


class SharedPart(NamedTuple):
    """What several copies have in common: a JSON list, null where a copy's own comes.

    `digest` is the SHA-256 of `content`.
    """

    digest: str
    content: str


class KeptFile(NamedTuple):
    """What is kept of an attached file: `size` in bytes, `sha256` in hex digits."""

    name: str
    media_type: str
    size: int
    sha256: str


class MessageCopy(NamedTuple):
    """A message as it left, with fingerprints in place of link, token and phone code.

    `sha256` is the digest of its exact bytes, in hex digits. `headers` are the header fields as
    they were sent. Its texts are the plain text, the calendar entry, and each value that was put
    into the HTML; `TEXT_START` is between them. `own` are the lines of these texts that are not in
    `lines` (None: all of them are). `html` is what the template says to all. `files` were attached.
    A message that can't be shown without its secrets has empty texts.
    """

    sha256: str
    sender: str
    recipient: str
    headers: str
    html: SharedPart
    lines: SharedPart | None
    own: str
    files: tuple[KeptFile, ...] = ()

    @property
    def parts(self) -> tuple[SharedPart, ...]:
        """What it has in common with other copies."""
        return (self.html, self.lines) if self.lines else (self.html,)


class CopyTexts(NamedTuple):
    """The texts of a copy, whole again; the calendar entry's lines are unfolded."""

    text: str
    calendar: str
    html: str


def restore_texts(html: str, lines: str | None, own: str) -> CopyTexts:
    """Put a copy's own lines between those that it shares with others.

    `html` and `lines` are the `content` of the parts.
    """
    whole = "\n".join(_fill(lines, own.split("\n"))) if lines else own
    text, calendar, *values = whole.split(TEXT_START)
    return CopyTexts(text, calendar, "".join(_fill(html, values)))


def _fill(content: str, own: Sequence[str]) -> Iterator[str]:
    # In order, and a null only marks the place: `own` needs as many pieces as there are nulls.
    pieces = iter(own)
    return (next(pieces) if shared is None else shared for shared in json.loads(content))


def mask_link(fingerprint: str) -> str:
    """Build what stands for a join link in a copy."""
    return f"{LINK_HOST}{fingerprint}"
