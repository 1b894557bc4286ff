"""Getting in and out with a real browser: its cookies, its rules for other sites, its keyboard."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from onboarding.console.passwords import hash_password
from tests.browser import async_browser, find_page_faults, needs_chromium
from tests.console.serving import BY, RunningConsole, serve_on
from tests.stage import HOST, stage

pytestmark = [pytest.mark.anyio, needs_chromium]

PASSWORD = "correct horse battery staple"
USERS = {"dana": {"role": "approver", "password_hash": hash_password(PASSWORD)}}


@asynccontextmanager
async def chromium_stage(
    folder: Path, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[tuple[RunningConsole, Browser]]:
    """A console, and a real browser that does not know it yet."""
    async with (
        stage(folder, [HOST]) as scene,
        serve_on(scene, settings=settings) as served,
        async_browser() as chromium,
    ):
        yield served, chromium


async def test_link_lets_in_and_its_key_leaves_the_address(tmp_path):
    async with chromium_stage(tmp_path) as (served, chromium):
        page = await chromium.new_page()
        key = served.console.keys.make()
        await page.goto(f"{served.url}/enter/{key}")
        await expect(page.get_by_role("heading", name="All webinars")).to_be_visible()
        address = page.url
        history = await page.evaluate("performance.getEntriesByType('navigation')[0].name")
        seen_by_script = await page.evaluate("document.cookie")
        # A form's Origin is "null" here, because our pages send no referrer.
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()

    assert address == f"{served.url}/"
    assert (key in history, seen_by_script) == (False, "")


async def test_link_from_another_site_leads_to_the_page_without_a_new_log_in(tmp_path):
    async with chromium_stage(tmp_path) as (served, chromium):
        page = await chromium.new_page()
        await page.goto(f"{served.url}/enter/{served.console.keys.make()}")
        await page.goto("about:blank")
        await page.set_content(f'<a href="{served.url}/?page=1">from a mail</a>')
        await page.get_by_role("link").click()
        await expect(page.get_by_text(BY)).to_be_visible()

    assert page.url == f"{served.url}/?page=1"


async def test_form_of_another_site_does_nothing(tmp_path):
    async with chromium_stage(tmp_path) as (served, chromium):
        context = await chromium.new_context()
        page, other = await context.new_page(), await context.new_page()
        await page.goto(f"{served.url}/enter/{served.console.keys.make()}")
        await other.set_content(
            f'<form method="post" action="{served.url}/log-out"><button>x</button></form>'
        )
        await other.get_by_role("button").click()
        await expect(other.get_by_text("so nothing was done")).to_be_visible()
        await page.reload()
        await expect(page.get_by_text(BY)).to_be_visible()


async def test_page_of_another_site_can_not_frame_the_console(tmp_path):
    async with chromium_stage(tmp_path) as (served, chromium):
        page = await chromium.new_page()
        refused = []
        page.on("console", lambda message: refused.append(message.text))
        await page.set_content(f'<iframe src="{served.url}/log-in"></iframe>')
        await page.frame_locator("iframe").locator("body").wait_for(state="attached")

    assert any("frame-ancestors" in text for text in refused)


async def test_person_logs_in_by_keyboard_alone_and_comes_back(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings={"users": USERS}) as served,
        async_browser() as chromium,
    ):
        page = await chromium.new_page()
        await page.goto(f"{served.url}/?page=1")
        await type_form(page, "dana", "wrong")
        await expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
        # The name is kept, and the password has the focus.
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(f"{served.url}/?page=1")


async def type_form(page: Page, name: str, password: str) -> None:
    await page.keyboard.type(name)
    await page.keyboard.press("Tab")
    await page.keyboard.type(password)
    await page.keyboard.press("Enter")


async def test_axe_finds_no_fault_before_the_log_in(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene, settings={"users": USERS}) as served,
        serve_on(scene) as by_key,
        async_browser() as chromium,
    ):
        urls = (f"{served.url}/log-in", f"{by_key.url}/log-in", f"{by_key.url}/enter/used")
        for scheme, width in (("light", 390), ("dark", 1280)):
            page = await chromium.new_page(
                color_scheme=scheme, viewport={"width": width, "height": 800}
            )
            for url in urls:
                await page.goto(url)
                assert await find_page_faults(page) == []
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
