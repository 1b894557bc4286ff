"""Rate limits and penalties, at times passed in (`docs/ringcentral.md`, "Rate limits")."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.simulator.limits import CallCounter, LimitGroup, Limits
from tests.simulator.accounts import NOW


def after(seconds: float):
    return NOW + timedelta(seconds=seconds)


def retry_after(limiter: CallCounter, *moments: float) -> list[int | None]:
    return [limiter.count_call(LimitGroup.HEAVY, after(moment)).retry_after for moment in moments]


@pytest.mark.parametrize(
    ("group", "limit"),
    [(LimitGroup.HEAVY, 10), (LimitGroup.LIGHT, 50), (LimitGroup.MEDIUM, 40), (LimitGroup.AUTH, 5)],
)
def test_group_has_the_vendors_limit(group, limit):
    limiter = CallCounter(Limits())

    remaining = [limiter.count_call(group, NOW).remaining for _ in range(limit)]

    assert remaining == list(range(limit - 1, -1, -1))
    assert limiter.count_call(group, NOW).retry_after == 60


def test_groups_are_counted_apart():
    limiter = CallCounter(Limits(heavy=1))

    assert [limiter.count_call(group, NOW).retry_after for group in LimitGroup] == [
        None,
        None,
        None,
        None,
    ]


def test_headers_are_the_vendors():
    verdict = CallCounter(Limits(heavy=3, window=30)).count_call(LimitGroup.HEAVY, NOW)

    assert verdict.headers() == {
        "X-Rate-Limit-Group": "Heavy",
        "X-Rate-Limit-Limit": "3",
        "X-Rate-Limit-Remaining": "2",
        "X-Rate-Limit-Window": "30",
    }


def test_window_begins_with_its_first_call():
    limiter = CallCounter(Limits(heavy=2))

    assert retry_after(limiter, 10, 69, 70, 71) == [None, None, None, None]
    assert retry_after(limiter, 129.9) == [60]


def test_call_during_the_penalty_starts_it_anew():
    limiter = CallCounter(Limits(heavy=1, penalty=30))

    assert retry_after(limiter, 0, 1, 30, 59, 88, 118) == [None, 30, 30, 30, 30, None]


def test_penalty_that_was_ordered_has_its_own_length():
    limiter = CallCounter(Limits())

    ordered = limiter.start_penalty(LimitGroup.HEAVY, NOW, 2)

    assert (ordered.retry_after, ordered.remaining) == (2, 0)
    assert retry_after(limiter, 1, 3) == [2, None]


def test_penalty_is_told_in_whole_seconds():
    assert CallCounter(Limits(penalty=1.2)).start_penalty(LimitGroup.HEAVY, NOW).retry_after == 2


@given(pauses=st.lists(st.floats(0, 90), max_size=60), limit=st.integers(1, 10))
def test_every_client_that_waits_when_nothing_remains_is_never_refused(pauses, limit):
    limiter = CallCounter(Limits(heavy=limit))
    now, remaining = NOW, 1

    for pause in pauses:
        now += timedelta(seconds=pause if remaining else 60)
        verdict = limiter.count_call(LimitGroup.HEAVY, now)
        assert verdict.retry_after is None
        remaining = verdict.remaining


@given(
    pauses=st.lists(st.sampled_from([0, 0.5, 20, 59.5, 61]), max_size=60), limit=st.integers(1, 5)
)
def test_every_two_windows_admit_no_more_than_twice_the_limit(pauses, limit):
    limiter = CallCounter(Limits(heavy=limit))
    now, admitted = NOW, []

    for pause in pauses:
        now += timedelta(seconds=pause)
        if limiter.count_call(LimitGroup.HEAVY, now).retry_after is None:
            admitted.append(now)

    spans = [last - first for first, last in zip(admitted, admitted[2 * limit :], strict=False)]
    assert [span for span in spans if span < timedelta(seconds=60)] == []
