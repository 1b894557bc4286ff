"""Runs the real command on a terminal of a given width, and returns what the terminal shows."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Mapping

from tests.cli.command import OWN
from tests.stage import Stage

ROWS = 50


async def on_terminal(
    scene: Stage,
    *words: str,
    columns: int,
    encoding: str = "utf-8",
    variables: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Run `onboarding WORDS` on a stage; returns its exit code and everything that it showed."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "onboarding", *words),
        cwd=scene.folder,
        env={
            "TERM": "xterm-256color",
            "PYTHONIOENCODING": encoding,
            **OWN,
            **scene.variables,
            **(variables or {}),
        },
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = (await asyncio.to_thread(read_to_end, ours)).decode(encoding)
    return await process.wait(), shown.replace("\r\n", "\n")


def read_to_end(terminal: int) -> bytes:
    """Read until the program on the terminal has ended; then reading is an error."""
    shown = b""
    try:
        while part := os.read(terminal, 65536):
            shown += part
    except OSError:
        os.close(terminal)
    return shown
