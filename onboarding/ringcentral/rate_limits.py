"""What an answer says about waiting, and how long to wait if it says nothing: pure functions.

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
"""How often a call is made before the run gives up (`docs/ringcentral.md`, "Rate limits")."""

MAX_BACK_OFF = 60.0
"""Seconds: the longest wait between two tries after a server's fault."""

DEFAULT_PENALTY = 30.0
"""Seconds to make no call after a 429 that does not say how long."""

TOO_MANY_REQUESTS = 429


class CallGroup(StrEnum):
    """The groups in which RingCentral counts calls; the name is the rate limiter's word too."""

    AUTH = "Auth"
    # Light is missing because this program makes no such call.
    HEAVY = "Heavy"
    MEDIUM = "Medium"


def back_off_seconds(attempt: int) -> float:
    """Seconds to wait after the given failed attempt (from 1): 2, 4, 8 ..., at most 60."""
    return min(2.0**attempt, MAX_BACK_OFF)


def parse_rate_limit(
    status: int, headers: Mapping[str, str], now: datetime
) -> RateLimitStatus | None:
    """Read an answer's rate limit; None where it says nothing about one.

    A number that can't be read counts as absent. What is more than can be right counts as the most
    that is believed; `find_doubts` has the words for it.
    """
    window = _parse_number(headers.get(WINDOW, ""))
    found = RateLimitStatus(
        limit=_parse_calls(headers.get(LIMIT, "")),
        remaining=_parse_calls(headers.get(REMAINING, "")),
        window=None if window is None else min(window, LONGEST_WINDOW),
        # With a 503, `Retry-After` is about this call alone, and must not stop the whole group.
        penalty=_parse_penalty(headers, now) if status == TOO_MANY_REQUESTS else None,
    )
    return None if found == RateLimitStatus() else found


def find_doubts(status: int, headers: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Say which of an answer's figures are not believed. The figures are foreign text: left out."""
    # No doubt about a large remainder: it is capped like the limit, and then does no harm.
    for name, most in ((LIMIT, MOST_CALLS), (REMAINING, math.inf), (WINDOW, LONGEST_WINDOW)):
        value = headers.get(name, "")
        number = _parse_number(value)
        if value and number is None:
            yield f"RingCentral's header {name} is no number, so it does not count."
        elif number and number > most:
            yield f"RingCentral's header {name} is more than can be right: {most:g} counts."
    if status == TOO_MANY_REQUESTS and headers.get(RETRY_AFTER):
        header = f"RingCentral's header {RETRY_AFTER}"
        seconds = parse_retry_after(headers, now)
        if seconds is None:
            yield f"{header} can't be read: {DEFAULT_PENALTY:g} seconds count."
        elif seconds > LONGEST_WINDOW:
            yield f"{header} is more than can be right: {LONGEST_WINDOW:g} seconds count."


def parse_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for; None where there is none that can be read.

    It is a number or a date (RFC 9110 10.2.3). A date is the server's, so it counts from the
    answer's own `Date` where there is one: our clock may be wrong.
    """
    value = headers.get(RETRY_AFTER, "")
    seconds = _parse_number(value)
    if seconds is not None:
        return seconds
    date = _parse_http_date(value)
    if date is None:
        return None
    # A date in the past means now.
    return max(0.0, (date - (_parse_http_date(headers.get("Date", "")) or now)).total_seconds())


def _parse_penalty(headers: Mapping[str, str], now: datetime) -> float:
    seconds = parse_retry_after(headers, now)
    return DEFAULT_PENALTY if seconds is None else min(seconds, LONGEST_WINDOW)


def _parse_http_date(text: str) -> datetime | None:
    """Read a date in any of HTTP's forms; all mean UTC, also without a zone (RFC 9110 5.6.7)."""
    try:
        date = parsedate_to_datetime(text)
        return date if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _parse_calls(text: str) -> int | None:
    number = _parse_number(text)
    # Capped before `int`, because 1e300 would become an integer that no ledger holds.
    return None if number is None else int(min(number, MOST_CALLS))


def _parse_number(text: str) -> float | None:
    """Read a number from 0; None for all else, NaN and infinity too."""
    try:
        number = float(text)
    except ValueError:
        return None
    # `float` reads `nan` and `inf`, too: a wait of either would never be over.
    return number if math.isfinite(number) and number >= 0 else None
