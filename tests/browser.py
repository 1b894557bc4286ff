"""A real browser for tests: Debian's Chromium by playwright, which reaches loopback only."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python import async_playwright as async_axe
from axe_playwright_python.sync_playwright import Axe
from playwright import async_api
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="needs Debian's chromium (apt-get install chromium)"
)

ALONE = [
    "--no-sandbox",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
"""Without its own sandbox: test machines are containers, often without user namespaces."""

# Milliseconds. A page follows a whole run, which takes long where many tests share a core.
async_api.expect.set_options(timeout=60_000)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser; it is closed at the end."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        try:
            yield started
        finally:
            started.close()


@asynccontextmanager
async def async_browser() -> AsyncIterator[async_api.Browser]:
    """Start the browser beside a server in the same event loop; it is closed at the end."""
    async with async_api.async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        try:
            yield started
        finally:
            await started.close()


AXE_OPTIONS = {"resultTypes": ["violations"], "iframes": False}


def find_faults(page: Page) -> list[str]:
    """List what axe-core finds wrong for people who can't see, hear or point, element by element.

    What is in sandboxed frames can't be looked into: a message is not the page's own.
    """
    return _list_faults(Axe().run(page, options=AXE_OPTIONS))


async def find_page_faults(page: async_api.Page) -> list[str]:
    """The same for a page of `async_browser`."""
    return _list_faults(await async_axe.Axe().run(page, options=AXE_OPTIONS))


def _list_faults(found: Any) -> list[str]:
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
