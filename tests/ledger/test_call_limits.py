"""RingCentral's limits, kept together by all who share the ledger."""

import subprocess
import sys
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onboarding.ledger.rate_limits import reserve_call, update_limit
from onboarding.ledger.schema import limits
from onboarding.ledger.store import Ledger
from onboarding.model.ports import RateLimitStatus
from tests.ledger.making import NOW, as_setting

WINDOW = timedelta(seconds=60)
FREE = timedelta()


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def calls(connection: sa.Connection, *times: float, most: int = 3) -> list[float]:
    """Reserve at those times (seconds); returns the waits."""
    return [reserve_call(connection, "Heavy", most, at(second)).total_seconds() for second in times]


@pytest.mark.parametrize(
    ("times", "waits"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 0, 0, 0], [0, 0, 0, 60]),
        ([0, 10, 20, 30], [0, 0, 0, 30]),
        ([0, 10, 20, 60], [0, 0, 0, 0]),
        ([0, 10, 20, 60, 60], [0, 0, 0, 0, 10]),
        ([0, 59, 59, 60, 61], [0, 0, 0, 0, 58]),
        ([0, 0, 0, 30, 59, 60], [0, 0, 0, 30, 1, 0]),
        ([100, 100, 100, 40], [0, 0, 0, 60]),
    ],
    ids=[
        "as many as allowed at once",
        "one more waits for the window",
        "a window begins with each call",
        "the first call has left the window",
        "the second has not",
        "no double helping where two windows meet",
        "a wait counts nothing",
        "a clock that was set back costs one window at most",
    ],
)
def test_reserve_waits(connection, times, waits):
    assert calls(connection, *times) == waits


def test_limits_of_two_names_are_apart(connection):
    calls(connection, 0, 0, 0)

    assert reserve_call(connection, "Medium", 3, at(0)) == FREE


@pytest.mark.parametrize(
    ("status", "then"),
    [
        (RateLimitStatus(), [(2, 0), (2, 0), (2, 58)]),
        (RateLimitStatus(remaining=1), [(2, 0), (3, 57)]),
        (RateLimitStatus(remaining=2), [(2, 0), (2, 0), (3, 57)]),
        (RateLimitStatus(remaining=0), [(2, 60), (62, 0)]),
        (RateLimitStatus(remaining=0, window=10.0), [(2, 10), (12, 0)]),
        (RateLimitStatus(limit=5, remaining=4), [(2, 0), (2, 0), (2, 0), (2, 0), (6, 54)]),
        (RateLimitStatus(limit=1), [(2, 58)]),
        (RateLimitStatus(penalty=30.0), [(2, 30), (31, 1), (32, 0)]),
        (RateLimitStatus(remaining=0, penalty=90.0), [(2, 90), (91, 1), (92, 0)]),
    ],
    ids=[
        "an answer without figures",
        "a call was made elsewhere",
        "as counted here",
        "nothing is left",
        "nothing is left of a shorter window",
        "a higher limit",
        "a lower limit",
        "a penalty",
        "a penalty beyond the window",
    ],
)
def test_answer_is_believed(connection, status, then):
    """A call at 0 s, its answer at 2 s, and the waits of later calls, all in seconds."""
    calls(connection, 0)

    update_limit(connection, "Heavy", status, at(2))

    times = [when for when, _ in then]
    assert calls(connection, *times) == [wait for _, wait in then]


def test_later_answer_never_shortens_a_penalty(connection):
    calls(connection, 0)
    update_limit(connection, "Heavy", RateLimitStatus(penalty=60.0), at(1))
    update_limit(connection, "Heavy", RateLimitStatus(penalty=5.0), at(2))
    update_limit(connection, "Heavy", RateLimitStatus(limit=3, remaining=2), at(3))

    assert calls(connection, 4) == [57]


def waits(connection: sa.Connection, at_: float, *, most: int = 3) -> float:
    """How many seconds a call has to wait, asking again after each wait as a run does."""
    total = 0.0
    while wait := reserve_call(connection, "Heavy", most, at(at_ + total)).total_seconds():
        total += wait
        assert total < 10_000
    return total


