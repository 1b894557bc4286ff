"""Starts and stops the simulated RingCentral and the mail catcher, as async context managers on 127.0.0.1.

Both run inside the caller's event loop: no thread, no process, no signal handler, no access log. On leaving, every
socket is closed, also those of clients that are still there.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

import uvicorn
from aiosmtpd.smtp import SMTP
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from onboarding.simulator.faults import Fault, Faults
from onboarding.simulator.journal import Journal
from onboarding.simulator.limits import Limits, RateLimiter
from onboarding.simulator.mailbox import CaughtMail, Folder, Mailbox, MailRules, Memory, cut, smtp_lines
from onboarding.simulator.server import Clock, Simulator, application, utc_now
from onboarding.simulator.world import World

LOOPBACK = "127.0.0.1"
IDLE = 600
"""Seconds for which an idle connection is kept: longer than any client pauses, so that no test meets a race."""


class Line(H11Protocol):
    """One client's connection, which a fault can cut: the application finds its transport in the request's state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Show the transport to the application."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(frozen=True, slots=True)
class RunningRingCentral:
    """The simulated RingCentral while it runs. `world`, `faults` and `requests` may be read and changed any time."""

    url: str
    world: World
    faults: Faults
    requests: Journal


@asynccontextmanager
async def serve_ringcentral(
    world: World,
    *,
    port: int = 0,
    limits: Limits | None = None,
    faults: Iterable[Fault | str] = (),
    clock: Clock = utc_now,
) -> AsyncIterator[RunningRingCentral]:
    """Serve a world at `http://127.0.0.1:port` (0: a free port) until the block is left.

    Raises:
        OSError: the port is taken.
        BadFault: a fault's short form can't be understood.

    """
    simulator = Simulator(world, RateLimiter(limits or Limits()), Faults(faults), clock)
    config = uvicorn.Config(
        application(simulator),
        http=Line,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Line(config, state, {}), LOOPBACK, port)
    try:
        yield RunningRingCentral(f"http://{LOOPBACK}:{_port(server)}", world, simulator.faults, simulator.requests)
    finally:
        server.close()
        while state.connections or state.tasks:  # uvicorn has no event that tells when all are gone
            for connection in tuple(state.connections):
                connection.transport.abort()
            await asyncio.sleep(0)
        await server.wait_closed()


@dataclass(frozen=True, slots=True)
class RunningMail:
    """The mail catcher while it runs."""

    port: int
    mailbox: Mailbox

    def messages(self) -> tuple[CaughtMail, ...]:
        """What was caught so far, in order."""
        return self.mailbox.messages()


@asynccontextmanager
async def serve_mail(
    folder: Path | None, *, port: int = 0, rules: MailRules | None = None
) -> AsyncIterator[RunningMail]:
    """Catch mail at `127.0.0.1:port` (0: a free port) until the block is left.

    `folder` gets the messages; None keeps them in memory, for tests.

    Raises:
        OSError: the port is taken, or the folder can't be written.

    """
    mailbox = Folder(folder) if folder else Memory()
    rules = rules or MailRules()
    lines: WeakSet[SMTP] = WeakSet()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(smtp_lines(mailbox, rules, lines), LOOPBACK, port, ssl=rules.tls)
    try:
        yield RunningMail(_port(server), mailbox)
    finally:
        server.close()
        while any(line.transport for line in lines):  # aiosmtpd has no event that tells it either
            for line in tuple(lines):
                cut(line)
            await asyncio.sleep(0)
        await server.wait_closed()


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
