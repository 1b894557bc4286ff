"""The console's pages in a real browser: they follow a run, fit a phone, and shut no person out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from onboarding.config.console import ConsoleRole
from onboarding.console.access import Viewer
from onboarding.simulator.smtp_catcher import MailRules
from tests.browser import async_browser, find_page_faults, needs_chromium
from tests.console.serving import BY, RunningConsole, serve_on
from tests.stage import HOST, NAME, Stage, panelist, stage

pytestmark = [pytest.mark.anyio, needs_chromium]

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
ODD = [
    panelist(
        7,
        first_name="Wolfeschlegelsteinhausenbergerdorff" * 2,
        last_name="</td><script>alert(1)</script>",
        email="wolfeschlegelsteinhausen.bergerdorff@a-very-long-name.example.com",
    ),
    panelist(8, first_name="محمد", last_name="عبد الله", job_title="مدير <b>x</b>"),
]
STOPPED = "This page has stopped following. Reload it."
TROUBLE = MailRules(
    refuse={"guest1@example.com": "550 5.1.1 No such user " + "x" * 200},
    defer_once=frozenset({"guest2@example.com"}),
    lose_reply=frozenset({"guest3@example.com"}),
)


async def open_page(
    chromium: Browser,
    served: RunningConsole,
    size: tuple[int, int] = SIZES["desktop"],
    role: ConsoleRole = ConsoleRole.APPROVER,
    **more: object,
) -> Page:
    """A page of a person who has logged in; a fault of its script fails the test."""
    context = await chromium.new_context(viewport={"width": size[0], "height": size[1]}, **more)
    token = served.console.log_ins.add(Viewer(BY, role))
    await context.add_cookies([{"name": served.cookie_name, "value": token, "url": served.url}])
    return await context.new_page()


@asynccontextmanager
async def watched_console(folder: Path) -> AsyncIterator[tuple[Stage, RunningConsole, Browser]]:
    """A webinar after a first run in which mail was refused, deferred and lost."""
    people = [HOST, panelist(1), panelist(2), panelist(3), *ODD]
    async with stage(folder, people, more=1, mail_rules=TROUBLE) as scene:
        await scene.run()
        async with serve_on(scene) as served, async_browser() as chromium:
            yield scene, served, chromium


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_page_follows_a_run_without_a_reload(tmp_path, size):
    async with watched_console(tmp_path) as (scene, served, chromium):
        page = await open_page(chromium, served, size)
        await page.goto(f"{served.url}/webinars/{NAME}")
        row = page.locator("tbody tr", has_text="guest2@example.com")
        await expect(row.locator(".pill")).to_contain_text("queued")
        await expect(page.get_by_text("This page follows by itself.")).to_be_visible()
        await page.evaluate("window.isTheSamePage = true")
        link = row.get_by_role("link")
        await link.focus()

        scene.clock.pass_time(hours=1)
        await scene.run()

        await expect(row.locator(".pill")).to_contain_text("sent")
        # The row was replaced: the focus is where the person left it.
        await expect(link).to_be_focused()
        # Somebody new: the page fetches itself, and stays.
        scene.write_roster([HOST, panelist(1), panelist(2), panelist(3), *ODD, panelist(4)])
        await scene.run()
        await expect(page.locator("tbody tr", has_text="guest4@example.com")).to_be_visible()
        assert await page.evaluate("window.isTheSamePage")


async def test_list_follows_too_and_says_it_politely(tmp_path):
    async with watched_console(tmp_path) as (scene, served, chromium):
        page = await open_page(chromium, served)
        await page.goto(served.url)
        await expect(page.get_by_text("No run has looked at it yet.")).to_be_visible()

        await scene.run(name="launch2")

        await expect(page.get_by_text("No run has looked at it yet.")).to_be_hidden()
        status = page.locator("#announce")
        assert await status.get_attribute("role") == "status"
        await expect(status).to_have_text("2 webinars need a person.", timeout=15_000)


async def test_page_says_when_it_can_not_follow_any_more(tmp_path):
    async with watched_console(tmp_path) as (_, served, chromium):
        page = await open_page(chromium, served)
        await page.goto(f"{served.url}/webinars/{NAME}")
        await expect(page.get_by_text("This page follows by itself.")).to_be_visible()

        served.console.stop.set()

        await expect(page.locator("#live-words")).to_have_text(STOPPED)


async def find_paths(page: Page, served: RunningConsole) -> list[str]:
    """The address of each sort of page, found as a person finds it."""
    webinar = f"/webinars/{NAME}"
    await page.goto(f"{served.url}{webinar}")
    person = await page.locator("tbody tr.attention a").first.get_attribute("href")
    well = await page.locator("tbody tr.done a").first.get_attribute("href")
    await page.goto(f"{served.url}{well}")
    message = await page.locator("a.message-link").first.get_attribute("href")
    await page.goto(f"{served.url}/webinars/launch2/plan")
    await page.get_by_role("button", name="Make the plan").click()
    planned = await page.locator(".messages-planned a").first.get_attribute("href")
    return [
        "/",
        "/?q=nothing",
        "/?show=over",
        webinar,
        f"{webinar}?q=no-one",
        "/webinars/launch2",
        f"{webinar}/plan",
        "/webinars/launch2/plan",
        f"{webinar}/report",
        "/webinars/launch2/report",
        *(path for path in (person, well, message, planned) if path),
        "/webinars/nothing",
    ]


async def test_every_page_is_open_to_all_and_fits_a_phone(tmp_path):
    found = []
    async with watched_console(tmp_path) as (_, served, chromium):
        paths = await find_paths(await open_page(chromium, served), served)
        for scheme, size in (("light", SIZES["desktop"]), ("dark", SIZES["phone"])):
            page = await open_page(chromium, served, size, color_scheme=scheme)
            for path in paths:
                await page.goto(f"{served.url}{path}")
                found += [(path, scheme, fault) for fault in await find_page_faults(page)]
                width = await page.evaluate("document.documentElement.scrollWidth")
                if width > size[0]:
                    found.append((path, scheme, f"{width} pixels wide"))
            await page.context.close()

    assert len(paths) == 15
    assert found == []


async def test_message_is_shown_in_its_frame_and_can_do_nothing(tmp_path):
    async with watched_console(tmp_path) as (_, served, chromium):
        page = await open_page(chromium, served)
        *_, message, planned, _ = await find_paths(page, served)
        for path in (message, planned):
            await page.goto(f"{served.url}{path}")
            frame = page.frame_locator("iframe.mail-frame")
            await expect(frame.get_by_text("Hello Hanna")).to_be_visible()
            origin = await frame.locator("body").evaluate("() => self.origin")
            assert origin == "null"


async def test_without_script_every_page_is_whole(tmp_path):
    async with watched_console(tmp_path) as (_, served, chromium):
        page = await open_page(chromium, served, java_script_enabled=False)
        await page.goto(f"{served.url}/webinars/{NAME}?show=attention")

        assert await page.locator("tbody tr[id]").count() == 2
        await expect(page.get_by_text("This page follows by itself.")).to_be_hidden()
        await page.get_by_role("link", name="Plan").click()
        await page.get_by_role("button", name="Make the plan").click()
        await expect(page.get_by_role("button", name="Make it again")).to_be_visible()


async def test_pages_are_reached_by_keyboard(tmp_path):
    async with watched_console(tmp_path) as (_, served, chromium):
        page = await open_page(chromium, served)
        await page.goto(served.url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.get_by_label("Title, name or id").focus()
        await page.keyboard.type("launch")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/?q=launch")
        link = page.get_by_role("link", name="The Launch")
        await link.focus()
        outline = await link.evaluate("element => getComputedStyle(element).outlineStyle")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="What needs a person")).to_be_visible()

    assert outline == "solid"


async def test_names_full_of_markup_run_nothing(tmp_path):
    async with watched_console(tmp_path) as (_, served, chromium):
        page = await open_page(chromium, served)
        said: list[str] = []
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("console", lambda message: said.append(message.text))
        for path in ("/", f"/webinars/{NAME}", f"/webinars/{NAME}/report"):
            await page.goto(f"{served.url}{path}")

    assert said == []
