"""Reads one message of a mailbox: an answer from a calendar, a report, or other people's mail."""

import hashlib
from dataclasses import dataclass

from onboarding.inbox.answers import CalendarAnswer, read_answer
from onboarding.inbox.bounces import MailReport, read_mail_report
from onboarding.inbox.mailboxes import StoredMessage
from onboarding.inbox.parts import MimePart, parse_incoming, read_message_ids


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A message and what it says; `said` is None for what is nothing of ours.

    `name` is its name in the mailbox. `identity` is the same wherever and however often the message
    is read.
    """

    name: str
    identity: str
    said: MailReport | CalendarAnswer | None


def read_incoming(stored: StoredMessage) -> IncomingMessage:
    """Read what a message says. No content makes this raise an error."""
    message = parse_incoming(stored.content)
    return IncomingMessage(stored.name, _find_identity(message, stored.content), _read(message))


def _read(message: MimePart) -> MailReport | CalendarAnswer | None:
    try:
        # An answer first: it is ours or it is none, while a report is recognised by its marks too.
        return read_answer(message) or read_mail_report(message)
    except RecursionError:
        # Comments or groups in an address, or parts, deeper than the libraries can follow. No
        # program writes such a message but to do harm: left alone, as other people's mail is.
        return None


def _find_identity(message: MimePart, content: bytes) -> str:
    """Name a message. Its bytes differ from server to server, its Message-ID does not."""
    found = read_message_ids(message, "Message-ID")
    return hashlib.sha256(found[0].encode() if found else content).hexdigest()
