"""What the three kinds of mailboxes have in common: messages in batches, from a position on.

All of it blocks, so the pipeline calls it in a thread. A mailbox may hold a million messages of
other people: a reading begins where the last one ended, and is bounded in bytes and in number. What
is left is read the next time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

MESSAGES_AT_ONCE = 25
"""Messages in memory at a time, each of at most `parts.MAX_BYTES`."""

MOST = 2000
"""Messages in one reading."""

FIRST_SPAN = timedelta(days=14)
"""How far the first reading of a mailbox looks back: servers try for five days at most."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a mailbox was read: `last` counts in its own way, as long as `validity` is the same.

    By IMAP these are UID and UIDVALIDITY (RFC 9051 2.3.1.1).
    """

    validity: int
    last: int


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a mailbox: its name there, and its first bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Some messages, and the position once they are dealt with."""

    messages: Sequence[StoredMessage]
    position: Position


class MailSource(Protocol):
    """A mailbox that is open."""

    def read(self, position: Position | None) -> Iterator[MessageBatch]:
        """Read what came since a position, oldest first; None: what came lately.

        Raises OnboardingError where it can't be read.
        """

    def find_end(self) -> Position:
        """Find the position from which only what comes from now on is read.

        Raises OnboardingError where it can't be read.
        """

    def check(self) -> None:
        """Make sure that it can be read. Raises OnboardingError where it can't."""

    def mark_done(self, names: Sequence[str]) -> None:
        """Do with messages of ours what the settings say. Touches no other message."""

    def close(self) -> None:
        """Close what is open."""
