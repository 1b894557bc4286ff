"""A message as its reader sees it, for a person who looks at it beforehand and approves it.

Rendered by the same templates as the message that is sent, but not assembled: what differs from one
attempt to the next (Date, Message-ID, boundaries, the calendar's DTSTAMP and SEQUENCE) is left out.
Checks nothing: `Composer.compose` does. Knows no digests: those are in `model.reviews`.
"""

import hashlib
import re

from onboarding.messages.calendar import NOT_ANSWERED
from onboarding.messages.composer import RENDERING, describe_refusal
from onboarding.messages.context import SessionWords
from onboarding.messages.headers import transport_address
from onboarding.messages.mime import MessageParts
from onboarding.messages.request import MessageRequest
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Rejected
from onboarding.model.reviews import MessageContent

DIFFERS_EACH_TIME = ("DTSTAMP:", "SEQUENCE:")
"""Lines of a calendar entry that say when it was written, and how often (RFC 5545 3.8.7)."""

PARTICIPATION = re.compile(r'(";PARTSTAT=)[A-Z-]+;')
"""What a reader has answered, in their own line of the entry (RFC 5545 3.2.12)."""


def render_content(
    templates: TemplateSet, request: MessageRequest, words: SessionWords | None = None
) -> MessageContent | Rejected:
    """Render what the reader of a message will see; never raises for one person.

    `words` are shared by requests of one session. `Rejected` says why the templates don't fit this
    person's values.
    """
    try:
        recipient = transport_address(request.recipient)
        parts = templates.render_parts(request, recipient, words)
    except RENDERING as error:
        return Rejected(describe_refusal(error))
    brand = templates.brand
    return MessageContent(
        kind=request.kind,
        entry=request.entry,
        recipient=_format_recipient(parts),
        subject=parts.subject,
        sender=str(brand.sender_header),
        reply_to=str(brand.reply_header),
        # As configured: the Message-ID that some of them hold differs with each message.
        headers=templates.fixed,
        text=_join_lines(parts.text),
        html=_join_lines(parts.html),
        calendar=_format_calendar(parts.calendar),
        attachments=_list_attachments(templates, request),
    )


def _format_recipient(parts: MessageParts) -> str:
    return f"{parts.name} <{parts.recipient}>" if parts.name else parts.recipient


def _join_lines(text: str) -> str:
    """Give a text one kind of line ends: in a message all become CRLF."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _format_calendar(entry: str) -> str:
    """Leave out what differs each time. Lines are unfolded (RFC 5545 3.1), for people to read."""
    # Not `splitlines`: a line separator of Unicode inside a value is a character like any other.
    lines = entry.replace("\r\n ", "").split("\r\n")
    kept = [line for line in lines if not line.startswith(DIFFERS_EACH_TIME)]
    return "\n".join(_without_answer(line) for line in kept)


def _without_answer(line: str) -> str:
    """Write an attendee as if they had not answered: else each answer would need an approval."""
    # A name has no double quote in it (RFC 5545 3.1), so this is no part of one.
    return PARTICIPATION.sub(rf"\1{NOT_ANSWERED};", line) if line.startswith("ATTENDEE") else line


def _list_attachments(templates: TemplateSet, request: MessageRequest) -> tuple[str, ...]:
    """List what travels along: the logo, inside of the message, and attached files."""
    logo = templates.logo
    inside = (hashlib.sha256(logo.content).hexdigest(),) if logo else ()
    files = templates.files.get(request.entry, ())
    # With its name: the reader sees that, too.
    return (*inside, *(f"{file.sha256} {file.name}" for file in files))
