"""A clock that stands still until a sleep: waits cost no time, and tests know what time it is."""

import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


class Clock:
    """Time that passes only by `sleep`; `slept` and `lingered` list the waits in seconds."""

    def __init__(self, start: datetime = NOON) -> None:
        self.time = start
        self.slept: list[float] = []
        self.lingered: list[float] = []
        self.grace_runs_out = False

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    async def linger(self, seconds: float) -> None:
        """Wait for ever for messages in flight, unless the test is about the end of this time."""
        self.lingered.append(seconds)
        if not self.grace_runs_out:
            await asyncio.Event().wait()
        self.time += timedelta(seconds=seconds)

    def pass_time(self, **parts: float) -> None:
        self.time += timedelta(**parts)
