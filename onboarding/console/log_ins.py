"""Who has logged in, and with what: log-ins by cookie, and the key in the printed link.

Kept in memory only, so a restart ends all of them. Neither a cookie's value nor a key is stored:
only its SHA-256, because a dump of this process should open nothing for long. Knows no request.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.console.access import Viewer

TOKEN_BYTES = 32

LOG_IN_LASTS = timedelta(hours=8)
"""A working day: who closes the laptop in the evening logs in again in the morning."""

MOST_LOG_INS = 1000
"""Log-ins at once. The oldest goes first, so that logging in again and again fills no memory."""


@dataclass(frozen=True, slots=True)
class ViewerLogIn:
    """One log-in: who it is, and until when."""

    viewer: Viewer
    ends_at: datetime


class LogInStore:
    """The log-ins that hold now, by the hash of their cookie's value."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._log_ins: dict[str, ViewerLogIn] = {}

    def add(self, viewer: Viewer) -> str:
        """Begin a log-in. Returns the cookie's value."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        # A dictionary keeps the order of insertion: the first one is the oldest.
        while len(self._log_ins) >= MOST_LOG_INS:
            del self._log_ins[next(iter(self._log_ins))]
        self._log_ins[_hash(token)] = ViewerLogIn(viewer, self._now() + LOG_IN_LASTS)
        return token

    def find(self, token: str) -> Viewer | None:
        """Find the person that a cookie stands for; None for one that is unknown, or over."""
        log_in = self._log_ins.get(_hash(token))
        if log_in is None:
            return None
        if log_in.ends_at <= self._now():
            self.end(token)
            return None
        return log_in.viewer

    def end(self, token: str) -> None:
        """End a log-in, if there is one."""
        self._log_ins.pop(_hash(token), None)


class KeyRing:
    """The key of the printed link: each works once, and a new one replaces the last."""

    def __init__(self) -> None:
        self._hash = ""

    def make(self) -> str:
        """Make the key that works from now on."""
        key = secrets.token_urlsafe(TOKEN_BYTES)
        self._hash = _hash(key)
        return key

    def take(self, key: str) -> bool:
        """Use a key up. Returns False for one that is wrong, or was used."""
        # In constant time, or another user of the machine could find it letter by letter.
        is_right = bool(self._hash) and secrets.compare_digest(_hash(key), self._hash)
        if is_right:
            self._hash = ""
        return is_right


def _hash(text: str) -> str:
    # `surrogateescape`: a cookie may hold any bytes.
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
