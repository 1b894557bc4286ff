"""The units of the cron guide are those that the program prints, and systemd understands them."""

from pathlib import Path

import pytest

from onboarding.cron.program import Program
from onboarding.cron.role_units import UnitRole, render_role_unit
from onboarding.cron.units import render_system_units
from tests.cron.systemd import ANALYZE, verify_units
from tests.docs.pages import blocks, read

GUIDE = read("docs/guides/cron.md")
NAMES = ("RC_APP_CLIENT_ID", "RC_APP_CLIENT_SECRET", "RC_USER_JWT", "ONBOARDING_SMTP__PASSWORD")
PROGRAM = Program(
    ("/opt/onboarding/bin/onboarding",),
    Path("/srv/webinars/config.toml"),
    Path("/srv/webinars/onboarding.db"),
)


def test_units_of_the_guide_are_those_that_the_program_prints():
    (service,) = blocks(GUIDE, "ini", "service")
    (timer,) = blocks(GUIDE, "ini", "timer")
    secrets = {name: Path("/etc/onboarding") / name for name in NAMES}

    rendered = render_system_units(PROGRAM, "onboarding", secrets)

    assert (service.text.strip(), timer.text.strip()) == (
        rendered.service.strip(),
        rendered.timer.strip(),
    )


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
def test_units_of_the_guide_are_understood_by_systemd(tmp_path):
    (service,) = blocks(GUIDE, "ini", "service")
    (timer,) = blocks(GUIDE, "ini", "timer")

    assert verify_units(tmp_path, service.text, timer.text) == ""


def test_unit_of_the_consoles_guide_is_the_one_that_the_program_prints():
    (service,) = blocks(read("docs/guides/console.md"), "ini", "service")
    names = (*NAMES, "ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH")
    secrets = {name: Path("/etc/onboarding") / name for name in names}

    rendered = render_role_unit(PROGRAM, UnitRole.CONSOLE, "onboarding", secrets)

    assert service.text.strip() == rendered.strip()


def test_service_of_the_guide_sees_the_processes_that_hold_a_webinar():
    (service,) = blocks(GUIDE, "ini", "service")
    settings = [line.partition("=")[0] for line in service.text.splitlines()]

    assert {"ProtectProc", "ProcSubset", "PrivatePIDs"} & set(settings) == set()
