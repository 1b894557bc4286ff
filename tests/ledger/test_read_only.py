"""A ledger is read without a trace: no migration, no mode changed, no file beside it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.errors import OnboardingError, TryLater
from onboarding.ledger.read_only import MAX_READS, read_ledger
from onboarding.ledger.schema import sessions
from onboarding.ledger.store import Ledger
from tests.ledger.making import make_old_ledger
from tests.ledger.writing import note, noted
from tests.users import NOBODY, needs_root, open_folder

pytestmark = pytest.mark.anyio

State = dict[str, tuple[object, ...]]
LATE = """
INSERT INTO leases (name, holder, machine, pid, started, until)
VALUES ('late', '', '', ?, '', '2026-09-01')
"""


class Recorded(NoProgress):
    """Keeps the lines that it would show."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def trace(folder: Path) -> State:
    """Everything that a reader could have changed in a folder."""
    seen = {file.name: file.stat() for file in folder.iterdir()}
    return {
        name: (status.st_ino, status.st_uid, status.st_mode, status.st_size, status.st_mtime_ns)
        for name, status in seen.items()
    }


@pytest.fixture
def progress() -> Recorded:
    return Recorded()


@pytest.fixture
def folder():
    with open_folder() as made:
        yield made


async def write(path: Path, *numbers: int) -> None:
    async with Ledger(path) as ledger:
        for number in numbers:
            await ledger.run(note, number)


def died(path: Path) -> None:
    """Leave what a killed run leaves after a restart: a log that holds more than the file."""
    with sqlite3.connect(path, isolation_level=None) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute(LATE, (99,))
        kept = path.with_name("kept")
        shutil.copy(f"{path}-wal", kept)
    writer.close()
    kept.rename(f"{path}-wal")


# --- no trace -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ledger.db", "100%25 wo?man#1 ü.db"])
async def test_reading_leaves_folder_and_file_as_they_are(tmp_path, progress, name):
    path = tmp_path / name
    await write(path, 1, 2)
    path.chmod(0o644)
    before = trace(tmp_path)

    assert read_ledger(path, noted, progress) == [1, 2]
    assert (trace(tmp_path), progress.lines) == (before, [])


def test_where_there_is_no_ledger_none_is_made(tmp_path, progress):
    assert read_ledger(tmp_path / "a" / "ledger.db", noted, progress) is None
    assert list(tmp_path.iterdir()) == []


async def test_ledger_that_a_run_has_open_is_read_with_what_it_has_just_written(database, progress):
    async with Ledger(database) as ledger:
        await ledger.run(note, 1)
        assert read_ledger(database, noted, progress) == [1]
        await ledger.run(note, 2)
        assert read_ledger(database, noted, progress) == [1, 2]
    assert progress.lines == []


async def test_log_of_a_run_that_died_is_read(database, progress):
    await write(database, 1)
    died(database)

    assert read_ledger(database, noted, progress) == [1, 99]


