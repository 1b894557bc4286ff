"""What headers say about waiting."""

from datetime import UTC, datetime

import httpx
import pytest

from onboarding.model.ports import RateLimitStatus
from onboarding.ringcentral.rate_limits import (
    back_off_seconds,
    find_doubts,
    parse_rate_limit,
    parse_retry_after,
)

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
FULL = {
    "X-Rate-Limit-Group": "heavy",
    "X-Rate-Limit-Limit": "10",
    "X-Rate-Limit-Remaining": "3",
    "X-Rate-Limit-Window": "60",
}


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, FULL, RateLimitStatus(limit=10, remaining=3, window=60.0)),
        (
            200,
            {name.lower(): value for name, value in FULL.items()},
            RateLimitStatus(limit=10, remaining=3, window=60.0),
        ),
        (200, {}, None),
        (
            200,
            {
                "X-Rate-Limit-Remaining": "many",
                "X-Rate-Limit-Window": "nan",
                "X-Rate-Limit-Limit": "-1",
            },
            None,
        ),
        (200, {"X-Rate-Limit-Remaining": "0"}, RateLimitStatus(remaining=0)),
        (503, {"Retry-After": "7"}, None),
        (429, {}, RateLimitStatus(penalty=30.0)),
        (429, {"Retry-After": "7"}, RateLimitStatus(penalty=7.0)),
        (429, {"Retry-After": "0"}, RateLimitStatus(penalty=0.0)),
        (429, {"Retry-After": "soon"}, RateLimitStatus(penalty=30.0)),
        (
            429,
            FULL | {"Retry-After": "60"},
            RateLimitStatus(limit=10, remaining=3, window=60.0, penalty=60.0),
        ),
    ],
)
def test_an_answer_tells_its_rate_limit(status, headers, expected):
    assert parse_rate_limit(status, httpx.Headers(headers), NOW) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        ("Tue, 01 Sep 2026 08:01:30 GMT", 90.0),
        ("Tue, 01 Sep 2026 07:00:00 GMT", 0.0),
        ("Tue, 01 Sep 2026 08:01:30 -0000", 90.0),
        ("Tuesday, 01-Sep-26 08:01:30 GMT", 90.0),
        ("Tue Sep  1 08:01:30 2026", 90.0),
        ("Tue, 01 Sep 2026 10:01:30 +0200", 90.0),
        ("Tue, 01 Sep 2026 08:01:30 +9999", None),
        ("Tue, 01 Sep 99999999 08:01:30 GMT", None),
        ("1e18", 1e18),
        ("9" * 400, None),
        ("nan", None),
        ("", None),
        ("-5", None),
        ("inf", None),
        ("a while", None),
    ],
)
def test_retry_after_is_read_as_number_or_date(value, seconds):
    assert parse_retry_after({"Retry-After": value}, NOW) == seconds


def test_retry_after_by_date_counts_from_the_answers_own_date():
    """Our clock may be an hour slow, and the wait would be an hour longer."""
    headers = {
        "Retry-After": "Tue, 01 Sep 2026 09:00:45 GMT",
        "Date": "Tue, 01 Sep 2026 09:00:00 GMT",
    }

    assert parse_retry_after(headers, NOW) == 45.0


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {"X-Rate-Limit-Limit": "2000000"}, RateLimitStatus(limit=1000)),
        (200, {"X-Rate-Limit-Remaining": "2000000"}, RateLimitStatus(remaining=1000)),
        (200, {"X-Rate-Limit-Window": "1e18"}, RateLimitStatus(window=3600.0)),
        (200, {"X-Rate-Limit-Window": "3601"}, RateLimitStatus(window=3600.0)),
        (200, {"X-Rate-Limit-Limit": "1e400", "X-Rate-Limit-Window": "inf"}, None),
        (429, {"Retry-After": "1e18"}, RateLimitStatus(penalty=3600.0)),
        (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, RateLimitStatus(penalty=3600.0)),
        (429, {"Retry-After": "-1"}, RateLimitStatus(penalty=30.0)),
        (429, {"Retry-After": "nan"}, RateLimitStatus(penalty=30.0)),
    ],
)
def test_figure_that_can_not_be_right_is_not_believed_and_that_is_said(status, headers, expected):
    assert parse_rate_limit(status, headers, NOW) == expected
    assert all(
        any(name in doubt for doubt in find_doubts(status, headers, NOW))
        for name in headers
        if "Remain" not in name
    )


def test_nothing_is_said_about_figures_that_are_believed():
    assert list(find_doubts(429, FULL | {"Retry-After": "60"}, NOW)) == []


def test_an_answer_without_retry_after_asks_for_no_wait():
    assert parse_retry_after({}, NOW) is None


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (100, 60)]
)
def test_waits_double_up_to_a_minute(attempt, seconds):
    assert back_off_seconds(attempt) == seconds
