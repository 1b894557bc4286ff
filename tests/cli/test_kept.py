"""`show`, `prune` and `forget` as a person meets them."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, Stage, as_email, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]


def ledger_bytes(folder: Path) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(folder.glob("onboarding.db*")))


def traces(folder: Path, *words: str) -> list[str]:
    """The words that a byte search of all the ledger's files finds, in any case."""
    content = ledger_bytes(folder).lower()
    return [word for word in words if word.encode().lower() in content]


def let_time_pass(scene: Stage) -> None:
    """The session was over a day ago: the commands of these tests use the real clock."""
    with sqlite3.connect(scene.folder / "onboarding.db") as ledger:
        ledger.execute("UPDATE sessions SET start = '2026-01-01 10:00:00.000000'")
    ledger.close()


async def test_no_link_or_code_is_in_the_ledgers_files_after_a_run(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        links = scene.join_links()
        assert len(scene.messages()) == 3
        words = [part for link in links for part in (link, link.rpartition("/")[2])]
        assert traces(tmp_path, *words) == []
        assert traces(tmp_path, "Welcome", JOERG, "link.invalid") != []


async def test_show_prints_every_message_and_writes_a_copy(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        scene.write_roster([HOST, {**PANELIST, "role": "CoHost", "job_title": "Chief"}])
        (sent,) = [message for message in scene.messages() if JOERG in message["To"]]

        shown = await on(scene, "show", NAME, JOERG)
        assert shown.code == 0, shown.all
        missing = [
            word
            for word in ("Message 1 of 1: invitation, sent", sent["Subject"], sent["Message-ID"])
            if word not in shown.out
        ]
        assert missing == []
        assert "https://link.invalid/" in shown.out

        as_json = await on(scene, "show", NAME, JOERG.upper(), "--json")
        (kept,) = json.loads(as_json.out)
        assert (kept["kind"], kept["state"], kept["recipient"]) == ("invitation", "sent", JOERG)

        written = await on(scene, "show", NAME, JOERG, "--eml", "copy.eml", "--number", "1")
        assert written.code == 0, written.all
        copy = as_email((tmp_path / "copy.eml").read_bytes())
        assert kept["sha256"] in copy["X-Onboarding-Copy"]
        assert [copy[name] for name in ("To", "Subject", "Message-ID")] == [
            sent[name] for name in ("To", "Subject", "Message-ID")
        ]
        assert [part.get_content_type() for part in copy.walk()] == [
            part.get_content_type() for part in sent.walk()
        ]
        everything = shown.out + as_json.out + (tmp_path / "copy.eml").read_text()
        assert [link for link in scene.join_links() if link.rpartition("/")[2] in everything] == []


async def test_message_in_doubt_can_be_shown(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await scene.run()
        shown = await on(scene, "show", NAME, JOERG)
        assert (shown.code, "invitation, in_doubt" in shown.out) == (0, True)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("show", NAME, "nobody@example.com"), 1, "No message has left for nobody@example.com"),
        (("show", "lunch", HANNA), 2, "Did you mean launch?"),
        (("show", NAME, HANNA, "--number", "2"), 2, "Only 1 message"),
        (("show", NAME, HANNA, "--eml", "no/such/folder.eml"), 2, "can't be written"),
        (("show", NAME, HANNA, "--eml", "a.eml", "--json"), 2, "Choose one of"),
        (("forget", "nobody"), 2, "one e-mail address"),
        (("forget", HANNA), 2, "No terminal to confirm on."),
        (("forget", HANNA, "--yes"), 2, "on the roster of launch (/"),
        (("forget", "nobody@example.com", "--yes"), 0, "has nothing about nobody@example.com"),
    ],
)
async def test_bad_input_is_one_clear_message_and_changes_nothing(tmp_path, words, code, told):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, *words)
        assert (seen.code, told in " ".join(seen.all.split())) == (code, True), seen.all
        assert "Traceback" not in seen.all
        assert await scene.states() == {HANNA: "sent"}


