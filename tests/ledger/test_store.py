"""The file and its only writer: durable, private, many statements to a commit."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import nullcontext, suppress

import anyio
import anyio.lowlevel
import pytest
from sqlalchemy.exc import IntegrityError, StatementError

from onboarding.ledger import sessions
from onboarding.ledger.sqlite import _create_private
from onboarding.ledger.store import GROUP, Ledger
from tests.ledger.making import NOW
from tests.ledger.writing import Held, Odd, counted, fail, grouped, note, noted

pytestmark = pytest.mark.anyio


# --- durable, private -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("secure_delete", 1)],
)
async def test_ledger_is_opened_with(database, pragma, value):
    async with Ledger(database) as ledger:
        assert await ledger.run(lambda c: c.exec_driver_sql(f"PRAGMA {pragma}").scalar()) == value


async def test_what_run_returned_from_is_in_the_file(database, tmp_path):
    async with Ledger(database) as ledger:
        assert await ledger.run(note, 7) == 7
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            assert other.execute("SELECT pid FROM leases").fetchall() == [(7,)]
        other.close()


@pytest.fixture
def open_umask():
    """What the program does not restrict itself is open to all."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
async def test_files_are_private_while_the_ledger_is_open(database, tmp_path):
    async with Ledger(database) as ledger:
        await ledger.run(note, 1)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


@pytest.mark.usefixtures("open_umask")
async def test_file_is_private_before_sqlite_sees_it(tmp_path):
    _create_private(tmp_path / "new.db")

    assert ((tmp_path / "new.db").stat().st_mode & 0o777, (tmp_path / "new.db").read_bytes()) == (
        0o600,
        b"",
    )


@pytest.mark.usefixtures("open_umask")
async def test_file_where_a_link_leads_is_private_too(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "folder" / "ledger.db")
    async with Ledger(tmp_path / "link.db") as ledger:
        await ledger.run(note, 1)
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "folder").iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}


async def test_readable_file_is_made_private_with_its_log(database, tmp_path):
    async with Ledger(database):
        pass
    (tmp_path / "ledger.db").chmod(0o644)

    async with Ledger(database) as ledger:
        await ledger.run(note, 1)
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


async def test_second_opening_in_one_process_leaves_the_locks_of_the_first(database, tmp_path):
    """Closing any descriptor of the file would drop them; another process would delete the log."""
    async with Ledger(database) as first:
        await first.run(note, 1)
        async with Ledger(database):
            pass
        touch = (
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
            "c.execute('SELECT * FROM leases'); c.close()"
        )
        await anyio.run_process([sys.executable, "-c", touch, tmp_path / "ledger.db"])
        assert (tmp_path / "ledger.db-wal").exists()


async def test_folder_of_the_ledger_is_made(tmp_path):
    async with Ledger(tmp_path / "a" / "b" / "ledger.db") as ledger:
        assert await ledger.run(noted) == []


def test_several_processes_may_open_a_new_ledger_at_once(database):
    script = """
import asyncio, sys
from pathlib import Path
from onboarding.ledger.store import Ledger

async def main():
    async with Ledger(Path(sys.argv[1])):
        pass

asyncio.run(main())
"""
    running = [subprocess.Popen([sys.executable, "-c", script, database]) for _ in range(3)]

    assert [process.wait() for process in running] == [0, 0, 0]


async def test_file_that_another_process_is_just_making_is_waited_for(database, tmp_path):
    with sqlite3.connect(
        tmp_path / "ledger.db", isolation_level=None, check_same_thread=False
    ) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.commit).start()

        async with Ledger(database) as ledger:
            assert await ledger.run(noted) == []
    other.close()


# --- grouping -------------------------------------------------------------------------------------


async def test_statements_handed_in_meanwhile_share_one_commit(place):
    async with Ledger(place) as ledger:
        made = counted(ledger, "commit")
        results = await grouped(ledger, *((note, number) for number in range(50)))

    assert (results, len(made)) == (list(range(50)), 2)


