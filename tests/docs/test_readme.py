"""The README's way from an empty folder to the first webinar, walked command by command.

The blocks marked `rehearsal` are run by a shell on a terminal of its own, with a person's "y" typed
ahead. RingCentral and the mail server are the simulator's, first as the reader starts it, then once
more in the place of the real ones.
"""

import asyncio
import os
import pty
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from onboarding.cli.rehearse import rehearsal_variables, simulate_configured_webinars
from onboarding.config import load
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import RunningMail, serve_mail
from tests.cli.command import OWN
from tests.cli.on_terminal import read_to_end
from tests.docs.pages import blocks, read
from tests.stage import ROOMY

pytestmark = pytest.mark.anyio

README = read("README.md")
SHELL = ("bash", "-euc")
ENVIRONMENT = {
    **OWN,
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "TERM": "dumb",
    "COLUMNS": "200",
}

STEPS = {
    part[:2]: part for part in re.split(r"^#{2,3} ", README, flags=re.MULTILINE) if part[1] == "."
}
"""The numbered steps: `1.` -> its text."""


def script(*steps: str) -> str:
    """What a reader types in these steps."""
    return "".join(block.text for step in steps for block in blocks(STEPS[step], "sh", "rehearsal"))


async def typed(
    folder: Path, script: str, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a script on a terminal; returns its exit code and what the terminal showed."""
    ours, its = pty.openpty()
    os.write(ours, b"y\n" * 10)
    shell = await asyncio.create_subprocess_exec(
        *SHELL,
        script,
        cwd=folder,
        env={**ENVIRONMENT, **(environment or {})},
        stdin=its,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    shown = await asyncio.to_thread(read_to_end, ours)
    return await shell.wait(), shown.decode()


async def walk(folder: Path, script: str, stack: AsyncExitStack, **more: str) -> RunningMail:
    """Walk through a script in a folder with its own servers; they stay until the stack closes."""
    config = load(folder / "config.toml", {})
    world, *_ = await simulate_configured_webinars(config, datetime.now(UTC), asyncio.Event())
    ringcentral = await stack.enter_async_context(serve_ringcentral(world, limits=ROOMY))
    mail = await stack.enter_async_context(serve_mail(None))
    code, shown = await typed(
        folder, script, {**rehearsal_variables(ringcentral.url, mail.port), **more}
    )
    assert code == 0, shown
    return mail


def recipients(mail: RunningMail) -> list[str]:
    return [address for one in mail.messages() for address in one.recipients]


async def test_readme_leads_from_an_empty_folder_to_the_first_webinar(tmp_path: Path):
    code, shown = await typed(tmp_path, script("1."))
    assert code == 0, shown
    home = tmp_path / "my-webinars"
    addresses = [row.split(",")[2] for row in (home / "invitees.csv").read_text().splitlines()[1:]]
    async with AsyncExitStack() as stack:
        rehearsed = await walk(home, script("2."), stack)
        assert sorted(recipients(rehearsed)) == sorted(addresses)

        real = await walk(
            home,
            script("4.", "5.", "6.", "7.") + hand_over(),
            stack,
            ONBOARDING_LEDGER__DATABASE="sqlite:///onboarding.db",
        )
        assert recipients(real)[:6] == ["me@example.com"] * 6
        assert sorted(recipients(real)[6:]) == sorted(addresses)
    assert {file.stat().st_mode & 0o777 for file in (home / "secrets").iterdir()} == {0o600}
    assert (home / "town-hall.csv").read_text(encoding="utf-8-sig").count(",sent,") == 5


def hand_over() -> str:
    """The commands below `Hand it over`."""
    return "".join(
        block.text for block in blocks(README.partition("\n## Hand it over")[2], "sh", "rehearsal")
    )


def test_every_step_that_can_be_run_is_run():
    run = script("1.", "2.", "4.", "5.", "6.", "7.") + hand_over()
    assert run == "".join(block.text for block in blocks(README, "sh", "rehearsal"))


async def test_simulator_started_as_in_the_readme_prints_the_variables_of_the_readme(
    tmp_path: Path,
):
    (server,) = blocks(README, "sh", "rehearsal-server")
    (shown,) = blocks(README, "sh", "rehearsal-variables")
    assert shown.text.splitlines() == [
        f"export {name}={value}"
        for name, value in rehearsal_variables("http://127.0.0.1:8031", 8025).items()
    ]
    await typed(tmp_path, script("1."))
    # Any free ports, so that no test meets another.
    simulator = await asyncio.create_subprocess_exec(
        *SHELL,
        server.text.rstrip().replace("\nonboarding", "\nexec onboarding")
        + " --port 0 --mail-port 0",
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert simulator.stdout is not None
    said = await simulator.stdout.readuntil(b"export ONBOARDING_LEDGER__DATABASE")
    simulator.terminate()
    assert (await simulator.wait(), said.count(b"export ")) == (0, len(shown.text.splitlines()))
    await simulator.communicate()
