"""The protocols by which a room may wait or report without knowing the ledger or the terminal.

`pipeline` implements RateLimiter and ConnectionSlots, `cli` Progress; the pipeline passes them
down. There are no others: everything else goes down and comes back as values.
"""

from dataclasses import dataclass
from typing import Protocol

MOST_CALLS = 1000
"""The most calls in a window that are believed; RingCentral's largest limit is 50.

A larger one would only fill the ledger.
"""

LONGEST_WINDOW = 3600.0
"""Seconds of a window, and of a penalty, that are believed. RingCentral's are a minute."""

SLOT_HEARTBEAT = 10.0
"""Seconds. A process that was not heard of for a minute counts as dead."""


@dataclass(frozen=True, slots=True)
class RateLimitStatus:
    """What RingCentral's answer said about a rate limit (`docs/ringcentral.md`, "Rate limits").

    `remaining` of `limit` calls are left in a window of `window` seconds. `penalty` is set by a 429
    alone: nothing may be sent in that group for so many seconds. None of them is larger than what
    is believed (`MOST_CALLS`, `LONGEST_WINDOW`).
    """

    limit: int | None = None
    remaining: int | None = None
    window: float | None = None
    penalty: float | None = None


class RateLimiter(Protocol):
    """Keeps a rate limit that several processes share."""

    async def wait_turn(self, group: str) -> None:
        """Wait until a call of that group may be made, and count it.

        Raises TryLater if that takes too long.
        """

    async def update(self, group: str, status: RateLimitStatus) -> None:
        """Note what an answer said, for this process and all others."""


@dataclass(eq=False, slots=True)
class Slot:
    """Stands for one open connection to the mail server.

    `is_held` is False once the others count it no more: they have taken this process for dead.
    """

    number: int
    is_held: bool = True


class ConnectionSlots(Protocol):
    """Counts the open connections to one mail server, of all processes together."""

    async def take(self, *, may_wait: bool) -> Slot | None:
        """Take a slot for a connection. None if all are taken, and it may not wait.

        Raises TryLater if it waits for too long.
        """

    async def free(self, slot: Slot) -> None:
        """Free a slot, once its connection is closed."""

    async def renew(self) -> None:
        """Show the others that this process lives: call it every `SLOT_HEARTBEAT` seconds."""


class Progress(Protocol):
    """Shows a person how far the run is. Never gets a secret."""

    def say(self, line: str) -> None:
        """Show a line: something happened."""

    def begin(self, what: str, total: int) -> None:
        """Show that a stage of `total` steps starts."""

    def advance(self) -> None:
        """Show that one step of the stage is done."""

    def end(self) -> None:
        """Show that the stage is over, whether or not all its steps were done."""

    def waiting(self, reason: str, seconds: float) -> None:
        """Show that a wait of so many seconds starts now; it may be counted down."""
