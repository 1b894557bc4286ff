"""`db`: the ledger's file is checked, copied and migrated."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from onboarding.errors import EXIT_NEEDS_A_PERSON, EXIT_USAGE
from onboarding.ledger.store import Ledger
from tests.cli.command import command
from tests.ledger.making import make_old_ledger
from tests.stage import CONFIG

pytestmark = pytest.mark.anyio


@pytest.fixture
async def folder(tmp_path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG)
    async with Ledger(tmp_path / "onboarding.db"):
        pass
    return tmp_path


async def test_whole_ledger_is_ok(folder):
    seen = await command(folder, "db", "check")

    assert seen.code == 0, seen.err
    assert [line[:2] for line in seen.out.splitlines()] == ["ok", "ok"]


async def test_lost_history_is_found(folder):
    with closing(sqlite3.connect(folder / "onboarding.db")) as ledger:
        ledger.execute("DROP TRIGGER tr_deliveries_moved")

    seen = await command(folder, "db", "check")

    assert seen.code == EXIT_NEEDS_A_PERSON
    assert "NO  file: tr_deliveries_moved is missing." in seen.out


async def test_damaged_file_is_found(folder):
    file = folder / "onboarding.db"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])

    seen = await command(folder, "db", "check")

    assert seen.code in {EXIT_NEEDS_A_PERSON, EXIT_USAGE}
    assert "Traceback" not in seen.err


@pytest.mark.parametrize("content", [b"hello", b"SQLite format 3\0" + b"\0" * 5000])
@pytest.mark.parametrize("action", ["check", "backup", "upgrade"])
async def test_what_is_no_ledger_needs_a_person_and_leaves_no_copy(folder, action, content):
    (folder / "onboarding.db").write_bytes(content)
    before = sorted(file.name for file in folder.iterdir())

    seen = await command(folder, "db", action)

    assert seen.code == EXIT_USAGE, seen.all
    assert "restore a damaged" in seen.err
    assert sorted(file.name for file in folder.iterdir()) == before


async def test_copy_is_private_and_whole(folder):
    target = folder / "copy.db"

    seen = await command(folder, "db", "backup", "-o", str(target))

    assert (seen.code, seen.err) == (0, "")
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_copy_lies_beside_the_ledger_by_default(folder):
    seen = await command(folder, "db", "backup")

    (made,) = folder.glob("onboarding.db.*Z.backup")
    assert (seen.code, str(made) in seen.out) == (0, True)


async def test_copy_replaces_no_file(folder):
    target = folder / "mine"
    target.write_text("mine")

    seen = await command(folder, "db", "backup", "-o", str(target))

    assert (seen.code, target.read_text()) == (EXIT_USAGE, "mine")
    assert f"The copy {target} can't be written: File exists." in seen.err


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
async def test_copy_takes_no_name_that_the_ledger_needs(folder, ending):
    seen = await command(folder, "db", "backup", "-o", f"onboarding.db{ending}")

    assert seen.code == EXIT_USAGE
    assert f"onboarding.db{ending} is a name that SQLite uses" in seen.err


async def test_copy_into_a_folder_that_is_not_there(folder):
    seen = await command(folder, "db", "backup", "-o", "gone/copy.db")

    assert seen.code == EXIT_USAGE
    assert "can't be written: No such file or directory." in seen.err


async def test_older_ledger_is_checked_and_upgraded_with_a_copy(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    make_old_ledger(tmp_path / "onboarding.db", "0002")

    checked = await command(tmp_path, "db", "check")
    upgraded = await command(tmp_path, "db", "upgrade")

    assert (checked.code, upgraded.code) == (0, 0), (checked.out, upgraded.err)
    assert (tmp_path / "onboarding.db.before-0002.backup").exists()


@pytest.mark.parametrize("action", ["check", "backup", "upgrade"])
async def test_without_a_ledger_each_says_so(tmp_path, action):
    (tmp_path / "config.toml").write_text(CONFIG)

    seen = await command(tmp_path, "db", action)

    assert (seen.code, list(tmp_path.glob("*.db*"))) == (EXIT_USAGE, [])
    assert "There is no ledger at" in seen.err


async def test_unknown_action_and_a_file_for_another_one(folder):
    unknown = await command(folder, "db", "repair")
    misplaced = await command(folder, "db", "check", "-o", "copy.db")

    assert (unknown.code, misplaced.code) == (EXIT_USAGE, EXIT_USAGE)
    assert "It goes with `db backup` only." in misplaced.err
