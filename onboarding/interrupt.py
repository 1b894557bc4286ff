"""Ends a wait at once when a stop signal comes: for answers and streams, where leaving early loses nothing.

`cli.terminal` sets the event at the first Ctrl-C or SIGTERM. Work that must be finished first (a
message in flight) does not wait here.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from onboarding.errors import Interrupted

T = TypeVar("T")


def stop_error() -> Interrupted:
    """Build the error of a run that a signal has stopped."""
    return Interrupted(
        "stopped by a signal", hint="Nothing is lost: run the same command again to go on."
    )


async def wait_unless_stopped(stop: asyncio.Event, work: Awaitable[T]) -> T:
    """Wait for `work`; once `stop` is set, cancel it and raise `Interrupted`. What is done by then still counts."""
    task = asyncio.ensure_future(work)
    signal = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, signal), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        task.cancel()
        signal.cancel()
        await asyncio.gather(task, signal, return_exceptions=True)
    raise stop_error()
