"""A message's frame, built once per template by the `email` package, and filled by joining bytes.

The structure is multipart/mixed[ multipart/alternative[ text, HTML (related with the logo),
text/calendar ], application/ics ]: the calendar entry twice, in the same bytes. Some mail programs
read the one and some the other (`docs/guides/calendar.md`). What differs per person is encoded
here, as the package would have (a test holds the two against each other, part by part).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from typing import Any, cast

from onboarding.messages import headers
from onboarding.messages.attachments import Attachment
from onboarding.messages.logo import LOGO_CID, Picture
from onboarding.messages.quoted_printable import encode_pieces
from onboarding.messages.settings import BrandSettings, CalendarMethod

CALENDAR_FILE_NAME = "invite.ics"
"""The name that Outlook, Google and Apple give the file of an invitation."""


@dataclass(frozen=True, slots=True)
class MessageParts:
    """What differs per person. `recipient` is as `transport_address` makes it.

    Texts may have any line ends.

    `pieces` are the HTML as the template yields it: what it says to all comes as the same `str`
    each time.
    """

    name: str
    recipient: str
    subject: str
    message_id: str
    date: datetime
    text: str
    pieces: Sequence[str]
    calendar: str

    @property
    def html(self) -> str:
        """The HTML as a whole."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class MimeFrame:
    """The bytes that all messages of one template share, cut where a person's own come."""

    cuts: tuple[bytes, ...]
    order: tuple[str, ...]

    def fill(self, filling: MessageParts) -> bytes:
        """Put a person's values in: the finished message, CRLF line ends."""
        parts = {
            "text": encode_pieces((filling.text,)),
            "html": encode_pieces(filling.pieces),
            "calendar": encode_pieces((filling.calendar,)),
        }
        return self.join(own_fields(filling) | parts)

    def join(self, values: Mapping[str, bytes]) -> bytes:
        """Put encoded values in: the bodies of the own header fields, and the three parts."""
        parts = [self.cuts[0]]
        for name, cut in zip(self.order, self.cuts[1:], strict=True):
            parts += (values[name], cut)
        return b"".join(parts)


def own_fields(filling: MessageParts) -> dict[str, bytes]:
    """Write the bodies of the header fields that differ from message to message."""
    return {
        "recipient": headers.format_mailbox(filling.name, filling.recipient),
        "subject": headers.encode_subject(filling.subject),
        "message_id": filling.message_id.encode("ascii"),
        "date": headers.format_date(filling.date),
    }


def is_canonical(lines: bytes) -> bool:
    """Tell whether every line ends in CRLF and none begins with a dot: it travels as it is."""
    # A bare CR or LF is a line end to some servers: that is how mail is smuggled.
    within_lines = lines.replace(b"\r\n", b"")
    bare = b"\r" in within_lines or b"\n" in within_lines
    return (
        not bare
        and lines.endswith(b"\r\n")
        # Such a dot would have to be doubled on the way (RFC 5321 4.5.2).
        and not lines.startswith(b".")
        and b"\r\n." not in lines
    )


MARKS = ("recipient", "subject", "message_id", "date", "text", "html", "calendar")
_MARK_DATE = datetime(1980, 1, 1, tzinfo=UTC)


def _mark(name: str) -> str:
    # An address, so that it may stand in every field; `.example` is no one's domain (RFC 2606).
    return f"mark-{name}@cut.example"


FixedFields = tuple[tuple[str, str], ...]
"""Header fields that every message of a webinar bears, beside our own: name and value."""

MESSAGE_NAME = "{message_id}"
"""Stands for the message's own Message-ID in the value of a fixed field."""


