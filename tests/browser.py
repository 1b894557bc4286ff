"""A real browser for tests: Debian's Chromium by playwright, which reaches loopback only."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

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
