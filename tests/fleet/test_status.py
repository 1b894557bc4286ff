"""`worker status`: what the fleet does, from the ledger alone."""

import json

import pytest

from onboarding.errors import EXIT_USAGE
from onboarding.fleet.values import WorkerRole, send_job
from onboarding.ledger import jobs
from tests.cli.command import on
from tests.console.serving import serve_on
from tests.docs.test_json import DOCUMENTED, shape
from tests.fleet.hands import fleet_stage, worker_on
from tests.stage import panelist, stage

pytestmark = pytest.mark.anyio


async def test_shows_workers_and_jobs_as_documented(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        async with worker_on(scene, {WorkerRole.PLAN}) as worker:
            await worker.services.ledger.run(jobs.add_jobs, [send_job("launch", 1, 0, None)])
            async with worker.showing("plans launch"):
                seen = await on(scene, "worker", "status", "--json")
        printed = json.loads(seen.out)
        assert shape(printed) == shape(DOCUMENTED["worker"])
        assert printed["workers"][0]["doing"] == "plans launch"
        assert printed["jobs"] == [{"queue": "send", "state": "todo", "count": 1}]
        assert json.loads((await on(scene, "worker", "status", "--json")).out)["workers"] == []


async def test_the_console_counts_workers_and_jobs(tmp_path, postgresql_server):
    async with (
        fleet_stage(tmp_path, postgresql_server) as scene,
        serve_on(scene) as served,
        served.client() as browser,
    ):
        assert '<p class="fleet" id="fleet"></p>' in (await browser.get("/")).text
        async with worker_on(scene) as worker:
            await worker.services.ledger.run(jobs.add_jobs, [send_job("launch", 1, 0, None)])
            async with worker.showing("plans launch"):
                page = (await browser.get("/")).text
    assert "1 worker, 1 at work; 1 job waits." in page


async def test_shows_people_a_table_of_the_workers(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene, worker_on(scene) as worker:
        async with worker.showing("plans launch"):
            seen = await on(scene, "worker", "status")
        assert "tick, plan, send, replies" in seen.out
        assert "plans launch" in seen.out
        assert "No job is waiting." in seen.out
        await worker.services.ledger.run(jobs.add_jobs, [send_job("launch", 1, 0, None)])
        assert "has been waiting for" in (await on(scene, "worker", "status")).out


async def test_without_any_worker_it_is_no_error_to_ask(tmp_path, postgresql_server):
    async with fleet_stage(tmp_path, postgresql_server) as scene:
        seen = await on(scene, "worker", "status")
    assert seen.code == 0
    assert "No worker is running.\nNo job is waiting.\n" in seen.out


async def test_a_ledger_that_is_a_file_has_no_workers(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        seen = await on(scene, "worker", "status")
    assert seen.code == EXIT_USAGE
    assert "Workers need a ledger on a PostgreSQL server" in seen.all