async def test_log_lies_beside_the_file_and_not_beside_a_link_to_it(tmp_path, progress):
    (tmp_path / "real").mkdir()
    await write(tmp_path / "real" / "ledger.db", 1)
    died(tmp_path / "real" / "ledger.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "ledger.db")

    assert read_ledger(tmp_path / "link.db", noted, progress) == [1, 99]


async def test_answer_counts_only_if_the_ledger_did_not_change_meanwhile(database, progress):
    await write(database, 1)
    asked = []

    def while_a_run_writes(connection: sa.Connection) -> list[int]:
        asked.append(1)
        if len(asked) == 1:
            with sqlite3.connect(database) as other:
                other.execute(LATE, (2,))
            other.close()
        return noted(connection)

    assert read_ledger(database, while_a_run_writes, progress) == [1, 2]
    assert len(asked) == 2


async def test_ledger_that_changes_each_time_is_tried_later(database, progress):
    await write(database, 1)
    asked = []

    def touched(_connection: sa.Connection) -> None:
        asked.append(1)
        os.utime(database, ns=(len(asked), len(asked)))

    with pytest.raises(TryLater):
        read_ledger(database, touched, progress)
    assert len(asked) == MAX_READS


# --- another user ---------------------------------------------------------------------------------

READ = f"""
import json, os, sys
from pathlib import Path
from onboarding.errors import OnboardingError
from onboarding.ledger.read_only import read_ledger
from tests.ledger.test_read_only import Recorded
from tests.ledger.writing import noted

progress = Recorded()
# Imports all: the other user may not read the interpreter's files.
read_ledger(Path(sys.argv[1]), noted, progress)
progress.lines.clear()
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
try:
    print(json.dumps([read_ledger(Path(sys.argv[2]), noted, progress), progress.lines]))
except OnboardingError as error:
    print(json.dumps([error.exit_code, error.message]))
"""


@pytest.fixture
async def read_by_another(tmp_path):
    """Read in another user's process: the answer and the lines shown, or exit code and message."""
    await write(tmp_path / "first.db", 1)

    def ended(path: Path) -> list[object]:
        command = [sys.executable, "-c", READ, tmp_path / "first.db", path]
        found: list[object] = json.loads(
            subprocess.run(command, capture_output=True, check=True).stdout
        )
        return found

    return ended


UNREADABLE = "The newest part of the ledger, ledger.db-wal, can't be read by this user: {path}."


@needs_root
async def test_user_who_may_write_nothing_reads_a_ledger_at_rest_and_is_told(
    folder, read_by_another
):
    path = folder / "ledger.db"
    await write(path, 1)
    path.chmod(0o444)
    before = trace(folder)

    assert read_by_another(path) == [
        [1],
        [f"The ledger {path} can't be written here: it was read as it is on the disk."],
    ]
    assert trace(folder) == before


@needs_root
async def test_user_who_may_write_the_folder_only_leaves_nothing_that_would_stop_the_next_run(
    folder, read_by_another
):
    path = folder / "ledger.db"
    await write(path, 1)
    path.chmod(0o444)
    folder.chmod(0o777)
    before = trace(folder)

    assert read_by_another(path) == [[1], []]
    assert trace(folder) == before


@needs_root
async def test_user_who_may_read_everything_reads_beside_a_run(folder, read_by_another):
    path = folder / "ledger.db"
    async with Ledger(path) as ledger:
        await ledger.run(note, 1)
        for file in folder.iterdir():
            file.chmod(0o444)
        assert read_by_another(path) == [[1], []]


@needs_root
@pytest.mark.parametrize("closed", ["-wal", "-shm"])
async def test_newest_part_that_this_user_can_not_read_is_tried_later(
    folder, read_by_another, closed
):
    path = folder / "ledger.db"
    async with Ledger(path) as ledger:
        await ledger.run(note, 1)
        for file in folder.iterdir():
            file.chmod(0o600 if file.name.endswith(closed) else 0o444)
        before = trace(folder)
        assert read_by_another(path) == [75, UNREADABLE.format(path=path)]
        assert trace(folder) == before


@needs_root
@pytest.mark.parametrize("mode", [0o755, 0o777])
async def test_log_of_a_dead_run_is_not_recovered_by_another_user(folder, read_by_another, mode):
    """The -shm that this would make could not be written by the next run."""
    path = folder / "ledger.db"
    await write(path, 1)
    died(path)
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(mode)
    before = trace(folder)

    assert read_by_another(path) == [75, UNREADABLE.format(path=path)]
    assert trace(folder) == before


@needs_root
async def test_empty_log_holds_nothing_so_the_ledger_is_read_without_it(folder, read_by_another):
    path = folder / "ledger.db"
    await write(path, 1)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).touch(mode=0o600)
    path.chmod(0o444)

    answer, lines = read_by_another(path)
    assert (answer, len(lines)) == ([1], 1)


@needs_root
@pytest.mark.parametrize(("mode", "folder_mode"), [(0o600, 0o755), (0o644, 0o700)])
async def test_ledger_that_this_user_can_not_read_is_a_matter_of_configuration(
    folder, read_by_another, mode, folder_mode
):
    path = folder / "ledger.db"
    await write(path, 1)
    path.chmod(mode)
    folder.chmod(folder_mode)

    assert read_by_another(path) == [2, f"The ledger {path} can't be read: Permission denied."]


# --- what is no ledger of this version ------------------------------------------------------------


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
async def test_older_ledger_is_read_and_left_as_it_is(database, progress, revision):
    make_old_ledger(database, revision)
    before = trace(database.parent)

    titles = read_ledger(
        database,
        lambda opened: opened.execute(sa.select(sessions.c.webinar_id)).scalars().all(),
        progress,
    )

    assert (titles, trace(database.parent)) == (["1"], before)


def _newer(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.execute("UPDATE versions SET readable_from = '9999'")
    other.close()


def _another_programs(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE notes (text)")
    other.close()


def _no_database(path: Path) -> None:
    path.write_text("To whom it may concern: " * 100)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("become", "words"),
    [
        (_newer, "made by a newer version: its revision 9999 is not known here"),
        (_another_programs, "another program's database"),
        (_no_database, "can't be read: file is not a database"),
        (_folder, "is not a file"),
        (_pipe, "is not a file"),
    ],
)
async def test_what_is_no_ledger_of_this_version_is_refused_and_left_as_it_is(
    database, progress, become, words
):
    await write(database, 1)
    become(database)
    before = trace(database.parent)

    with pytest.raises(OnboardingError) as caught:
        read_ledger(database, noted, progress)

    assert (caught.value.exit_code, words in caught.value.message) == (2, True), (
        caught.value.message
    )
    assert trace(database.parent) == before


def test_empty_file_is_no_ledger_yet(database, progress):
    database.touch()

    assert read_ledger(database, noted, progress) is None
