"""Time and chance, which are passed to what needs them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple


class Instant(NamedTuple):
    """A moment on two clocks, in seconds: time of day, and time since the start of this machine."""

    wall: float
    boot: float

    def since(self, earlier: "Instant") -> float:
        """Seconds since an earlier moment by the clock that shows more: either may stand still."""
        # The wall clock may be set back, and a monotonic clock stands still while some machines
        # sleep. The greater one errs towards a lease that is over, which costs a run and no second
        # copy.
        return max(self.wall - earlier.wall, self.boot - earlier.boot)


def instant() -> Instant:
    """Read both clocks."""
    # Linux's CLOCK_BOOTTIME also counts while the machine sleeps (clock_gettime(2)). Elsewhere the
    # monotonic clock has to do.
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Instant(time.time(), time.monotonic() if boot is None else time.clock_gettime(boot))


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance as arguments: aware UTC, a wait in seconds, a draw in [0, 1), both clocks.

    A signal may end `sleep` early, with Interrupted; it never ends `linger`, which waits for what
    the signal began. `follows_ledger`: on a server's ledger, the time is corrected to the server's.
    """

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # Not for secrets: it only spreads the next attempts of deferred messages.
    draw: Callable[[], float] = random.random
    linger: Callable[[float], Awaitable[None]] = asyncio.sleep
    instant: Callable[[], Instant] = instant
    follows_ledger: bool = False
