"""Makes the copy of a message that the ledger keeps, without its join link and phone code.

First by replacing their usual spellings, which costs little. If any trace of them is left (a
template may print a link letter by letter, or half of it), the message is rendered a second time,
for stand-ins instead of the secrets: then it can't hold them. Stores nothing; `composer` calls this
when a message is finished, before it leaves.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape, unescape
from typing import NamedTuple
from urllib.parse import quote

import markupsafe
from pydantic import SecretStr

from onboarding.messages import calendar
from onboarding.messages.mime import MessageParts, MimeFrame, own_fields
from onboarding.messages.normal_form import normalize
from onboarding.messages.request import MessageRequest
from onboarding.model.copies import MessageCopy, SharedPart, mask_link
from onboarding.model.known_secrets import LINK_PART
from onboarding.model.sessions import Registration, link_digest

Render = Callable[[MessageRequest], MessageParts | None]
"""Renders a message; None if its template fails."""

FINGERPRINT_DIGITS = 12
"""Hex digits of the link's digest that stand in a copy."""

SHORTEST_CODE = 6
"""A shorter phone code is not replaced in the text: it would be found in dates and numbers."""

PART_BLOCK = 5
"""Every run of `LINK_PART` characters holds a whole block of so many, quickly looked for."""

MOST_PARTS = 100
"""Shared parts that are remembered of a session. A template that yields more shares nothing."""

_NO_WORD = bytes(octet for octet in range(256) if not bytes([octet]).isalnum())
_LOWER = bytes(range(256)).lower()
_TEXT_END = "\0"
"""Between the texts that are masked together; no text of a message may hold it."""


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
        link = record.join_uri.get_secret_value() if record and record.join_uri else ""
        digest = link_digest(record.join_uri) if record and record.join_uri else ""
        # The phone code gets the link's fingerprint: its own could be found by trying all codes.
        fingerprint = digest[:FINGERPRINT_DIGITS]
        mask, code_mask = mask_link(fingerprint), f"code-{fingerprint}"
        phone_code = record.phone_code if record else ""
        code = _squeeze(phone_code)
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
        """Whether anything of the secrets is left in a text, by its letters and digits alone."""
        if not self.parts and not self.code:
            return False
        # Without tags too: a template may print a secret letter by letter, with tags between.
        # Both ways, since a secret may stand inside of a tag as well.
        squeezed = _squeeze(text) + (_squeeze(_ANY_TAG.sub("", text)) if "<" in text else b"")
        has_code = bool(self.code) and self.code in squeezed
        return has_code or any(_is_partly_in(part, squeezed) for part in self.parts)

    def without_code(self) -> "Mask":
        """Make a mask for the link alone."""
        return self._replace(code=b"")


