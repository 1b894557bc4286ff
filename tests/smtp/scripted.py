"""An SMTP server that keeps to a script: at each phase it answers, garbles, stalls or hangs up.

Raw asyncio, because what is tested here no decent server does. It records exactly what it received,
and which bodies it received whole, so that a test can compare what the client believes with what is
true. Without a script it is a polite server. It knows no TLS and checks no password: aiosmtpd and
Postfix do, in the tests beside this.
"""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from onboarding.smtp.settings import SmtpSettings

RECIPIENT = re.compile(r"RCPT TO:<([^>]*)>")
REFUSAL = re.compile(r"[45]\d\d[ -]")
FINAL_DOT = b"\r\n.\r\n"
POLITE = {
    "greeting": "220 mail.example.com ESMTP",
    "auth": "235 2.7.0 welcome",
    "mail": "250 2.1.0 sender fine",
    "rcpt": "250 2.1.5 recipient fine",
    "data": "354 go ahead",
    "dot": "250 2.0.0 Ok: queued as 4XyZ1",
    "rset": "250 2.0.0 forgotten",
    "noop": "250 2.0.0 still here",
    "quit": "221 2.0.0 bye",
}


VERBS = {*POLITE, "ehlo", "starttls"}
"""Whatever else comes is part of a log-in."""


@dataclass(frozen=True)
class Say:
    """Answer with these lines, whole or byte by byte; then hang up, if the script says so."""

    text: str
    hang_up: bool = False
    bytewise: bool = False
    end: bytes = b"\r\n"


@dataclass(frozen=True)
class HangUp:
    """Close the connection instead of an answer. At "body": once so many bytes of it have come."""

    after: int = 0


@dataclass(frozen=True)
class Stall:
    """Say nothing until the client hangs up. At "body": read nothing either."""


@dataclass(frozen=True)
class Drip(Stall):
    """Never end an answer: say a line of it again and again, until the client hangs up."""


@dataclass(frozen=True)
class Quote:
    """Answer with what is made of the command, or of the body, that is answered."""

    answer: Callable[[bytes], str]


Act = Say | HangUp | Stall | Quote
Script = Mapping[str, Sequence[Act]]


@dataclass(frozen=True)
class Crowded:
    """The answer at a phase while more connections than so many are open, before the script's."""

    most: int
    phase: str
    act: Act


@dataclass
class Scripted:
    """The running server, and what it has seen. `script` gives a phase's acts, in order."""

    extensions: Sequence[str]
    script: dict[str, list[Act]]
    port: int = 0
    listening: asyncio.Server | None = None
    connections: list[list[str]] = field(default_factory=list)
    """The commands of each connection, in order; a body is one entry, `<body>`."""
    bodies: list[bytes] = field(default_factory=list)
    """Bodies that came whole, with their final dot, as they came."""
    broken_bodies: list[bytes] = field(default_factory=list)
    """What came of a body whose final dot never came."""
    stalling: asyncio.Event = field(default_factory=asyncio.Event)
    unanswered: bytes = b""
    """What came while the server stalled, after the command that it did not answer."""
    taken: list[bytes] = field(default_factory=list)
    """Bodies that the server did not refuse: they may be delivered, whatever it did after."""
    crowded: Crowded | None = None
    worn: tuple[int, str, Act] | None = None
    """Messages that a connection carries, and what the next one on it is answered at a phase."""
    open_now: int = 0
    slow_to_count: int = 0
    """How many that come after a connection was closed find it counted still."""
    still_counted: int = 0
    always: Mapping[tuple[str, str], Act] = field(default_factory=dict)
    """For a phase and a recipient: the answer every time, instead of the script's."""

    def settings(self, **changes: Any) -> SmtpSettings:
        """Make the settings that lead here."""
        return SmtpSettings(
            **{
                "host": "127.0.0.1",
                "port": self.port,
                "security": "none",
                "timeout": 5.0,
                **changes,
            }
        )

    def next_act(self, phase: str) -> Act:
        acts = self.script.get(phase)
        return acts.pop(0) if acts else Say(POLITE[phase] if phase != "ehlo" else self.hello())

    def hello(self) -> str:
        lines = ["mail.example.com", *self.extensions]
        return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)


