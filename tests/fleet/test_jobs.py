"""The jobs of the fleet, each as a function, on a real PostgreSQL."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from onboarding.fleet.values import WorkerRole, decode_session, encode_session, send_job
from onboarding.ledger import jobs
from onboarding.model.people import LinkedUser
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.fleet.hands import fleet_stage, plan_only, take_jobs, tick, work_off, worker_on
from tests.pipeline.test_alerts import serve_webhook, use_webhook
from tests.samples import SPRING_LAUNCH
from tests.stage import NAME, SESSION, WEBINAR

pytestmark = pytest.mark.anyio

PLAN, SEND = {WorkerRole.PLAN}, {WorkerRole.SEND}


async def test_a_tick_and_its_jobs_do_what_a_run_does_with_as_few_calls(
    tmp_path, postgresql_server
):
    async with (
        fleet_stage(tmp_path, postgresql_server, more=1) as scene,
        worker_on(scene) as worker,
    ):
        await tick(worker)
        await work_off(worker)
        assert len(scene.told()) == 2 * 3
        # The list of sessions; and of each webinar itself, its invitees, and the PATCH.
        assert scene.heavy_calls() == 1 + 2 * 3

        calls = scene.heavy_calls()
        scene.clock.pass_time(minutes=5)
        await tick(worker)
        assert await work_off(worker) == []
        assert scene.heavy_calls() == calls + 1


async def test_chunks_are_sent_by_a_worker_that_plans_nothing(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        async with worker_on(scene, PLAN) as planner:
            await plan_only(planner)
        assert scene.told() == []
        calls = scene.heavy_calls()
        async with worker_on(scene, SEND) as sender:
            await work_off(sender)
        assert len(scene.told()) == 3
        # Only the join links are asked for.
        assert scene.heavy_calls() == calls + 1


async def test_messages_queued_while_the_clock_went_on_have_their_chunk(
    tmp_path, postgresql_server
):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        begun, milliseconds = scene.clock.now(), count()
        scene.clock.now = lambda: begun + timedelta(milliseconds=next(milliseconds))
        async with worker_on(scene, PLAN) as planner:
            await plan_only(planner)
            (send,) = await planner.services.ledger.run(take_jobs)
        assert send.name == "send_chunk"


async def test_a_job_that_comes_twice_or_is_lost_sends_each_message_once(
    tmp_path, postgresql_server
):
    async with fleet_stage(tmp_path, postgresql_server) as scene, worker_on(scene, PLAN) as worker:
        await tick(worker)
        (plan,) = await worker.services.ledger.run(take_jobs)
        await worker.execute(plan.name, plan.args)
        await worker.execute(plan.name, plan.args)
        (send,) = await worker.services.ledger.run(take_jobs)
        # Lost: the next tick finds the messages in the ledger.
        scene.clock.pass_time(minutes=1)
        await tick(worker)
        (again,) = await worker.services.ledger.run(take_jobs)
        assert again.args["session"] == send.args["session"]
        async with worker_on(scene, SEND) as sender:
            await asyncio.gather(
                sender.execute(send.name, send.args), sender.execute(again.name, again.args)
            )
        assert sorted(scene.told()) == sorted(set(scene.told()))
        assert len(scene.told()) == 3


async def test_ticks_do_not_pile_up_jobs(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene, worker_on(scene) as worker:
        for _ in range(3):
            await tick(worker)
            scene.clock.pass_time(minutes=5)
        assert len(await worker.services.ledger.run(take_jobs)) == 1


async def test_jobs_are_added_with_what_is_queued_or_not_at_all(tmp_path, postgresql_server):
    def fail(connection: sa.Connection) -> None:
        jobs.add_jobs(connection, [send_job(NAME, 1, 0, None)])
        raise RuntimeError

    async with fleet_stage(tmp_path, postgresql_server) as scene, worker_on(scene) as worker:
        ledger = worker.services.ledger
        with pytest.raises(RuntimeError):
            await ledger.run(fail)
        assert await ledger.run(take_jobs) == []
        # One whose lock another has is left out, and the rest of the transaction stays.
        pair = [send_job(NAME, 1, 0, None), send_job(NAME, 1, 0, None), send_job(NAME, 1, 1, None)]
        assert await ledger.run(jobs.add_jobs, pair) == 2
        assert len(await ledger.run(take_jobs)) == 2


async def test_a_message_with_old_facts_is_not_sent_and_the_webinar_is_planned_again(
    tmp_path, postgresql_server
):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        async with worker_on(scene, PLAN) as planner:
            await plan_only(planner)
            (send,) = await planner.services.ledger.run(take_jobs)
            scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
        async with worker_on(scene) as worker:
            await worker.execute(send.name, {**send.args, "listed": None})
            assert scene.told() == []
            await work_off(worker)
        assert len(scene.told()) == 3
        assert len({message["Subject"] for message in scene.messages()}) == 1
        assert (await scene.run()).sent == 0


async def test_a_paused_webinar_sends_nothing(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        async with worker_on(scene, PLAN) as planner:
            await plan_only(planner)
        await on(scene, "pause", NAME)
        async with worker_on(scene) as worker:
            await work_off(worker)
            scene.clock.pass_time(minutes=5)
            await tick(worker)
            await work_off(worker)
        assert scene.told() == []


async def test_a_mail_server_that_is_away_costs_no_call_and_is_said_once(
    tmp_path, postgresql_server
):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        async with worker_on(scene, PLAN) as planner:
            await plan_only(planner)
        calls = scene.heavy_calls()
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "9"
        async with worker_on(scene, SEND) as worker:
            (first,) = await work_off(worker)
            await worker.services.ledger.run(jobs.add_jobs, [send_job(NAME, 1, 0, None)])
            (second,) = await work_off(worker)
        ends = [*first.ends, *second.ends]
        assert [(end.exit_code, end.is_known) for end in ends] == [(75, False), (75, True)]
        assert scene.heavy_calls() == calls
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        async with worker_on(scene) as worker:
            await tick(worker)
            await work_off(worker)
        assert len(scene.told()) == 3


async def test_what_a_schedule_has_is_sent_within_its_minute(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        with (scene.folder / "config.toml").open("a", encoding="utf-8") as file:
            file.write('\n[messages]\nreminder = "-1h"\n')
        start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        async with worker_on(scene) as worker:
            await tick(worker)
            await work_off(worker)
            scene.clock.time = start - timedelta(hours=1, minutes=1)
            await tick(worker)
            await work_off(worker)
            assert len(scene.told()) == 3
            scene.clock.pass_time(minutes=1)
            await tick(worker)
            await work_off(worker)
        assert len(scene.told()) == 6


async def test_a_day_whose_messages_are_used_up_costs_no_call(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        scene.variables["ONBOARDING_SMTP__PER_DAY"] = "2"
        async with worker_on(scene) as worker:
            await tick(worker)
            (plan,) = await work_off(worker)
            assert [end.exit_code for end in plan.ends] == [75]
            calls = scene.heavy_calls()
            scene.clock.pass_time(minutes=1)
            await tick(worker)
            (send,) = await work_off(worker)
        assert "are used up" in str(send.ends[0].error)
        assert (len(scene.told()), scene.heavy_calls()) == (2, calls)


def test_a_session_is_handed_on_whole_but_for_the_links_in_it():
    host, link = LinkedUser("800100200", "800100201"), SecretStr("https://v.example/secret")
    session = replace(SPRING_LAUNCH, host=host, host_join_uri=link)
    encoded = encode_session(session)
    assert "secret" not in json.dumps(encoded)
    assert decode_session(json.loads(json.dumps(encoded))) == replace(session, host_join_uri=None)


@pytest.mark.parametrize("other", [None, {}, {"key": 1}, [], "text"])
def test_what_another_version_has_written_is_asked_for(other):
    assert decode_session(other) is None


async def test_the_producer_hears_at_once_and_once_what_needs_a_person(tmp_path, postgresql_server):
    refusing = MailRules(refuse={"guest1@example.com": "550 5.1.1 No such user"})
    async with (
        fleet_stage(tmp_path, postgresql_server, mail_rules=refusing) as scene,
        serve_webhook() as hook,
    ):
        use_webhook(scene, hook)
        async with worker_on(scene) as worker:
            await tick(worker)
            await work_off(worker)
            assert ["rejected" in body for body in hook.bodies] == [True]
            scene.clock.pass_time(minutes=5)
            await tick(worker)
            await work_off(worker)
        assert len(hook.bodies) == 1
