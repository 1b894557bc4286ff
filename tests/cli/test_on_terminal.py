"""What a person sees: on a narrow, a wide and a plain terminal, and what comes next."""

import asyncio
import re
from datetime import timedelta

import pytest

from onboarding.cli.run import run_webinar
from onboarding.cli.run_options import RunOptions
from onboarding.model.people import MOST_SHOWN, Problem, shorten_problems
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import command, on
from tests.cli.on_terminal import on_terminal
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

LONG = {**panelist(1), "email": f"{'a' * 60}@{'-'.join(['department'] * 5)}.example"}
"""A person whose address is longer than a line."""

REFUSED = MailRules(refuse={PANELIST["email"]: "550 5.1.1 No such user"})
WHEN = r"\d{4}-\d\d-\d\d \d\d:\d\d CES?T"
COLOUR = re.compile(r"\x1b\[[0-9;]*[34][0-9]")


async def test_status_in_80_columns_is_two_lines_a_person_with_the_whole_address(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, LONG], limits=ROOMY, mail_rules=REFUSED) as scene:
        await scene.run()
        code, shown = await on_terminal(scene, "status", NAME, columns=80)

    lines = shown.splitlines()
    assert code == 0
    assert [line for line in lines if len(line) > 80] == []
    assert "(Europe/Berlin)" in shown
    sent = lines.index(f"{' ' * 12}{HOST['email']}")
    assert re.fullmatch(f"  sent      Hanna Holm, Host, invitation, {WHEN}", lines[sent - 1])
    rejected = lines.index(f"{' ' * 12}{PANELIST['email']}")
    assert re.fullmatch(
        f"! rejected  Jörg Müller, Panelist, invitation, {WHEN}", lines[rejected - 1]
    )
    assert lines[rejected + 1].endswith("550 5.1.1 No such user")
    assert LONG["email"] in "".join(line.strip() for line in lines)
    assert "250 2." not in shown


@pytest.mark.parametrize("columns", [4, 8])
async def test_terminal_that_is_narrower_than_the_labels_shows_all(tmp_path, columns):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        code, shown = await on_terminal(scene, "status", NAME, columns=columns)

    assert code == 0, shown
    letters = "".join(shown.split())
    assert [who for who in (HOST["email"], PANELIST["email"]) if who not in letters] == []


async def test_plan_in_80_columns_is_a_list_and_in_200_a_table(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        _, narrow = await on_terminal(scene, "plan", NAME, columns=80)
        _, wide = await on_terminal(scene, "plan", NAME, columns=200)

    assert [line for line in narrow.splitlines() if len(line) > 80] == []
    assert "  add   Jörg Müller, Panelist, mail: invitation\n" in narrow
    assert "│" not in narrow
    assert re.search("│ Jörg Müller *│ Panelist *│ add *│ invitation *│", wide)


async def test_status_without_a_terminal_is_one_line_a_person(tmp_path):
    async with stage(tmp_path, [HOST, LONG], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, "status", NAME)

    (row,) = [line for line in seen.out.splitlines() if LONG["email"] in line]
    assert re.search(f"Guest1 Example.*Panelist.*invitation.*sent.*{WHEN}", row)


@pytest.mark.parametrize(
    "variables",
    [{"NO_COLOR": "1"}, {"TERM": "dumb"}],
    ids=["NO_COLOR", "dumb terminal"],
)
async def test_a_terminal_without_colours_gets_none(tmp_path, variables):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, mail_rules=REFUSED) as scene:
        code, run = await on_terminal(scene, "run", NAME, "--yes", columns=200, variables=variables)
        _, status = await on_terminal(scene, "status", NAME, columns=200, variables=variables)
        _, shown_help = await on_terminal(scene, "--help", columns=200, variables=variables)

    assert code == 1
    assert [text for text in (run, status, shown_help) if COLOUR.search(text)] == []
    if variables.get("TERM") == "dumb":
        assert "\x1b" not in run + status + shown_help


