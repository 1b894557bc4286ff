"""RingCentral's rate limits: a number of calls of a group in a window, and a penalty beyond it.

Pure but for its own counts: time is passed in, so that a test can wait a minute in no time. A
window begins with its first call. Rules: `docs/ringcentral.md`, "Rate limits".
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class LimitGroup(StrEnum):
    """The groups of calls that are counted together."""

    HEAVY = "Heavy"
    MEDIUM = "Medium"
    LIGHT = "Light"
    AUTH = "Auth"


@dataclass(frozen=True, slots=True)
class Limits:
    """Calls of each group within `window` seconds, and the penalty in seconds for a call more."""

    heavy: int = 10
    medium: int = 40
    light: int = 50
    auth: int = 5
    window: float = 60
    penalty: float = 60

    def find_limit(self, group: LimitGroup) -> int:
        """Return how many calls of a group fit into a window."""
        return {
            LimitGroup.HEAVY: self.heavy,
            LimitGroup.MEDIUM: self.medium,
            LimitGroup.LIGHT: self.light,
            LimitGroup.AUTH: self.auth,
        }[group]


@dataclass(frozen=True, slots=True)
class Admission:
    """What an answer says about limits; `retry_after` (seconds) where the call is refused."""

    group: LimitGroup
    limit: int
    remaining: int
    window: float
    retry_after: int | None = None

    def headers(self) -> dict[str, str]:
        """The headers that every answer carries."""
        return {
            "X-Rate-Limit-Group": self.group,
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Window": f"{self.window:g}",
        }


@dataclass(slots=True)
class _Count:
    began: datetime
    used: int = 0
    penalty: float | None = None
    blocked_until: datetime | None = None


class CallCounter:
    """Counts the calls of each group."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._counts: dict[LimitGroup, _Count] = {}

    def count_call(self, group: LimitGroup, now: datetime) -> Admission:
        """Count a call, or refuse it; a call during a penalty starts the penalty again."""
        count = self._find_count(group, now)
        if count.blocked_until or count.used >= self.limits.find_limit(group):
            # As long as the first penalty: an injected 429 may have had a length of its own.
            return self.start_penalty(group, now, count.penalty)
        count.used += 1
        return self._make_admission(group, self.limits.find_limit(group) - count.used)

    def start_penalty(
        self, group: LimitGroup, now: datetime, penalty: float | None = None
    ) -> Admission:
        """Refuse every call of a group for `penalty` seconds from now."""
        seconds = self.limits.penalty if penalty is None else penalty
        count = self._find_count(group, now)
        count.penalty, count.blocked_until = seconds, now + timedelta(seconds=seconds)
        # Rounded up: a client that waits exactly so long must not come too early.
        return self._make_admission(group, 0, retry_after=math.ceil(seconds))

    def _find_count(self, group: LimitGroup, now: datetime) -> _Count:
        """Find the group's count; a new one once the window, or the penalty, is over."""
        count = self._counts.get(group)
        if count:
            # A penalty counts instead of the window, even if it is the shorter one.
            end = count.blocked_until or count.began + timedelta(seconds=self.limits.window)
            if now < end:
                return count
        self._counts[group] = _Count(began=now)
        return self._counts[group]

    def _make_admission(
        self, group: LimitGroup, remaining: int, retry_after: int | None = None
    ) -> Admission:
        return Admission(
            group, self.limits.find_limit(group), remaining, self.limits.window, retry_after
        )
