"""The last lines of a command say everything that matters, and nothing that is not so."""

import ast
import asyncio
import json
import re
import shlex
from datetime import timedelta
from pathlib import Path

import pytest

import onboarding
from onboarding.cli.run import run_webinar
from onboarding.cli.run_options import RunOptions
from onboarding.cli.summaries import attention_needed
from onboarding.errors import EXIT_TRY_LATER, TryLater
from onboarding.model.deliveries import State
from onboarding.model.people import Problem
from onboarding.pipeline.status import Attention, find_attention
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import command, on, started
from tests.stage import HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

PACKAGE = Path(onboarding.__file__).parent


async def run(scene, capsys) -> tuple[int, str]:
    """One `onboarding run NAME --yes --wait 0`, and what it printed."""
    code = await run_webinar(
        scene.config, NAME, None, Options(), RunOptions(patience=timedelta()), asyncio.Event()
    )
    return code, capsys.readouterr().out


async def test_a_run_does_not_call_people_up_to_date_that_it_leaves_alone(tmp_path, capsys):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)], limits=ROOMY) as scene:
        await run(scene, capsys)
        scene.write_roster([HOST, PANELIST])
        code, printed = await run(scene, capsys)
        scene.write_roster([HOST, PANELIST, panelist(1)])
        _, of_all = await run(scene, capsys)

    assert code == 0
    assert "Guest1 Example" in printed
    assert "All people are up to date" not in printed
    assert (
        "Nothing to do. The table says why these people are left alone; all others are up to date."
        in printed
    )
    assert "All people are up to date: nothing to do." in of_all


async def test_a_run_with_something_queued_says_who_is_rejected_too(tmp_path, capsys):
    rules = MailRules(
        refuse={PANELIST["email"]: "550 5.1.1 unknown"},
        defer_once=frozenset({"guest1@example.com"}),
    )
    async with stage(
        tmp_path, [HOST, PANELIST, panelist(1)], limits=ROOMY, mail_rules=rules
    ) as scene:
        code, printed = await run(scene, capsys)

    assert code == EXIT_TRY_LATER
    assert f"The next run sends what is queued: `onboarding status {NAME}`." in printed
    assert f"1 person needs attention (1 rejected): `onboarding status {NAME}`." in printed


async def test_a_run_that_is_stopped_says_who_is_in_doubt_too(tmp_path, capsys):
    rules = MailRules(lose_reply=frozenset({HOST["email"]}))
    async with stage(tmp_path, [HOST], limits=ROOMY, mail_rules=rules) as scene:
        code, printed = await run(scene, capsys)
        assert (code, "1 in doubt" in printed, f"`onboarding resolve {NAME}`" in printed) == (
            1,
            True,
            True,
        )
        scene.write_roster([HOST, PANELIST])
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(TryLater):
            await run(scene, capsys)

    printed = capsys.readouterr().err
    assert f"{NAME}: 1 person needs attention (1 in doubt)" in printed
    assert f"`onboarding resolve {NAME}` for messages in doubt" in printed


@pytest.mark.parametrize(
    ("attention", "sentence"),
    [
        (Attention(0, {}, 0), ""),
        (Attention(1, {}, 1), "1 person needs attention: `onboarding status x`."),
        (Attention(0, {}, 1), "The webinar needs attention: `onboarding status x`."),
        (
            Attention(3, {State.EXPIRED: 2, State.REJECTED: 1}, 0),
            "3 people need attention (1 rejected, 2 expired): `onboarding status x`.",
        ),
        (
            Attention(1, {State.IN_DOUBT: 1}, 0),
            (
                "1 person needs attention (1 in doubt): `onboarding status x`, "
                "and `onboarding resolve x` for messages in doubt."
            ),
        ),
    ],
)
def test_what_needs_attention_is_counted_with_the_command_that_shows_it(attention, sentence):
    assert attention_needed("x", attention) == sentence


def test_a_person_with_several_problems_counts_once():
    twice = [Problem(2, "role", "ada@example.com", "x"), Problem(2, None, "Ada@example.com", "y")]
    without_address = [Problem(3, "email", "", "z"), Problem(None, None, "", "the webinar's")]

    assert find_attention([], twice + without_address) == Attention(2, {}, 4)


async def test_missing_credentials_are_the_only_thing_that_is_reported(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        config = scene.folder / "config.toml"
        config.write_text(config.read_text().replace('session = "5550001"\n', ""))
        assert (await on(scene, "run", NAME, "--yes")).code == 0
        seen = await on(scene, "run", NAME, "--yes", RC_USER_JWT=None)

    assert seen.code == 2
    assert "Missing RingCentral credentials: RC_USER_JWT." in seen.err
    assert "another one" not in seen.all
    assert "docs/" not in seen.all


STATE = {
    "credentials": {"client_id": "the app", "client_secret": "its $ecret", "jwt": "the-jwt"},
    "directory": [{"user_id": "1"}],
    "webinars": [
        {
            "id": "9",
            "host": "1",
            "title": "T",
            "sessions": [{"id": "7", "start": "2030-01-01T00:00:00Z"}],
        }
    ],
}


async def test_a_simulator_with_credentials_prints_variables_that_it_takes(tmp_path):
    await command(tmp_path, "init")
    (tmp_path / "state.json").write_text(json.dumps(STATE))
    simulator = await started(
        tmp_path, "simulator", "--state", "state.json", "--port", "0", "--mail-port", "0"
    )
    assert simulator.stdout is not None
    try:
        printed = ""
        while "Stop with Ctrl-C" not in printed:
            printed += (await simulator.stdout.readline()).decode()
        exports = dict(re.findall(r"^export (\w+)=(.*)$", printed, re.MULTILINE))
        variables = {name: "".join(shlex.split(value)) for name, value in exports.items()}
        seen = await command(tmp_path, "webinars", variables=variables)
    finally:
        simulator.terminate()
        await simulator.communicate()

    assert (seen.code, "9/7" in seen.out) == (0, True), seen.all


@pytest.mark.parametrize(
    "words",
    [
        ["simulator", "--state", "nothing.json"],
        ["simulator", "--fault", "PATCH:rain", "--port", "0", "--mail-port", "0"],
        ["check"],
    ],
)
async def test_no_message_points_to_a_page_that_an_installed_package_lacks(tmp_path, words):
    await command(tmp_path, "init")

    seen = await command(tmp_path, *words)

    assert seen.code in (1, 2)
    assert "docs/" not in seen.all


def list_spoken_texts(file: Path) -> set[str]:
    """List the texts in a module that are no docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {text.value for text in texts if isinstance(text.value, str) and id(text) not in alone}


def test_no_text_of_the_program_and_no_sample_points_to_such_a_page():
    modules = {file: list_spoken_texts(file) for file in PACKAGE.rglob("*.py")}
    samples = (PACKAGE.parent / "config.toml", *(PACKAGE.parent / "templates").rglob("*.j2"))

    assert [file for file, texts in modules.items() if any("docs/" in text for text in texts)] == []
    assert [file for file in samples if "docs/" in file.read_text(encoding="utf-8")] == []
