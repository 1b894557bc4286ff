"""Runs the real command in its own process, as a user or cron does, and returns what they see."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stage import Stage

OWN = {
    name: os.environ[name]
    for name in ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")
    if name in os.environ
}


@dataclass(frozen=True)
class Seen:
    """A command's end: its exit code and everything that it printed."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


async def command(
    folder: Path,
    *words: str,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    through: Sequence[str] = (),
) -> Seen:
    """Run `onboarding WORDS` in a folder, without a terminal, `through` another program."""
    process = await started(folder, *words, variables=variables, through=through)
    out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Seen(process.returncode, out.decode(), err.decode())


async def started(
    folder: Path,
    *words: str,
    variables: Mapping[str, str] | None = None,
    through: Sequence[str] = (),
    program: Sequence[str | Path] = ("-m", "onboarding"),
) -> asyncio.subprocess.Process:
    """Start `onboarding WORDS`, or another Python `program`, and return while it runs."""
    return await asyncio.create_subprocess_exec(
        *through,
        sys.executable,
        *program,
        *words,
        cwd=folder,
        env={**OWN, **(variables or {}), "PYTHONWARNINGS": "error", "COLUMNS": "200"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def on(scene: Stage, *words: str, stdin: bytes = b"", **changed: str | None) -> Seen:
    """Run a command on a stage; `changed` variables replace the stage's own, None removes one."""
    variables = {
        name: value for name, value in {**scene.variables, **changed}.items() if value is not None
    }
    return await command(scene.folder, *words, variables=variables, stdin=stdin)
