"""An access token in memory: fetched when first needed, shared, replaced when old or refused.

How a token is fetched is up to the caller: RingCentral's log-in and the mail server's OAuth log-in
both use this cache. A token is never written to disk.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import SecretStr

from onboarding.interrupt import wait_unless_stopped


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and for how many seconds after the request for it it may be used."""

    value: SecretStr
    lifetime: float


@dataclass(slots=True)
class TokenStore:
    """Where the token of a cache is kept; `requested_at` is in seconds of the cache's clock.

    Several caches of one account may share a store, so that they share its log-in.
    """

    token: Token | None = None
    requested_at: float = 0.0


class TokenCache:
    """An account's token. `fetch` gets a new one, `clock` gives seconds, `stop` ends the wait."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Token]],
        clock: Callable[[], float] = time.monotonic,
        stop: asyncio.Event | None = None,
        store: TokenStore | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._stop = stop or asyncio.Event()
        self._lock = asyncio.Lock()
        self._store = store or TokenStore()

    @property
    def last(self) -> SecretStr | None:
        """The token that was fetched last, still good or not; None before the first."""
        return self._store.token.value if self._store.token else None

    async def current(self, refused: SecretStr | None = None) -> SecretStr:
        """Return a good token; fetch one if it is too old, or `refused` by the server.

        However many tasks ask, one fetches at a time, and the others take what it got. Raises what
        `fetch` raises, and `Interrupted`.
        """
        async with self._lock:
            token = self._store.token
            # If `refused` is an older one, another task has replaced it meanwhile.
            if token is None or self._is_old(token) or token.value == refused:
                # The lifetime counts from the request: a slow answer makes the token older.
                requested_at = self._clock()
                token = await wait_unless_stopped(self._stop, self._fetch())
                # Only now: if the fetch fails, the next caller finds the old state and tries again.
                self._store.token, self._store.requested_at = token, requested_at
            return token.value

    def _is_old(self, token: Token) -> bool:
        return self._clock() - self._store.requested_at >= token.lifetime
