"""Several machines with one ledger go by its server's clock, whatever their own show."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from onboarding.cli.options import clock_for
from onboarding.cli.terminal import NoProgress
from onboarding.errors import EXIT_TRY_LATER, Interrupted, TryLater
from onboarding.ledger.postgresql import _open_engine
from onboarding.ledger.server_clock import measure_offset
from onboarding.ledger.store import Ledger
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.shared_clock import (
    ClockChange,
    CorrectedTime,
    find_clock_change,
    keep_shared_clock,
)
from tests import postgresql
from tests.clock import NOON
from tests.pipeline.test_connections import Heard

needs_postgresql = pytest.mark.skipif(
    bool(postgresql.find_missing()), reason=postgresql.find_missing()
)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "measured", "change"),
    [
        (None, 0, ClockChange.FINE),
        (None, 30, ClockChange.FINE),
        (None, 31, ClockChange.TELL),
        (None, -31, ClockChange.TELL),
        (None, 86400, ClockChange.TELL),
        (0, 30, ClockChange.FINE),
        (0, 31, ClockChange.TELL),
        (31, 32, ClockChange.FINE),
        (31, 62, ClockChange.TELL),
        (31, 0, ClockChange.FINE),
        (86400, 86401, ClockChange.FINE),
        (0, 300, ClockChange.TELL),
        (0, 301, ClockChange.STOP),
        (0, -301, ClockChange.STOP),
        (400, 0, ClockChange.STOP),
    ],
)
def test_what_a_measurement_means(before, measured, change):
    earlier = None if before is None else before * SECOND

    assert find_clock_change(earlier, measured * SECOND) is change


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        (2 * SECOND, ""),
        (90 * SECOND, "This machine's clock is 1 minute behind the database's."),
        (-7200 * SECOND, "This machine's clock is 2 hours ahead of the database's."),
    ],
)
def test_time_is_the_databases_and_a_large_difference_is_said(offset, words):
    heard, stop = Heard(), asyncio.Event()
    time = CorrectedTime(lambda: NOON, heard, stop)
    time.correct(offset)

    assert time.now() == NOON + offset
    assert bool(heard.lines) == bool(words)
    assert "\n".join(heard.lines).startswith(words)
    assert not stop.is_set()


@needs_postgresql
def test_offset_is_that_of_the_servers_clock_and_a_slow_question_adds_half_of_it(
    postgresql_server,
):
    engine = _open_engine(postgresql_server.make_empty(), 1.0)
    with engine.connect() as connection, connection.begin():
        (at_server,) = connection.exec_driver_sql("SELECT clock_timestamp()").one()
        times = iter([at_server - timedelta(hours=1), at_server - timedelta(hours=1) + 2 * SECOND])
        offset = measure_offset(connection, lambda: next(times))
    engine.dispose()

    assert timedelta(hours=1) - SECOND <= offset < timedelta(hours=1, seconds=5)


class Minutes:
    """Minutes that end when the test says so, and what is measured in each."""

    def __init__(self, *offsets: timedelta) -> None:
        self.offsets = list(offsets)
        self.ended = asyncio.Event()
        self.measured = asyncio.Event()

    def measure(self, _connection: object, _now: Callable[[], datetime]) -> timedelta:
        return self.offsets.pop(0)

    async def pause(self, _seconds: float) -> None:
        self.measured.set()
        await self.ended.wait()
        self.ended.clear()

    async def pass_one(self) -> None:
        await self.measured.wait()
        self.measured.clear()
        self.ended.set()
        await self.measured.wait()


FOLLOWING = Clock(now=lambda: NOON, follows_ledger=True)


@needs_postgresql
@pytest.mark.anyio
async def test_offset_is_measured_at_the_start_and_each_minute(postgresql_server):
    minutes = Minutes(60 * SECOND, 70 * SECOND)
    place, stop = postgresql_server.make_ledger(), asyncio.Event()
    async with (
        Ledger(place) as ledger,
        keep_shared_clock(
            ledger,
            FOLLOWING,
            NoProgress(),
            stop,
            measure=minutes.measure,
            pause=minutes.pause,
        ) as clock,
    ):
        assert clock.now() == NOON + 60 * SECOND
        await minutes.pass_one()
        assert clock.now() == NOON + 70 * SECOND
        assert not stop.is_set()


async def work_until_stopped(ledger: Ledger, minutes: Minutes) -> None:
    """Work as a command does that ends at the stop signal; one minute passes."""
    stop = asyncio.Event()
    async with keep_shared_clock(
        ledger, FOLLOWING, NoProgress(), stop, measure=minutes.measure, pause=minutes.pause
    ) as clock:
        await minutes.measured.wait()
        minutes.ended.set()
        await stop.wait()
        # What is still recorded gets the time that the others have.
        assert clock.now() == NOON + 600 * SECOND
        raise Interrupted("This command was stopped by a signal.")


@needs_postgresql
@pytest.mark.anyio
async def test_clock_that_jumps_stops_the_run_which_says_so_with_75(postgresql_server):
    minutes = Minutes(0 * SECOND, 600 * SECOND)
    async with Ledger(postgresql_server.make_ledger()) as ledger:
        with pytest.raises(TryLater, match="was set by 10 minutes") as stopped:
            await work_until_stopped(ledger, minutes)

    assert stopped.value.exit_code == EXIT_TRY_LATER
    assert not isinstance(stopped.value, Interrupted)


@pytest.mark.anyio
async def test_ledger_in_a_file_has_the_machines_own_clock(tmp_path):
    async with (
        Ledger(tmp_path / "ledger.db") as ledger,
        keep_shared_clock(ledger, FOLLOWING, NoProgress(), asyncio.Event()) as clock,
    ):
        assert clock is FOLLOWING


@needs_postgresql
@pytest.mark.anyio
async def test_clock_that_is_passed_in_stays_as_it_is(postgresql_server):
    passed = replace(FOLLOWING, follows_ledger=False)
    async with (
        Ledger(postgresql_server.make_ledger()) as ledger,
        keep_shared_clock(ledger, passed, NoProgress(), asyncio.Event()) as clock,
    ):
        assert clock is passed


def test_commands_follow_the_ledgers_clock():
    assert clock_for(asyncio.Event(), NoProgress()).follows_ledger
