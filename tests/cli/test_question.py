"""The question that `run` asks on a terminal: yes does it, no and Ctrl-C do nothing."""

import asyncio
import os
import pty
import signal
import sys

import pytest

from tests.cli.command import OWN
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, stage

pytestmark = pytest.mark.anyio


async def answered(scene: Stage, answer: bytes | signal.Signals, *command: str) -> tuple[int, str]:
    """Run a command (`run`) on a terminal, wait for the question, and answer it.

    Returns exit code and output.
    """
    master, slave = pty.openpty()
    variables = {**OWN, **scene.variables, "TERM": "xterm", "COLUMNS": "120"}
    words = [sys.executable, "-m", "onboarding", *(command or ("run", NAME))]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=scene.folder, env=variables, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = await until(master, "[y/N]")
    if isinstance(answer, bytes):
        os.write(master, answer)
    else:
        process.send_signal(answer)
    shown += await until(master, None)
    os.close(master)
    return await process.wait(), shown


async def until(terminal: int, words: str | None) -> str:
    """Read what a terminal shows, until these words or its end."""
    shown = ""
    while words is None or words not in shown:
        try:
            piece = await asyncio.to_thread(os.read, terminal, 65536)
        except OSError:  # how Linux says that a terminal's program has ended
            return shown
        if not piece:
            return shown
        shown += piece.decode(errors="replace")
    return shown


@pytest.mark.parametrize(
    ("answer", "code", "mailed"),
    [
        pytest.param(b"y\n", 0, [HOST["email"], PANELIST["email"]], id="yes"),
        pytest.param(b"n\n", 1, [], id="no"),
        pytest.param(b"\n", 1, [], id="nothing said"),
        pytest.param(signal.SIGINT, 75, [], id="Ctrl-C"),
    ],
)
async def test_the_question_is_waited_for_and_its_answer_obeyed(tmp_path, answer, code, mailed):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        ended, shown = await answered(scene, answer)
        assert ended == code, shown
        assert scene.recipients() == mailed
        assert len(scene.ringcentral.requests.select("PATCH")) == bool(mailed)
        assert "Register 1, send 2 mails?" in shown


@pytest.mark.parametrize(
    ("command", "question"),
    [
        (("resend", NAME, PANELIST["email"]), "Send 1 mail again?"),
        (("call-off", NAME), "Call off “The Launch” on 2027-"),
        (
            ("replace", NAME, PANELIST["email"], "--with", "Lin,Example,lin@example.com"),
            "Replace joerg@lindenhof.example by Lin Example <lin@example.com>, Panelist, in row 3",
        ),
    ],
)
@pytest.mark.parametrize(
    ("answer", "code"), [(b"y\n", 0), (b"n\n", 1), (signal.SIGINT, 75)], ids=["yes", "no", "Ctrl-C"]
)
async def test_act_is_done_only_after_a_yes(tmp_path, command, question, answer, code):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        ended, shown = await answered(scene, answer, *command)
        assert (ended, question in shown) == (code, True), shown
        assert (len(scene.told()) > 2) == (code == 0)
        assert (await scene.status()).call_off is None or code == 0
