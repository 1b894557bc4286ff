"""Two runs of a webinar never overlap, and a dead run's lease is taken at once."""

import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from onboarding.ledger import leases
from onboarding.ledger.leases import TERM, Holder, new_holder
from onboarding.ledger.places import LedgerPlace
from onboarding.ledger.store import Ledger
from tests.ledger.making import NOW, as_setting

ELSEWHERE = Holder("run-1", "another machine", 4711, "100")
INSTANT = timedelta(microseconds=1)

HOLD = """
import asyncio, sys
from datetime import datetime
from onboarding.ledger import leases
from onboarding.ledger.settings import LedgerSettings, find_place
from onboarding.ledger.store import Ledger

async def main():
    async with Ledger(find_place(LedgerSettings(database=sys.argv[1]))) as ledger:
        now = datetime.fromisoformat(sys.argv[2])
        print(await ledger.run(leases.acquire, "webinar", leases.new_holder(), now), flush=True)
        sys.stdin.read()

asyncio.run(main())
"""


@contextmanager
def another_run(place: LedgerPlace):
    """Another process that holds the lease until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, as_setting(place), NOW.isoformat()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "None\n"
        yield process
        process.stdin.close()


def _kill(process: subprocess.Popen, *, cleared_away: bool) -> None:
    """Kill it and wait until it is dead; as a zombie it keeps its number until it is waited for."""
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | (0 if cleared_away else os.WNOWAIT))


async def _acquire(place: LedgerPlace, now=NOW) -> leases.Lease | None:
    async with Ledger(place) as ledger:
        return await ledger.run(leases.acquire, "webinar", new_holder(), now)


@pytest.mark.anyio
async def test_living_run_in_another_process_is_not_taken_over_even_after_its_term(place):
    with another_run(place) as process:
        other = await _acquire(place, NOW + 2 * TERM)

    assert other.holder.pid == process.pid


@pytest.mark.anyio
@pytest.mark.parametrize("cleared_away", [True, False], ids=["cleared away", "still a zombie"])
async def test_killed_run_is_taken_over_at_once(place, cleared_away):
    with another_run(place) as process:
        _kill(process, cleared_away=cleared_away)
        assert await _acquire(place, NOW + INSTANT) is None


def test_free_lease_is_taken_and_refused_to_the_next_run(connection):
    first, second = new_holder(), new_holder()

    assert leases.acquire(connection, "webinar", first, NOW) is None
    assert leases.acquire(connection, "webinar", second, NOW).holder == first


def test_holder_may_acquire_its_lease_again(connection):
    holder = new_holder()
    leases.acquire(connection, "webinar", holder, NOW)

    assert leases.acquire(connection, "webinar", holder, NOW) is None


def test_leases_of_two_webinars_are_apart(connection):
    leases.acquire(connection, "one", new_holder(), NOW)

    assert leases.acquire(connection, "two", new_holder(), NOW) is None


@pytest.mark.parametrize(
    ("after", "believed"),
    [(TERM - INSTANT, True), (TERM, False)],
    ids=["within its term", "after its term"],
)
def test_run_on_another_machine_is_believed(connection, after, believed):
    leases.acquire(connection, "webinar", ELSEWHERE, NOW)

    assert leases.is_held(connection, "webinar", NOW + after) is believed
    kept = leases.acquire(connection, "webinar", new_holder(), NOW + after)
    assert (kept and kept.holder) == (ELSEWHERE if believed else None)


def test_renewed_lease_is_believed_for_another_term(connection):
    leases.acquire(connection, "webinar", ELSEWHERE, NOW)

    assert leases.renew(connection, "webinar", ELSEWHERE, NOW + TERM / 3)

    assert leases.is_held(connection, "webinar", NOW + TERM)


def test_lease_says_since_when_it_is_held_however_often_it_was_renewed(connection):
    leases.acquire(connection, "webinar", ELSEWHERE, NOW)
    leases.renew(connection, "webinar", ELSEWHERE, NOW + TERM / 3)
    leases.renew(connection, "webinar", ELSEWHERE, NOW + TERM)

    assert leases.acquire(connection, "webinar", new_holder(), NOW + TERM).taken_at == NOW


def test_dead_run_of_a_machine_whose_clock_was_ahead_is_believed_for_one_term(connection):
    """Its lease ends in an hour by our clock. From when we first see it, it has a single term."""
    ahead = NOW + timedelta(hours=1)
    leases.acquire(connection, "webinar", ELSEWHERE, ahead)

    assert leases.acquire(connection, "webinar", new_holder(), NOW).holder == ELSEWHERE
    assert (
        leases.acquire(connection, "webinar", new_holder(), NOW + TERM - INSTANT).holder
        == ELSEWHERE
    )
    assert leases.acquire(connection, "webinar", new_holder(), NOW + TERM) is None


def test_living_run_of_a_machine_whose_clock_is_ahead_keeps_its_lease(connection):
    ahead = timedelta(hours=1)
    leases.acquire(connection, "webinar", ELSEWHERE, NOW + ahead)
    for renewals in range(1, 10):
        now = NOW + renewals * TERM / 3
        assert leases.acquire(connection, "webinar", new_holder(), now).holder == ELSEWHERE
        assert leases.renew(connection, "webinar", ELSEWHERE, now + ahead)


def test_renewing_tells_a_run_that_it_was_taken_over(connection):
    leases.acquire(connection, "webinar", ELSEWHERE, NOW)
    successor = new_holder()
    leases.acquire(connection, "webinar", successor, NOW + TERM)

    assert not leases.renew(connection, "webinar", ELSEWHERE, NOW + TERM)
    assert leases.acquire(connection, "webinar", new_holder(), NOW).holder == successor


def test_releasing_frees_one_s_own_lease_only(connection):
    holder = new_holder()
    leases.acquire(connection, "webinar", holder, NOW)

    leases.release(connection, "webinar", new_holder())
    assert leases.is_held(connection, "webinar", NOW)

    leases.release(connection, "webinar", holder)
    assert not leases.is_held(connection, "webinar", NOW)


@pytest.mark.parametrize(
    ("change", "alive"),
    [({}, True), ({"started": "1"}, False), ({"pid": 2**22 + 1}, False)],
    ids=["this very process", "a later process with the same number", "no such process"],
)
def test_holder_on_this_machine_is_known_for_certain(change, alive):
    holder = replace(new_holder(), **change)

    assert leases.is_alive(holder, NOW - TERM, NOW) is alive


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere psutil reads the name")
def test_process_whose_name_was_cut_within_a_letter_is_another_than_the_dead_holder(tmp_path):
    """The kernel keeps 15 bytes of a name: here the first of the two that make the last letter."""
    program = tmp_path / f"{'a' * 14}ü"
    program.symlink_to(sys.executable)
    script = "print(flush=True); input()"
    with subprocess.Popen(
        [program, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        holder = replace(new_holder(), pid=process.pid)

        assert not leases.is_alive(holder, NOW + TERM, NOW)
        process.communicate(b"\n")


def test_two_runs_in_one_process_have_names_of_their_own():
    assert new_holder().name != new_holder().name


@pytest.mark.skipif(not psutil.LINUX, reason="elsewhere psutil's time of day is all there is")
def test_start_of_a_process_does_not_depend_on_the_time_of_day():
    """In ticks since the machine's start: psutil adds its time, which moves as the clock is set."""
    ticks = int(new_holder().started) / os.sysconf("SC_CLK_TCK")

    assert psutil.Process().create_time() - psutil.boot_time() == pytest.approx(ticks, abs=0.02)
