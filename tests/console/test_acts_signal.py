"""A signal to `onboarding serve` while a run that began on a page is sending."""

import signal

import httpx
import pytest

from tests.cli.command import started
from tests.console.acting import ask, say_yes
from tests.console.test_start import LINK, read_link
from tests.stage import ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

PEOPLE = [panelist(number) for number in range(1, 61)]


async def test_the_first_signal_ends_a_run_between_messages_and_the_next_run_goes_on(tmp_path):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        process = await started(scene.folder, "serve", "--port", "0", variables=scene.variables)
        assert process.stdout
        link = await read_link(process.stdout)
        url = link.partition(LINK)[0]
        async with httpx.AsyncClient(base_url=url, headers={"Origin": url}, timeout=60) as browser:
            await browser.get(link)
            await say_yes(browser, await ask(browser, "send-now"))
            while not scene.told():
                await browser.get("/")
            process.send_signal(signal.SIGTERM)
            _out, err = await process.communicate()

        assert (process.returncode, b"Traceback" in err) == (0, False)
        states = list((await scene.states()).values())
        # Nothing is in doubt: what was being sent has its answer, and the rest is queued.
        assert set(states) <= {"sent", "queued"}
        assert states.count("sent") == len(scene.told())
        await scene.run()
        assert scene.recipients() == sorted(person["email"] for person in PEOPLE)
