"""The units for systemd, with paths that need quoting, are understood by it."""

import re
from pathlib import Path

import pytest

from onboarding.cron.program import Program
from onboarding.cron.role_units import UnitRole, name_unit, render_role_unit
from onboarding.cron.units import render_system_units, render_user_units
from onboarding.errors import EXIT_USAGE
from onboarding.fleet.values import WorkerRole
from tests.cron.systemd import ANALYZE, verify, verify_units

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


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("config", [PLAIN, ODD], ids=["plain", "odd"])
@pytest.mark.parametrize("role", [*UnitRole])
def test_unit_of_each_role_is_understood_by_systemd(tmp_path, role, config):
    unit = render_role_unit(program(config), role, "root", SECRETS)

    assert verify(tmp_path, {name_unit(role): unit}) == ""


def test_each_role_of_a_worker_has_a_unit_that_starts_again_but_for_a_wrong_configuration():
    units = {role: render_role_unit(program(PLAIN), role, "mia", SECRETS) for role in UnitRole}

    starts = {role: re.findall(r"onboarding (.*) --config", unit) for role, unit in units.items()}
    of_workers = {role.value: [f"worker --role {role}"] for role in WorkerRole}
    assert starts == {**of_workers, "worker": ["worker"], "console": ["serve"]}
    for unit in units.values():
        assert "Restart=on-failure\n" in unit
        assert f"RestartPreventExitStatus={EXIT_USAGE}\n" in unit
        assert "LoadCredential=RC_USER_JWT:/etc/onboarding/RC_USER_JWT\n" in unit


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
