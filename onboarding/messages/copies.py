"""Makes the copy of a message that the ledger keeps, without its join link and phone code.

First by replacing their usual spellings (`masks`). If any trace of them is left, the message is
rendered a second time, for stand-ins instead of the secrets: then it can't hold them. Lines that a
session's copies have in common are not looked through each time (`common_lines`). Stores nothing;
`composer` calls this when a message is finished and checked, before it leaves.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from pydantic import SecretStr

from onboarding.messages.common_lines import CommonLines, make_part
from onboarding.messages.masks import Mask, find_letters, is_no_part
from onboarding.messages.mime import MessageParts, MimeFrame, own_fields
from onboarding.messages.request import MessageRequest
from onboarding.model.copies import TEXT_MARK, TEXT_START, MessageCopy, SharedPart

Render = Callable[[MessageRequest], MessageParts | None]
"""Renders a message; None if its template fails."""

MOST_SHAPES = 100
"""Shapes of messages that are remembered of a session, so that memory is bounded."""


class MaskedTexts(NamedTuple):
    """A message's own lines without its secrets, and the lines that it shares with others."""

    common: SharedPart | None
    own: str


class CopyMaker:
    """Makes the copies of one session's messages, and remembers what they have in common."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._html: dict[tuple[str | None, ...], SharedPart] = {}
        self._lines: dict[tuple[str, int], CommonLines] = {}

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
            sha256=_digest_body(body),
            sender=sender,
            recipient=parts.recipient,
            headers=_write_fields(frame, blank),
            html=make_part(()),
            lines=None,
            own=TEXT_START,
        )

    def _copy(
        self, parts: MessageParts, headers: str, mask: Mask, body: bytes, sender: str
    ) -> MessageCopy | None:
        """Replace the secrets in a message; None if a trace of them is left."""
        html = self._find_html(parts.pieces, mask)
        values = [piece for piece in parts.pieces if type(piece) is not str]
        texts = TEXT_START.join([parts.text, _unfold(parts.calendar), *values])
        # A value that holds the separator would shift all texts behind it.
        if html is None or texts.count(TEXT_MARK) != len(values) + 1:
            return None
        masked = self._mask_texts(texts, html, mask, f"{parts.subject} {parts.name}")
        if masked is None:
            return None
        return MessageCopy(
            sha256=_digest_body(body),
            sender=sender,
            recipient=parts.recipient,
            headers=headers,
            html=html,
            lines=masked.common,
            own=masked.own,
        )

    def _find_html(self, pieces: Sequence[str], mask: Mask) -> SharedPart | None:
        """Find what the template says to all in HTML; None if that is part of a secret."""
        # Jinja yields a template's own text as plain `str`, and what it puts in as `Markup`.
        shared = tuple([piece if type(piece) is str else None for piece in pieces])
        part = self._html.get(shared)
        # Only the first is asked: what is one person's own was in no message before theirs.
        if part is None and not _is_spelled(pieces, mask):
            if len(self._html) >= MOST_SHAPES:
                self._html.clear()
            part = self._html[shared] = _make_template_part(shared)
        return part

    def _mask_texts(
        self, texts: str, html: SharedPart, mask: Mask, header: str
    ) -> MaskedTexts | None:
        """Mask the lines that are the message's own; None if a trace of a secret is left.

        `header` is what the header fields encode: it would hide a secret.
        """
        lines = texts.split("\n")
        shape = html.digest, len(lines)
        common = self._lines.get(shape)
        own = common.find_own(lines) if common else None
        masked = mask.apply(texts if own is None else "\n".join(own))
        if mask.is_traced_in(f"{header} {masked}"):
            return None
        if common and own is not None:
            return MaskedTexts(common.part, masked)
        # Stored whole: only a later copy shows which of its lines are not its own.
        self._remember_lines(shape, common, masked.split("\n"))
        return MaskedTexts(None, masked)

    def _remember_lines(
        self, shape: tuple[str, int], common: CommonLines | None, lines: Sequence[str]
    ) -> None:
        if len(self._lines) >= MOST_SHAPES:
            self._lines.clear()
        self._lines[shape] = common.narrow(lines) if common else CommonLines.of(lines)


# It outlives the session: the next one of this process mostly has the same templates.
_make_template_part = lru_cache(maxsize=256)(make_part)


def _is_spelled(pieces: Sequence[str], mask: Mask) -> bool:
    """Whether a template spells a secret, with text of its own or around it.

    A template that says "1" where a code has a 1 has no value there.
    """
    own = [piece for piece in pieces if type(piece) is not str or not is_no_part(piece)]
    # Apart, as they are kept: a link that is spelled over several pieces is not replaced.
    is_traced = mask.is_traced_in(mask.apply(TEXT_MARK.join(own)))
    return is_traced or mask.is_in(_find_letters(tuple(filter(_is_of_template, pieces))))


def _is_of_template(piece: str) -> bool:
    # Jinja yields a template's own text as plain `str`, and what it puts in as `Markup`.
    return type(piece) is str


@lru_cache(maxsize=256)
def _find_letters(texts: tuple[str, ...]) -> bytes:
    return find_letters("".join(texts))


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


def _digest_body(body: bytes) -> str:
    """Make the digest by which a message can be recognized."""
    # Here and not in the ledger's thread, which would wait for the interpreter after each one.
    return hashlib.sha256(body).hexdigest()


def _unfold(entry: str) -> str:
    """Join the folded lines of a calendar entry (RFC 5545 3.1): a link may be in two of them."""
    return entry.replace("\r\n ", "")
