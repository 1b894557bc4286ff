"""The access token for XOAUTH2: fetched once per validity, shared by all connections, shown to nobody but the log-in.

Where it comes from is `token_program`'s (the user's own program) and `token_grants`' (Microsoft 365 and Google).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import SecretStr

from onboarding.interrupt import unless_stopped


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and for how many seconds from now it may be used."""

    value: SecretStr
    lifetime: float


class Tokens:
    """The token of one account. `fetch` gets a new one; `clock` gives seconds; `stop` ends the wait for one."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        clock: Callable[[], float] = time.monotonic,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._stop = stop or asyncio.Event()
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._fetched_at = 0.0

    async def current(self, refused: SecretStr | None = None) -> SecretStr:
        """Return the token, fetched anew where it is too old or is the one that the server has just refused.

        Raises what fetching it raises: `ConfigurationError`, `Refused` or `TryLater`; and `Interrupted`.
        """
        async with self._lock:
            token = self._token
            if token is None or self._clock() - self._fetched_at >= token.lifetime or token.value == refused:
                token = self._token = await unless_stopped(self._stop, self._fetch())
                self._fetched_at = self._clock()
            return token.value
