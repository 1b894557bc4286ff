"""The units for systemd, with paths that need quoting, are understood by it."""

from pathlib import Path

import pytest

from onboarding.cron.program import Program
from onboarding.cron.units import render_system_units, render_user_units
from tests.cron.systemd import ANALYZE, verify_units

ODD = Path('/srv/100% "fun" $HOME/config.toml')
PLAIN = Path("/srv/webinars/config.toml")
SECRETS = {"RC_USER_JWT": Path("/etc/onboarding/RC_USER_JWT")}


def program(config: Path) -> Program:
    return Program(("/usr/bin/onboarding",), config, config.parent / "onboarding.db")


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("config", [PLAIN, ODD])
def test_units_for_the_system_are_understood_by_systemd(tmp_path, config):
    units = render_system_units(program(config), "root", SECRETS)

    assert verify_units(tmp_path, units.service, units.timer) == ""


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("config", [PLAIN, ODD])
def test_units_for_a_user_are_understood_by_systemd(tmp_path, config):
    units = render_user_units(program(config), SECRETS)

    assert verify_units(tmp_path, units.service, units.timer, "--user") == ""
    assert "User=" not in units.service


@pytest.mark.parametrize(
    ("config", "home"),
    [(PLAIN, "yes"), (Path("/home/mia/webinars/config.toml"), "read-only")],
)
def test_service_can_read_what_it_works_with(config, home):
    service = render_system_units(program(config), "mia", SECRETS).service

    assert f"ProtectHome={home}\n" in service
    assert f"ReadWritePaths={config.parent}\n" in service
    assert "LoadCredential=RC_USER_JWT:/etc/onboarding/RC_USER_JWT\n" in service


def test_word_with_a_special_character_is_quoted():
    service = render_user_units(program(ODD), {}).service

    assert '--config "/srv/100%% \\"fun\\" $$HOME/config.toml"' in service
