"""A real browser for tests: Debian's Chromium by playwright, which reaches loopback only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
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


@contextmanager
def browser() -> Iterator[Browser]:
    """Start the browser; it is closed at the end."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        try:
            yield started
        finally:
            started.close()


def find_faults(page: Page) -> list[str]:
    """List what axe-core finds wrong for people who can't see, hear or point, element by element.

    What is in sandboxed frames can't be looked into: a message is not the page's own.
    """
    found = Axe().run(page, options={"resultTypes": ["violations"], "iframes": False})
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in found.response["violations"]
        for node in violation["nodes"]
    ]
