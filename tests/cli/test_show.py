"""`status`, `history`, `init`, `simulator` and the command itself."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from onboarding import roster
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import command, on, started
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, stage

pytestmark = pytest.mark.anyio


async def test_a_note_of_the_last_run_is_no_problem(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, time_zone="")
        run = await on(scene, "run", NAME, "--yes")
        seen = await on(scene, "status", NAME)
        status = json.loads((await on(scene, "status", NAME, "--json")).out)

    assert run.code == 0
    assert "  - RingCentral names no time zone" in seen.out
    assert "  ! " not in seen.out
    assert seen.out.endswith("1 sent, no problems.\n")
    (note,) = status["problems"]
    assert note["message"].startswith("RingCentral names no time zone")


async def test_status_as_json_has_the_shape_that_stays(tmp_path):
    bad = {
        "first_name": "Tom",
        "last_name": "Baker",
        "email": "tom@example.com",
        "role": "Attendee",
    }
    async with stage(tmp_path, [HOST, PANELIST, bad], limits=ROOMY) as scene:
        await scene.run()
        status = json.loads((await on(scene, "status", NAME, "--json")).out)
    assert list(status) == [
        "webinar",
        "session",
        "counts",
        "deliveries",
        "problems",
        "heavy_calls",
        "mailed_by_ringcentral",
        "pause",
        "called_off",
        "answers",
        "suppressed",
        "attendance",
        "next",
    ]
    assert (status["webinar"], status["counts"], status["heavy_calls"]) == (NAME, {"sent": 2}, 4)
    assert (status["session"]["webinar_id"], status["session"]["session_id"]) == (WEBINAR, SESSION)
    assert [list(delivery) for delivery in status["deliveries"]] == [
        [
            "email",
            "name",
            "role",
            "kind",
            "entry",
            "state",
            "at",
            "attempts",
            "message_id",
            "reply",
            "reason",
        ]
    ] * 2
    assert status["deliveries"][0]["reply"].startswith("250")
    assert [
        (problem["row"], problem["column"], problem["email"]) for problem in status["problems"]
    ] == [(4, "role", "tom@example.com")]


async def test_status_before_any_run_says_so(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "status", NAME)
        assert (seen.code, "no run yet" in seen.out) == (0, True)
        assert not (tmp_path / "onboarding.db").exists()


async def test_the_ledger_is_private(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
    assert stat.S_IMODE((tmp_path / "onboarding.db").stat().st_mode) == 0o600


async def test_a_run_started_from_elsewhere_finds_the_same_ledger(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        await on(scene, "run", NAME, "--yes")
        cron = await command(
            elsewhere, "run", "--all", "--config", "../config.toml", variables=scene.variables
        )
        assert (cron.code, cron.all) == (0, "")
        assert (scene.recipients(), list(elsewhere.iterdir())) == ([HOST["email"]], [])


async def test_history_tells_every_attempt_in_order(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, mail_rules=rules) as scene:
        await scene.run()
        scene.clock.pass_time(minutes=5)
        await scene.run()
        seen = await on(scene, "history", PANELIST["email"].upper(), "--json")
        assert [one["what"] for one in json.loads(seen.out)] == [
            "adding",
            "added",
            "queued",
            "queued",
            "sending",
            "sent",
        ]
        unknown = await on(scene, "history", "nobody@example.com")
        assert (unknown.code, "has nothing about" in unknown.out) == (0, True)


async def test_init_writes_a_folder_that_works_and_overwrites_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "invitees.csv").write_text("mine")
    seen = await command(tmp_path, "init", "mine")
    assert seen.code == 0
    assert (tmp_path / "mine" / "invitees.csv").read_text() == "mine"
    written = {
        path.relative_to(tmp_path / "mine").as_posix() for path in (tmp_path / "mine").rglob("*")
    }
    assert {"config.toml", "templates/invitation.mjml.j2", "templates/invitation.txt.j2"} <= written
    again = await command(tmp_path, "init", "mine")
    assert "wrote nothing" in again.out


@asynccontextmanager
async def simulator(folder: Path, *words: str) -> AsyncIterator[dict[str, str]]:
    """The simulator as a person starts it; gives the variables that it prints."""
    ports = ("--port", "0", "--mail-port", "0", "--mail-dir", "mail")
    process = await started(folder, "simulator", *ports, *words)
    assert process.stdout is not None
    printed = ""
    while "Stop with Ctrl-C" not in printed:
        printed += (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    yield dict(
        line.removeprefix("export ").split("=", 1)
        for line in printed.splitlines()
        if "export " in line
    )
    process.terminate()
    _, errors = await process.communicate()
    assert (process.returncode, b"Traceback" in errors) == (0, False)


async def test_a_new_user_rehearses_against_the_simulator_at_once(tmp_path):
    await command(tmp_path, "init", ".")
    async with simulator(tmp_path) as variables:
        rehearsed = await command(tmp_path, "run", "town-hall", "--yes", variables=variables)

    assert rehearsed.code == 0, rehearsed.all
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 5
    assert (tmp_path / "rehearsal.db").exists()


async def test_what_only_a_person_can_decide_is_rehearsed(tmp_path):
    await command(tmp_path, "init", ".")
    first, second, third, *_ = [
        invitee.email for invitee in roster.read((tmp_path / "invitees.csv").read_bytes()).invitees
    ]
    weather = ("--refuse-mail", first, "--defer-mail", second, "--lose-reply", third)
    async with simulator(tmp_path, *weather) as variables:
        ran = await command(
            tmp_path, "run", "town-hall", "--yes", "--wait", "0", variables=variables
        )
        seen = json.loads(
            (await command(tmp_path, "status", "town-hall", "--json", variables=variables)).out
        )

    assert ran.code == 75
    assert [delivery["state"] for delivery in seen["deliveries"]] == [
        "rejected",
        "queued",
        "in_doubt",
        "sent",
        "sent",
    ]


async def test_the_simulator_names_what_it_can_not_do(tmp_path):
    await command(tmp_path, "init", ".")
    seen = await command(
        tmp_path, "simulator", "--port", "0", "--mail-port", "0", "--fault", "PATCH:nonsense"
    )
    assert seen.code == 2
    assert "timeout-after" in seen.err


async def test_the_version_is_printed(tmp_path):
    assert (await command(tmp_path, "--version")).out.startswith("onboarding ")


async def test_an_unknown_option_exits_2(tmp_path):
    assert (await command(tmp_path, "run", "--nonsense")).code == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("demo", "--dir", "taken"), "taken can't be written"),
        (
            ("simulator", "--port", "0", "--mail-port", "0", "--mail-dir", "taken"),
            "taken is not a folder",
        ),
    ],
)
async def test_a_file_in_the_place_of_a_folder_is_reported(tmp_path, words, message):
    (tmp_path / "taken").touch()
    await command(tmp_path, "init", ".")
    seen = await command(tmp_path, *words)

    assert (seen.code, message in seen.err) == (2, True), seen.all
    assert "Traceback" not in seen.all