@pytest.mark.parametrize("columns", [80, 200])
async def test_a_terminal_without_utf_8_shows_each_person(tmp_path, columns):
    person = {**panelist(1), "first_name": "Jörg", "last_name": "Łoś"}
    async with stage(tmp_path, [HOST, person], limits=ROOMY) as scene:
        await scene.run()
        code, shown = await on_terminal(
            scene, "status", NAME, columns=columns, encoding="iso-8859-1"
        )

    assert (code, "\u2502" in shown) == (0, False)
    assert r"Jörg \u0141o\u015b" in shown
    assert person["email"] in shown


async def run(scene: Stage, capsys, **run_options) -> str:
    """One `onboarding run NAME --yes --wait 0`, and what it printed."""
    options = RunOptions(patience=timedelta(), **run_options)
    await run_webinar(scene.config, NAME, None, Options(), options, asyncio.Event())
    return capsys.readouterr().out


async def test_a_run_names_the_next_step(tmp_path, capsys):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        rehearsed = await run(scene, capsys, rehearsal_to="me@example.com")
        printed = await run(scene, capsys)
        late = await run(scene, capsys, rehearsal_to="me@example.com")

    assert f"Next: `onboarding run {NAME}` mails the people themselves." in rehearsed
    assert f"Next: `onboarding status {NAME}` shows who has their link" in printed
    assert "Look at the messages" not in late
    assert f"`onboarding send-test {NAME} --to me@example.com` sends one message" in late


async def test_a_run_over_5000_wrong_rows_shows_the_first_and_says_where_all_are(tmp_path, capsys):
    wrong = [{**panelist(number), "role": "Speaker"} for number in range(4000)]
    wrong += [{**panelist(number), "email": f"nothing{number}"} for number in range(1000)]
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        scene.write_roster([HOST, *wrong])
        printed = await run(scene, capsys)
        status = await on(scene, "status", NAME)

    assert printed.count("  ! row ") == MOST_SHOWN
    assert "… and 4,980 more (role 3,980, email 1,000): `onboarding plan" in printed
    assert status.out.count("  ! row ") == 5000
    assert f"`onboarding report {NAME} --failed-roster to-correct.csv`" in printed
    assert f"5000 people need attention: `onboarding status {NAME}`." in printed


def test_few_problems_are_all_shown():
    problems = [Problem(row, "role", "", "x") for row in range(MOST_SHOWN)]

    assert shorten_problems(problems) == (problems, "")


async def test_init_is_three_lines(tmp_path):
    new = await command(tmp_path, "init", "mine")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "invitees.csv").write_text("theirs")
    some = await command(tmp_path, "init", "theirs")
    again = await command(tmp_path, "init", "mine")

    assert [len(seen.out.splitlines()) for seen in (new, some, again)] == [3, 3, 3]
    assert re.match(
        r"In mine: wrote config.toml, invitees.csv, \d+ files in templates/.\n", new.out
    )
    assert "Kept what was there: invitees.csv.\n" in some.out
    assert re.match(
        r"In mine: wrote nothing. Kept what was there: config.toml, invitees.csv, "
        r"templates/\S+ and \d+ more.\n",
        again.out,
    )
    assert "onboarding simulator" in new.out
    assert "onboarding check" in new.out


async def test_ids_that_are_copied_are_whole_in_80_columns(tmp_path):
    rules = MailRules(lose_reply=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, mail_rules=rules) as scene:
        await scene.run()
        (doubtful,) = (await scene.status()).in_doubt
        _, sessions = await on_terminal(scene, "webinars", columns=80)
        _, doubts = await on_terminal(scene, "resolve", NAME, columns=80)
        _, history = await on_terminal(scene, "history", PANELIST["email"], columns=80)

    assert f"{WEBINAR}/{SESSION}\n" in sessions
    assert doubtful.delivery.message_id in doubts
    assert re.search(f"  {WHEN}  The Launch: in_doubt\n", history)
