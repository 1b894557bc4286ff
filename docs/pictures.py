"""Makes the README's two pictures from a real run of `onboarding demo`: a terminal and a mail.

Draws nothing itself: rich exports what the demo printed, Chromium renders the HTML that it sent.
Needs the development requirements and Debian's `chromium`. `make pictures` runs it; look at both
pictures before you commit them.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME
from rich.text import Text

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"

COLUMNS = 84
"""Characters in a line of the terminal: about as wide as most are."""

MAIL_WIDTH = 700
"""Pixels: the letter's own width and a little of the page around it."""


def demo(folder: Path) -> str:
    """Run the demo on a terminal of its own and return what it printed, colours included."""
    ours, its = pty.openpty()
    variables = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "onboarding", "demo", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=its, stderr=subprocess.DEVNULL, env=variables) as process:  # noqa: S603 -- ours
        os.close(its)
        printed = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    if process.returncode:
        sys.exit(f"onboarding demo ended with {process.returncode}")
    return printed.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    """Read what there is; the terminal of a program that has ended answers with an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def status_of(printed: str) -> str:
    """Cut the first status out of what the demo printed, below the command that prints it."""
    end = re.search(r"^.*\d+ sent.*, .*problems.*\.\S*\r?$", printed, re.MULTILINE)
    heads = list(re.finditer(r"^.*Town Hall", printed[: end.end()], re.MULTILINE)) if end else []
    if end is None or not heads:
        sys.exit("the demo prints no status any more: correct docs/pictures.py")
    return f"$ onboarding status town-hall\n{printed[heads[-1].start() : end.end()]}\n"


def terminal(shown: str) -> str:
    """Draw a terminal as SVG, on white, with nothing to be fetched from elsewhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        # A style of their own for the lines: each cell is then placed by itself, and wide
        # characters shift none.
        text = Text.from_ansi(shown)
        text.highlight_regex(r"[\u2500-\u257f]+", "color(247)")
        console.print(text, end="")
    svg = console.export_svg(
        title="webinar onboarding", theme=DEFAULT_TERMINAL_THEME, unique_id="terminal"
    )
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "ui-monospace").replace("rgba(255,255,255,0.35)", "#d0d7de")


def photograph(page: Path, picture: Path) -> None:
    """Let Chromium render the message as a mail program would."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        view = browser.new_page(viewport={"width": MAIL_WIDTH, "height": 600})
        view.goto(page.as_uri())
        view.screenshot(path=picture, full_page=True)
        browser.close()


def main() -> None:
    """Make both pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        printed = demo(Path(name))
        (IMAGES / "terminal.svg").write_text(terminal(status_of(printed)), encoding="utf-8")
        photograph(Path(name) / "message.html", IMAGES / "mail.png")
    for picture in sorted(IMAGES.iterdir()):
        print(f"{picture}: {picture.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
