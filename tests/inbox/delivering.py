"""A mail server that delivers into a maildir, and changes what it passes on as a test says."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakSet

from aiosmtpd.smtp import SMTP


@dataclass
class ChangingRelay:
    """A mail server that delivers each message, changed, into a maildir."""

    maildir: Path
    change: Callable[[bytes], bytes]
    port: int = 0
    lines: WeakSet[SMTP] = field(default_factory=WeakSet)

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        count = len(list((self.maildir / "new").iterdir()))
        # As a delivery is done: no program sees half of it.
        written = self.maildir / "tmp" / str(count)
        written.write_bytes(self.change(envelope.original_content))
        written.rename(self.maildir / "new" / f"m{count}")
        return "250 2.0.0 Ok: delivered"

    def line(self) -> SMTP:
        protocol = SMTP(self, hostname="mail.example.com", loop=asyncio.get_running_loop())
        self.lines.add(protocol)
        return protocol


@asynccontextmanager
async def serve_relay(
    folder: Path, change: Callable[[bytes], bytes]
) -> AsyncIterator[ChangingRelay]:
    running = ChangingRelay(folder / "maildir", change)
    for part in ("new", "cur", "tmp"):
        (running.maildir / part).mkdir(parents=True)
    server = await asyncio.get_running_loop().create_server(running.line, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    try:
        yield running
    finally:
        server.close()
        while any(line.transport for line in running.lines):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)
        await server.wait_closed()