async def test_group_is_bounded(place):
    async with Ledger(place) as ledger:
        made = counted(ledger, "commit")
        await grouped(ledger, *((note, number) for number in range(GROUP + 1)))

    assert len(made) == 3


@pytest.mark.parametrize(
    "error",
    [KeyError("oops"), ValueError("oops"), Odd("oops")],
    ids=lambda error: type(error).__name__,
)
async def test_error_of_one_statement_reaches_its_caller_and_nobody_else(place, error):
    async with Ledger(place) as ledger:
        results = await grouped(ledger, (note, 1), (fail, error), (note, 2))

        assert results == [1, error, 2]
        assert await ledger.run(noted) == [1, 2]


def noting(connection, numbers):
    """A statement that takes many: writes each number, and refuses those below zero."""
    if min(numbers) < 0:
        raise KeyError("below zero")
    return [note(connection, number) for number in numbers]


@pytest.mark.parametrize("together", [True, False])
async def test_what_comes_after_a_failed_one_is_not_written(place, together):
    async with Ledger(place) as ledger:
        async with Held(ledger) if together else nullcontext():
            first = ledger.submit(noting, -1)
            if not together:
                await asyncio.wait([first])
            second = ledger.submit(noting, 2, depends_on=first)
            chain = [
                first,
                second,
                ledger.submit(noting, 3, depends_on=second),
                ledger.submit(noting, 4),
            ]
        results = await asyncio.gather(*chain, return_exceptions=True)

        assert [type(result) for result in results] == [KeyError, KeyError, KeyError, int]
        assert await ledger.run(noted) == [4]


async def test_what_comes_after_shares_the_commit(place):
    async with Ledger(place) as ledger:
        made = counted(ledger, "commit")
        async with Held(ledger):
            first = ledger.submit(noting, 1)
            second = ledger.submit(noting, 2, depends_on=first)
        await second

        assert (len(made), await ledger.run(noted)) == (2, [1, 2])


async def test_statement_that_ran_out_of_an_iterator_keeps_nobody_waiting(place):
    async with Ledger(place) as ledger:
        results = await grouped(ledger, (note, 1), (fail, StopIteration()), (note, 2))

    assert (results[0], type(results[1]), results[2]) == (1, RuntimeError, 2)


async def test_broken_rule_of_the_database_reaches_its_caller_and_nobody_else(place):
    async with Ledger(place) as ledger:
        results = await grouped(ledger, (note, 1), (note, 1), (note, 2))

        assert (results[0], type(results[1]), results[2]) == (1, IntegrityError, 2)
        assert await ledger.run(noted) == [1, 2]


async def test_naive_time_reaches_its_caller(place):
    async with Ledger(place) as ledger:
        with pytest.raises(StatementError, match="without zone"):
            await ledger.run(sessions.remove_ended, NOW.replace(tzinfo=None))
        assert await ledger.run(note, 1) == 1


async def test_statement_of_a_cancelled_task_is_carried_out(place):
    async with Ledger(place) as ledger:
        async with Held(ledger):
            task = asyncio.create_task(ledger.run(note, 1))
            await anyio.lowlevel.checkpoint()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert await ledger.run(noted) == [1]


async def test_closing_carries_out_what_was_handed_in(place):
    async with Ledger(place) as ledger:
        tasks = [asyncio.create_task(ledger.run(note, number)) for number in range(20)]
        await anyio.lowlevel.checkpoint()

    assert await asyncio.gather(*tasks) == list(range(20))


async def test_closing_in_a_cancelled_scope_carries_out_what_was_handed_in(place):
    many = range(4 * GROUP)
    with anyio.CancelScope() as scope:
        async with Ledger(place) as ledger:
            tasks = [asyncio.create_task(ledger.run(note, number)) for number in many]
            await anyio.lowlevel.checkpoint()
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    assert not ledger._thread.is_alive()
    assert await asyncio.gather(*tasks) == list(many)


async def test_closed_ledger_refuses_instead_of_waiting_for_ever(place):
    async with Ledger(place) as ledger:
        pass

    with pytest.raises(RuntimeError, match="not open"):
        await ledger.run(noted)
