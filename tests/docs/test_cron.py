"""The units of the cron guide are units that systemd understands, without a word on them."""

import shutil
import subprocess

import pytest

from tests.docs.pages import blocks, read

GUIDE = read("docs/guides/cron.md")
ANALYZE = shutil.which("systemd-analyze")
PROGRAM = "/opt/onboarding/bin/onboarding"
"""Not on the machine of the test, so another program takes its place."""


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_units_of_the_guide_are_understood_by_systemd(tmp_path):
    units = []
    for kind in ("service", "timer"):
        (block,) = blocks(GUIDE, "ini", kind)
        unit = tmp_path / f"onboarding.{kind}"
        unit.write_text(block.text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
        units.append(str(unit))

    verified = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *units], capture_output=True, check=False, text=True
    )

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_service_of_the_guide_sees_the_processes_that_hold_a_webinar():
    (service,) = blocks(GUIDE, "ini", "service")
    settings = [line.partition("=")[0] for line in service.text.splitlines()]

    assert {"ProtectProc", "ProcSubset", "PrivatePIDs"} & set(settings) == set()
