"""Servers on loopback that keep to no protocol: they drip, flood, never end, or never begin."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TICK = 0.01
"""Seconds between two drips."""


@dataclass
class Hostile:
    """The running server. `reached` is set at the first connection, `requests` counts requests."""

    port: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    requests: int = 0


@asynccontextmanager
async def hostile(
    conversation: Conversation, context: SSLContext | None = None
) -> AsyncIterator[Hostile]:
    """Run a server that leads every connection this way, until the block is left."""
    running = Hostile()
    held: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.reached.set()
        task = asyncio.current_task()
        assert task
        held.add(task)
        try:
            await conversation(Counted(reader, running), writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            held.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    running.port = server.sockets[0].getsockname()[1]
    async with server:
        yield running
        for task in held:
            task.cancel()


class Counted:
    """A reader that counts the requests that were read."""

    def __init__(self, reader: asyncio.StreamReader, running: Hostile) -> None:
        self._reader = reader
        self._running = running

    async def readuntil(self, separator: bytes) -> bytes:
        head = await self._reader.readuntil(separator)
        self._running.requests += 1
        return head


def after_request(answer: Callable[[asyncio.StreamWriter], Awaitable[None]]) -> Conversation:
    """Wait for a request's head, then answer so."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(writer)

    return converse


def sending(*pieces: bytes) -> Conversation:
    """Answer a request with these bytes, and close."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))
        await writer.drain()

    return after_request(answer)


def repeating(head: bytes, piece: bytes, tick: float = 0.0) -> Conversation:
    """Answer a request with a head, and then with one piece again and again."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(tick)

    return after_request(answer)


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing at all."""
    await asyncio.Event().wait()


async def dripping_handshake(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin a TLS record of the greatest length, and send it byte by byte."""
    writer.write(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
    while True:
        writer.write(b"\x00")
        await writer.drain()
        await asyncio.sleep(TICK)


def packed(content: bytes) -> bytes:
    """A whole answer whose content is packed by gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(content) + packer.flush()
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
