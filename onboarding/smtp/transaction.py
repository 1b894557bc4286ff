"""One SMTP transaction in two halves: `send_envelope` may be repeated, `send_body` never.

`send_envelope` gets MAIL, RCPT and DATA answered; then the pipeline commits `sending`; `send_body`
sends the body and the final dot. Once the chunk that ends in the final dot is given to the
transport, a missing reply is `InDoubt`; before that, the server certainly accepted nothing. A
refusal of the sender or of the connection raises in both halves: the message was not accepted then
either.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from onboarding.model.deliveries import Deferred, InDoubt, Message, Rejected, Reply, Sent
from onboarding.smtp.connect import Connector
from onboarding.smtp.envelope import FINAL_DOT, EncodedMessage, encode_message
from onboarding.smtp.phases import ConnectionRefusal, Phase, cleanup_timeout, timeout_for
from onboarding.smtp.protocol import ConnectionLost, WireProtocol
from onboarding.smtp.replies import CLOSING, as_outcome, may_be_worn

CHUNK_SIZE = 65_536
"""Bytes given to the transport at once. Up to the last chunk a lost line leaves no doubt."""

IDLE_LIMIT = 30.0
"""Seconds after which an idle line is asked whether it still stands (NOOP) before it is used."""

REOPENING = (0.1, 0.5, 2.0)
"""Seconds between tries to replace a line: the server may count the closed one for a while."""

ENVELOPE = (Phase.MAIL, Phase.RCPT, Phase.DATA)
POSITIVE, INTERMEDIATE, REFUSALS = 2, 3, (4, 5)
"""First digits of a code (RFC 5321 4.2.1)."""

NO_SUCH_PARAMETER = frozenset({501, 504, 555})
"""Answers to parameters that the server does not know or take (RFC 5321 4.2.2, RFC 3461 4)."""

BAD_SEQUENCE = 503
"""Answered to MAIL: the server still has the message before. That is the line's fault."""


@dataclass(frozen=True, slots=True)
class EnvelopeAccepted:
    """The server answered 354: it waits for the body."""


@dataclass(frozen=True, slots=True)
class RefusedCommand:
    """A command that was answered with 4xx or 5xx."""

    phase: Phase
    reply: Reply


class Withheld(Exception):
    """The message did not leave, because it may not leave any more; the connection is cut."""


