"""What people answered and who has joined: the same in status, report and console."""

import json
import re
from datetime import timedelta

import pytest

from onboarding.pipeline.inbox import read_one
from onboarding.simulator.replies import build_answer
from tests.cli.command import on
from tests.console.serving import serve_on
from tests.console.test_pages import person_links
from tests.pipeline.test_attendance import begin, invite, join
from tests.pipeline.test_schedule import go_to
from tests.stage import COHOST, HOST, NAME, Stage, panelist, stage

pytestmark = pytest.mark.anyio

ONE, TWO = panelist(1), panelist(2)
PANEL = [HOST, COHOST, ONE, TWO]


async def answer(scene: Stage, address: str, participation: str) -> None:
    (caught,) = [mail for mail in scene.mail.messages() if mail.recipients == (address,)]
    async with scene.rooms() as services:
        await read_one(services, build_answer(caught, participation, scene.clock.now()))


async def test_answers_and_who_joined_are_shown_everywhere(tmp_path):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene, entries=())
        await answer(scene, ONE["email"], "ACCEPTED")
        await answer(scene, TWO["email"], "DECLINED")
        begin(scene)
        joined_at = start - timedelta(minutes=6)
        join(scene, ONE, joined_at)
        join(scene, COHOST, joined_at)
        go_to(scene, start - timedelta(minutes=5))
        await scene.run()

        status = await on(scene, "status", NAME)
        report = json.loads((await on(scene, "report", NAME, "--json")).out)
        page = (await on(scene, "report", NAME, "--html")).out
        async with serve_on(scene) as served, served.client() as browser:
            webinar = (await browser.get(f"/webinars/{NAME}")).text
            people = [(await browser.get(link)).text for link in person_links(webinar)]

    said = " ".join(status.out.split())
    assert f"{ONE['email']} (since " in said
    assert [word for word in ("accepted", "declined") if word not in said] == []
    (listed,) = report["webinars"]
    found = {
        person["email"]: (person["answer"], person["attendance"]) for person in listed["people"]
    }
    assert found[ONE["email"]] == ("accepted", "joined")
    assert found[TWO["email"]] == ("declined", "missing")
    for shown in (page, webinar, "\n".join(people)):
        words = " ".join(re.sub(r"<[^>]+>", " ", shown).split()).lower()
        assert [word for word in ("accepted", "declined", "joined") if word not in words] == []
