"""The entry point and the standard streams: closed, full, without a reader or a character."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.cli.command import OWN, Seen
from tests.stage import HOST, NAME, PANELIST, ROOMY, Stage, stage

ONBOARDING = f"{sys.executable} -m onboarding"


async def shell(scene: Stage, line: str, **changed: str) -> Seen:
    """Run a line of bash on a stage."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        line,
        cwd=scene.folder,
        env={**OWN, **scene.variables, "COLUMNS": "200", **changed},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Seen(process.returncode, out.decode(), err.decode())


RUN = f"{ONBOARDING} run {NAME} --yes"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        pytest.param(f"{RUN} <&- >&- 2>&-", 0, "", id="all three are closed"),
        pytest.param(f"{RUN} >&-", 0, "Sending", id="standard output is closed"),
        pytest.param(
            f"{RUN} > /dev/full",
            1,
            "the output could not be written: No space left on device",
            id="disk full",
        ),
        pytest.param(f"set -o pipefail; {RUN} | true", 0, "Sending", id="the reader has left"),
        pytest.param(f"{RUN} 2> /dev/full >&2", 1, "", id="both on a full disk"),
    ],
)
async def test_run_does_all_its_work_whatever_becomes_of_its_output(tmp_path, line, code, said):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await shell(scene, line)

        assert (seen.code, said in seen.err, "Traceback" in seen.all) == (code, True, False)
        assert scene.recipients() == [HOST["email"], PANELIST["email"]]
        assert set((await scene.states()).values()) == {"sent"}
        with closing(sqlite3.connect(tmp_path / "onboarding.db")) as ledger:
            assert ledger.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.anyio
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
async def test_name_that_an_encoding_lacks_is_written_as_json_writes_it(tmp_path, encoding):
    person = {**PANELIST, "last_name": "Łoś 😀"}
    async with stage(tmp_path, [HOST, person], limits=ROOMY) as scene:
        seen = await shell(
            scene, f"{RUN} && {ONBOARDING} status {NAME} --json", PYTHONIOENCODING=encoding
        )

        assert (seen.code, "Traceback" in seen.all) == (0, False)
        known = json.loads(seen.out[seen.out.index("\n{") :])
        assert "Jörg Łoś 😀" in [delivery["name"] for delivery in known["deliveries"]]


def test_entry_point_imports_nothing_that_takes_time_before_it_is_ready():
    code = (
        "import gc, os, signal, sys; old = set(sys.modules);"
        "import onboarding.__main__; print(*set(sys.modules) - old)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout

    assert set(printed.split()) == {"onboarding", "onboarding.__main__"}


CTRL_C = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["onboarding", "--version"]
from onboarding.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_starts_is_one_line_and_75():
    ended = subprocess.run(
        [sys.executable, "-c", CTRL_C], capture_output=True, check=False, text=True
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (75, "", "\nStopped.\n")
