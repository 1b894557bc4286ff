"""An SMTP server that records every message it takes, and kills the sender at a given moment.

A moment is something that the server sees or does: a greeting, a command, a piece of a body, the
final dot, and the time just after it has answered one of them. So tests kill at chosen places, and
wait for nothing.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
FINAL_DOT = b"\r\n.\r\n"
ANSWERS = {b"EHLO": b"250-mail.example\r\n250-PIPELINING\r\n250 8BITMIME", b"QUIT": b"221 bye"}


@dataclass
class Recorder:
    """How often each Message-ID was taken; `moments` counts down to the kill of `victim`."""

    port: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    victim: int = 0
    moments: int = 0

    def aim(self, victim: int, moments: int) -> None:
        """Kill this process at the n-th moment from now on."""
        self.victim, self.moments = victim, moments

    def moment(self) -> None:
        self.moments -= 1
        if self.victim and self.moments <= 0:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0


async def converse(
    server: Recorder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one connection. What a dead sender had sent is still read, as by a real server."""
    writer.write(b"220 mail.example\r\n")
    server.moment()
    while line := await reader.readline():
        server.moment()
        verb = line[:4].upper()
        writer.write(ANSWERS.get(verb, b"354 go on" if verb == b"DATA" else b"250 fine") + b"\r\n")
        server.moment()
        if verb == b"DATA":
            server.taken[name_of(await body(server, reader))] += 1
            server.moment()
            writer.write(f"250 queued as {sum(server.taken.values())}\r\n".encode())
            server.moment()


async def body(server: Recorder, reader: asyncio.StreamReader) -> bytes:
    """Read up to the final dot; raises EOFError where it never comes: then nothing is taken."""
    received = b"\r\n"
    while not received.endswith(FINAL_DOT):
        piece = await reader.read(16_384)
        if not piece:
            raise EOFError
        received += piece
        server.moment()
    return received


def name_of(message: bytes) -> str:
    found = MESSAGE_ID.search(message)
    assert found
    return found[1].decode()


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    """Run the server on a free loopback port."""
    recorder, tasks = Recorder(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, EOFError, asyncio.CancelledError):
            await converse(recorder, reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    recorder.port = server.sockets[0].getsockname()[1]
    try:
        yield recorder
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
