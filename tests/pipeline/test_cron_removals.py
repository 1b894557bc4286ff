"""`[webinars.NAME] remove = true`: who leaves the roster is removed by cron, with care."""

import os

import pytest

from tests.pipeline.test_call_budget import COMPANY, INVITEES, calls_of_cron
from tests.stage import HOST, ROOMY, Stage, panelist, stage

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
