"""The units of the guides are units that systemd understands, without a word on them."""

import shutil
import subprocess

import pytest

from tests.docs.pages import blocks, read

GUIDE, CONSOLE = read("docs/guides/cron.md"), read("docs/guides/console.md")
ANALYZE = shutil.which("systemd-analyze")
PROGRAM = "/opt/onboarding/bin/onboarding"
"""Not on the machine of the test, so another program takes its place."""


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_units_of_the_guides_are_understood_by_systemd(tmp_path):
    units = []
    named = (
        (GUIDE, "service", "onboarding.service"),
        (GUIDE, "timer", "onboarding.timer"),
        (CONSOLE, "service", "onboarding-console.service"),
    )
    for guide, kind, name in named:
        (block,) = blocks(guide, "ini", kind)
        unit = tmp_path / name
        unit.write_text(block.text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
        units.append(str(unit))

    verified = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *units], capture_output=True, check=False, text=True
    )

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.parametrize("guide", [GUIDE, CONSOLE], ids=["cron", "console"])
def test_service_of_the_guide_sees_the_processes_that_hold_a_webinar(guide):
    (service,) = blocks(guide, "ini", "service")
    settings = [line.partition("=")[0] for line in service.text.splitlines()]

    assert {"ProtectProc", "ProcSubset", "PrivatePIDs"} & set(settings) == set()


def test_console_is_shut_off_as_a_run_is():
    (run,), (console,) = (blocks(guide, "ini", "service") for guide in (GUIDE, CONSOLE))
    fences = run.text.partition("# It writes the ledger")[2].replace(
        "# It speaks to", "# It serves pages and speaks to"
    )

    assert fences
    assert fences in console.text
