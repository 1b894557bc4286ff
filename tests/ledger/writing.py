"""Statements that write a row, and ways to hand in many of them at once."""

import asyncio
import threading

import anyio
import anyio.lowlevel
import sqlalchemy as sa

from onboarding.ledger.schema import leases
from onboarding.ledger.store import Ledger
from tests.ledger.making import NOW


def note(connection: sa.Connection, number: int) -> int:
    """A statement: writes one row."""
    values = {
        "name": str(number),
        "holder": "x",
        "machine": "x",
        "pid": number,
        "started": "x",
        "until": NOW,
    }
    connection.execute(leases.insert().values(values))
    return number


def noted(connection: sa.Connection) -> list[int]:
    return list(connection.execute(sa.select(leases.c.pid).order_by(leases.c.pid)).scalars())


def fail(connection: sa.Connection, error: BaseException) -> None:
    """A statement that writes, and then meets an error."""
    note(connection, 999)
    raise error


class Odd(BaseException):
    """An error that no code expects."""


class Held:
    """Keeps the writer busy with a statement: what is submitted meanwhile becomes one group."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._release = ledger, threading.Event()

    async def __aenter__(self):
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def hold(_connection: sa.Connection) -> None:
            loop.call_soon_threadsafe(started.set)
            self._release.wait()

        self._held = asyncio.create_task(self._ledger.run(hold))
        await started.wait()

    async def __aexit__(self, *_):
        await anyio.lowlevel.checkpoint()
        self._release.set()
        await self._held


async def grouped(ledger: Ledger, *statements) -> list:
    """Hand in several statements at once; returns their results or errors."""
    async with Held(ledger):
        tasks = [asyncio.create_task(ledger.run(*statement)) for statement in statements]
        await anyio.lowlevel.checkpoint()
    return await asyncio.gather(*tasks, return_exceptions=True)


def counted(ledger: Ledger, event: str) -> list[object]:
    """Every commit, statement or failure of the ledger from now on."""
    seen: list[object] = []

    @sa.event.listens_for(ledger._engine, event)
    def _count(*what: object) -> None:
        seen.append(what)

    return seen
