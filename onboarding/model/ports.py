"""The two protocols by which a room may wait or report without knowing the ledger or the terminal.

`pipeline` implements RateLimiter and `cli` Progress; the pipeline passes both down. There are no
others: everything else goes down and comes back as values.
"""

from dataclasses import dataclass
from typing import Protocol

MOST_CALLS = 1000
"""The most calls in a window that are believed; RingCentral's largest limit is 50.

A larger one would only fill the ledger.
"""

LONGEST_WINDOW = 3600.0
"""Seconds of a window, and of a penalty, that are believed. RingCentral's are a minute."""


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
