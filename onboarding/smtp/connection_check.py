"""Checks whether mail could be sent, without sending any: for `onboarding check`.

Takes the steps of a real message up to the sender (connect, encrypt, log in, MAIL FROM), then RSET
and QUIT. Each of `STEPS` gives one `CheckResult`; the first that fails is the last.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from onboarding.errors import Interrupted, OnboardingError, TryLater
from onboarding.model.checks import CheckResult
from onboarding.smtp.connect import Connector, send_quit
from onboarding.smtp.envelope import encode_sender
from onboarding.smtp.phases import Phase, cleanup_timeout, timeout_for
from onboarding.smtp.protocol import ConnectionLost, WireProtocol
from onboarding.smtp.replies import LOWEST_REFUSAL, classify, reply_error
from onboarding.smtp.settings import SmtpSettings

STEPS = ("settings", "connection", "encryption", "log-in", "sender")
STEP_TIMEOUT = 30.0
"""Seconds for each step, where the settings give none: a person is waiting for the result."""

AGAIN = "Try again; where it happens each time, ask the server's administrator."


async def check_connection(
    settings: SmtpSettings, sender: str, stop: asyncio.Event | None = None
) -> tuple[CheckResult, ...]:
    """Try each step up to the sender, in order. If a step failed, its result is the last."""
    limited = settings.model_copy(update={"timeout": settings.timeout or STEP_TIMEOUT})
    return tuple([result async for result in _check_steps(limited, sender, stop)])


async def _check_steps(
    settings: SmtpSettings, sender: str, stop: asyncio.Event | None
) -> AsyncIterator[CheckResult]:
    steps = iter(STEPS)
    try:
        async for detail in _take_steps(settings, sender, stop):
            yield CheckResult(next(steps), ok=True, detail=detail)
    # A stop says nothing about the server.
    except Interrupted:
        raise
    except OnboardingError as error:
        # Each step that succeeded has used up its name: the next one is that of the failed step.
        yield CheckResult(next(steps), ok=False, detail=error.message, hint=error.hint)


async def _take_steps(
    settings: SmtpSettings, sender: str, stop: asyncio.Event | None
) -> AsyncIterator[str]:
    """Take the steps, yielding a detail for each. Raises what the failing step raises."""
    connector = Connector(settings, stop=stop)
    yield f"{settings.host_and_port}, security {settings.security}, auth {settings.auth}"
    async with AsyncExitStack() as undo:
        smtp = await connector.open_tcp()
        undo.push_async_callback(send_quit, smtp)
        yield "the server answers"
        await connector.encrypt(smtp)
        yield _describe_encryption(connector.find_cipher(smtp), settings)
        await connector.log_in(smtp)
        yield f"accepted for {settings.username}" if settings.username else "none wanted"
        # The line owns the socket now: `send_quit` would put a second protocol on it.
        undo.pop_all()
        line = connector.take_over(smtp)
        undo.push_async_callback(line.close, cleanup_timeout(settings.timeout))
        announced = settings.make_envelope_sender() or sender
        await _describe_sender(line, announced, settings)
        yield f"{announced} may send"


def _describe_encryption(cipher: str, settings: SmtpSettings) -> str:
    if cipher:
        return f"{cipher}, the certificate is valid"
    if settings.is_plaintext:
        return f"NONE: mail goes unencrypted to {settings.host_and_port} ([smtp] allow_plaintext)"
    return "none, on this very machine"


async def _describe_sender(line: WireProtocol, sender: str, settings: SmtpSettings) -> None:
    """Have the server accept the sender, and forget it again. Raises `Refused` or `TryLater`."""
    wait = timeout_for(Phase.MAIL, settings.timeout)
    try:
        reply = await line.send_command(f"MAIL FROM:<{encode_sender(sender)}>\r\n".encode(), wait)
        # Before the answer is judged: a refused sender must not leave a transaction open either.
        await line.send_command(b"RSET\r\n", wait)
    except ConnectionLost as error:
        message = f"The mail server {settings.host_and_port} broke off at the sender: {error}."
        raise TryLater(message, hint=AGAIN) from error
    if reply.code >= LOWEST_REFUSAL:
        meaning = classify(Phase.MAIL, reply, settings.provider)
        raise reply_error(Phase.MAIL, reply, settings.host_and_port, meaning)
