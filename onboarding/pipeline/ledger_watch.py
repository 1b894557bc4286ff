"""Watches the ledger for all who follow it: one question to SQLite, however many pages are open.

What has changed is not said. Who follows reads again what they show (`overview`, `webinar_view`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from onboarding.config import Config
from onboarding.ledger.changes import NO_LEDGER, LedgerVersion, watch_changes
from onboarding.ledger.settings import find_place

LOOK_EVERY = 0.5
"""Seconds between two looks: for a person who watches that is at once."""

OLDEST_NEWS = 15.0
"""Seconds after which all counts as changed: countdowns and ends of leases need no write."""

REST = 4.0
"""How many times as long as the last pages took is waited before the next look: with however many
pages open, following them takes at most a fifth of a processor."""


class LedgerWatch:
    """Counts the changes of one ledger while there are followers.

    `tick` is the count so far. `sleep` waits for some seconds.
    """

    def __init__(
        self, config: Config, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.tick = 0
        self._changes = watch_changes(find_place(config.ledger))
        self._sleep = sleep
        self._changed = asyncio.Condition()
        self._starting = asyncio.Lock()
        self._followers = 0
        self._version = NO_LEDGER
        self._task: asyncio.Task[None] | None = None
        self._spent = 0.0

    def add_time_spent(self, seconds: float) -> None:
        """Say how long it took to make a page: the next look is the later for it."""
        self._spent += seconds

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[None]:
        """Watch the ledger while the block runs. What is read in the block misses no change."""
        self._followers += 1
        try:
            # A second follower waits, too: what it read before the first look could have changed
            # unseen.
            async with self._starting:
                if self._task is None or self._task.done():
                    self._version = await self._find_version()
                    self._task = asyncio.create_task(self._look())
            yield
        finally:
            self._followers -= 1

    async def wait_for_change(self, seen: int) -> int:
        """Wait, in `follow`, until `tick` is another than the one that was seen; gives it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.tick != seen)
            return self.tick

    async def announce(self) -> None:
        """Say that there is something new, now: also what stands in no ledger, such as an error."""
        async with self._changed:
            self.tick += 1
            self._changed.notify_all()

    async def _look(self) -> None:
        """Look again and again while there are followers."""
        waited = 0.0
        try:
            while self._followers:
                pause = max(LOOK_EVERY, REST * self._spent)
                self._spent = 0.0
                await self._sleep(pause)
                waited += pause
                version = await self._find_version()
                if version != self._version or waited >= OLDEST_NEWS:
                    self._version, waited = version, 0.0
                    await self.announce()
        finally:
            # While it is open, SQLite keeps its files beside the ledger.
            self._changes.close()

    async def _find_version(self) -> LedgerVersion:
        # In a thread: a network drive may take its time.
        return await asyncio.to_thread(self._changes.find_version)
