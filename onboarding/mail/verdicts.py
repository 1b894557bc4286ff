"""The words in which a server's refusal is understood: at which phase, whom it means, whether it may pass.

Types only; `replies` decides by them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where in a session the server answered; each value completes "The mail server refuses ..."."""

    GREETING = "the connection"
    EHLO = "our greeting (EHLO)"
    STARTTLS = "the wish for encryption (STARTTLS)"
    LOGIN = "the log-in"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the wish to hand over a message (DATA)"
    BODY = "the body, before its end"
    DOT = "the message"


class Party(StrEnum):
    """Whom a refusal means."""

    RECIPIENT = "this address"
    MESSAGE = "this message"
    US = "us"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a refusal means. `retry_after` is in seconds, where the answer is known to mean a certain wait.

    `permanent` is False where waiting helps, whatever the code says: a daily limit is refused with 550 and passes.
    """

    party: Party
    permanent: bool
    retry_after: float | None = None
    hint: str = ""
