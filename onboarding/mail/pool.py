"""The connections of one run: at most `max_connections`, lent one at a time, used again, closed with QUIT.

A connection opens its line when a message is offered, and replaces a broken or worn one by itself. Whoever leaves the
`with` block in the middle of a transaction (an error, a signal) has its line cut, so that no answer and no body ever
reaches the wrong message. It keeps no pace: whoever asks for a connection has waited before.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from onboarding.mail.opening import Server
from onboarding.mail.settings import SmtpSettings
from onboarding.mail.transaction import Connection


class Pool:
    """Connections to the server of the settings. `clock` gives seconds, for the question how long a line has idled.

    Raises `ConfigurationError` where the password or the certificate file is missing; nothing is opened before the
    first offer.
    """

    def __init__(self, settings: SmtpSettings, clock: Callable[[], float] = time.monotonic) -> None:
        server = Server(settings)
        self._free = [Connection(server, clock) for _ in range(settings.max_connections)]
        self._seats = asyncio.Semaphore(settings.max_connections)
        self._all = tuple(self._free)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await asyncio.gather(*(connection.close() for connection in self._all))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, waiting until one is free; the one used last comes first, because its line is warm."""
        async with self._seats:
            connection = self._free.pop()
            try:
                yield connection
            finally:
                if not connection.resting:
                    await connection.abandon()
                self._free.append(connection)
