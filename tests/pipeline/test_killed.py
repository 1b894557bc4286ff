"""A run killed at each HTTP request in turn, then run again: it ends as if never killed."""

import asyncio
from pathlib import Path

import pytest

from onboarding.model.people import Role
from tests.cli.command import on, started
from tests.stage import (
    COHOST,
    HOST,
    NAME,
    PANELIST,
    ROOMY,
    SESSION,
    WEBINAR,
    Stage,
    panelist,
    stage,
)

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_ledger")]

PEOPLE = [HOST, COHOST, PANELIST, panelist(1)]
REQUESTS = 5
"""Log-in, webinar, session, list, PATCH: what a first run asks (asserted below)."""


async def test_a_first_run_makes_the_requests_at_which_it_is_killed_below(tmp_path):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        await scene.run()
        assert len(scene.ringcentral.requests) == REQUESTS


@pytest.mark.parametrize("trouble", ["timeout-before", "timeout-after"])
@pytest.mark.parametrize("request_number", range(1, REQUESTS + 1))
async def test_killed_at_a_request_then_run_again_ends_the_same(
    tmp_path: Path, request_number: int, trouble: str
):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        await killed_at(scene, request_number, trouble)
        assert scene.recipients() == []

        again = await on(scene, "run", NAME, "--yes")

        assert again.code == 0, again.all
        assert scene.recipients() == sorted(person["email"] for person in PEOPLE)
        records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
        assert len(records) == len(PEOPLE)
        assert [record.send_invite for record in records if record.role is not Role.HOST] == [
            False
        ] * 3
        assert scene.ringcentral.account.mailed == []


async def killed_at(scene: Stage, request_number: int, trouble: str) -> None:
    """Start a run, let it wait for its n-th answer, and kill it there as the kernel would."""
    paths = [
        "POST /token",
        "GET /webinars/*",
        "GET /sessions/*",
        "GET /invitees",
        "PATCH /invitees",
    ]
    scene.ringcentral.faults.add(f"{paths[request_number - 1]}:{trouble}=60")
    process = await started(scene.folder, "run", NAME, "--yes", variables=scene.variables)
    await asyncio.wait_for(scene.ringcentral.requests.wait_for(request_number), 60)
    process.kill()
    await process.communicate()
    scene.ringcentral.faults.clear()
