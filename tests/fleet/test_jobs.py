"""The jobs of the fleet, each as a function, on a real PostgreSQL."""

import pytest

from onboarding.fleet.values import WorkerRole
from tests.fleet.hands import fleet_stage, take_jobs, tick, work_off, worker_on

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
            await tick(planner)
            (job,) = await planner.services.ledger.run(take_jobs)
            await planner.execute(job.name, job.args)
        assert scene.told() == []
        calls = scene.heavy_calls()
        async with worker_on(scene, SEND) as sender:
            await work_off(sender)
        assert len(scene.told()) == 3
        # Only the join links are asked for.
        assert scene.heavy_calls() == calls + 1
