"""The stop signal while RingCentral does not answer: the command ends at once, nothing is lost."""

import signal
import subprocess
import sys

import pytest

from tests.cli.command import on, started
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, stage

pytestmark = pytest.mark.anyio

HELD = "600"
"""Seconds for which the server says nothing; the test ends long before."""


async def until_asked(scene: Stage, method: str) -> None:
    """Wait until a request with this method has come in."""
    while not scene.ringcentral.requests.select(method):
        await scene.ringcentral.requests.wait_for(len(scene.ringcentral.requests) + 1)


@pytest.mark.parametrize("fault", ["timeout-before", "timeout-after"])
@pytest.mark.parametrize(
    ("method", "sent"),
    [("PATCH", signal.SIGTERM), ("PATCH", signal.SIGINT), ("GET", signal.SIGTERM)],
)
async def test_one_signal_ends_the_wait_and_the_next_run_mails_each_person_once(
    tmp_path, fault, method, sent
):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        scene.ringcentral.faults.add(f"{method}:{fault}={HELD}")
        process = await started(scene.folder, "run", NAME, "--yes", variables=scene.variables)
        await until_asked(scene, method)
        process.send_signal(sent)
        _, err = await process.communicate()

        assert (process.returncode, b"stopped by a signal" in err, b"Traceback" in err) == (
            75,
            True,
            False,
        )
        assert len(scene.ringcentral.requests.select("PATCH")) == (method == "PATCH")
        assert scene.recipients() == []

        again = await on(scene, "run", NAME, "--yes")
        assert (again.code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])
        assert set((await scene.states()).values()) == {"sent"}


async def test_one_signal_ends_run_all(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, more=2) as scene:
        scene.ringcentral.faults.add(f"GET:timeout-before={HELD}")
        process = await started(scene.folder, "run", "--all", variables=scene.variables)
        await until_asked(scene, "GET")
        process.send_signal(signal.SIGTERM)
        await process.communicate()

        assert process.returncode == 75
        assert len(scene.ringcentral.requests.select("GET")) == 1


LOOKED_UP = """
import asyncio, sys, threading
from onboarding import __main__
from onboarding.cli import main
from onboarding.cli.terminal import run_until_stopped
from onboarding.interrupt import stop_error

async def work(stop):
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    raise stop_error()

main.app = lambda: run_until_stopped(work)
__main__.main()
"""
"""A stopped command while a thread waits that nothing ends, as the system's resolver does."""


def test_name_that_is_still_looked_up_does_not_hold_a_stopped_command():
    ended = subprocess.run(
        [sys.executable, "-c", LOOKED_UP], capture_output=True, check=False, text=True, timeout=120
    )

    assert (ended.returncode, "stopped by a signal" in ended.stderr, ended.stdout) == (75, True, "")
