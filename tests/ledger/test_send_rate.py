"""The mail server's pace: even, never a burst, and a cap for every 24 hours."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.ledger.rate_limits import ONE_DAY, ONE_HOUR, SendRate, reserve_send
from tests.ledger.making import NOW

FREE = timedelta()
TWO_SECONDS = SendRate(timedelta(seconds=2))


def _waits(connection, pace: SendRate, *times: float) -> list[float]:
    return [
        reserve_send(connection, "smtp", pace, NOW + timedelta(seconds=second)).total_seconds()
        for second in times
    ]


@pytest.mark.parametrize(
    ("pace", "times", "waits"),
    [
        (SendRate(), [0, 0, 0], [0, 0, 0]),
        (TWO_SECONDS, [0, 0, 1, 2, 2], [0, 2, 1, 0, 2]),
        (TWO_SECONDS, [0, 100, 100], [0, 0, 2]),
        (TWO_SECONDS, [100, 40], [0, 2]),
        (SendRate(per_day=2), [0, 0, 0, 3600], [0, 0, 90000, 86400]),
        (SendRate(per_day=2), [0, 3600, 7200, 90000], [0, 0, 82800, 0]),
        (SendRate(per_day=1), [3590, 86460], [0, 3540]),
        (SendRate(timedelta(seconds=2), per_day=1), [0, 1], [0, 89999]),
        (SendRate(per_day=0), [0], [86400]),
    ],
    ids=[
        "as fast as it goes",
        "even",
        "idleness saves nothing up",
        "a clock that was set back costs one interval at most",
        "a cap",
        "the cap counts by the hour",
        "the cap holds for whoever was sent at the end of an hour",
        "the longer of two waits",
        "a cap of none",
    ],
)
def test_reserve_waits(connection, pace, times, waits):
    assert _waits(connection, pace, *times) == waits


def _waited(connection, pace: SendRate, at: float) -> float:
    """How long one message has to wait in all, asking again after each wait; in seconds."""
    total = 0.0
    while wait := _waits(connection, pace, at + total)[0]:
        total += wait
        assert total < 10 * 86400
    return total


@pytest.mark.parametrize(
    ("pace", "longest"),
    [
        pytest.param(TWO_SECONDS, 2, id="one interval"),
        pytest.param(SendRate(per_day=1), 90000, id="a day and an hour"),
    ],
)
def test_clock_that_is_set_back_by_a_year_makes_no_message_wait_longer(connection, pace, longest):
    _waits(connection, pace, 366 * 86400)

    assert _waited(connection, pace, 0) == longest


def test_raised_rate_counts_at_once(connection):
    reserve_send(connection, "smtp", SendRate(timedelta(hours=1)), NOW)

    assert reserve_send(connection, "smtp", TWO_SECONDS, NOW) == timedelta(seconds=2)


def test_paces_of_two_servers_are_apart(connection):
    reserve_send(connection, "one", TWO_SECONDS, NOW)

    assert reserve_send(connection, "two", TWO_SECONDS, NOW) == FREE


def test_even_pace_reaches_the_rate(connection):
    sent = sum(
        reserve_send(connection, "smtp", TWO_SECONDS, NOW + timedelta(seconds=second)) == FREE
        for second in range(60)
    )

    assert sent == 30


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.timedeltas(timedelta(), 10 * ONE_HOUR), max_size=40),
    interval=st.timedeltas(timedelta(), 3 * ONE_HOUR),
    per_day=st.integers(1, 4),
)
def test_no_two_messages_are_too_close_and_no_day_holds_too_many(
    connection, gaps, interval, per_day
):
    pace, now, sent = SendRate(interval, per_day), NOW, []
    with connection.begin_nested() as fresh:
        for gap in gaps:
            now += gap
            if reserve_send(connection, "smtp", pace, now) == FREE:
                sent.append(now)
        fresh.rollback()

    assert all(later - earlier >= interval for earlier, later in pairwise(sent))
    assert all(
        later - earlier >= ONE_DAY for earlier, later in zip(sent, sent[per_day:], strict=False)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.timedeltas(timedelta(), 10 * ONE_HOUR), max_size=20),
    interval=st.timedeltas(timedelta(), 3 * ONE_HOUR),
    per_day=st.integers(1, 4),
)
def test_who_waits_as_told_gets_in(connection, gaps, interval, per_day):
    pace, now = SendRate(interval, per_day), NOW
    with connection.begin_nested() as fresh:
        for gap in gaps:
            now += gap
            wait = reserve_send(connection, "smtp", pace, now)
            assert wait == FREE or reserve_send(connection, "smtp", pace, now + wait) == FREE
            now += wait
        fresh.rollback()
