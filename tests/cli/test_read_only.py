"""The commands that only look need no right to write, leave no trace, and wait for no run."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from typer.testing import CliRunner

from onboarding.cli.main import app
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.run import prepare_run
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import Seen, command, on
from tests.ledger.making import migrate_to
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, stage
from tests.users import AS_READER, needs_setpriv, open_folder

pytestmark = pytest.mark.anyio

LOOKING = (
    ("status", NAME, "--json"),
    ("report", NAME, "--csv"),
    ("history", HOST["email"], "--json"),
    ("resolve", NAME),
    ("preview", NAME, "--out", "/dev/null/pages"),
)
"""Commands that only read the ledger. The last one fails at its own pages, after reading."""


@pytest.fixture
def folder():
    with open_folder() as made:
        yield made


def take_back_to(path: Path, revision: str) -> None:
    """Make a ledger one of an older version that has the same rows."""
    made = path.with_name("older.db")
    engine = sa.create_engine(f"sqlite:///{made}")
    with engine.begin() as connection:
        migrate_to(connection, revision)
        old = sa.MetaData()
        old.reflect(connection)
    engine.dispose()
    with closing(sqlite3.connect(made)) as older, older:
        older.execute("ATTACH ? AS newer", (str(path),))
        for table in old.sorted_tables:
            known = [row[1] for row in older.execute(f"PRAGMA newer.table_info({table.name})")]
            shared = ", ".join(column for column in known if column in table.columns)
            # The revision's own rows, and the events that triggers have just written, go first.
            if table.name == "alembic_version" or not shared:
                continue
            older.execute(f"DELETE FROM main.{table.name}")
            older.execute(
                f"INSERT INTO main.{table.name} ({shared}) SELECT {shared} FROM newer.{table.name}"
            )
    made.chmod(0o600)
    made.replace(path)


def trace(folder: Path) -> dict[str, tuple[int, ...]]:
    seen = {file.name: file.stat() for file in folder.iterdir()}
    return {
        name: (one.st_ino, one.st_mode, one.st_uid, one.st_size, one.st_mtime_ns)
        for name, one in seen.items()
    }


async def as_reader(scene: Stage, *words: str) -> Seen:
    return await command(scene.folder, *words, variables=scene.variables, through=AS_READER)


@needs_setpriv
async def test_user_who_may_write_nothing_sees_all_and_changes_nothing(folder):
    async with stage(folder, [HOST], limits=ROOMY) as scene:
        await scene.run()
        (folder / "onboarding.db").chmod(0o644)
        before = trace(folder)
        status, table, past, doubts, shown = [await as_reader(scene, *words) for words in LOOKING]

        assert (status.code, table.code, past.code, doubts.code) == (0, 0, 0, 0), status.err
        assert json.loads(status.out)["counts"] == {"sent": 1}
        assert [HOST["email"] in table.out, len(json.loads(past.out)) > 0] == [True, True]
        assert [
            "can't be written here" in seen.err for seen in (status, table, past, doubts, shown)
        ] == [True] * 5
        assert trace(folder) == before


async def invoked(scene: Stage, *words: str) -> Result:
    """Run a command in this process: most of what a process of its own takes is its start."""
    config = ("--config", str(scene.folder / "config.toml"))
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, *config], env=scene.variables)


async def test_looking_at_ones_own_ledger_leaves_no_trace_and_says_nothing(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        (tmp_path / "onboarding.db").chmod(0o644)
        before = trace(tmp_path)
        said = [(await invoked(scene, *words)).stderr for words in LOOKING]
        assert (trace(tmp_path), said) == (before, [""] * len(LOOKING))


async def test_ledger_of_an_older_version_is_left_as_it_is(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        take_back_to(tmp_path / "onboarding.db", "0003")
        before = trace(tmp_path)
        seen = [await invoked(scene, *words) for words in LOOKING]
        assert [result.exit_code for result in seen[:-1]] == [0] * len(LOOKING[:-1])
        assert json.loads(seen[0].stdout)["counts"] == {"sent": 1}
        assert trace(tmp_path) == before


async def test_doubts_are_listed_while_a_run_is_at_work(tmp_path):
    rules = MailRules(lose_reply=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [PANELIST], limits=ROOMY, mail_rules=rules) as scene:
        await scene.run()
        async with scene.rooms() as opened, webinar_lease(opened, find_target(opened.config, NAME)):
            seen = await on(scene, "resolve", NAME)
    assert (seen.code, PANELIST["email"] in seen.out) == (1, True)


async def test_a_mere_plan_is_no_run(tmp_path):
    """The reference says so of `report` and of `status --json`; nothing is in doubt, either."""
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        planned = await on(scene, "plan", NAME)
        table = await on(scene, "report", NAME, "--csv")
        known = json.loads((await on(scene, "status", NAME, "--json")).out)
        shown = await on(scene, "status", NAME)
        doubts = await on(scene, "resolve", NAME)
        again = await on(scene, "retry", NAME)

    assert (planned.code, known["session"], "no run yet" in shown.out) == (0, None, True)
    assert [(one.code, one.out, "no run yet" in one.err) for one in (table, doubts, again)] == [
        (2, "", True)
    ] * 3


async def test_report_of_a_run_that_did_nothing_is_none(tmp_path):
    """A person said no: the run has looked, and there is nothing that a report could say."""
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        async with scene.rooms() as opened:
            await prepare_run(opened, find_target(opened.config, NAME), Options())
        seen = await on(scene, "report", NAME, "--html", "-o", "page.html")
    assert (seen.code, (tmp_path / "page.html").exists()) == (2, False)
