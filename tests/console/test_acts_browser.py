"""Acts in a real browser: by pointer, by keyboard alone, and what the clipboard gets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from onboarding.simulator.smtp_catcher import MailRules
from tests.browser import async_browser, needs_chromium
from tests.console.serving import RunningConsole, serve_on
from tests.pipeline.approving import approval_stage
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, stage

pytestmark = [needs_chromium, pytest.mark.anyio]

JOERG = PANELIST["email"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@asynccontextmanager
async def log_in(served: RunningConsole, **options: object) -> AsyncIterator[Page]:
    """A page whose person has come in by the printed link."""
    async with async_browser() as started:
        page = await started.new_page(viewport=DESKTOP, **options)
        failed: list[object] = []
        page.on("pageerror", lambda error: failed.append(error))  # noqa: PLW0108 -- playwright marks it
        await page.goto(f"{served.url}/enter/{served.console.keys.make()}")
        yield page
        assert failed == []


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name).first.click()


async def say_yes(page: Page, button: str, yes: str) -> None:
    """Ask for an act by its button, and confirm it."""
    await press(page, button)
    await confirm(page, yes)


async def confirm(page: Page, yes: str) -> None:
    await expect(page.get_by_role("heading", name="Are you sure?")).to_be_visible()
    await press(page, yes)


def find_link(scene: Stage) -> str:
    records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
    (uri,) = [record.join_uri for record in records if record.email == JOERG]
    return uri.get_secret_value()


async def test_send_now_is_followed_on_the_webinars_page(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served) as page,
    ):
        await page.goto(f"{served.url}/webinars/{NAME}")
        await say_yes(page, "Send now …", "Send now")
        await expect(page).to_have_url(f"{served.url}/webinars/{NAME}")
        # The page was not reloaded: it follows, and shows how the run has ended.
        note = page.locator("#act-note")
        await expect(note).to_contain_text("1 registered, 2 mails sent, no problems.")
        await expect(page.locator("tr", has_text=JOERG)).to_contain_text("sent")
        assert len(scene.told()) == 2


async def test_resend_resolve_and_approve_by_pointer(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with (
        approval_stage(tmp_path, [PANELIST], mail_rules=rules) as scene,
        serve_on(scene) as served,
        log_in(served) as page,
    ):
        await page.goto(f"{served.url}/webinars/{NAME}")
        await press(page, "Send now …")
        await expect(page.get_by_text("1 person is held back")).to_be_visible()
        await page.goto(f"{served.url}/webinars/{NAME}/plan")
        await press(page, "Make the plan")
        await press(page, "Approve this page …")
        await confirm(page, "Approve")
        await expect(page.get_by_text("is approved")).to_be_visible()
        await page.goto(f"{served.url}/webinars/{NAME}")
        await say_yes(page, "Send now …", "Send now")
        await expect(page.locator("#act-note")).to_contain_text("needs a person")

        await page.get_by_role("link", name=PANELIST["first_name"]).first.click()
        await say_yes(page, "It was sent …", "Record as sent")
        await expect(page.get_by_text("1 message changed.")).to_be_visible()
        assert await scene.states() == {JOERG: "sent"}


@asynccontextmanager
async def person_with_clipboard(tmp_path: Path) -> AsyncIterator[tuple[Stage, Page]]:
    """Open a person's page, once their message was sent, in a browser with a clipboard."""
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served, permissions=["clipboard-read", "clipboard-write"]) as page,
    ):
        await scene.run()
        await open_person(page, served)
        yield scene, page


async def test_a_link_goes_to_the_clipboard_and_into_no_page(tmp_path):
    async with person_with_clipboard(tmp_path) as (scene, page):
        await say_yes(page, "Copy join link …", "Copy link")
        await expect(page.get_by_text("The link is in the clipboard.")).to_be_visible()
        link = find_link(scene)
        assert await page.evaluate("navigator.clipboard.readText()") == link
        assert link not in await page.content()


async def test_without_a_clipboard_the_link_is_in_a_field_until_the_dialog_closes(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served) as page,
    ):
        await scene.run()
        await page.add_init_script(
            "navigator.clipboard.writeText = () => Promise.reject(new Error('denied'))"
        )
        await open_person(page, served)
        await say_yes(page, "Copy join link …", "Copy link")
        field = page.get_by_label("Join link")
        link = find_link(scene)
        await expect(field).to_have_value(link)
        await press(page, "Close")
        await expect(field).to_have_count(0)
        assert link not in await page.content()


async def test_without_a_connection_the_link_can_be_asked_for_again(tmp_path):
    async with person_with_clipboard(tmp_path) as (_scene, page):
        await page.route("**/link", lambda route: route.abort(), times=1)
        await say_yes(page, "Copy join link …", "Copy link")
        await expect(page.get_by_text("No connection. Try again.")).to_be_visible()
        await press(page, "Copy link")
        await expect(page.get_by_text("The link is in the clipboard.")).to_be_visible()


async def open_person(page: Page, served: RunningConsole) -> None:
    await page.goto(f"{served.url}/webinars/{NAME}")
    await page.get_by_role("link", name=PANELIST["first_name"]).first.click()


async def test_by_keyboard_alone(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served) as page,
    ):
        await page.goto(f"{served.url}/webinars/{NAME}")
        await tab_to(page, "Send now …")
        await page.keyboard.press("Enter")
        # The question's yes has the focus, and the next stop is the way back.
        await expect(page.get_by_role("button", name="Send now")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#act-note")).to_contain_text("2 mails sent")
        assert len(scene.told()) == 2


async def tab_to(page: Page, label: str) -> None:
    for _step in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == label:
            return
    pytest.fail(f"{label} can't be reached by keyboard")


async def test_without_script_every_act_is_a_page(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served, java_script_enabled=False) as page,
    ):
        await scene.run()
        await open_person(page, served)
        await say_yes(page, "Send again …", "Send again")
        await expect(page.get_by_text("Sent again.")).to_be_visible()
        await open_person(page, served)
        await say_yes(page, "Copy join link …", "Copy link")
        assert await page.text_content("body") == find_link(scene)
        assert scene.told().count(JOERG) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_question_and_answer_have_no_serious_fault(tmp_path, scheme, size):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        log_in(served, color_scheme=scheme) as page,
    ):
        await scene.run()
        await page.set_viewport_size(size)
        await open_person(page, served)
        await press(page, "Send again …")
        faults = await find_faults(page)
        await page.get_by_role("button", name="Send again").click()
        faults += await find_faults(page)
        assert faults == []
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"]


async def find_faults(page: Page) -> list[str]:
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    return [f"{fault['impact']} {fault['id']}" for fault in found.response["violations"]]
