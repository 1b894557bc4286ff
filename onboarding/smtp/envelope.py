"""A message as it goes over the wire: the three commands before it, and its body with dots stuffed.

Pure. Here it is decided which extensions a message needs (RFC 1870 SIZE, 6152 8BITMIME, 6531
SMTPUTF8); one that the server can't carry is refused here, with words, before anything is said to
the server. Where the server offers delivery status notifications (RFC 3461), a bounce is to hold
the header alone: the message has a join link.
"""

import hashlib
import re
from dataclasses import dataclass

from onboarding.errors import ConfigurationError
from onboarding.model.addresses import encode_address_domain
from onboarding.model.deliveries import Message, Rejected
from onboarding.smtp.protocol import Capabilities

# No CRLF stands before it, because every body ends in one. With one more, a line would be added.
FINAL_DOT = b".\r\n"
UNSAFE = re.compile(r"[\x00-\x20\x7f<>]")
DIGEST = re.compile(r"<([0-9a-f]{40})@")
# CRLF has to come first, or it would be read as two line ends.
LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class EncodedMessage:
    """A message as bytes: MAIL, RCPT and DATA, and its dot-stuffed body without the final dot.

    `asks_for_dsn`: the commands say what a delivery status notification is to hold.
    """

    message: Message
    commands: tuple[bytes, bytes, bytes]
    body: bytes
    asks_for_dsn: bool = False


def encode_message(
    message: Message, capabilities: Capabilities, envelope_sender: str = ""
) -> EncodedMessage | Rejected:
    """Encode a message for a server of these capabilities. Bounces go to `envelope_sender`, if set.

    Raises `ConfigurationError` if the sender can't be written: that would be so for every message.
    """
    sender = encode_sender(envelope_sender or message.sender)
    recipient = encode_address(message.recipient)
    if recipient is None:
        reason = "the address can't be written on a mail's envelope: correct it in the roster"
        return Rejected(reason)
    # Domains are A-labels by now, so what is beyond ASCII stands before an `@`.
    needs_utf8 = message.needs_smtputf8 or not (sender + recipient).isascii()
    body = message.body if message.canonical else normalize_line_ends(message.body)
    obstacle = _find_obstacle(body, capabilities, needs_utf8=needs_utf8)
    if obstacle:
        return Rejected(obstacle)
    # RFC 1870 5: the size is that of the body before its dots are doubled.
    size = len(body) if capabilities.declares_size else None
    mail = _build_mail_command(sender, size, is_ascii=body.isascii(), needs_utf8=needs_utf8)
    rcpt = f"RCPT TO:<{recipient}>"
    if capabilities.dsn:
        # RFC 3461 4: a bounce is to hold the header alone, because the body has a join link.
        mail += f" RET=HDRS ENVID={build_envelope_id(message.message_id)}"
        # Never SUCCESS: the server would send a mail for each message that arrives.
        rcpt += " NOTIFY=FAILURE,DELAY"
    commands = (f"{mail}\r\n".encode(), f"{rcpt}\r\n".encode(), b"DATA\r\n")
    stuffed = body if message.canonical else dot_stuff(body)
    return EncodedMessage(message, commands, stuffed, asks_for_dsn=capabilities.dsn)


def _build_mail_command(sender: str, size: int | None, *, is_ascii: bool, needs_utf8: bool) -> str:
    # RFC 1870, 6152 and 6531: each parameter only where the server offers its extension.
    declared = f" SIZE={size}" if size is not None else ""
    eight_bit = "" if is_ascii else " BODY=8BITMIME"
    utf8 = " SMTPUTF8" if needs_utf8 else ""
    return f"MAIL FROM:<{sender}>{declared}{eight_bit}{utf8}"


def _find_obstacle(body: bytes, capabilities: Capabilities, *, needs_utf8: bool) -> str:
    """Say why a server of these capabilities can't carry the message; empty if it can."""
    if needs_utf8 and not capabilities.smtputf8:
        return (
            "the mail server can't carry letters beyond ASCII in an address: "
            "ask for another address"
        )
    if capabilities.size and len(body) > capabilities.size:
        return f"the message has {len(body):,} bytes, the mail server takes {capabilities.size:,}"
    # It is not encoded again here: the check on finished bytes would no longer hold.
    if not body.isascii() and not capabilities.eight_bit:
        return "the mail server can't carry a message with bytes beyond ASCII (8BITMIME)"
    return ""


def build_envelope_id(message_id: str) -> str:
    """Find the name by which a bounce names its message (RFC 3461 4.4)."""
    # The digest in the Message-ID, so that a person who sees the bounce finds the message.
    # Forty hex digits need no xtext encoding, and ENVID may have 100 characters.
    if found := DIGEST.match(message_id):
        return found[1]
    return hashlib.sha256(message_id.encode()).hexdigest()[:40]


def encode_sender(sender: str) -> str:
    """Write the sender for MAIL. Raises `ConfigurationError` where it is no address."""
    address = encode_address(sender)
    if address is None:
        raise ConfigurationError(
            f"The sender {sender!r} is no address.", hint="Correct [brand] sender."
        )
    return address


def encode_address(address: str) -> str | None:
    """Write an address for MAIL or RCPT, its domain as A-label; None where it can't be written."""
    local, _, domain = address.rpartition("@")
    # A space, a line end or a bracket would end the address, and smuggle a parameter or a command.
    if not local or not domain or UNSAFE.search(address):
        return None
    try:
        return encode_address_domain(address)
    except ValueError:
        return None


def normalize_line_ends(body: bytes) -> bytes:
    """Make every line end in CRLF (RFC 5321 2.3.8): a bare CR or LF can smuggle a second mail."""
    # This takes a third of the time that counting all line ends takes.
    within_lines = body.replace(b"\r\n", b"")
    if b"\n" in within_lines or b"\r" in within_lines:
        body = LINE_END.sub(b"\r\n", body)
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def dot_stuff(body: bytes) -> bytes:
    """Double each dot that begins a line (RFC 5321 4.5.2)."""
    # Most bodies have no such dot, and to look costs a tenth of what to replace costs.
    if b"\r\n." in body:
        body = body.replace(b"\r\n.", b"\r\n..")
    return b"." + body if body.startswith(b".") else body