class Connection:
    """A connection of the pool. It has one line at most, and replaces it when worn or broken."""

    def __init__(
        self,
        server: Connector,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._server = server
        self._settings = server.settings
        self._clock = clock
        self._sleep = sleep
        self._line: WireProtocol | None = None
        self._has_served = False
        self._idle_since = 0.0
        self._offered: EncodedMessage | None = None

    async def open(self) -> None:
        """Open a line that can carry a message, if there is none.

        Raises what `Connector.open` raises: no message is to blame for it.
        """
        await self._ready_line()

    async def reopen(self) -> None:
        """Replace the line by a new one. Raises what `Connector.open` raises."""
        old, self._line, self._offered = self._line, None, None
        try:
            if old is not None:
                await old.close(cleanup_timeout(self._settings.timeout))
            await self._open_line(old)
        finally:
            # What it had for the new line is the new line's by now.
            if old is not None:
                await self._server.release(old)

    async def send_envelope(self, message: Message) -> EnvelopeAccepted | Deferred | Rejected:
        """Get MAIL, RCPT and DATA answered: nothing that the server could deliver leaves yet.

        A line that has served before may have been closed meanwhile, or be worn out at the server's
        end: then the commands are repeated once on a new one; and once without what we ask for
        bounces, where the server may refuse that.

        Raises `ConnectionRefusal` where the server does not serve this connection now, `Refused`,
        `TryLater` or `ConfigurationError` where it refuses us or can't be reached.
        """
        dsn = True
        # This ends: a used line is given up once, for a new one, and `dsn` is dropped once.
        while True:
            line = await self._ready_line()
            fresh = line.transactions == 0
            # Asked of each line: one name may lead to several servers, each with its own offer.
            capabilities = line.capabilities if dsn else replace(line.capabilities, dsn=False)
            envelope_sender = self._settings.make_envelope_sender(message.bounce_token)
            encoded = encode_message(message, capabilities, envelope_sender)
            if isinstance(encoded, Rejected):
                return encoded
            try:
                refused = await self._send_commands(line, encoded)
            except ConnectionLost as error:
                # On a new line the message may be the cause. A used line may have been closed in a
                # pause; no body has left yet, so a second try is safe.
                if fresh:
                    return Deferred(f"the mail server did not take this message now: {error}")
                continue
            if refused is None:
                self._offered = encoded
                return EnvelopeAccepted()
            # Before the refusal is judged, which may raise: the line is clean or cut by then.
            await self._reset(line, refused.reply)
            if is_dsn_refusal(encoded, refused):
                # For all messages on this line, and for this one on every line.
                line.disable_dsn()
                dsn = False
                continue
            if fresh or not may_be_worn(refused.phase, refused.reply, self._settings.provider):
                return self._as_delivery_outcome(refused, fresh=fresh)
            # The next line is fresh, so this ends after one more try.
            await self.close()

    async def send_body(
        self, message: Message, may_leave: Callable[[], bool] = lambda: True
    ) -> Sent | Deferred | Rejected | InDoubt:
        """Send the body and the final dot of the message that was offered, and wait for the answer.

        `may_leave` is called directly before the first byte, and directly before the chunk with the
        final dot, without which no server delivers anything. Where it returns False, the connection
        is cut there. This call may never be repeated after `Sent` or `InDoubt`.

        Raises `Withheld` where `may_leave` forbids it; `ConnectionRefusal`, `Refused` or `TryLater`
        where the server does not serve this connection, or refuses us: it took no message then.
        """
        # The envelope is forgotten before the body leaves: no second call can send it again.
        line, offered, self._offered = self._line, self._offered, None
        if line is None or offered is None or offered.message != message:
            raise RuntimeError(f"{message.message_id} was not offered on this connection")
        line.in_transaction = True
        *early, last = split_chunks(offered.body)
        try:
            await self._check_may_leave(may_leave)
            for chunk in early:
                await line.send_chunk(chunk, self._timeout_for(Phase.BODY))
            if early:
                await self._check_may_leave(may_leave)
            # One write, and nothing is awaited between the check and it: no cancellation and no
            # other task can come between. A process that is stopped right here is the one gap.
            line.write(last + FINAL_DOT)
        except ConnectionLost as error:
            # `write` raises before it gives the transport a byte, so the final dot has not left.
            return Deferred(f"the line broke before the message had left: {error}")
        try:
            reply = await line.read_reply(self._timeout_for(Phase.DOT))
        except ConnectionLost as error:
            # The server may have the whole message. As a `Deferred` it would be sent again, and a
            # person could get it twice.
            return InDoubt(f"the message had left when the line broke: {error}")
        return self._classify_final_reply(line, reply)

    async def _check_may_leave(self, may_leave: Callable[[], bool]) -> None:
        if not may_leave():
            await self.abort()
            raise Withheld

    async def abort(self) -> None:
        """Cut the line where it is: the server gets no final dot, so it has nothing to deliver."""
        if self._line is not None:
            self._line.abort()
        await self.close()

    async def close(self) -> None:
        """Close the line, with QUIT unless it is in a transaction."""
        # Forgotten before the wait: a `close` that is cancelled leaves no line to be used again.
        line, self._line, self._offered = self._line, None, None
        if line is None:
            return
        try:
            await line.close(cleanup_timeout(self._settings.timeout))
        finally:
            await self._server.release(line)

    def is_idle(self, seconds: float) -> bool:
        """Tell whether a line is open and has carried nothing for so many seconds."""
        return self._line is not None and self._clock() - self._idle_since >= seconds

    @property
    def in_transaction(self) -> bool:
        """True from an envelope to the message's end: no other message can go meanwhile."""
        return self._line is not None and self._line.in_transaction

    async def _ready_line(self) -> WireProtocol:
        if self._line is not None and not await self._is_usable(self._line):
            await self.close()
        return self._line or await self._open_line()

    async def _open_line(self, instead_of: WireProtocol | None = None) -> WireProtocol:
        self._line = await self._request_line(instead_of)
        self._idle_since = self._clock()
        return self._line

    async def _request_line(self, instead_of: WireProtocol | None) -> WireProtocol:
        # Only after a message: before, there is no closed line of ours that the server may count.
        for wait in REOPENING if self._has_served else ():
            try:
                return await self._server.open(instead_of)
            except ConnectionRefusal:
                await self._sleep(wait)
        return await self._server.open(instead_of)

    async def _is_usable(self, line: WireProtocol) -> bool:
        """Tell whether a line may carry another message. After a pause, NOOP asks the server."""
        # `in_transaction`: the body of an envelope never came, and the server would read the next
        # commands as that body.
        is_worn = line.transactions >= self._settings.max_messages
        if is_worn or line.in_transaction or not line.usable:
            return False
        if not self._server.may_use(line):
            return False
        if self._clock() - self._idle_since < IDLE_LIMIT:
            return True
        return await self._is_accepted(line, b"NOOP\r\n")

    async def _send_commands(
        self, line: WireProtocol, encoded: EncodedMessage
    ) -> RefusedCommand | None:
        """Get the three commands answered, and return the refusal. PIPELINING sends all at once."""
        line.transactions += 1
        line.in_transaction = True
        # Set before the first byte leaves: any reply from now on may quote the message.
        line.secrets = self._server.secrets.with_link(encoded.message.join_link)
        if line.capabilities.pipelining:
            # RFC 2920 3.1: DATA may end such a group, and nothing may follow it before its answer.
            line.write(b"".join(encoded.commands))
            return await self._read_pipelined_answers(line)
        for phase, command in zip(ENVELOPE, encoded.commands, strict=True):
            line.write(command)
            if refused := await self._read_answer(line, phase):
                return refused
        return None

    async def _read_pipelined_answers(self, line: WireProtocol) -> RefusedCommand | None:
        """Read the answers to three commands written at once, and return the first refusal.

        DATA may be answered with 354 although the recipient was refused. RFC 2920 3.1 then ends an
        empty body with a dot; the line is cut instead: no server can take that for a message.
        """
        refused: RefusedCommand | None = None
        for phase in ENVELOPE:
            try:
                answer = await self._read_answer(line, phase)
            except ConnectionLost:
                # The refusal says why, and the end of the line does not.
                if refused:
                    return refused
                raise
            if refused and phase is Phase.DATA and answer is None:
                line.abort()
            refused = refused or answer
        return refused

    async def _read_answer(self, line: WireProtocol, phase: Phase) -> RefusedCommand | None:
        """Read an answer; None is yes. Raises `ConnectionLost` where it is neither yes nor no."""
        reply = await line.read_reply(self._timeout_for(phase))
        first = reply.code // 100
        if first == (INTERMEDIATE if phase is Phase.DATA else POSITIVE):
            return None
        if first in REFUSALS and (phase, reply.code) != (Phase.MAIL, BAD_SEQUENCE):
            return RefusedCommand(phase, reply)
        # Such as 503 at MAIL: it is not known any more which command the next reply answers.
        line.abort()
        raise ConnectionLost(f"the server answered {phase} with {reply}")

    def _classify_final_reply(
        self, line: WireProtocol, reply: Reply
    ) -> Sent | Deferred | Rejected | InDoubt:
        """Say what the answer after the final dot means."""
        first = reply.code // 100
        if first not in (POSITIVE, *REFUSALS):
            # RFC 5321 4.2.1 has no such answer here: what the server did is unknown.
            line.abort()
            return InDoubt(f"the message had left, and the server answered {reply}")
        if reply.code == CLOSING:
            line.abort()
        # Before the outcome, which may raise: this message is over either way.
        self._end_transaction(line)
        self._has_served = True
        if first == POSITIVE:
            return Sent(reply)
        # RFC 5321 4.2.5: after a 4xx or 5xx, a 421 too, the server must not deliver what it got.
        refused = RefusedCommand(Phase.DOT, reply)
        # This message has been counted already.
        return self._as_delivery_outcome(refused, fresh=line.transactions == 1)

    def _as_delivery_outcome(self, refused: RefusedCommand, *, fresh: bool) -> Deferred | Rejected:
        place, provider = self._settings.host_and_port, self._settings.provider
        return as_outcome(refused.phase, refused.reply, place, provider, fresh=fresh)

    async def _reset(self, line: WireProtocol, reply: Reply) -> None:
        """Have the server forget a refused transaction (RSET): the line may carry the next."""
        # After a 421 the server closes the line by itself, so RSET would only cost a wait.
        if reply.code == CLOSING or not await self._is_accepted(line, b"RSET\r\n"):
            line.abort()

    async def _is_accepted(self, line: WireProtocol, command: bytes) -> bool:
        try:
            reply = await line.send_command(command, cleanup_timeout(self._settings.timeout))
        except ConnectionLost:
            return False
        self._idle_since = self._clock()
        return reply.code // 100 == POSITIVE

    def _end_transaction(self, line: WireProtocol) -> None:
        line.in_transaction = False
        self._idle_since = self._clock()

    def _timeout_for(self, phase: Phase) -> float:
        return timeout_for(phase, self._settings.timeout)


def is_dsn_refusal(encoded: EncodedMessage, refused: RefusedCommand) -> bool:
    """Tell whether a server may have refused what we ask for bounces, which it had offered."""
    return (
        encoded.asks_for_dsn
        and refused.phase in (Phase.MAIL, Phase.RCPT)
        and refused.reply.code in NO_SUCH_PARAMETER
    )


def split_chunks(body: bytes) -> list[bytes]:
    """Split a body into chunks to be written in order; an empty body is one empty chunk."""
    return [body[start : start + CHUNK_SIZE] for start in range(0, len(body), CHUNK_SIZE)] or [b""]
