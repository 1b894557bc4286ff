"""The connections of one run, at most `max_connections`: lent, used again, closed with QUIT.

A connection opens its line when a message is sent, and replaces a broken or worn one by itself. If
the `with` block is left in the middle of a transaction (an error, a signal), the line is cut, so
that no reply and no body ever reaches the wrong message. A connection that the server does not
serve is given up, and there is one less from then on. Where all processes together may have so many
connections, each is shown to live, and one that is idle is closed. The pool does not limit the
rate: the pipeline does.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from onboarding.model.ports import SLOT_HEARTBEAT, ConnectionSlots
from onboarding.smtp.connect import Connector
from onboarding.smtp.counted import CountedConnector, NoSlotLeft
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import Connection

SLOT_RETRY = 1.0
"""Seconds between two tries to get connections back that other runs have had."""

BEATS = round(SLOT_HEARTBEAT / SLOT_RETRY)


class Pool:
    """Connections to the server of the settings.

    It costs nothing until the first message: a command that sends none needs no password, and opens
    nothing. `clock` gives seconds, by which the idle time of a line is counted; `sleep` waits for
    so many. `slots` count the connections of all processes; None: only this pool counts.
    """

    def __init__(
        self,
        settings: SmtpSettings,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        stop: asyncio.Event | None = None,
        slots: ConnectionSlots | None = None,
    ) -> None:
        self._settings = settings
        self._slots = slots
        self._heartbeat: asyncio.Task[None] | None = None
        self._clock = clock
        self._sleep = sleep
        self._stop = stop
        # Never empty again once prepared: the last connection can't be given up.
        self._serving: list[Connection] = []
        self._free: list[Connection] = []
        self._seats = asyncio.Semaphore(settings.max_connections)
        self._loss: ConnectionRefusal | None = None
        # Given up because other runs had the rest. Each is tried again when it is not lent.
        self._without_slot: set[Connection] = set()
        self._resting: list[Connection] = []

    def prepare(self) -> None:
        """Read what every connection needs; opens none. The first `connection` does so too.

        Raises `ConfigurationError` if the password or the certificate file is missing.
        """
        if self._serving:
            return
        connector = self._make_connector()
        count = self._settings.max_connections
        self._serving = [Connection(connector, self._clock, self._sleep) for _ in range(count)]
        # A list of its own: `give_up` shortens the other while this connection is lent.
        self._free = list(self._serving)
        if self._slots:
            self._heartbeat = asyncio.create_task(self._keep_slots(self._slots))

    def _make_connector(self) -> Connector:
        if self._slots:
            return CountedConnector(self._settings, self._slots, self._stop)
        return Connector(self._settings, stop=self._stop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # When the run is cancelled too: a line that is left open takes one of the few connections
        # that the server allows, until the server gives it up.
        with anyio.CancelScope(shield=True):
            if self._heartbeat:
                self._heartbeat.cancel()
                await asyncio.wait([self._heartbeat])
            await asyncio.gather(*(connection.close() for connection in self._serving))

    async def _keep_slots(self, slots: ConnectionSlots) -> None:
        """Show the other processes that this one lives, and leave them what it does not use."""
        for beat in itertools.count(1):
            # Not `self._sleep`, with which time may pass at once.
            await asyncio.sleep(SLOT_RETRY)
            self.take_back()
            if beat % BEATS == 0:
                await self.close_idle()
                await slots.renew()

    def take_back(self) -> None:
        """Serve with the connections again that were given up because other runs had the rest.

        One for which they still do is given up again.
        """
        while self._resting:
            connection = self._resting.pop()
            self._serving.append(connection)
            # Behind those whose lines are open.
            self._free.insert(0, connection)
            self._seats.release()

    async def close_idle(self) -> None:
        """Close lines that have carried nothing for a while: others may wait for their slots."""
        for connection in list(self._free):
            # A task waits for its turn, or has been lent this connection meanwhile.
            if self._seats.locked() or connection not in self._free:
                continue
            if connection.is_idle(SLOT_HEARTBEAT):
                # Out of reach while it is closed.
                await self._seats.acquire()
                self._free.remove(connection)
                await connection.close()
                self._free.insert(0, connection)
                self._seats.release()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, waiting until one is free. Raises what `prepare` raises."""
        self.prepare()
        # The semaphore is fair: the task that waits longest is next.
        await self._seats.acquire()
        # The connection used last comes first: its line is open. Nothing is awaited since the seat
        # was taken, so that seat and connection always go together.
        connection = self._free.pop()
        try:
            yield connection
        finally:
            # The block was left early: the next message would read replies to this one.
            if connection.in_transaction:
                await connection.abort()
            if connection in self._serving:
                self._free.append(connection)
                self._seats.release()
            else:
                # It was given up. Its seat stays taken, so that one connection fewer is lent.
                await connection.close()
                if connection in self._without_slot:
                    self._without_slot.remove(connection)
                    self._resting.append(connection)

    @property
    def last(self) -> bool:
        """Whether one connection is left, which can't be given up."""
        return len(self._serving) == 1

    def give_up(self, connection: Connection, refusal: ConnectionRefusal) -> None:
        """Do without a connection from now on. Raises the refusal where it is the last."""
        if self.last:
            raise refusal
        self._serving.remove(connection)
        if isinstance(refusal, NoSlotLeft):
            self._without_slot.add(connection)
        # Too many connections is a reason that a person can change, so it is the one to show.
        if self._loss is None or (refusal.crowded and not self._loss.crowded):
            self._loss = refusal

    @property
    def loss(self) -> str:
        """Say for people that connections were given up, and why; empty where none was."""
        left, wanted = len(self._serving), self._settings.max_connections
        if self._loss is None or left == wanted:
            return ""
        advice = f" Lower [smtp] max_connections to {left}." if self._loss.crowded else ""
        return f"{self._loss.message} So {left} of {wanted} connections were used.{advice}"
