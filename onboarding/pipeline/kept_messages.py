"""The messages that were kept for one person of a webinar: read from the ledger, rebuilt as files.

Asks only the ledger, and changes nothing in it. For `onboarding show`.
"""

import email
import email.message
import email.policy
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.ledger import claims, kept, sessions
from onboarding.ledger.kept import KeptMessage
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import find_place
from onboarding.messages.calendar import fold_line
from onboarding.messages.mime import add_calendar
from onboarding.model.addresses import address_key
from onboarding.model.foreign_text import clean
from onboarding.model.ports import Progress
from onboarding.pipeline.status import mark_in_doubt, no_run_yet
from onboarding.pipeline.target import Target

KeptCopy = KeptMessage
"""A message as the ledger keeps it (`ledger.kept.KeptMessage`), for rooms above."""

COPY_FIELD = "X-Onboarding-Copy"
"""The header field that tells a rebuilt message from the one that left."""

ATTACHMENT_FIELD = "X-Onboarding-Attachment"
"""The header field, in a rebuilt message, for each file that was attached to the one that left."""

ONLY_ENVELOPE = "(The text of this message could not be kept without its secrets.)"


@dataclass(frozen=True, slots=True)
class KeptForPerson:
    """What is kept for one address, the latest message last. `sent` counts all of its deliveries.

    `days` is how long messages are kept after the session's end; 0 is not at all.
    """

    messages: Sequence[KeptMessage]
    time_zone: str
    sent: int
    days: int


def read_kept(
    config: Config, target: Target, address: str, now: datetime, progress: Progress
) -> KeptForPerson:
    """Read what is kept for an address in a webinar.

    Raises ConfigurationError before the first run, and what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_kept, config=config, target=target, key=address_key(address), now=now)
    found = read_ledger(find_place(config.ledger), load, progress)
    if found is None:
        raise no_run_yet(target.name)
    return found


def _load_kept(
    connection: sa.Connection, config: Config, target: Target, key: str, now: datetime
) -> KeptForPerson | None:
    seen = sessions.find(connection, config.account, target.webinar_id, target.session_id or None)
    if seen is None or seen.run_at is None:
        return None
    stalled = claims.list_stalled(connection, seen.id, now)
    messages = kept.list_kept(connection, seen.id, key)
    return KeptForPerson(
        [clean_kept(message, config, stalled) for message in messages],
        seen.time_zone,
        kept.count_sent(connection, seen.id, key),
        config.ledger.keep_messages,
    )


def clean_kept(message: KeptMessage, config: Config, stalled: Collection[int]) -> KeptMessage:
    """Make a kept message fit to be shown. `stalled` are the ids of what a dead run was sending."""
    record = mark_in_doubt(message.record, stalled)
    # Cleaned on the way out, too: older versions stored replies as the server sent them.
    reply, reason = clean(record.reply, config.secrets), clean(record.reason, config.secrets)
    return replace(message, record=replace(record, reply=reply, reason=reason))


def read_fields(message: KeptMessage) -> dict[str, str]:
    """Read the header fields that a person knows, decoded: From, To, Subject and so on."""
    parsed = _parse_fields(message.headers)
    names = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID")
    return {name: str(parsed[name]) for name in names if name in parsed}


def rebuild(message: KeptMessage) -> bytes:
    """Rebuild a message as a file that mail programs open. A header field says that it is a copy.

    It holds text, HTML and calendar entry, but not the logo's picture and no attached file: of each
    file a header field has the name, size and SHA-256.
    """
    copy = _parse_fields(message.headers)
    # The stored fields describe the original's parts, and `set_content` refuses a multipart type.
    for name in ("MIME-Version", "Content-Type", "Content-Transfer-Encoding"):
        del copy[name]
    # With masked links the bytes differ from what left, so the digest of the original is given: it
    # can be compared with the mail server's copy.
    copy[COPY_FIELD] = (
        f"copy of the message that left at {message.at:%Y-%m-%d %H:%M:%S} UTC; "
        f"join link and phone code are masked; SHA-256 of the original: {message.sha256}"
    )
    for file in message.files:
        described = f"{file.name}; {file.media_type}; {file.size} bytes; SHA-256 {file.sha256}"
        copy[ATTACHMENT_FIELD] = described
    copy.set_content(message.text or ONLY_ENVELOPE, cte="quoted-printable")
    if message.html:
        copy.add_alternative(message.html, subtype="html", cte="quoted-printable")
    if message.calendar:
        # The type's parameter has to repeat the entry's METHOD (RFC 6047 2.4), or a mail program
        # shows a plain file. PUBLISH asks for no answer.
        method = re.search(r"^METHOD:(\w+)", message.calendar, re.MULTILINE)
        add_calendar(copy, method[1] if method else "PUBLISH", _fold_entry(message.calendar))
    return copy.as_bytes()


def _parse_fields(headers: str) -> email.message.EmailMessage:
    parsed = email.message_from_string(f"{headers}\r\n", policy=email.policy.SMTP)
    if not isinstance(parsed, email.message.EmailMessage):  # the policy makes this class
        raise TypeError(type(parsed))
    return parsed


def _fold_entry(entry: str) -> str:
    """Fold the lines of a calendar entry again, as they left."""
    # A copy is kept unfolded. RFC 5545 3.1 limits a line to 75 octets.
    lines = [line.partition(":") for line in entry.splitlines()]
    return "".join(fold_line(name, value) for name, _colon, value in lines)
