"""A server on loopback that answers what a test's script says, and remembers the requests.

For wire faults that no well-behaved server shows, odd headers and shapes that the contract does not
promise. It knows no rule of RingCentral: tests of rules run against the simulator.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import h11

TOKEN = {
    "access_token": "token-1",
    "expires_in": 7200,
    "token_type": "bearer",
    "scope": "",
    "session_id": "1",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: JSON, or bytes as they are."""

    json: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def content(self) -> bytes:
        return json.dumps(self.json).encode() if self.body is None else self.body


@dataclass(frozen=True, slots=True)
class Cut:
    """The line is cut after the request was read."""


@dataclass(frozen=True, slots=True)
class Mute:
    """The line stays open, and nothing comes."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(slots=True)
class Scripted:
    """The server. A log-in gets the next of `logins`, and a good token where none is left."""

    url: str = ""
    script: list[Reply | Cut | Mute] = field(default_factory=list)
    logins: list[Reply | Cut | Mute] = field(default_factory=list)
    requests: list[ReceivedRequest] = field(default_factory=list)
    muted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request is left without an answer."""

    @property
    def calls(self) -> list[ReceivedRequest]:
        """The requests that were no log-ins."""
        return [
            request for request in self.requests if not request.path.startswith("/restapi/oauth")
        ]

    def next(self, request: ReceivedRequest) -> Reply | Cut | Mute:
        self.requests.append(request)
        if request.path.startswith("/restapi/oauth"):
            return self.logins.pop(0) if self.logins else Reply(TOKEN)
        return (
            self.script.pop(0) if self.script else Reply({"errors": [{"errorCode": "TEST-1"}]}, 418)
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = h11.Connection(h11.SERVER)
        while request := await _read_request(line, reader):
            match self.next(request):
                case Cut():
                    return
                case Mute():
                    self.muted.set()
                    await reader.read()
                    return
                case Reply() as reply:
                    await _send_reply(line, writer, reply)
                    if line.our_state is h11.MUST_CLOSE:
                        return
                    line.start_next_cycle()


async def _read_request(
    line: h11.Connection, reader: asyncio.StreamReader
) -> ReceivedRequest | None:
    head, body = None, b""
    while True:
        event = line.next_event()
        match event:
            case h11.NEED_DATA:
                line.receive_data(await reader.read(65536))
            case h11.Request():
                head = event
            case h11.Data():
                body += event.data
            case h11.EndOfMessage():
                return _build_request(head, body)
            case _:
                return None


def _build_request(head: h11.Request, body: bytes) -> ReceivedRequest:
    target = urlsplit(head.target.decode())
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return ReceivedRequest(head.method.decode(), unquote(target.path), query, headers, body)


async def _send_reply(line: h11.Connection, writer: asyncio.StreamWriter, reply: Reply) -> None:
    content = reply.content()
    headers: Sequence[tuple[str, str]] = [
        *reply.headers.items(),
        ("Content-Length", str(len(content))),
    ]
    response = line.send(h11.Response(status_code=reply.status, headers=headers, reason=b""))
    writer.write(
        (response or b"")
        + (line.send(h11.Data(content)) or b"")
        + (line.send(h11.EndOfMessage()) or b"")
    )
    await writer.drain()


@asynccontextmanager
async def scripted(context: SSLContext | None = None) -> AsyncIterator[Scripted]:
    """Run a scripted server on a free port of this machine."""
    served = Scripted()
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context)
    scheme = "https" if context else "http"
    served.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield served
