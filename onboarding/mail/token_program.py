"""An access token from the user's own program: whatever prints one will do, so no provider need be known here.

The program's own messages are not read, so nothing that it says can reach a log.
"""

import asyncio
import codecs
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

from pydantic import SecretStr

from onboarding.errors import ConfigurationError, TryLater
from onboarding.mail.tokens import Token

PATIENCE = 60.0
"""Seconds a token program gets."""

LAST_PATIENCE = 5.0
"""Seconds in which a program that was killed is gone; one that the system can't end is left behind."""

MOST_BYTES = 65536
"""Of the program's output; tokens have a few thousand."""


async def printed_token(command: Sequence[str], lifetime: float, patience: float = PATIENCE) -> Token:
    """Run a program (and its arguments, without a shell) that prints a token, good for `lifetime` seconds.

    Raises `ConfigurationError` where it can't be run or prints no token, `TryLater` where it hangs.
    """
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise ConfigurationError(
            f"The token program {program} can't be started: {error.strerror}.", hint="Check [smtp] token_command."
        ) from error
    try:
        async with asyncio.timeout(patience):
            printed = await _output(process, program)
            await process.wait()
    except TimeoutError:
        raise TryLater(
            f"The token program {program} was not done after {patience:g} seconds.",
            hint="Run it by hand: it may be waiting for a log-in.",
        ) from None
    finally:
        await _end(process)
    if process.returncode:
        raise ConfigurationError(
            f"The token program {program} failed with exit code {process.returncode}.",
            hint="Run it by hand to see why; it must print an access token and nothing else.",
        )
    return Token(_read(printed, program), lifetime)


def _read(printed: bytes, program: str) -> SecretStr:
    """Read the one word that the program printed. Raises `ConfigurationError`, without the output."""
    words = printed.removeprefix(codecs.BOM_UTF8).split()
    if len(words) != 1 or not words[0].isascii():
        raise ConfigurationError(
            f"The token program {program} must print one access token and nothing else; it printed {len(words)} words.",
            hint="Check [smtp] token_command.",
        )
    return SecretStr(words[0].decode())


async def _output(process: asyncio.subprocess.Process, program: str) -> bytes:
    """Read what the program prints, to its end. Raises `ConfigurationError` where that is no token but a flood."""
    if process.stdout is None:
        raise AssertionError("the program's output is a pipe")
    printed = b""
    while piece := await process.stdout.read(MOST_BYTES):
        printed += piece
        if len(printed) > MOST_BYTES:
            raise ConfigurationError(
                f"The token program {program} prints more than a token.", hint="Check [smtp] token_command."
            )
    return printed


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the program with everything that it has started: a child of it would hold its output open."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PATIENCE):
                await process.wait()
