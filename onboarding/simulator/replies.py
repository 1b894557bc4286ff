"""What comes back for a caught message: an answer from a calendar, a report that it failed.

Made from the message itself, in the form in which calendars (RFC 5546, RFC 6047) and mail servers
(RFC 3464) write them. Delivers nothing: who asks puts the bytes into a mailbox.
"""

import email
import email.policy
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime

from onboarding.simulator.smtp_catcher import HOSTNAME, CaughtMail

_FOLD = re.compile(r"\r?\n[ \t]")
_PROPERTY = re.compile(r"^([A-Z]+)([^:\r\n]*):(.*?)\r?$", re.MULTILINE)
ANSWERED = ("UID", "SEQUENCE", "DTSTART", "ORGANIZER")
"""Properties of the entry that its answer repeats (RFC 5546 3.2.3)."""


def build_answer(caught: CaughtMail, participation: str, at: datetime) -> bytes:
    """Build the answer of a message's reader, as their calendar sends it.

    `participation` is the iCalendar word: ACCEPTED, TENTATIVE or DECLINED. Raises ValueError where
    the message holds no calendar entry to answer.
    """
    message = _parse_caught(caught)
    entry = _read_entry(message)
    reader = caught.recipients[0]
    lines = [
        "BEGIN:VCALENDAR",
        "PRODID:-//Simulated calendar//EN",
        "VERSION:2.0",
        "METHOD:REPLY",
        "BEGIN:VEVENT",
        f"DTSTAMP:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        *(f"{name}{entry[name]}" for name in ANSWERED if name in entry),
        f"ATTENDEE;PARTSTAT={participation}:mailto:{reader}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    answer = EmailMessage(policy=email.policy.SMTP)
    _add_headers(answer, caught, at, reader)
    answer["Subject"] = f"{participation.capitalize()}: {message['Subject']}"
    content = "\r\n".join(lines)
    answer.set_content(content, subtype="calendar", params={"method": "REPLY"})
    return answer.as_bytes()


def build_bounce(caught: CaughtMail, status: str, words: str, at: datetime) -> bytes:
    """Build the report that a message failed.

    `status` is the enhanced status code (RFC 3463), `words` what the other server has said.
    """
    reader = caught.recipients[0]
    # The standard library's older classes: the newer ones write no multipart/report.
    report = MIMEMultipart("report", report_type="delivery-status")
    _add_headers(report, caught, at, f"MAILER-DAEMON@{HOSTNAME}")
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText(f"The message to {reader} could not be delivered: {words}\n"))
    # Parsed, because this type of part holds its groups of fields as messages.
    fields = email.message_from_string(
        "Content-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; {HOSTNAME}\n\nFinal-Recipient: rfc822; {reader}\n"
        f"Action: failed\nStatus: {status}\nDiagnostic-Code: smtp; {words}\n"
    )
    report.attach(fields)
    head, _, _ = caught.content.partition(b"\r\n\r\n")
    report.attach(MIMEText(head.decode("ascii", "replace"), "rfc822-headers"))
    return report.as_bytes()


def _add_headers(message: Message, caught: CaughtMail, at: datetime, sender: str) -> None:
    message["From"] = sender
    message["To"] = caught.sender
    message["Date"] = format_datetime(at)


def _parse_caught(caught: CaughtMail) -> EmailMessage:
    message = email.message_from_bytes(caught.content, policy=email.policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError(type(message))
    return message


def _read_entry(message: EmailMessage) -> Mapping[str, str]:
    """Read the properties of a message's calendar entry: name -> parameters, colon and value."""
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            text = _FOLD.sub("", str(part.get_content()))
            return {name: f"{more}:{value}" for name, more, value in _PROPERTY.findall(text)}
    raise ValueError("The message holds no calendar entry.")