@pytest.mark.parametrize(
    ("status", "most_waited"),
    [
        pytest.param(RateLimitStatus(remaining=1), 0, id="nothing to wait for"),
        pytest.param(RateLimitStatus(remaining=0), 60, id="nothing is left"),
        pytest.param(RateLimitStatus(penalty=90.0), 90, id="a penalty"),
    ],
)
def test_clock_that_is_set_back_by_an_hour_makes_nothing_last_longer(
    connection, status, most_waited
):
    calls(connection, 3600)
    update_limit(connection, "Heavy", status, at(3601))

    assert waits(connection, 1) == most_waited


def test_clock_that_is_set_back_costs_one_window_and_no_more(connection):
    calls(connection, 3600, 3600, 3600)

    assert waits(connection, 0) == 60


def test_answer_that_leaves_nothing_to_wait_for_blocks_nothing(connection):
    calls(connection, 0)
    update_limit(connection, "Heavy", RateLimitStatus(limit=10, remaining=9, window=60.0), at(1))

    assert connection.execute(sa.select(limits.c.blocked_at, limits.c.blocked_until)).one() == (
        None,
        None,
    )


def test_figures_that_an_older_version_wrote_down_are_bounded(connection):
    calls(connection, 0)
    many = [at(0).isoformat()] * 5000
    connection.execute(limits.update().values(most=2_000_000, window=1e18, made=many))

    assert calls(connection, 1) == [3599]
    assert len(connection.execute(sa.select(limits.c.made)).scalar()) <= 1000


def test_answer_to_a_call_that_nobody_reserved_is_no_error(connection):
    update_limit(connection, "Heavy", RateLimitStatus(remaining=0), at(0))

    assert calls(connection, 0) == [0]


def test_all_calls_there_ever_were_are_counted(connection):
    calls(connection, 0, 0, 0, 0, 100, 200)

    assert connection.execute(sa.select(limits.c.calls)).scalar() == 5


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.floats(0, 40)),
        st.tuples(st.just("left"), st.integers(0, 4)),
        st.tuples(st.just("penalty"), st.floats(0.1, 90)),
    ),
    max_size=60,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, most=st.integers(1, 4))
def test_no_window_ever_holds_more_than_allowed_and_no_penalty_a_call(connection, steps, most):
    """In any order of calls and answers: a process keeps nothing of its own between two calls."""
    with connection.begin_nested() as fresh:
        now, quiet_until, made = NOW, NOW, []
        for what, value in steps:
            if what == "call":
                now += timedelta(seconds=value)
                if reserve_call(connection, "Heavy", most, now) == FREE:
                    assert now >= quiet_until
                    made.append(now)
            elif what == "left":
                update_limit(
                    connection,
                    "Heavy",
                    RateLimitStatus(limit=most, remaining=min(value, most)),
                    now,
                )
            elif made:
                update_limit(connection, "Heavy", RateLimitStatus(penalty=value), now)
                quiet_until = max(quiet_until, now + timedelta(seconds=value))
        fresh.rollback()

    assert all(last - first >= WINDOW for first, last in zip(made, made[most:], strict=False))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.floats(0, 40), max_size=30), most=st.integers(1, 4))
def test_who_waits_as_told_gets_in(connection, gaps, most):
    now = NOW
    with connection.begin_nested() as fresh:
        for gap in gaps:
            now += timedelta(seconds=gap)
            wait = reserve_call(connection, "Heavy", most, now)
            assert wait == FREE or reserve_call(connection, "Heavy", most, now + wait) == FREE
            now += wait
        fresh.rollback()


RESERVE = """
import asyncio, sys
from datetime import datetime
from onboarding.ledger.rate_limits import reserve_call
from onboarding.ledger.settings import LedgerSettings, find_place
from onboarding.ledger.store import Ledger

async def main():
    now = datetime.fromisoformat(sys.argv[2])
    async with Ledger(find_place(LedgerSettings(database=sys.argv[1]))) as ledger:
        waits = [await ledger.run(reserve_call, "Heavy", 10, now) for _ in range(20)]
    print(sum(not wait for wait in waits))

asyncio.run(main())
"""


@pytest.mark.anyio
async def test_processes_that_share_a_ledger_share_the_limit(place):
    async with Ledger(place):
        command = [sys.executable, "-c", RESERVE, as_setting(place), NOW.isoformat()]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]  # noqa: ASYNC220 -- they run while we only wait for them
        granted = [int(process.communicate()[0]) for process in running]

    assert sum(granted) == 10
