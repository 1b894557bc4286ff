"""A message as it is kept: what it said, with fingerprints where its secrets stood.

Pure. `messages.copies` makes a copy, `ledger.kept` stores it. No copy holds a join link, a part of
one that tells it, or a phone code.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

LINK_HOST = "https://link.invalid/"
"""What a masked join link begins with. No link there ever leads anywhere (RFC 2606)."""


class SharedPart(NamedTuple):
    """What the HTML of several messages has in common, as JSON: null where a message's own comes.

    `digest` is the SHA-256 of `content`.
    """

    digest: str
    content: str


class MessageCopy(NamedTuple):
    """A message as it left, with fingerprints in place of link, token and phone code.

    `body` are its exact bytes, of which only the digest is stored. `headers` are the header fields
    as they were sent. `html` are the message's own pieces, in the order in which they fill `part`.
    A message that can't be shown without its secrets has empty texts.
    """

    body: bytes
    sender: str
    recipient: str
    headers: str
    text: str
    calendar: str
    part: SharedPart
    html: tuple[str, ...]


def fill_part(content: str, own: Sequence[str]) -> str:
    """Put a message's own pieces into the part that it shares with others: its whole HTML."""
    # In order, and a null only marks the place: `own` needs as many pieces as there are nulls.
    pieces = iter(own)
    return "".join(next(pieces) if shared is None else shared for shared in json.loads(content))


def mask_link(fingerprint: str) -> str:
    """Build what stands for a join link in a copy."""
    return f"{LINK_HOST}{fingerprint}"
