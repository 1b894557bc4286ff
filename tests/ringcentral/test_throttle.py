"""What headers say about waiting."""

from datetime import UTC, datetime

import httpx
import pytest

from onboarding.model.ports import Allowance
from onboarding.ringcentral.throttle import allowance, back_off, retry_after

NOW = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)
FULL = {
    "X-Rate-Limit-Group": "heavy",
    "X-Rate-Limit-Limit": "10",
    "X-Rate-Limit-Remaining": "3",
    "X-Rate-Limit-Window": "60",
}


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        (200, FULL, Allowance(limit=10, remaining=3, window=60.0)),
        (200, {name.lower(): value for name, value in FULL.items()}, Allowance(limit=10, remaining=3, window=60.0)),
        (200, {}, None),
        (200, {"X-Rate-Limit-Remaining": "many", "X-Rate-Limit-Window": "nan", "X-Rate-Limit-Limit": "-1"}, None),
        (200, {"X-Rate-Limit-Remaining": "0"}, Allowance(remaining=0)),
        (503, {"Retry-After": "7"}, None),
        (429, {}, Allowance(penalty=30.0)),
        (429, {"Retry-After": "7"}, Allowance(penalty=7.0)),
        (429, {"Retry-After": "0"}, Allowance(penalty=0.0)),
        (429, {"Retry-After": "soon"}, Allowance(penalty=30.0)),
        (429, FULL | {"Retry-After": "60"}, Allowance(limit=10, remaining=3, window=60.0, penalty=60.0)),
    ],
)
def test_an_answer_tells_its_rate_limit(status, headers, told):
    assert allowance(status, httpx.Headers(headers), NOW) == told


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("2.5", 2.5),
        ("Tue, 01 Sep 2026 08:01:30 GMT", 90.0),
        ("Tue, 01 Sep 2026 07:00:00 GMT", 0.0),
        ("Tue, 01 Sep 2026 08:01:30 -0000", None),
        ("-5", None),
        ("inf", None),
        ("a while", None),
    ],
)
def test_retry_after_is_read_as_number_or_date(value, seconds):
    assert retry_after({"Retry-After": value}, NOW) == seconds


def test_an_answer_without_retry_after_asks_for_no_wait():
    assert retry_after({}, NOW) is None


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (100, 60)])
def test_waits_double_up_to_a_minute(attempt, seconds):
    assert back_off(attempt) == seconds
