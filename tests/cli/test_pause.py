"""`pause` and `resume`, as users and cron meet them."""

import json

import pytest

from tests.cli.command import on
from tests.stage import HOST, NAME, PANELIST, ROOMY, stage

pytestmark = pytest.mark.anyio


async def test_a_paused_webinar_is_left_alone_by_cron_until_it_is_resumed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        paused = await on(scene, "pause", NAME, "--by", "Grace")
        first = await on(scene, "run", "--all")
        second = await on(scene, "run", "--all")
        status = await on(scene, "status", NAME, "--json")

        assert [seen.code for seen in (paused, first, second, status)] == [0, 0, 0, 0]
        assert f"{NAME} is paused: `run --all` leaves it alone." in paused.out
        assert f"{NAME} is paused" in first.err
        assert second.all == ""  # once a day
        assert (scene.recipients(), scene.ringcentral.requests) == ([], [])
        assert json.loads(status.out)["pause"]["until"] is None

        resumed = await on(scene, "resume", NAME)
        again = await on(scene, "resume", NAME)
        third = await on(scene, "run", "--all")
        assert (resumed.code, again.code, third.code) == (0, 0, 0)
        assert "was not paused" in again.out
        assert scene.recipients() == sorted([HOST["email"], PANELIST["email"]])


async def test_a_run_by_name_goes_and_the_pause_stays(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        await on(scene, "plan", NAME)
        paused = await on(scene, "pause", NAME, "--until", "2099-09-01T09:00")
        run = await on(scene, "run", NAME, "--yes")
        plan = await on(scene, "plan", NAME)
        status = await on(scene, "status", NAME)

        assert (paused.code, run.code) == (0, 0)
        assert f"{NAME} is paused until 2099-09-01 09:00 " in paused.out
        assert "That is after the session's end" in paused.out
        assert "This run goes all the same, and the pause stays." in run.err
        assert scene.recipients() == [PANELIST["email"]]
        for seen in (plan, status):
            assert f"{NAME} is paused until 2099-09-01 09:00 " in seen.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["launchh"], f"Did you mean {NAME}?"),
        ([NAME, "--until", "2020-01-01T10:00+00:00"], "is past"),
        ([NAME, "--until", "9999-12-31T23:59-05:00"], "is too far away"),
        ([NAME, "--until", "18:30"], "with its offset"),
        ([NAME, "--until", "noon"], "Write 18:30, or a date and time"),
    ],
)
async def test_a_pause_that_can_not_be_exits_2(tmp_path, words, said):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "pause", *words)
        run = await on(scene, "run", "--all")
        assert (seen.code, run.code) == (2, 0)
        assert said in " ".join(seen.err.replace("│", " ").split())
        assert scene.recipients() == [PANELIST["email"]]
