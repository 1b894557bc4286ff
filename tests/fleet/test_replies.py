"""The job that reads the mailbox does what cron does before its passes, and says what is new."""

import pytest

from onboarding.fleet.replies_job import read_mailbox
from onboarding.fleet.values import JobName, JobReport
from onboarding.fleet.worker import Worker
from tests.fleet.hands import fleet_stage, tick, work_off, worker_on
from tests.pipeline.test_inbox import GUEST, bounce, deliver, make_maildir
from tests.stage import Stage

pytestmark = pytest.mark.anyio


async def read(worker: Worker) -> JobReport:
    return await worker.execute(JobName.REPLIES, {"timestamp": 0})


async def send_all(scene: Stage) -> None:
    async with worker_on(scene) as worker:
        await tick(worker)
        await work_off(worker)


async def test_a_message_that_came_back_is_recorded_and_mailed_no_more(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        make_maildir(scene)
        await send_all(scene)
        deliver(scene, bounce(scene))
        async with worker_on(scene) as worker:
            report = await read(worker)
        assert report.reading is not None
        assert [news.email for news in report.reading.news] == [GUEST]
        assert (await scene.states())[GUEST] == "bounced"
        scene.clock.pass_time(minutes=5)
        await send_all(scene)
        assert scene.told().count(GUEST) == 1


async def test_a_mailbox_that_can_not_be_read_is_said_once_until_it_can(
    tmp_path, postgresql_server
):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        make_maildir(scene)
        mailbox, away = scene.folder / "mail", scene.folder / "elsewhere"
        async with worker_on(scene) as worker:
            mailbox.rename(away)
            said = [len((await read(worker)).sentences) for _ in range(2)]
            away.rename(mailbox)
            said.append(len((await read(worker)).sentences))
            mailbox.rename(away)
            said.append(len((await read(worker)).sentences))
    assert said == [1, 0, 0, 1]


async def test_without_a_mailbox_there_is_nothing_to_read(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene, worker_on(scene) as worker:
        assert await read_mailbox(worker.services) == JobReport()
