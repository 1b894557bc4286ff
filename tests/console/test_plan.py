"""The plan and the report in the console: asked for, shown message by message, taken away."""

import asyncio
import io
import json
import re
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest
from python_calamine import CalamineWorkbook

from onboarding.config.console import ConsoleRole
from onboarding.console.act_tasks import CRASHED
from onboarding.console.plans import MOST_PLANS, PlanShelf
from onboarding.errors import Interrupted
from onboarding.pipeline.approve import find_page
from onboarding.pipeline.target import find_target
from tests.console.acting import Lines
from tests.console.serving import RunningConsole, console_stage, serve_on
from tests.stage import HOST, NAME, panelist, stage

pytestmark = pytest.mark.anyio

PLAN = f"/webinars/{NAME}/plan"
REPORT = f"/webinars/{NAME}/report"


def digest_of(served: RunningConsole) -> str:
    asked = served.console.plans.find(NAME)
    assert asked
    assert asked.content
    return asked.content.digest


async def test_plan_is_made_only_when_asked_for(tmp_path):
    async with console_stage(tmp_path, [HOST, panelist(1)]) as (scene, _, browser):
        before = await browser.get(PLAN)
        assert scene.heavy_calls() == 0
        made = await browser.post(PLAN)
        shown = await browser.get(PLAN)
        calls = scene.heavy_calls()
        await browser.get(PLAN)

        assert scene.heavy_calls() == calls > 0

    assert "Nothing is changed or sent by making it." in before.text
    assert (made.status_code, made.headers["location"]) == (303, PLAN)
    assert "2 emails will be sent" in shown.text
    assert scene.told() == []


async def test_plan_is_stored_so_that_it_can_be_approved(tmp_path):
    async with console_stage(tmp_path, [HOST, panelist(1)]) as (scene, served, browser):
        await browser.post(PLAN)
        digest = digest_of(served)
        target = find_target(scene.config, NAME)
        review = await find_page(served.console.services, target, digest)
        shown = await browser.get(PLAN)

    assert review.digest.startswith(digest)
    assert digest in shown.text


async def test_each_message_of_a_plan_has_its_page_and_its_frame(tmp_path):
    async with console_stage(tmp_path, [HOST, panelist(1)]) as (_, served, browser):
        await browser.post(PLAN)
        at = f"{PLAN}/{digest_of(served)}"
        shown = (await browser.get(PLAN)).text
        paths = re.findall(rf'href="({at}/messages/\d+)"', shown)
        pages = [await browser.get(path) for path in paths]
        frame = await browser.get(f"{paths[0]}/html")
        whole = await browser.get(at)
        missing = await browser.get(f"{at}/messages/99")

    # Two that are due, and an update and two cancellations for each of the two roles.
    assert [page.status_code for page in pages] == [200] * 8
    assert "1 of 8" in pages[0].text
    assert frame.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "Approve exactly this page" in whole.text
    assert missing.status_code == 404


async def test_plan_that_was_made_again_is_not_mistaken_for_the_older_one(tmp_path):
    async with console_stage(tmp_path, [HOST, panelist(1)]) as (scene, served, browser):
        await browser.post(PLAN)
        older = digest_of(served)
        scene.clock.pass_time(minutes=1)
        scene.write_roster([HOST, panelist(1), panelist(2)])
        await browser.post(PLAN)
        newer = digest_of(served)
        gone = await browser.get(f"{PLAN}/{older}/messages/1")

    assert older != newer
    assert gone.status_code == 404
    assert "a newer one was made" in gone.text


async def test_two_who_ask_at_once_spend_the_calls_of_one(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene) as served,
        served.client() as first,
        served.client(ConsoleRole.VIEWER) as second,
    ):
        await asyncio.gather(first.post(PLAN), second.post(PLAN), first.post(PLAN))
        calls = scene.heavy_calls()

        async with stage(tmp_path, [HOST]) as other, serve_on(other) as alone:
            async with alone.client() as browser:
                await browser.post(PLAN)
            assert calls == other.heavy_calls()


