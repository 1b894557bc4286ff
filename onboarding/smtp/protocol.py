"""The SMTP wire: commands out, whole replies in, in order, several commands under way at once.

`WireProtocol` takes over the transport after aiosmtplib has connected, encrypted and logged in,
because that library loses replies when several commands are written at once. It knows nothing of
messages: `transaction` does. Every end of a line (closed, timed out, malformed reply) is one
exception, `ConnectionLost`: what it means depends on when it came.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

import anyio

from onboarding.model.deliveries import Reply
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import NONE, Secrets
from onboarding.smtp.replies import clean_reply, parse_reply

# A code alone is a reply too, by the grammar of RFC 5321 4.2.
REPLY_LINE = re.compile(rb"([1-5]\d\d)(?:([ -])(.*))?", re.DOTALL)
LONGEST_REPLY = 65_536
"""Bytes; a server that sends more than this without ending its reply is not speaking SMTP."""

USUAL_LINE = 512
"""Bytes of a reply's line (RFC 5321 4.5.3.1.5); servers may send longer ones."""


class ConnectionLost(Exception):
    """The line can't be used any more. The text says why, in words that complete a sentence."""


class MalformedReply(Exception):
    """The server sent something that is no reply (RFC 5321 4.2)."""


class ReplyReader:
    """Splits what the server sends into replies. Lines end in CRLF or LF; all bear the code."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[str] = []
        self._code = 0
        self._size = 0

    def feed(self, received: bytes) -> Iterator[Reply]:
        """Yield each reply that is complete. Raises `MalformedReply` after the last good one."""
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if reply := self._parse_line(line.removesuffix(b"\r")):
                yield reply
        # A line that never ends does not reach `_parse_line`, which limits everything else.
        if len(self._rest) > LONGEST_REPLY:
            raise MalformedReply

    def _parse_line(self, line: bytes) -> Reply | None:
        # Within a longer reply the same bytes are its end, and its code has to be compared. Only
        # short lines are cached, so that the cache stays small.
        if not self._lines and len(line) < USUAL_LINE and (reply := _parse_single_line(line)):
            return reply
        # The limit counts a whole reply: a server could send lines that go on for ever.
        found = REPLY_LINE.fullmatch(line)
        self._size += len(line)
        if not found or self._size > LONGEST_REPLY or (self._lines and int(found[1]) != self._code):
            raise MalformedReply
        self._code = int(found[1])
        self._lines.append(_decode_line_text(found))
        if found[2] == b"-":
            return None
        lines, self._lines, self._size = self._lines, [], 0
        return _build_reply(found, lines)


@lru_cache(maxsize=64)
def _parse_single_line(line: bytes) -> Reply | None:
    """Read a reply of one line (a server repeats these); None where it is another kind of line."""
    found = REPLY_LINE.fullmatch(line)
    return _build_reply(found, [_decode_line_text(found)]) if found and found[2] != b"-" else None


def _build_reply(found: re.Match[bytes], lines: list[str]) -> Reply:
    return parse_reply(int(found[1]), lines)


def _decode_line_text(found: re.Match[bytes]) -> str:
    return (found[3] or b"").decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the server's EHLO answer offers. `size` is the biggest message in bytes, if limited."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    declares_size: bool = False
    size: int | None = None
    dsn: bool = False

    @classmethod
    def parse(cls, extensions: dict[str, str]) -> "Capabilities":
        """Read them from EHLO keywords in lower case and their parameters.

        RFC 1870 (SIZE), 2920 (PIPELINING), 3461 (DSN), 6152 (8BITMIME), 6531 (SMTPUTF8).
        """
        size = re.fullmatch(r"[0-9]{1,20}", extensions.get("size", "").strip())
        return cls(
            pipelining="pipelining" in extensions,
            eight_bit="8bitmime" in extensions,
            smtputf8="smtputf8" in extensions,
            declares_size="size" in extensions,
            dsn="dsn" in extensions,
            # RFC 1870 4: zero means that there is no fixed limit. More digits than its section 3
            # allows (20) are no number: Python's `int` refuses thousands of them.
            size=(int(size[0]) or None) if size else None,
        )


class WireProtocol(asyncio.Protocol):
    """A secured, logged-in line to the server.

    `transactions` counts the messages offered on it. `in_transaction` is True from the first byte
    of a command or a transaction to its last reply. A line that is left in between must be cut, or
    the next message would read the replies to this one. `secrets` are what the server was given, by
    the log-in and with the current message: no reply and no error that leaves the line holds them.
    """

    def __init__(
        self, transport: asyncio.BaseTransport, capabilities: Capabilities, secrets: Secrets = NONE
    ) -> None:
        self.capabilities = capabilities
        self.secrets = secrets
        self.transactions = 0
        self.in_transaction = False
        self._transport = cast("asyncio.Transport", transport)
        self._reader = ReplyReader()
        self._replies: deque[Reply] = deque()
        self._broken = ""
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._closed = asyncio.get_running_loop().create_future()
        self._transport.set_protocol(self)
        # The loop may have reported the end to the protocol before this one.
        if self._transport.is_closing():
            self.connection_lost(None)

    @property
    def is_open(self) -> bool:
        """True until either side has closed the line."""
        return not self._broken and not self._transport.is_closing()

    @property
    def usable(self) -> bool:
        """True while the line is open and no reply came unasked (such as 421 before it closes)."""
        return self.is_open and not self._replies

    def disable_dsn(self) -> None:
        """Take notifications for not offered, on this line, and the last message for not begun."""
        self.capabilities = replace(self.capabilities, dsn=False)
        # Otherwise the second try would find a used line, and take a refusal for wear.
        self.transactions -= 1

    def write(self, commands: bytes) -> None:
        """Give bytes to the transport. Raises `ConnectionLost` where the line is known to be gone.

        So it is too where the server has spoken unasked: the next answer would be taken for another
        command's.
        """
        if self._replies:
            self.abort(f"the server said unasked: {self._take_reply()}")
        if self._broken or self._transport.is_closing():
            raise ConnectionLost(self._broken or "the connection is closed")
        self._transport.write(commands)

    async def send_chunk(self, chunk: bytes, seconds: float) -> None:
        """Write a chunk of a body and wait until the transport wants more.

        A line that breaks meanwhile fails the next write.
        """
        self.write(chunk)
        if self._writable is not None:
            with self._time_limit(seconds):
                await self._writable

    async def read_reply(self, seconds: float) -> Reply:
        """Wait for the next reply, in the order of the commands. Raises `ConnectionLost`."""
        if not self._replies:
            with self._time_limit(seconds):
                await self._wait_for_reply()
        return self._take_reply()

    def _take_reply(self) -> Reply:
        # The only way out of the queue, so that no reply leaves the line uncleaned.
        return clean_reply(self._replies.popleft(), self.secrets)

    async def _wait_for_reply(self) -> None:
        while not self._replies:
            # Only without a reply: what the server said before the end of the line still counts.
            if self._broken:
                raise ConnectionLost(self._broken)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def send_command(self, command: bytes, seconds: float) -> Reply:
        """Send one command outside of a message and wait for its reply. Raises `ConnectionLost`."""
        self.in_transaction = True
        self.write(command)
        reply = await self.read_reply(seconds)
        # Not in a `finally`: after a cancellation the reply is still to come, so the line is cut.
        self.in_transaction = False
        return reply

    def abort(self, reason: str = "we closed the connection") -> None:
        """End the line at once: the server gets nothing more, even in the middle of a message."""
        # Before the transport reports the end: the first reason is the one that is kept.
        self._record_loss(reason)
        self._transport.abort()

    async def close(self, seconds: float) -> None:
        """End the line, with QUIT unless it is in a transaction, and wait until it is closed.

        The wait is shielded, and takes at most twice `seconds`.
        """
        with anyio.CancelScope(shield=True):
            # Within a transaction the server could take QUIT for a line of the body.
            if self.usable and not self.in_transaction:
                await self._send_quit(seconds)
            self.abort()
            await self._closed

    async def _send_quit(self, seconds: float) -> None:
        # Everything was settled before: a server that does not even answer QUIT changes nothing.
        with contextlib.suppress(ConnectionLost):
            await self.send_command(b"QUIT\r\n", seconds)
        # `close` still sends what is buffered, and ends TLS properly; `abort` does not.
        self._transport.close()
        await asyncio.wait([self._closed], timeout=seconds)

    def data_received(self, data: bytes) -> None:
        """Take in what the server sent (asyncio calls this, and the four below)."""
        try:
            # The replies before a malformed one count: they may say what became of the message.
            for reply in self._reader.feed(data):
                self._replies.append(reply)
        except MalformedReply:
            self.abort("the server sent an unreadable answer")
        self._wake(self._waiter)

    def eof_received(self) -> None:
        """Note that the server will say nothing more; asyncio then closes the transport."""
        self._record_loss("the server closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the socket is closed."""
        why = clean(str(exc), self.secrets) if exc else ""
        self._record_loss(
            f"the connection was lost ({why})" if exc else "the server closed the connection"
        )
        self._wake(self._closed)

    def pause_writing(self) -> None:
        """Note that the transport holds enough."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Note that the transport wants more."""
        self._wake(self._writable)
        self._writable = None

    @contextlib.contextmanager
    def _time_limit(self, seconds: float) -> Iterator[None]:
        """Cut the line after so many seconds, however much of an answer has come."""
        # The end of the line wakes the waiting task: it fails, or it has its reply already.
        timer = asyncio.get_running_loop().call_later(seconds, self._time_out, seconds)
        try:
            yield
        finally:
            timer.cancel()

    def _time_out(self, seconds: float) -> None:
        self.abort(f"no answer within {seconds:g} seconds")

    def _record_loss(self, reason: str) -> None:
        # The first reason is the cause; those after it follow from it.
        self._broken = self._broken or reason
        self._wake(self._waiter)
        self._wake(self._writable)

    @staticmethod
    def _wake(event: asyncio.Future[None] | None) -> None:
        if event is not None and not event.done():
            event.set_result(None)
