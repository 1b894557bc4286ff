"""An SMTP server that records every message it takes, and kills the sender at a given moment.

It may have a `Trouble`, as real servers have. With `log` it writes what Postfix would of each
message that it takes.

A moment is something that the server sees or does: a greeting, a command, a piece of a body, the
final dot, and the time just after it has answered one of them. So tests kill at chosen places, and
wait for nothing.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

MESSAGE_ID = re.compile(rb"^Message-ID: *(<[^>]+>)", re.IGNORECASE | re.MULTILINE)
FINAL_DOT = b"\r\n.\r\n"
RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)
ANSWERS = {b"EHLO": b"250-mail.example\r\n250-PIPELINING\r\n250 8BITMIME", b"QUIT": b"221 bye"}


class Trouble(Enum):
    """What is wrong with the server."""

    DOWN = auto()
    """It greets with a 421, and closes."""
    DEFERS = auto()
    """It answers every recipient with a 451."""
    CUTS = auto()
    """It closes the connection within the body, and takes nothing."""
    LOSES = auto()
    """It takes the message, and closes before it has answered the final dot."""


@dataclass(frozen=True)
class Received:
    """One message that was taken."""

    recipient: str
    content: bytes = field(repr=False)


@dataclass
class Recorder:
    """How often each Message-ID was taken; `moments` counts down to the kill of `victim`."""

    port: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    received: list[Received] = field(default_factory=list)
    victim: int = 0
    moments: int = 0
    trouble: Trouble | None = None
    log: Path | None = None
    senders: Counter[str] = field(default_factory=Counter)
    """How many messages came from each sender, by the name in its EHLO."""
    open_now: int = 0
    most_open: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with each message that is taken."""

    def aim(self, victim: int, moments: int) -> None:
        """Kill this process at the n-th moment from now on."""
        self.victim, self.moments = victim, moments

    def moment(self) -> None:
        self.moments -= 1
        if self.victim and self.moments <= 0:
            # Of several senders, this one may have ended by itself.
            with suppress(ProcessLookupError):
                os.kill(self.victim, signal.SIGKILL)
            self.victim = 0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count a connection while it is open."""
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            yield
        finally:
            self.open_now -= 1

    def take(self, recipient: str, content: bytes, sender: str = "") -> None:
        """Take a message: from here on it is in the recipient's mailbox."""
        message_id = name_of(content)
        self.taken[message_id] += 1
        self.senders[sender] += 1
        self.news.set()
        self.received.append(Received(recipient, content))
        if self.log:
            line = "Mar  1 12:00:00 mail postfix/"
            queue_id = f"4Xk{len(self.received):07d}"
            with self.log.open("a", encoding="utf-8") as log:
                log.write(
                    f"{line}cleanup[11]: {queue_id}: message-id={message_id}\n"
                    f"{line}qmgr[12]: {queue_id}: from=<e@example.com>, size=1, nrcpt=1 "
                    "(queue active)\n"
                )


async def converse(
    server: Recorder, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve one connection. What a dead sender had sent is still read, as by a real server."""
    if server.trouble is Trouble.DOWN:
        writer.write(b"421 4.3.2 mail.example is down\r\n")
        return
    writer.write(b"220 mail.example\r\n")
    server.moment()
    recipient = sender = ""
    while line := await reader.readline():
        server.moment()
        verb = line[:4].upper()
        sender = line[5:].decode().strip() if verb == b"EHLO" else sender
        if found := RECIPIENT.match(line):
            recipient = "" if server.trouble is Trouble.DEFERS else found[1].decode()
        has_refused = verb in {b"RCPT", b"DATA"} and not recipient
        writer.write(_answer(verb, has_refused=has_refused) + b"\r\n")
        server.moment()
        if verb == b"DATA" and not has_refused:
            await _take_message(server, reader, writer, recipient, sender)


def _answer(verb: bytes, *, has_refused: bool) -> bytes:
    if has_refused:
        return b"451 4.3.0 later" if verb == b"RCPT" else b"554 5.5.1 no valid recipients"
    return ANSWERS.get(verb, b"354 go on" if verb == b"DATA" else b"250 fine")


async def _take_message(
    server: Recorder,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    recipient: str,
    sender: str,
) -> None:
    if server.trouble is Trouble.CUTS:
        raise EOFError
    server.take(recipient, await body(server, reader), sender)
    server.moment()
    if server.trouble is Trouble.LOSES:
        raise EOFError
    writer.write(f"250 queued as {len(server.received)}\r\n".encode())
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
    return received[2 : -len(FINAL_DOT)] + b"\r\n"


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
        with suppress(ConnectionError, EOFError, asyncio.CancelledError), recorder.counting():
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
