"""A proxy on loopback that answers CONNECT, or SOCKS 5; all its names are of this machine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass
class ConnectProxy:
    """The running proxy. `ports` are the servers behind it, `refusal` is its answer to all."""

    ports: Mapping[str, int]
    refusal: bytes = b""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            target = await (
                self._socks(reader, writer) if first == b"\x05" else self._connect(reader, writer)
            )
            if target:
                await self._lead_on(reader, writer, self.ports[target])
        writer.close()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        target = head.split(b" ")[1].decode()
        self.asked.append(target)
        writer.write(self.refusal or CONNECTED)
        await writer.drain()
        return "" if self.refusal else target

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """RFC 1928: no log-in, and a name that the proxy looks up."""
        await reader.readexactly((await reader.readexactly(1))[0])
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        assert kind == 3, "the name was looked up before the proxy was asked"
        name = await reader.readexactly((await reader.readexactly(1))[0])
        target = f"{name.decode()}:{int.from_bytes(await reader.readexactly(2), 'big')}"
        self.asked.append(target)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await writer.drain()
        return target

    async def _lead_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        behind, before = await asyncio.open_connection("127.0.0.1", port)
        copies = [
            asyncio.create_task(_copy(*pair)) for pair in ((reader, before), (behind, writer))
        ]
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        before.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def connect_proxy(
    ports: Mapping[str, int], refusal: bytes = b""
) -> AsyncIterator[ConnectProxy]:
    """Run it until the block is left. `ports` are by `name:port`."""
    running = ConnectProxy(ports, refusal)
    server = await asyncio.start_server(running.serve, "127.0.0.1", 0)
    running.port = server.sockets[0].getsockname()[1]
    async with server:
        yield running
