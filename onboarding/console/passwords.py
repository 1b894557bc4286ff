"""Passwords: hashed with Argon2, compared one at a time, and guessed five times a minute at most.

A comparison takes 64 MiB and a tenth of a second on purpose, so a crowd of them would take the
memory from the runs beside the console. Knows no request and no user's rights.
"""

import asyncio
import ipaddress
import unicodedata
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY
from starlette.exceptions import HTTPException

HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
"""RFC 9106's second recommended option: 64 MiB, three passes."""

LONGEST_PASSWORD = 1000
"""Characters. Longer ones are refused before they are hashed."""

LOG_INS_A_MINUTE = 5
LOG_IN_WINDOW = timedelta(minutes=1)

MOST_WAITING = 20
"""Log-ins that wait for their comparison: more would wait longer than a person does."""

MOST_ADDRESSES = 10_000
"""Addresses whose attempts are remembered; those of a crowd must not fill the memory."""


def hash_password(password: str) -> str:
    """Hash a password, with a salt of its own."""
    return HASHER.hash(_encode_password(password))


def _encode_password(password: str) -> bytes:
    # One form: keyboards differ in how they write an ä (RFC 8265 4.1 asks for this, too).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def is_password_hash(text: str) -> bool:
    """Whether a text is a hash that we can compare with."""
    try:
        HASHER.check_needs_rehash(text)
    except InvalidHashError:
        return False
    return text.startswith("$argon2id$")


class PasswordChecker:
    """Compares passwords with hashes: one after the other."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)
        self._waiting = 0

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether it is the password. Without a hash it takes the same time, and is False.

        Raises HTTPException 503 if too many others wait already.
        """
        # No person types that, and hashing it takes time by its length.
        if len(password) > LONGEST_PASSWORD:
            return False
        if self._waiting >= MOST_WAITING:
            raise HTTPException(503, "Too many people log in just now. Try again in a minute.")
        self._waiting += 1
        try:
            async with self._one_at_a_time:
                matches = await asyncio.to_thread(_verify, password_hash, password)
        finally:
            self._waiting -= 1
        return matches and password_hash is not None


@cache
def _hash_of_no_one() -> str:
    return hash_password("")


def _verify(password_hash: str | None, password: str) -> bool:
    # For users that there are not: the answer has to take as long as for one that there is.
    known = password_hash or _hash_of_no_one()
    try:
        return HASHER.verify(known, _encode_password(password))
    except Argon2Error:
        return False


class AttemptLimit:
    """Counts log-ins: so many a minute from one address, right or wrong."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._attempts: dict[str, deque[datetime]] = {}

    def take(self, address: str) -> bool:
        """Count an attempt. Returns False if there were too many: then it is not to be tried."""
        now, place = self._now(), _network_of(address)
        attempts = self._attempts.pop(place, deque())
        while attempts and now - attempts[0] >= LOG_IN_WINDOW:
            attempts.popleft()
        # An attempt that is refused doesn't count: else a person who tries on would never get in.
        may_try = len(attempts) < LOG_INS_A_MINUTE
        if may_try:
            attempts.append(now)
        # Put back at the end: the first one is the address that was quiet for longest.
        self._attempts[place] = attempts
        if len(self._attempts) > MOST_ADDRESSES:
            del self._attempts[next(iter(self._attempts))]
        return may_try


def _network_of(address: str) -> str:
    """The network that counts as one client: of IPv6 a /64, which one client has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        # What a proxy passed on is no address: all such clients count as one.
        return ""
    if parsed.version == 4:  # noqa: PLR2004 -- IP's own number
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
