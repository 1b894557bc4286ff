"""The clock of runs that share a ledger on a server: the local one, corrected to the database's.

Several machines judge by it who lives, whose turn it is and what is due. The difference is measured
when a run starts and each minute. A clock that jumps stops the run: what it has begun is finished,
and the next run starts with the right time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

import sqlalchemy as sa

from onboarding.errors import Interrupted, OnboardingError, TryLater
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.server_clock import measure_offset
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Progress
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.forecast import format_span

WORTH_SAYING = timedelta(seconds=30)
"""From more than that on, a person should look after the machine's clock."""

LARGEST_STEP = timedelta(minutes=5)
"""By more than that no clock drifts in a minute: it was set."""

MEASURE_EVERY = 60.0
"""Seconds."""

SET_CLOCK = "Check that this machine and the database's set their clocks by NTP."

Measure = Callable[[sa.Connection, Callable[[], datetime]], timedelta]


class ClockChange(Enum):
    """What a new measurement of the clock means."""

    FINE = auto()
    TELL = auto()
    STOP = auto()


def find_clock_change(before: timedelta | None, measured: timedelta) -> ClockChange:
    """Decide what follows from the difference to the database's clock.

    `before` is the one measured last; None when a run starts.
    """
    step = abs(measured - (before or timedelta()))
    if before is not None and step > LARGEST_STEP:
        return ClockChange.STOP
    # Once, and again if it has become another one.
    if abs(measured) > WORTH_SAYING and step > WORTH_SAYING:
        return ClockChange.TELL
    return ClockChange.FINE


@dataclass(slots=True)
class CorrectedTime:
    """The local time with the difference to the database's that was measured last.

    `error` is set once the clock has jumped.
    """

    local_now: Callable[[], datetime]
    progress: Progress
    stop: asyncio.Event
    offset: timedelta | None = None
    error: TryLater | None = None

    def now(self) -> datetime:
        """Tell the time as the database does."""
        return self.local_now() + (self.offset or timedelta())

    def correct(self, measured: timedelta) -> None:
        """Use a new measurement. Says what a person should know; stops the run after a jump."""
        change = find_clock_change(self.offset, measured)
        step = measured - (self.offset or timedelta())
        # After a jump, too: what is still to be recorded gets the time that other machines have.
        self.offset = measured
        if change is ClockChange.TELL:
            self.progress.say(f"{_describe_offset(measured)} The database's is used. {SET_CLOCK}")
        elif change is ClockChange.STOP:
            self.error = TryLater(
                f"This machine's clock or the database's was set by {format_span(abs(step))} "
                "while the command ran, so it stops.",
                hint=f"Nothing is lost: run again. {SET_CLOCK}",
            )
            self.stop.set()


@asynccontextmanager
async def keep_shared_clock(
    ledger: Ledger,
    clock: Clock,
    progress: Progress,
    stop: asyncio.Event,
    *,
    measure: Measure = measure_offset,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[Clock]:
    """Give the clock of a command: corrected where it follows the ledger, and that is on a server.

    Sets `stop` when a clock jumps, and then raises TryLater instead of Interrupted.
    """
    if not (clock.follows_ledger and isinstance(ledger.place, ServerPlace)):
        yield clock
        return
    time = CorrectedTime(clock.now, progress, stop)
    time.correct(await ledger.run(measure, clock.now))
    measuring = asyncio.create_task(_measure_again(ledger, time, measure, pause))
    try:
        yield replace(clock, now=time.now)
    except Interrupted:
        if not time.error:
            raise
    finally:
        measuring.cancel()
        await asyncio.wait([measuring])
    if time.error:
        raise time.error


async def _measure_again(
    ledger: Ledger,
    time: CorrectedTime,
    measure: Measure,
    pause: Callable[[float], Awaitable[None]],
) -> None:
    """Measure each minute until the clock jumps."""
    while not time.error:
        # Not `clock.sleep`, which a signal may end: messages in flight need the right time, too.
        await pause(MEASURE_EVERY)
        try:
            time.correct(await ledger.run(measure, time.local_now))
        except OnboardingError as error:
            # The database is away. What has to be written ends the run; the last offset holds.
            time.progress.say(str(error))


def _describe_offset(offset: timedelta) -> str:
    direction = "behind" if offset > timedelta() else "ahead of"
    return f"This machine's clock is {format_span(abs(offset))} {direction} the database's."