async def test_plan_that_can_not_be_made_says_why_and_what_to_do(tmp_path):
    async with console_stage(tmp_path, [HOST]) as (scene, _, browser):
        (scene.folder / "invitees.csv").unlink()
        await browser.post(PLAN)
        failed = await browser.get(PLAN)
        scene.write_roster([HOST])
        await browser.post(PLAN)
        made = await browser.get(PLAN)

    assert "The plan could not be made." in failed.text
    assert "invitees.csv" in failed.text
    assert "1 email will be sent" in made.text


async def test_only_the_newest_plans_are_kept(tmp_path):
    async with console_stage(tmp_path, [HOST], more=MOST_PLANS) as (scene, served, browser):
        names = list(scene.config.webinars)
        for name in names:
            await browser.post(f"/webinars/{name}/plan")

        kept = [name for name in names if served.console.plans.find(name)]

    assert kept == names[1:]


async def test_crash_in_a_plan_is_said_and_tells_no_value(tmp_path):
    lines = Lines()
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene) as served:
        # Whatever is asked of this ledger fails as no error of the pipeline's does.
        broken = replace(served.console.services, ledger=None, progress=lines)
        shelf = PlanShelf(broken)
        await shelf.ask(find_target(scene.config, NAME), "Dana")

    asked = shelf.find(NAME)
    assert asked.error.message == CRASHED.sentence
    assert [line for line in lines.said if "AttributeError at" in line]


async def test_end_of_the_console_ends_the_plan_that_is_being_made(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        scene.ringcentral.faults.add("GET:slow=60*all")
        async with serve_on(scene) as served, served.client() as browser:
            asking = asyncio.create_task(browser.post(PLAN))
            await scene.ringcentral.requests.wait_for(2)

        with suppress(httpx.HTTPError):
            await asking
        assert isinstance(served.console.plans.find(NAME).error, Interrupted)


async def test_no_plan_holds_a_join_link(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        scene.write_roster([HOST, panelist(1, role="CoHost"), panelist(2)])
        async with serve_on(scene) as served, served.client() as browser:
            await browser.post(PLAN)
            at = f"{PLAN}/{digest_of(served)}"
            shown = (await browser.get(PLAN)).text
            paths = re.findall(rf'href="({at}/messages/\d+)"', shown)
            paths += [f"{path}/html" for path in paths] + [at]
            texts = [shown, *[(await browser.get(path)).text for path in paths]]
            secrets = [*scene.join_links(), *scene.config.secrets.values]

    assert len(texts) > 6
    assert [secret for secret in secrets for text in texts if secret in text] == []


async def test_report_is_a_page_and_files(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client(ConsoleRole.VIEWER) as browser:
            shown = await browser.get(REPORT)
            files = {
                word: await browser.get(f"{REPORT}/{word}")
                for word in ("csv", "xlsx", "json", "html")
            }
            unknown = await browser.get(f"{REPORT}/pdf")
            texts = [shown.text, *(file.text for file in files.values())]
            leaked = [link for link in scene.join_links() for text in texts if link in text]

    assert "Nothing here needs attention." in shown.text
    assert files["csv"].content.startswith(b"\xef\xbb\xbf")
    assert json.loads(files["json"].text)["webinars"][0]["webinar"] == NAME
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(files["xlsx"].content))
    assert workbook.sheet_names == ["Messages", "Webinars"]
    assert "<!DOCTYPE html>" in files["html"].text
    disposition = {file.headers["content-disposition"] for file in files.values()}
    assert disposition == {f'attachment; filename="{NAME}.{word}"' for word in files}
    assert unknown.status_code == 404
    assert leaked == []


async def test_report_before_the_first_run_says_so(tmp_path):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        shown, file = await browser.get(REPORT), await browser.get(f"{REPORT}/csv")

    assert "There is nothing to report yet" in shown.text
    assert (file.status_code, "There is nothing to report yet" in file.text) == (404, True)