def make_frame(
    brand: BrandSettings,
    method: str,
    logo: Picture | None,
    fixed: FixedFields = (),
    files: Sequence[Attachment] = (),
) -> MimeFrame:
    """Build a frame. `method` is the calendar's METHOD and MIME parameter (RFC 6047 2.4).

    Without one, messages carry no calendar entry. `files` travel with each message.

    The `fixed` fields come first and are never folded: their readers are programs.
    """
    marks = {name: _mark(name) for name in MARKS} | {"message_id": f"<{_mark('message_id')}>"}
    filling = MessageParts(
        name="",
        recipient=marks["recipient"],
        subject=marks["subject"],
        message_id=marks["message_id"],
        date=_MARK_DATE,
        text=marks["text"],
        pieces=(marks["html"],),
        calendar=marks["calendar"],
    )
    ours = build_message(brand, method, logo, filling, files).as_bytes(policy=SMTP)
    lines = [
        f"{name}: {value.replace(MESSAGE_NAME, marks['message_id'])}\r\n" for name, value in fixed
    ]
    whole = "".join(lines).encode("ascii") + ours
    written = {name: mark.encode() for name, mark in marks.items()}
    # The bodies end their last line themselves, so the frame's line end goes with the mark.
    written |= {name: written[name] + b"\r\n" for name in ("text", "html", "calendar")}
    written["date"] = headers.format_date(_MARK_DATE)
    names = {value: name for name, value in written.items()}
    # A mark may be there several times: fixed fields may hold the Message-ID, too.
    cuts = re.split(b"(" + b"|".join(map(re.escape, names)) + b")", whole)
    return MimeFrame(tuple(cuts[::2]), tuple(names[mark] for mark in cuts[1::2]))


def build_message(
    brand: BrandSettings,
    method: str,
    logo: Picture | None,
    filling: MessageParts,
    files: Sequence[Attachment] = (),
) -> EmailMessage:
    """Build a whole message by the `email` package: for frames, and for tests to compare with."""
    message = EmailMessage(policy=SMTP)
    message["From"] = brand.sender_header
    message["To"] = Address(filling.name, addr_spec=filling.recipient)
    message["Reply-To"] = brand.reply_header
    message["Subject"] = filling.subject
    message["Date"] = filling.date
    message["Message-ID"] = filling.message_id
    # So that no absence note comes back: RFC 3834 5, and the field that Exchange looks at.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
    # Not base64, in any part: its groups of three octets would reach over the pieces that are
    # encoded one by one.
    message.set_content(filling.text, cte="quoted-printable")
    message.add_alternative(filling.html, subtype="html", cte="quoted-printable")
    if logo:
        html = cast("list[MIMEPart]", message.get_payload())[1]
        html.add_related(
            logo.content, "image", logo.subtype, cid=f"<{LOGO_CID}>", disposition="inline"
        )
    if method:
        add_calendar(message, method, filling.calendar)
    for file in files:
        main, _, subtype = file.media_type.partition("/")
        message.add_attachment(file.content, main, subtype, filename=file.name)
    _name_boundaries(message)
    return message


def add_calendar(message: EmailMessage, method: str, entry: str) -> None:
    """Add the calendar entry in both places: what mail programs show, and a file to open.

    What is published is a file alone: Outlook shows its lines as text where it stands among the
    alternatives ([MS-STANOICAL] 2.2.99).
    """
    coding: dict[str, Any] = {"subtype": "calendar", "cte": "quoted-printable"}
    parameter = {"method": method}
    if method == PUBLISH:
        message.add_attachment(entry, **coding, params=parameter, filename=CALENDAR_FILE_NAME)
        return
    # The last alternative is the one that a calendar program prefers (RFC 2046 5.1.4).
    message.add_alternative(entry, **coding, params=parameter)
    message.add_attachment(entry, **coding, filename=CALENDAR_FILE_NAME)
    file = cast("list[MIMEPart]", message.get_payload())[-1]
    file.replace_header("Content-Type", f'application/ics; name="{CALENDAR_FILE_NAME}"')


PUBLISH = CalendarMethod.PUBLISH.value.upper()


IN_BOUNDARIES = "=_"
"""In every boundary, and in no quoted-printable (RFC 2045 6.7): no content holds a boundary."""


def _name_boundaries(message: EmailMessage) -> None:
    """Name the boundaries, and keep MIME-Version for the message itself."""
    for part in message.walk():
        if part is not message:
            # The package adds it to every part; it belongs to the message alone (RFC 2045 4).
            del part["MIME-Version"]
        if part.is_multipart():
            # The package's are random, and might stand in a content; with names, equal frames are
            # equal bytes.
            part.set_boundary(f"{IN_BOUNDARIES}{part.get_content_subtype()}_=")
