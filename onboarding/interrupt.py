"""Ends a wait at once when a stop signal comes.

For answers and streams, where stopping early loses nothing. `cli.terminal` sets the event at the
first Ctrl-C or SIGTERM. Work that must be finished first, such as a body that is being sent,
does not wait here.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from onboarding.errors import Interrupted

T = TypeVar("T")


def stop_error() -> Interrupted:
    """Build the error of a run that a signal has stopped."""
    return Interrupted(
        "This command was stopped by a signal.",
        hint="Nothing is lost: run the same command again to go on.",
    )


async def wait_unless_stopped(stop: asyncio.Event, work: Awaitable[T]) -> T:
    """Wait for `work` and return its result.

    Once `stop` is set, cancels the work and raises `Interrupted`. If the work is done by then, its
    result is returned.
    """
    task = asyncio.ensure_future(work)
    signal = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((task, signal), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
    finally:
        task.cancel()
        signal.cancel()
        # Until both are really over, so that the work has closed what it opened.
        await asyncio.gather(task, signal, return_exceptions=True)
    raise stop_error()
