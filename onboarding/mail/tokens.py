"""The access token for XOAUTH2: fetched from the user's own program, once per validity, shared by all connections.

It knows no provider: whatever prints a token will do. The token stays in memory, and is given to nobody but the log-in;
the program's own messages are not read, so nothing it says can reach a log.
"""

import asyncio
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Sequence

from pydantic import SecretStr

from onboarding.errors import ConfigurationError, TryLater

PATIENCE = 60.0
"""Seconds a token program gets."""


class Tokens:
    """A token from `command` (program and arguments, run without a shell), kept for `lifetime` seconds."""

    def __init__(
        self,
        command: Sequence[str],
        lifetime: float,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
    ) -> None:
        self._command = command
        self._lifetime = lifetime
        self._clock = clock
        self._patience = patience
        self._lock = asyncio.Lock()
        self._token: SecretStr | None = None
        self._fetched_at = 0.0

    async def current(self, refused: SecretStr | None = None) -> SecretStr:
        """Return the token, fetched anew where it is too old or is the one that the server has just refused.

        Raises `ConfigurationError` where the program can't be run or prints no token, `TryLater` where it hangs.
        """
        async with self._lock:
            too_old = self._clock() - self._fetched_at >= self._lifetime
            if self._token is None or too_old or self._token == refused:
                self._token = read_token(await self._run(), self._command[0])
                self._fetched_at = self._clock()
            return self._token

    async def _run(self) -> bytes:
        program = self._command[0]
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
        except OSError as error:
            raise ConfigurationError(
                f"The token program {program} can't be started: {error.strerror}.", hint="Check [smtp] token_command."
            ) from error
        try:
            async with asyncio.timeout(self._patience):
                printed, _ = await process.communicate()
        except TimeoutError:
            raise TryLater(
                f"The token program {program} was not done after {self._patience:g} seconds.",
                hint="Run it by hand: it may be waiting for a log-in.",
            ) from None
        finally:
            await _end(process)
        if process.returncode:
            raise ConfigurationError(
                f"The token program {program} failed with exit code {process.returncode}.",
                hint="Run it by hand to see why; it must print an access token and nothing else.",
            )
        return printed


def read_token(printed: bytes, program: str) -> SecretStr:
    """Read the one word that the program printed. Raises `ConfigurationError`, without the output."""
    words = printed.split()
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
