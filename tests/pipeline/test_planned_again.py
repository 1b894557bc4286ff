"""A webinar that is planned again as another, earlier session: RingCentral has the first no more.

What only reads the ledger then shows the session that runs work on, and acts on it.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.pipeline.overview import OverviewQuery, read_overview
from onboarding.pipeline.status import read_status
from onboarding.pipeline.target import all_targets, find_target
from tests.cli.command import on
from tests.stage import HOST, NAME, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

AGAIN = f"{NAME}2"
"""A webinar of which config.toml names no session."""
PEOPLE = [HOST, panelist(1)]
NEW = "777000777"


def plan_again(scene: Stage) -> None:
    """Delete the webinar's session at RingCentral, and plan another one, two days before it."""
    account, webinar_id = scene.ringcentral.account, find_target(scene.config, AGAIN).webinar_id
    old = next(key for key in account.sessions if key[0] == webinar_id)
    session = account.sessions.pop(old)
    new = replace(session, id=NEW, start=session.start - timedelta(days=2))
    account.sessions[webinar_id, NEW] = new
    account.invitees[webinar_id, NEW] = {
        id_: record for id_, record in account.invitees.pop(old).items() if record.role == "Host"
    }


async def shown_session(scene: Stage) -> tuple[str, int]:
    """What `status` shows: the session, and how many people have a message."""
    target = find_target(scene.config, AGAIN)
    status = await read_status(scene.config, target, scene.clock.now(), NoProgress())
    assert status.seen is not None
    return status.seen.key.session_id, len(status.current)


@pytest.mark.parametrize("is_cron", [False, True], ids=["run", "run --all"])
async def test_runs_and_all_that_reads_the_ledger_mean_the_new_session(tmp_path, is_cron):
    async with stage(tmp_path, PEOPLE, more=1, limits=ROOMY) as scene:
        await scene.run(name=AGAIN)
        plan_again(scene)
        await (scene.cron() if is_cron else scene.run(name=AGAIN))

        assert await shown_session(scene) == (NEW, len(PEOPLE))
        overview = read_overview(
            scene.config,
            all_targets(scene.config),
            OverviewQuery(),
            scene.clock.now(),
            NoProgress(),
        )
        lines = {line.target.name: line for line in overview.lines}
        assert lines[AGAIN].seen.key.session_id == NEW


async def test_session_that_was_only_planned_is_left_too(tmp_path):
    async with stage(tmp_path, PEOPLE, more=1, limits=ROOMY) as scene:
        assert (await on(scene, "plan", AGAIN)).code == 0
        plan_again(scene)
        await scene.run(name=AGAIN)
        assert await shown_session(scene) == (NEW, len(PEOPLE))


async def test_call_off_of_the_new_session_is_taken_back(tmp_path):
    async with stage(tmp_path, PEOPLE, more=1, limits=ROOMY) as scene:
        await scene.run(name=AGAIN)
        plan_again(scene)
        await on(scene, "call-off", AGAIN, "--yes")
        undone = await on(scene, "call-off", AGAIN, "--undo", "--yes")
    assert undone.code == 0


async def test_session_that_is_back_is_shown_again(tmp_path):
    async with stage(tmp_path, PEOPLE, more=1, limits=ROOMY) as scene:
        await scene.run(name=AGAIN)
        account = scene.ringcentral.account
        before = dict(account.sessions), dict(account.invitees)
        plan_again(scene)
        await scene.run(name=AGAIN)
        account.sessions, account.invitees = before
        await scene.run(name=AGAIN)

        shown, _people = await shown_session(scene)
    assert shown != NEW
