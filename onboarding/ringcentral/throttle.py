"""What an answer says about waiting, and how long to wait without one: pure functions of headers and counts.

Nothing here waits. A rate limit is shared by all processes, so `model.ports.Gate` keeps it; back-off after a server's
fault concerns one call only, so `line` waits itself.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from onboarding.model.ports import Allowance

TRIES = 5
"""How often one call is made before the run is put off (`docs/ringcentral.md`, "Rate limits")."""

LONGEST_WAIT = 60.0
"""Seconds: the longest wait between two tries after a server's fault."""

DEFAULT_PENALTY = 30.0
"""Seconds to keep still after a 429 that does not say how long."""

TOO_MANY_REQUESTS = 429


class Group(StrEnum):
    """The groups in which RingCentral counts calls; the name is the Gate's word too."""

    AUTH = "Auth"
    HEAVY = "Heavy"
    MEDIUM = "Medium"


def back_off(attempt: int) -> float:
    """Seconds to wait after the given failed attempt (from 1): 2, 4, 8 ..., at most 60."""
    return min(2.0**attempt, LONGEST_WAIT)


def allowance(status: int, headers: Mapping[str, str], now: datetime) -> Allowance | None:
    """Read an answer's rate limit; None where it says nothing about one. An unreadable number counts as absent."""
    limit = _count(headers.get("X-Rate-Limit-Limit", ""))
    remaining = _count(headers.get("X-Rate-Limit-Remaining", ""))
    window = _number(headers.get("X-Rate-Limit-Window", ""))
    penalty = _penalty(headers, now) if status == TOO_MANY_REQUESTS else None
    told = Allowance(limit=limit, remaining=remaining, window=window, penalty=penalty)
    return None if told == Allowance() else told


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for, given as a number or as a date (RFC 9110 10.2.3); None where it does not."""
    value = headers.get("Retry-After", "")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date either, or one without a zone
        return None


def _penalty(headers: Mapping[str, str], now: datetime) -> float:
    asked = retry_after(headers, now)
    return DEFAULT_PENALTY if asked is None else asked


def _count(text: str) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
