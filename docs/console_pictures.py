"""Photographs every page of the console into `screenshots/`, and with `--guide` those of its guide.

At desktop and phone width, light and dark. The console is a real one, on a stage of the tests: a
simulated RingCentral, and a mail server that refuses one person, defers one and loses one. Nothing
compares the pictures: they are for people to look at. Needs the development requirements and
Debian's `chromium`. `make screenshots` runs it.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Page

from onboarding.config.console import ConsoleRole
from onboarding.console.access import Viewer
from onboarding.simulator.smtp_catcher import MailRules
from tests.browser import async_browser
from tests.console.serving import RunningConsole, serve_on
from tests.stage import COHOST, HOST, NAME, PANELIST, stage

PICTURES = Path(__file__).parents[1] / "screenshots"
GUIDE = Path(__file__).parent / "guides"
WIDTHS = {"desktop": (1280, 800), "phone": (390, 844)}

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

NAMES = (
    "Ada Lindqvist",
    "Bo Okafor",
    "Chiara Conti",
    "Dmitri Volkov",
    "Elif Demir",
    "Farid Haddad",
)
REFUSED, DEFERRED, LOST = "ada@example.com", "bo@example.com", "chiara@example.com"
WEBINAR = f"/webinars/{NAME}"
OTHER_PLAN = "/webinars/launch2/plan"


def list_people() -> list[dict[str, str]]:
    """List a panel, with names that are hard to show."""
    guests = [name.split(" ") for name in NAMES]
    rows = [
        {"first_name": first, "last_name": last, "email": f"{first.lower()}@example.com"}
        for first, last in guests
    ]
    rows += [
        {"first_name": "محمد", "last_name": "عبد الله", "email": "m@example.com"},
        {"first_name": "W" * 60, "last_name": "</td><b>", "email": f"{'w' * 60}@long.example.com"},
    ]
    return [HOST, COHOST, PANELIST, *({**row, "role": "Panelist"} for row in rows)]


@asynccontextmanager
async def open_console() -> AsyncIterator[tuple[RunningConsole, Browser]]:
    """Serve a console with three webinars, one of which has had a run."""
    rules = MailRules(
        refuse={REFUSED: "550 5.1.1 No such user here"},
        defer_once=frozenset({DEFERRED}),
        lose_reply=frozenset({LOST}),
    )
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder), list_people(), more=2, mail_rules=rules) as scene:
            await scene.run()
            async with serve_on(scene) as served, async_browser() as chromium:
                yield served, chromium


@dataclass(frozen=True)
class Photographer:
    """A browser in which an approver has logged in."""

    served: RunningConsole
    chromium: Browser

    async def open(self, width: str, scheme: Scheme) -> Page:
        """Open a page of this width."""
        across, down = WIDTHS[width]
        context = await self.chromium.new_context(
            viewport={"width": across, "height": down}, color_scheme=scheme
        )
        token = self.served.console.log_ins.add(Viewer("Dana Reyes", ConsoleRole.APPROVER))
        name, url = self.served.cookie_name, self.served.url
        await context.add_cookies([{"name": name, "value": token, "url": url}])
        return await context.new_page()

    async def find_paths(self) -> dict[str, str]:
        """Find the address of each page as a person does."""
        page = await self.open("desktop", "light")
        await page.goto(f"{self.served.url}{WEBINAR}")
        troubled = await page.locator("tbody tr.attention a").first.get_attribute("href")
        person = await page.locator("tbody tr.done a").first.get_attribute("href")
        await page.goto(f"{self.served.url}{person}")
        message = await page.locator("a.message-link").first.get_attribute("href")
        await page.goto(f"{self.served.url}{OTHER_PLAN}")
        await page.get_by_role("button", name="Make the plan").click()
        planned = await page.locator(".messages-planned a").first.get_attribute("href")
        found = {
            "webinars": "/",
            "no-webinar": "/?q=nothing",
            "webinar": WEBINAR,
            "webinar-without-a-run": "/webinars/launch2",
            "person": person,
            "person-in-need": troubled,
            "message": message,
            "plan": OTHER_PLAN,
            "planned-message": planned,
            "no-plan": f"{WEBINAR}/plan",
            "report": f"{WEBINAR}/report",
            "not-found": "/webinars/nothing",
        }
        return {name: path for name, path in found.items() if path}

    async def take(self, page: Page, path: str, file: Path, *, whole: bool = True) -> None:
        """Photograph a page, all of it or as much as fits the window."""
        size = page.viewport_size or {"width": 0, "height": 0}
        await page.goto(f"{self.served.url}{path}")
        if whole:
            # Chromium paints no frame beyond the window, so the window becomes as high as the page.
            height = await page.evaluate("document.documentElement.scrollHeight")
            await page.set_viewport_size({"width": size["width"], "height": height})
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=file, full_page=whole)
        await page.set_viewport_size(size)


async def take_all() -> None:
    """Photograph each page at both widths, light and dark."""
    PICTURES.mkdir(exist_ok=True)
    async with open_console() as (served, chromium):
        photographer = Photographer(served, chromium)
        paths = await photographer.find_paths()
        for width in WIDTHS:
            for scheme in SCHEMES:
                page = await photographer.open(width, scheme)
                for name, path in paths.items():
                    file = PICTURES / f"console-{name}-{width}-{scheme}.png"
                    await photographer.take(page, path, file)
    print(f"{len(paths) * len(WIDTHS) * len(SCHEMES)} pictures in {PICTURES}")


async def take_for_guide() -> None:
    """Photograph what the guide shows."""
    async with open_console() as (served, chromium):
        photographer = Photographer(served, chromium)
        desktop = await photographer.open("desktop", "light")
        phone = await photographer.open("phone", "dark")
        for page, path, name in (
            (desktop, WEBINAR, "console-webinar.png"),
            (phone, "/", "console-phone.png"),
        ):
            await photographer.take(page, path, GUIDE / name, whole=False)


if __name__ == "__main__":
    asyncio.run(take_for_guide() if "--guide" in sys.argv[1:] else take_all())
