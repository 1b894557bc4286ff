"""What an answer says about waiting, and how long to wait without one: pure functions of headers and counts.

Nothing here waits. A rate limit is shared by all processes, so `model.ports.RateLimiter` keeps it;
back-off after a server's fault concerns one call only, so `transport` waits itself.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from onboarding.model.ports import LONGEST_WINDOW, MOST_CALLS, RateLimitStatus

LIMIT, REMAINING, WINDOW = "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining", "X-Rate-Limit-Window"
RETRY_AFTER = "Retry-After"

MAX_CALLS_TRIED = 5
"""How often one call is made before the run gives up for now (`docs/ringcentral.md`, "Rate limits")."""

MAX_BACK_OFF = 60.0
"""Seconds: the longest wait between two tries after a server's fault."""

DEFAULT_PENALTY = 30.0
"""Seconds to keep still after a 429 that does not say how long."""

TOO_MANY_REQUESTS = 429


class CallGroup(StrEnum):
    """The groups in which RingCentral counts calls; the name is the rate limiter's word too."""

    AUTH = "Auth"
    HEAVY = "Heavy"
    MEDIUM = "Medium"


def back_off_seconds(attempt: int) -> float:
    """Seconds to wait after the given failed attempt (from 1): 2, 4, 8 ..., at most 60."""
    return min(2.0**attempt, MAX_BACK_OFF)


def parse_rate_limit(
    status: int, headers: Mapping[str, str], now: datetime
) -> RateLimitStatus | None:
    """Read an answer's rate limit; None where it says nothing about one. An unreadable number counts as absent.

    What is more than can be right counts as the most that is believed; `find_doubts` has the words
    for it.
    """
    limit, window = _parse_seconds(headers.get(LIMIT, "")), _parse_seconds(headers.get(WINDOW, ""))
    remaining = _parse_seconds(headers.get(REMAINING, ""))
    penalty = _parse_penalty(headers, now) if status == TOO_MANY_REQUESTS else None
    found = RateLimitStatus(
        limit=None if limit is None else int(min(limit, MOST_CALLS)),
        remaining=None if remaining is None else int(min(remaining, MOST_CALLS)),
        window=None if window is None else min(window, LONGEST_WINDOW),
        penalty=None if penalty is None else min(penalty, LONGEST_WINDOW),
    )
    return None if found == RateLimitStatus() else found


def find_doubts(status: int, headers: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Say which of an answer's figures are not believed. The figures themselves are foreign text, so left out."""
    for name, most in ((LIMIT, MOST_CALLS), (REMAINING, math.inf), (WINDOW, LONGEST_WINDOW)):
        value = headers.get(name, "")
        number = _parse_seconds(value)
        if value and number is None:
            yield f"RingCentral's header {name} is no number, so it does not count."
        elif number and number > most:
            yield f"RingCentral's header {name} is more than can be right: {most:g} counts."
    if status == TOO_MANY_REQUESTS and headers.get(RETRY_AFTER):
        asked = parse_retry_after(headers, now)
        if asked is None:
            yield f"RingCentral's header {RETRY_AFTER} can't be read: {DEFAULT_PENALTY:g} seconds count."
        elif asked > LONGEST_WINDOW:
            yield f"RingCentral's header {RETRY_AFTER} is more than can be right: {LONGEST_WINDOW:g} seconds count."


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for, given as a number or as a date (RFC 9110 10.2.3); None where it does not.

    A date is the server's, so it counts from the answer's own `Date` where there is one: our clock
    may be wrong.
    """
    value = headers.get(RETRY_AFTER, "")
    seconds = _parse_seconds(value)
    if seconds is not None:
        return seconds
    date = _parse_http_date(value)
    if date is None:
        return None
    return max(0.0, (date - (_parse_http_date(headers.get("Date", "")) or now)).total_seconds())


def _parse_penalty(headers: Mapping[str, str], now: datetime) -> float:
    asked = parse_retry_after(headers, now)
    return DEFAULT_PENALTY if asked is None else asked


def _parse_http_date(text: str) -> datetime | None:
    """Read a date in any of HTTP's forms; the one without a zone means UTC, as all do (RFC 9110 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _parse_seconds(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
