"""An access token from the user's own program: whatever prints one will do, so no provider need be known here.

The program's own messages are not read, so nothing that it says can reach a log.
"""

import asyncio
import codecs
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence

from pydantic import SecretStr

from onboarding.errors import ConfigurationError, TryLater
from onboarding.mail.tokens import Token

PATIENCE = 60.0
"""Seconds a token program gets."""


async def printed_token(command: Sequence[str], lifetime: float, patience: float = PATIENCE) -> Token:
    """Run a program (and its arguments, without a shell) that prints a token, good for `lifetime` seconds.

    Raises `ConfigurationError` where it can't be run or prints no token, `TryLater` where it hangs.
    """
    program = command[0]
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except OSError as error:
        raise ConfigurationError(
            f"The token program {program} can't be started: {error.strerror}.", hint="Check [smtp] token_command."
        ) from error
    try:
        async with asyncio.timeout(patience):
            printed, _ = await process.communicate()
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


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
