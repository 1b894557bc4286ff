"""Reads the parts and header fields of a message that anyone may have written.

The standard library's parser, with the policy that never raises, and with limits on what is looked
at. Returns plain text that can be stored; what it means is decided in `bounces` and `answers`.
"""

import base64
import binascii
import email
import email.message
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import collapse_rfc2231_value, getaddresses
from typing import Any

MAX_BYTES = 262_144
"""Bytes of a message that are read. A report stands before the message that it returns."""

MAX_PARTS = 100
MAX_TEXT = 65_536
"""Characters of a part that are looked at."""

MAX_FIELD = 4_000
"""Characters of a header field that are looked at."""

ID_PATTERN = re.compile(r"<[^<>\s]{1,300}@[^<>\s]{1,255}>")
"""RFC 5322 3.6.4, and what is sent in its place."""

# What a server may put in place of a message of which it returns only a part.
RETURNED_MESSAGES = frozenset({"message/rfc822", "message/global"})
RETURNED_HEADERS = frozenset({"text/rfc822-headers", "message/global-headers"})

# Half a character, which some encodings can write and no UTF-8 holds; and PostgreSQL stores no zero
# byte.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class MimePart(email.message.Message):
    """A message, or a part of one, whose parameters anyone may have made up."""

    def get_param(self, param: str, failobj: Any = None, *others: Any, **options: Any) -> Any:
        """Read a parameter as text; what can't be read counts as missing.

        The library's other methods ask this one, and would raise errors for odd values.
        """
        try:
            found = super().get_param(param, None, *others, **options)
            value = None if found is None else collapse_rfc2231_value(found)
        # A number of thousands of digits, or bytes in an unknown character set (RFC 2231).
        except (LookupError, ValueError):
            return failobj
        is_usable = value is not None and (param != "charset" or _can_decode(value))
        return value if is_usable else failobj


def _can_decode(charset: str) -> bool:
    """Tell whether text may be in a character set. Python has encodings that no text is in."""
    try:
        b"x\xff".decode(charset, "replace")
    # An unknown name, one with a zero byte, or an encoding that replaces nothing.
    except (LookupError, ValueError):
        return False
    return True


def _make_storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def parse_incoming(content: bytes, limit: int = MAX_BYTES) -> MimePart:
    """Parse a message. A damaged one gives a message too; what is over `limit` is cut off."""
    # By the library's default policy, compat32: the newer ones parse each field as it is asked for,
    # and some fields make them raise errors that no document names.
    try:
        return email.message_from_bytes(content[:limit], MimePart)
    except RecursionError:
        # Parts within parts, deeper than the library can follow: then its header alone is read.
        return BytesHeaderParser(MimePart).parsebytes(content[:limit])


def read_field(part: MimePart, name: str) -> str:
    """Read a header field as text in one line; empty where there is none."""
    return next(read_header_fields(part, name), "")


def read_header_fields(part: MimePart, name: str) -> Iterator[str]:
    """Read all fields of a name, in their order."""
    for value in part.get_all(name, []):
        decoded = _decode_field(" ".join(str(value)[:MAX_FIELD].split()))
        # Once more: an encoded word may hold line ends.
        yield " ".join(_make_storable(decoded).split())


def _decode_field(text: str) -> str:
    """Decode encoded words (RFC 2047); text that can't be decoded stays as it is."""
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    # A character set that no one knows, and bytes that are not of it.
    except (MessageError, LookupError, ValueError):
        return text


def read_addresses(part: MimePart, *names: str) -> list[str]:
    """Read the bare addresses in fields of these names, each once."""
    found: list[str] = []
    for name in names:
        for value in read_header_fields(part, name):
            found += [address for _, address in getaddresses([value]) if "@" in address]
    return list(dict.fromkeys(found))


def read_message_ids(part: MimePart, *names: str) -> list[str]:
    """Read the Message-IDs in fields of these names, each once."""
    found: list[str] = []
    for name in names:
        for value in read_header_fields(part, name):
            # Some programs write a Message-ID without its brackets' inner spaces in order.
            found += ID_PATTERN.findall(value)
    return list(dict.fromkeys(found))


def list_parts(message: MimePart) -> list[MimePart]:
    """List the parts of a message itself, not those of a message that it returns or forwards."""
    found: list[MimePart] = []
    waiting = [message]
    # By hand: `walk` goes into returned messages, and their parts would count as this one's.
    while waiting and len(found) < MAX_PARTS:
        part = waiting.pop(0)
        found.append(part)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [inner for inner in payload if isinstance(inner, MimePart)]
    return found


def read_part_text(part: MimePart, limit: int = MAX_TEXT) -> str:
    """Read a part's content as text, decoded; characters that can't be read are replaced."""
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    return _make_storable(content[:limit].decode(part.get_content_charset("utf-8"), "replace"))


def read_inner_text(part: MimePart) -> str:
    """Read the content of a part of type `message/…` as text, as it was written."""
    payload = part.get_payload()
    inner = payload if isinstance(payload, list) else [payload]
    text = _make_storable("\n".join(_write_inner(block) for block in inner[:MAX_PARTS])[:MAX_TEXT])
    if str(part.get("Content-Transfer-Encoding", "")).strip().lower() != "base64":
        return text
    # Not allowed for such parts (RFC 3464 2.1), and sent all the same. The parser leaves it.
    try:
        return _make_storable(base64.b64decode("".join(text.split())).decode("utf-8", "replace"))
    except (binascii.Error, ValueError):
        return text


def _write_inner(block: object) -> str:
    if not isinstance(block, MimePart):
        return str(block)
    fields = "".join(f"{name}: {value}\n" for name, value in block.items())
    payload = block.get_payload()
    # What is no field is the body: of an encoded part, all of it.
    return f"{fields}\n{payload}" if isinstance(payload, str) else fields


def parse_blocks(text: str) -> list[MimePart]:
    """Parse groups of header fields with empty lines between them (RFC 3464 2.1)."""
    groups = re.split(r"\n[ \t]*\n+", text.replace("\r\n", "\n").strip("\n"))
    return [
        email.message_from_string(group, MimePart) for group in groups[:MAX_PARTS] if group.strip()
    ]


def find_returned(message: MimePart) -> MimePart | None:
    """Find the message that a report returns, or its header alone; None where there is neither."""
    for part in list_parts(message)[1:]:
        if found := _read_returned(part):
            return found
    return None


def _read_returned(part: MimePart) -> MimePart | None:
    kind, payload = part.get_content_type(), part.get_payload()
    if kind in RETURNED_MESSAGES and isinstance(payload, list) and payload:
        inner = payload[0]
        # An encoded one has no fields yet.
        if isinstance(inner, MimePart) and inner.keys():
            return inner
    if kind not in RETURNED_MESSAGES | RETURNED_HEADERS:
        return None
    text = read_part_text(part) if kind.startswith("text/") else read_inner_text(part)
    return next(iter(parse_blocks(text)), None)