async def test_show_before_the_first_run_and_after_prune_says_so(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        assert "no run yet" in (await on(scene, "show", NAME, HANNA)).err
        assert "No run has been yet" in (await on(scene, "prune")).out
        await scene.run()
        let_time_pass(scene)

        pruned = await on(scene, "prune")
        assert (pruned.code, "Copies of messages removed: 1" in pruned.out) == (0, True), pruned.all
        shown = await on(scene, "show", NAME, HANNA)
        assert (shown.code, "not kept any more" in shown.err) == (1, True), shown.all
        assert json.loads((await on(scene, "show", NAME, HANNA, "--json")).out) == []
        assert await scene.states() == {HANNA: "sent"}


async def test_forgotten_person_is_in_none_of_the_ledgers_files(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)], limits=ROOMY) as scene:
        await scene.run()
        (theirs,) = [message for message in scene.messages() if JOERG in message["To"]]
        name = f"{PANELIST['first_name']} {PANELIST['last_name']}"
        words = (JOERG, name, theirs["Message-ID"].strip("<>"))
        (tmp_path / "onboarding.db.before-0003.backup").write_bytes(ledger_bytes(tmp_path))
        assert len(traces(tmp_path, *words)) == 3
        scene.write_roster([HOST, panelist(1)])

        early = await on(scene, "forget", JOERG, "--yes")
        assert (early.code, "the session is not over" in early.err) == (2, True), early.all
        assert len(traces(tmp_path, *words)) == 3

        let_time_pass(scene)
        others = _rows_of_others(tmp_path)
        seen = await on(scene, "forget", JOERG.upper(), "--yes")
        assert seen.code == 0, seen.all
        assert "is forgotten" in seen.out
        assert traces(tmp_path, *words) == []
        assert list(tmp_path.glob("*.backup")) == []
        assert _rows_of_others(tmp_path) == others
        assert len((await scene.status()).records) == 3
        again = await on(scene, "forget", JOERG, "--yes")
        assert (again.code, "has nothing about" in again.out) == (0, True)


async def test_mistyped_address_is_not_called_forgotten_because_a_backup_went(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        assert (await on(scene, "db", "backup")).code == 0
        seen = await on(scene, "forget", "hana@example.com", "--yes")
    assert (seen.code, "is forgotten" in seen.out) == (0, False)
    assert "has nothing about hana@example.com" in seen.out
    assert "backups of the ledger and of rosters: 1" in seen.out


async def test_backup_that_cannot_be_deleted_is_named_once_all_else_is_gone(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        assert (await on(scene, "db", "backup")).code == 0
        # A folder of that name: no one can delete it as a file, root neither.
        stuck = tmp_path / "onboarding.db.1.backup"
        stuck.mkdir()
        scene.write_roster([HOST])
        let_time_pass(scene)

        seen = await on(scene, "forget", JOERG, "--yes")

        stuck.rmdir()
        assert (seen.code, "can't be deleted" in seen.err) == (2, True), seen.all
        assert str(stuck) in seen.err
        assert traces(tmp_path, JOERG) == []


async def test_nobody_is_forgotten_while_a_run_is_at_work(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        scene.write_roster([panelist(9)])
        let_time_pass(scene)
        async with (
            scene.rooms() as opened,
            webinar_lease(opened, find_target(opened.config, NAME)),
        ):
            seen = await on(scene, "forget", HANNA, "--yes")
        assert (seen.code, "A run is at work" in seen.err) == (75, True), seen.all
        assert traces(tmp_path, HANNA) == [HANNA]


async def test_roster_that_cannot_be_read_forgets_nobody_and_is_named(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        let_time_pass(scene)
        (tmp_path / "invitees.csv").unlink()
        seen = await on(scene, "forget", HANNA, "--yes")
        assert (seen.code, f"The roster of {NAME} can't be read" in seen.err) == (2, True)
        assert traces(tmp_path, HANNA) == [HANNA]


def _rows_of_others(folder: Path) -> dict[str, list[object]]:
    return dict(_read_others(folder))


def _read_others(folder: Path) -> Iterator[tuple[str, list[object]]]:
    ledger = sqlite3.connect(folder / "onboarding.db")
    for table in ("registrations", "deliveries", "events", "roster_rows", "problems"):
        rows = ledger.execute(f"SELECT * FROM {table}").fetchall()
        yield (
            table,
            [
                row
                for row in rows
                if not {JOERG, "(forgotten)"} & set(map(str, row))
                and not any(str(value).startswith("(forgotten)") for value in row)
            ],
        )
    ledger.close()