class CopyMaker:
    """Makes the copies of one session's messages, and remembers what they have in common."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._parts: dict[tuple[str | None, ...], SharedPart] = {}

    def make(
        self,
        request: MessageRequest,
        parts: MessageParts,
        frame: MimeFrame,
        body: bytes,
        sender: str,
    ) -> MessageCopy:
        """Make the copy of a finished message. It never holds a secret of its reader."""
        mask = Mask.of(request.registration)
        # The header is that of the finished message: a copy has to show the fields that left.
        copy = self._copy(parts, _header_fields(body), mask, body, sender)
        return copy or self._copy_stand_in(request, parts, frame, mask, body, sender)

    def _copy_stand_in(
        self,
        request: MessageRequest,
        parts: MessageParts,
        frame: MimeFrame,
        mask: Mask,
        body: bytes,
        sender: str,
    ) -> MessageCopy:
        """Copy the message as it would be with stand-ins; its envelope alone if that fails too."""
        shown = self._render(_with_stand_ins(request, mask))
        # Checked like the first copy: a row may repeat the link in a column of its own, which no
        # stand-in replaces.
        if shown:
            # Digits of a phone code may be in it by chance: the real one is not known to it.
            copy = self._copy(shown, _write_fields(frame, shown), mask.without_code(), body, sender)
            if copy:
                return copy
        blank = replace(parts, name="", subject="", text="", pieces=(), calendar="")
        return MessageCopy(
            body=body,
            sender=sender,
            recipient=parts.recipient,
            headers=_write_fields(frame, blank),
            text="",
            calendar="",
            part=_make_part(()),
            html=(),
        )

    def _copy(
        self, parts: MessageParts, headers: str, mask: Mask, body: bytes, sender: str
    ) -> MessageCopy | None:
        """Replace the secrets in a message; None if a trace of them is left."""
        # Jinja yields a template's own text as plain `str`, and what it puts in as `Markup`.
        shared = tuple([piece if type(piece) is str else None for piece in parts.pieces])
        own = [piece for piece in parts.pieces if type(piece) is not str]
        part = self._find_part(shared, mask)
        masked = mask.apply(_TEXT_END.join([parts.text, _unfold(parts.calendar), *own]))
        # Subject and name are encoded in the header fields, which would hide a secret.
        if part is None or mask.is_traced_in(f"{parts.subject} {parts.name} {masked}"):
            return None
        text, entry, *html = masked.split(_TEXT_END)
        # A value that holds the separator would shift all texts behind it.
        if len(html) != len(own):
            return None
        return MessageCopy(
            body=body,
            sender=sender,
            recipient=parts.recipient,
            headers=headers,
            text=text,
            calendar=entry,
            part=part,
            html=tuple(html),
        )

    def _find_part(self, shared: tuple[str | None, ...], mask: Mask) -> SharedPart | None:
        """Find a shared part, or make it; None if it holds a secret of the first who has it."""
        # Only the first is asked: what is one person's own was in no message before theirs.
        part = self._parts.get(shared)
        if part is None:
            if mask.is_traced_in("".join(filter(None, shared))):
                return None
            if len(self._parts) >= MOST_PARTS:
                self._parts.clear()
            part = self._parts[shared] = _make_part(shared)
        return part


def _make_part(shared: Sequence[str | None]) -> SharedPart:
    content = json.dumps(shared, ensure_ascii=False)
    return SharedPart(hashlib.sha256(content.encode()).hexdigest(), content)


def _with_stand_ins(request: MessageRequest, mask: Mask) -> MessageRequest:
    record = request.registration
    if record is None:
        return request
    link = SecretStr(mask.link) if record.join_uri else None
    code = mask.phone if record.phone_code else ""
    return replace(request, registration=replace(record, join_uri=link, phone_code=code))


def _write_fields(frame: MimeFrame, parts: MessageParts) -> str:
    """Write the header fields of a message from its parts."""
    empty = {"text": b"", "html": b"", "calendar": b""}
    return _header_fields(frame.join(own_fields(parts) | empty))


def _header_fields(body: bytes) -> str:
    """Cut the header fields off a message."""
    return body[: body.index(b"\r\n\r\n") + 2].decode("ascii", "replace")


def _unfold(entry: str) -> str:
    """Join the folded lines of a calendar entry (RFC 5545 3.1): a link may be in two of them."""
    return entry.replace("\r\n ", "")


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
    words = octets.partition(b"://")[2].partition(b"/")[2].translate(_WORDS, b"._~-").split()
    return tuple([word for word in words if len(word) >= LINK_PART])


_IS_SIMPLE = re.compile(r"[\w:/.?=~ -]*", re.ASCII)
_WORDS = bytes(_LOWER[octet] if bytes([octet]).isalnum() else ord(" ") for octet in range(256))
"""Letters and digits in lower case; all else is between words."""

_ANY_TAG = re.compile(r"<[^<>]*>")
_OTHER_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_LETTER_ESCAPE = re.compile(rb"%(?:25|3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
"""A percent-escape of an ASCII letter or digit, or of an escape."""


def _squeeze(text: str) -> bytes:
    """Keep the ASCII letters and digits of a text, in lower case, without any escapes."""
    if "&#" in text:
        text = unescape(text)
    octets = text.encode("utf-8", "replace")
    if b"%" in octets:
        has_letters = _LETTER_ESCAPE.search(octets)
        octets = normalize(octets) if has_letters else _OTHER_ESCAPE.sub(b"", octets)
    return octets.translate(_LOWER, _NO_WORD)


def _is_partly_in(part: bytes, squeezed: bytes) -> bool:
    """Whether a text holds a run of a link's part that is long enough to tell it."""
    blocks = [
        part[start : start + PART_BLOCK]
        for start in range(0, len(part) - PART_BLOCK + 1, PART_BLOCK)
    ]
    # Blocks don't overlap, so they are far fewer than the runs; nearly every text ends here.
    if not any(block in squeezed for block in blocks):
        return False
    runs = range(max(len(part) - LINK_PART, 0) + 1)
    return any(part[start : start + LINK_PART] in squeezed for start in runs)