class Gone(Exception):
    """This connection is over."""


@dataclass
class Conversation:
    """One connection."""

    server: Scripted
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    seen: list[str]
    received: bytes = b""
    one_too_many: bool = False
    recipient: str = ""

    async def run(self) -> None:
        await self.play("greeting")
        while line := await self.reader.readline():
            self.received = line.removesuffix(b"\r\n")
            self.seen.append(self.received.decode())
            if found := RECIPIENT.match(self.seen[-1]):
                self.recipient = found[1]
            verb = line.split(b" ")[0].strip().lower().decode()
            phase = verb if verb in VERBS else "auth"
            act = await self.play(phase)
            if phase == "data" and isinstance(act, Say) and act.text.startswith("354"):
                await self.take_body()
            if phase == "quit":
                return

    async def play(self, phase: str) -> Act:
        act = self.act(phase)
        await self.perform(act)
        return act

    def act(self, phase: str) -> Act:
        crowded = self.server.crowded
        if crowded and self.one_too_many and phase == crowded.phase:
            return crowded.act
        worn = self.server.worn
        if worn and phase == worn[1] and self.seen.count("<body>") - (phase == "dot") >= worn[0]:
            return worn[2]
        return self.server.always.get((phase, self.recipient)) or self.server.next_act(phase)

    async def perform(self, act: Act) -> None:
        match act:
            case HangUp():
                raise Gone
            case Drip():
                await self.drip()
                raise Gone
            case Stall():
                self.server.stalling.set()
                self.server.unanswered += await self.reader.read()
                raise Gone
            case Quote():
                await self.say(Say(act.answer(self.received)))
            case Say():
                await self.say(act)
                if act.hang_up:
                    raise Gone

    async def drip(self) -> None:
        hung_up = asyncio.ensure_future(self.reader.read())
        try:
            while not hung_up.done():
                await self.say(Say("250-so far"))
                await asyncio.wait([hung_up], timeout=0.01)
        finally:
            await asyncio.gather(hung_up, return_exceptions=True)  # a reset is an end too

    async def say(self, act: Say) -> None:
        answer = act.text.encode() + act.end
        for piece in [answer[i : i + 1] for i in range(len(answer))] if act.bytewise else [answer]:
            self.writer.write(piece)
            await self.writer.drain()

    async def take_body(self) -> None:
        body = b""
        fault = self.server.next_act("body") if self.server.script.get("body") else None
        if isinstance(fault, Stall):
            await asyncio.get_running_loop().create_future()
        left = fault.after if isinstance(fault, HangUp) else sys.maxsize
        while not (b"\r\n" + body).endswith(FINAL_DOT):
            received = await self.reader.read(min(65536, left))
            left -= len(received)
            body += received
            if not received:
                self.server.broken_bodies.append(body)
                raise Gone
        self.seen.append("<body>")
        self.server.bodies.append(body)
        self.received = body
        act = self.act("dot")
        if not isinstance(act, Say) or not REFUSAL.match(act.text):
            self.server.taken.append(body)
        await self.perform(act)


@asynccontextmanager
async def scripted(
    script: Script | None = None,
    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"),
    **more: Any,
) -> AsyncIterator[Scripted]:
    """Run a scripted server on a free loopback port. `more` are further fields of `Scripted`."""
    server = Scripted(
        extensions, {phase: list(acts) for phase, acts in (script or {}).items()}, **more
    )
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        seen: list[str] = []
        server.connections.append(seen)
        server.open_now += 1
        counted = server.open_now + (server.still_counted > 0)
        server.still_counted = max(0, server.still_counted - 1)
        too_many = server.crowded is not None and counted > server.crowded.most
        try:
            await Conversation(server, reader, writer, seen, one_too_many=too_many).run()
        except (Gone, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            server.open_now -= 1
            server.still_counted = server.still_counted if too_many else server.slow_to_count
            writer.transport.abort()

    listening = server.listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await listening.wait_closed()
