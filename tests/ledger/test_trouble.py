"""A ledger that can't be used, or not just now, says so in words and keeps what it has."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from onboarding.errors import ConfigurationError, TryLater
from onboarding.ledger import mailboxes, new_deliveries, sessions
from onboarding.ledger.schema import problems
from onboarding.ledger.store import Ledger
from onboarding.model.people import Problem
from tests.ledger.making import NOW, order, session
from tests.ledger.writing import grouped, note, noted

pytestmark = pytest.mark.anyio

SHORT = 0.05


# --- refused in words -----------------------------------------------------------------------------


async def _refused(database: Path, kind=ConfigurationError) -> str:
    with pytest.raises(kind) as caught:
        async with Ledger(database, patience=SHORT):
            pass
    assert caught.value.hint
    return caught.value.message


async def test_file_that_is_no_database_is_refused(database, tmp_path):
    file = tmp_path / "ledger.db"
    file.write_text("first_name,last_name\n" * 100)
    file.chmod(0o644)

    assert await _refused(database) == f"The ledger {file} can't be used: file is not a database."
    assert file.read_text() == "first_name,last_name\n" * 100
    # Others may have to read it: a wrong path once took /etc/passwd from every user.
    assert file.stat().st_mode & 0o777 == 0o644


async def test_damaged_ledger_is_refused_and_its_tables_are_not_overwritten(database, tmp_path):
    async with Ledger(database):
        pass
    content = bytearray((tmp_path / "ledger.db").read_bytes())
    content[100:4096] = bytes(3996)
    (tmp_path / "ledger.db").write_bytes(content)

    assert "can't be used: database disk image is malformed" in await _refused(database)


async def test_another_programs_database_is_refused(database, tmp_path):
    with sqlite3.connect(tmp_path / "ledger.db") as other:
        other.execute("CREATE TABLE recipes (name)")
    other.close()
    (tmp_path / "ledger.db").chmod(0o644)
    before = (tmp_path / "ledger.db").read_bytes()

    assert await _refused(database) == "The file is another program's database, not a ledger."
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db"]
    assert (tmp_path / "ledger.db").read_bytes() == before
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o644


async def test_folder_in_the_place_of_the_file_is_refused(tmp_path):
    (tmp_path / "folder").mkdir(mode=0o755)

    assert "is not a file" in await _refused(tmp_path / "folder")
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o755


async def test_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()

    assert await _refused(tmp_path / "file" / "ledger.db") == (
        f"The ledger {tmp_path / 'file' / 'ledger.db'} can't be opened: File exists."
    )


@pytest.fixture
def strict_folder():
    """A folder whose permissions bind us, even if root runs the tests."""
    folder = Path(tempfile.mkdtemp())
    user = os.geteuid()
    if user == 0:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)
    shutil.rmtree(folder)


async def test_read_only_folder_is_refused(strict_folder):
    strict_folder.chmod(0o500)

    assert await _refused(strict_folder / "ledger.db") == (
        f"The ledger {strict_folder / 'ledger.db'} can't be opened: Permission denied."
    )


async def test_read_only_file_can_be_read_and_refuses_to_be_written(strict_folder):
    file = strict_folder / "ledger.db"
    async with Ledger(file) as ledger:
        await ledger.run(note, 1)
    file.chmod(0o400)

    async with Ledger(file) as ledger:
        with pytest.raises(ConfigurationError) as caught:
            await ledger.run(note, 2)
        assert await ledger.run(noted) == [1]

    assert (
        caught.value.message
        == f"The ledger {file} can't be used: attempt to write a readonly database."
    )


# --- try later ------------------------------------------------------------------------------------


@contextmanager
def locked_by_another_process(path: Path):
    """Another process holds a write transaction until the block is left."""
    script = (
        "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


async def test_locked_ledger_is_tried_later_and_works_again_afterwards(database, tmp_path):
    async with Ledger(database, patience=SHORT) as ledger:
        with locked_by_another_process(tmp_path / "ledger.db"), pytest.raises(TryLater) as caught:
            await ledger.run(note, 1)
        assert await ledger.run(note, 2) == 2
        assert await ledger.run(noted) == [2]

    assert (
        caught.value.message
        == f"The ledger {tmp_path / 'ledger.db'} can't be written: database is locked."
    )


async def test_locked_ledger_is_waited_for_once_by_a_whole_group(database, tmp_path):
    async with Ledger(database, patience=SHORT) as ledger:
        traced: list[str] = []
        await ledger.run(lambda c: c.connection.driver_connection.set_trace_callback(traced.append))
        with locked_by_another_process(tmp_path / "ledger.db"):
            tasks = [asyncio.create_task(ledger.run(note, number)) for number in range(20)]
            results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [TryLater] * 20
    assert (
        1 <= traced.count("BEGIN IMMEDIATE") <= 2
    )  # the first statement's, and that of all who came while it waited


async def test_ledger_locked_from_the_start_is_tried_later(database, tmp_path):
    async with Ledger(database):
        pass
    with locked_by_another_process(tmp_path / "ledger.db"):
        assert "database is locked" in await _refused(database, TryLater)


def _limit_pages(connection: sa.Connection, more: int) -> None:
    used = connection.exec_driver_sql("PRAGMA page_count").scalar()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {used + more}")


async def test_full_disk_is_tried_later_with_nothing_half_written(database):
    many = [order(f"person{number}@example.com") for number in range(500)]
    async with Ledger(database) as ledger:
        session_row = await ledger.run(sessions.upsert, session())
        await ledger.run(_limit_pages, 2)

        with pytest.raises(TryLater, match="full"):
            await ledger.run(new_deliveries.enqueue, session_row, many, NOW)

        assert await ledger.run(mailboxes.load_mailboxes, session_row) == {}
        await ledger.run(_limit_pages, 10_000)
        await ledger.run(new_deliveries.enqueue, session_row, many, NOW)
        assert len(await ledger.run(mailboxes.load_mailboxes, session_row)) == 500


async def test_full_disk_keeps_what_still_fits_of_a_group(database):
    """A result that is to be recorded must not be lost because of another run's new messages."""
    many = [Problem(None, None, "", "x" * 1000) for _ in range(100)]
    async with Ledger(database) as ledger:
        session_row = await ledger.run(sessions.upsert, session())
        await ledger.run(_limit_pages, 2)

        results = await grouped(
            ledger, (sessions.record_run_end, session_row, many, 1, NOW), (note, 1)
        )

        assert (type(results[0]), results[1]) == (TryLater, 1)
        assert (
            await ledger.run(
                lambda c: c.execute(sa.select(sa.func.count()).select_from(problems)).scalar()
            )
            == 0
        )


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["a FIFO", "a device", "a directory"])
async def test_ledger_that_is_no_file_is_named_and_not_waited_for(tmp_path, kind):
    os.mkfifo(tmp_path / "fifo")
    path = {"a FIFO": tmp_path / "fifo", "a device": Path("/dev/null"), "a directory": tmp_path}[
        kind
    ]

    with pytest.raises(ConfigurationError, match="is not a file"):
        async with Ledger(path):
            pass
