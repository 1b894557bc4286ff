"""The four header fields that differ from message to message.

Written as the `email` package would read them back. Short ASCII stays as it is; all else becomes
encoded words (RFC 2047). Text with a control character is encoded too, so no name can end a line
and add a header field of its own. The other header fields are written by `mime`.
"""

import re
from base64 import b64encode
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from onboarding.messages.request import UnrenderableValue
from onboarding.model.addresses import encode_address_domain

LONGEST_HEADER_LINE = 76
"""Of a line with an encoded word (RFC 2047 2), without its line end."""

_PLAIN = re.compile(r"[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def encode_subject(text: str) -> bytes:
    """Write a `Subject:` field's body."""
    fits = len(text) <= LONGEST_HEADER_LINE - len("Subject: ")
    # `=?` would begin an encoded word
    if fits and _PLAIN.fullmatch(text) and "=?" not in text:
        return text.encode("ascii")
    return _encode_words(text, len("Subject: "))


def format_mailbox(name: str, address: str) -> bytes:
    """Write a `To:` field's body.

    `address` comes from `transport_address`. An address that needs SMTPUTF8 is written in UTF-8.
    """
    if not name or name == address:
        return address.encode()
    angle = f"<{address}>".encode()
    shown = _phrase(name)
    last_line = len(shown) - shown.rfind(b"\n")
    # Folded before the address and never in it: some readers keep the space.
    fits = last_line + len(angle) < LONGEST_HEADER_LINE - len("To: ")
    return shown + (b" " if fits else b"\r\n ") + angle


def _phrase(name: str) -> bytes:
    """Write a display name (RFC 5322 3.2.5): atoms as they are, other ASCII in quotes."""
    fits = len(name) <= LONGEST_HEADER_LINE - len("To:  ")
    if not fits or not _PLAIN.fullmatch(name) or "=?" in name:
        return _encode_words(name, len("To: "))
    if _ATOMS.fullmatch(name):
        return name.encode("ascii")
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode("ascii")


def _encode_words(text: str, first_indent: int) -> bytes:
    """Write text as base64 words of whole characters, one per line.

    Readers drop the white space between encoded words (RFC 2047 6.2).
    """
    # Four characters of base64 stand for three octets. All lines get the room of the first.
    longest = LONGEST_HEADER_LINE - first_indent - len("=?utf-8?b??=")
    encoded, most = text.encode(), longest // 4 * 3
    words, start = [], 0
    while start < len(encoded):
        end = start + most
        while end < len(encoded) and encoded[end] in INSIDE_A_CHARACTER:
            end -= 1
        words.append(b"=?utf-8?b?" + b64encode(encoded[start:end]) + b"?=")
        start = end
    return b"\r\n ".join(words or [b"=?utf-8?b??="])


INSIDE_A_CHARACTER = range(0x80, 0xC0)
"""Bytes of UTF-8 that continue a character (RFC 3629 3)."""


def transport_address(address: str) -> str:
    """Write an address as it is sent, with its domain as A-label (RFC 5890).

    A local part beyond ASCII stays: it needs a server with SMTPUTF8 (RFC 6531). Raises
    `UnrenderableValue` if mail can't be sent to this address.
    """
    local, _at, domain = address.strip().rpartition("@")
    if not local or not domain or not _ADDRESS_CHARACTERS.fullmatch(local):
        raise UnrenderableValue("this is not an e-mail address")
    try:
        return encode_address_domain(address.strip())
    except ValueError as error:
        raise UnrenderableValue("the domain of this e-mail address can't exist") from error


# No quoted local parts, though RFC 5321 admits them: spaces, commas and angle brackets in one could
# name a second recipient to a careless server.
_ADDRESS_CHARACTERS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\U0010ffff-]+")


def format_date(time: datetime) -> bytes:
    """Write a `Date:` field's body (RFC 5322 3.3) from an aware time."""
    return _date(time.replace(microsecond=0))


# many messages are composed in one second
@lru_cache(maxsize=8)
def _date(second: datetime) -> bytes:
    return format_datetime(second).encode("ascii")
