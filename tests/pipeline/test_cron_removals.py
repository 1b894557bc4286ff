"""`[webinars.NAME] remove = true`: who leaves the roster is removed by cron, with care."""

import json
import os

import pytest

from onboarding.plan.cron_removals import BAD_ROSTER, NO_PAGE_SHOWS_IT, UNSTEADY
from tests.cli.command import on
from tests.pipeline.approving import approval_stage, approve, see_page
from tests.pipeline.test_alerts import serve_webhook, use_webhook
from tests.pipeline.test_call_budget import COMPANY, INVITEES, calls_of_cron
from tests.stage import HOST, NAME, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

PANEL = [HOST, *(panelist(number) for number in range(1, 8))]


def let_cron_remove(scene: Stage, more: str = "") -> None:
    file = scene.folder / "config.toml"
    file.write_text(file.read_text("utf-8") + f"remove = true\n{more}", encoding="utf-8")


def cancelled(scene: Stage) -> list[str]:
    """Who was sent a cancellation, in order."""
    messages = scene.messages()[len(PANEL) :]
    return [str(message["To"].addresses[0].addr_spec) for message in messages]


async def test_person_who_leaves_the_roster_is_removed_by_the_second_run(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        await scene.cron()
        await calls_of_cron(scene, minutes=5)
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]
        scene.write_roster(PANEL[:-1])

        assert await calls_of_cron(scene, minutes=5) == [COMPANY, INVITEES]
        assert cancelled(scene) == []
        await calls_of_cron(scene, minutes=5)

        assert cancelled(scene) == [PANEL[-1]["email"]]
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]


async def test_person_who_is_back_before_the_second_run_stays(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        for people in (PANEL, PANEL, PANEL[:-1], PANEL, PANEL):
            scene.write_roster(people)
            await calls_of_cron(scene, minutes=5)

        assert cancelled(scene) == []
        assert len(scene.ringcentral.requests.select("PATCH")) == 1


async def test_many_who_leave_at_once_are_told_once_and_stay(tmp_path, capsys):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        await scene.cron()
        await calls_of_cron(scene, minutes=5)
        scene.write_roster(PANEL[:4])
        await calls_of_cron(scene, minutes=5)
        capsys.readouterr()

        await calls_of_cron(scene, 1, minutes=5)
        said = capsys.readouterr().out
        await calls_of_cron(scene, 1, minutes=5)

        assert "4 of 7 people have left the roster" in said
        assert "`onboarding run NAME --remove` removes them" in said
        assert capsys.readouterr().out == ""
        assert cancelled(scene) == []


async def test_many_who_leave_at_once_are_one_alert(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene, serve_webhook() as hook:
        use_webhook(scene, hook)
        let_cron_remove(scene)
        await scene.cron()
        scene.write_roster(PANEL[:4])
        for code in (0, 1, 1, 1):
            await calls_of_cron(scene, code, minutes=5)

        (body,) = hook.bodies
        assert [alert["what"] for alert in json.loads(body)["alerts"]] == ["problem"]


async def test_roster_with_a_problem_removes_no_person(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        await scene.cron()
        scene.write_roster([*PANEL[:-1], {**panelist(9), "role": "Speaker"}])
        for _ in range(3):
            await calls_of_cron(scene, 1, minutes=5)

        assert cancelled(scene) == []


@pytest.mark.parametrize("content", ["", "first_name,last_name,email,role\n", "\x00\x01"])
async def test_roster_that_cannot_be_read_is_left_to_a_later_run(tmp_path, content):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        await scene.cron()
        roster = scene.folder / "invitees.csv"
        roster.write_text(content, encoding="utf-8")
        os.utime(roster, (0, 0))

        for _ in range(3):
            assert await calls_of_cron(scene, 75, minutes=5) == [COMPANY]

        assert cancelled(scene) == []


async def test_roster_that_has_just_been_saved_is_left_to_a_later_run(tmp_path, capsys):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        now = scene.clock.now().timestamp()
        os.utime(scene.folder / "invitees.csv", (now - 9, now - 9))

        assert await calls_of_cron(scene, 75) == [COMPANY]
        assert "was changed less than 10 seconds ago" in capsys.readouterr().err

        await calls_of_cron(scene, seconds=1)
        assert len(scene.messages()) == len(PANEL)


async def test_without_the_key_cron_removes_no_person(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        await scene.cron()
        scene.write_roster(PANEL[:-1])
        for _ in range(3):
            await calls_of_cron(scene, minutes=5)

        assert cancelled(scene) == []


async def plan_says(scene: Stage, *words: str) -> tuple[str, list[str] | None, str]:
    """What `plan` says of cron's removals: its sentence, and the addresses and obstacle in JSON."""
    shown = await on(scene, "plan", NAME, *words)
    lines = [line for line in shown.out.splitlines() if line.startswith("remove = true")]
    removals = json.loads((await on(scene, "plan", NAME, "--json", *words)).out)["cron_removals"]
    return (
        " ".join(lines),
        removals and removals["emails"],
        removals and removals["obstacle"],
    )


async def test_plan_shows_whom_the_next_run_removes_and_why_it_does_not_yet(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        assert (await plan_says(scene))[1] is None
        let_cron_remove(scene)
        await scene.cron()
        await calls_of_cron(scene, minutes=5)
        assert await plan_says(scene) == ("", [], "")
        scene.write_roster(PANEL[:-1])
        who = [PANEL[-1]["email"]]

        sentence, emails, obstacle = await plan_says(scene)
        assert (emails, obstacle) == (who, UNSTEADY)
        assert sentence.startswith("remove = true: the next `run --all` does not remove Guest7")
        assert (await plan_says(scene, "--invitees", "invitees.csv"))[1] is None

        await calls_of_cron(scene, minutes=5)
        assert await plan_says(scene) == (
            "remove = true: the next `run --all` removes Guest7 Example.",
            who,
            "",
        )
        await calls_of_cron(scene, minutes=5)
        assert cancelled(scene) == who
        assert await plan_says(scene) == ("", [], "")


async def test_plan_says_that_cron_removes_no_person(tmp_path):
    async with stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        await scene.cron()
        scene.write_roster(PANEL[:4])
        await calls_of_cron(scene, minutes=5)
        _, emails, obstacle = await plan_says(scene)
        assert (len(emails), obstacle.partition(".")[0]) == (
            4,
            "4 of 7 people have left the roster",
        )

        scene.write_roster([*PANEL[:-1], {**panelist(9), "role": "Speaker"}])
        await calls_of_cron(scene, 1, minutes=5)
        assert (await plan_says(scene))[1:] == ([PANEL[-1]["email"]], BAD_ROSTER)


async def test_plan_says_that_a_removal_waits_for_an_approved_page(tmp_path):
    async with approval_stage(tmp_path, PANEL, limits=ROOMY) as scene:
        let_cron_remove(scene)
        page = await see_page(scene)
        await approve(scene, page.digest)
        await scene.cron()
        scene.write_roster(PANEL[:-1])
        await scene.cron()

        assert (await plan_says(scene))[1:] == ([PANEL[-1]["email"]], NO_PAGE_SHOWS_IT)
