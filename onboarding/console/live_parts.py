"""Renders the parts of the open pages, each page once at a tick, however many people look at it."""

import asyncio
from collections.abc import Callable, Hashable, Mapping

from onboarding.pipeline.clock import Clock
from onboarding.pipeline.ledger_watch import LedgerWatch

Parts = Mapping[str, str]
"""The HTML of each part of a page, by its element's id, in the order of the page."""


class LiveParts:
    """What the open pages show at one tick of the watch: each page is rendered once."""

    def __init__(self, watch: LedgerWatch, clock: Clock) -> None:
        self.watch = watch
        self._clock = clock
        self._tick = -1
        self._made: dict[Hashable, asyncio.Task[Parts]] = {}

    async def find(self, tick: int, page: Hashable, make: Callable[[], Parts]) -> Parts:
        """Give the parts of a page at a tick, rendered in a thread for the first who asks."""
        if tick != self._tick:
            self._tick, self._made = tick, {}
        if page not in self._made:
            self._made[page] = asyncio.create_task(self._make(make))
            # If all readers have gone, no one asks for its error, and asyncio would print it.
            self._made[page].add_done_callback(lambda task: task.cancelled() or task.exception())
        # Shielded: others may wait for the same page when this one's reader goes.
        return await asyncio.shield(self._made[page])

    async def _make(self, make: Callable[[], Parts]) -> Parts:
        began = self._clock.instant()
        parts = await asyncio.to_thread(make)
        self.watch.add_time_spent(self._clock.instant().since(began))
        return parts
