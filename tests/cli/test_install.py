"""`schedule --install`: into the user's own crontab, or among their own systemd's units.

`crontab` and `systemctl` are small programs here, found by PATH as the real ones are.
"""

import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import Seen, command
from tests.stage import CONFIG

pytestmark = pytest.mark.anyio

CRONTAB = """#!/bin/sh
case "$1" in
  -l) if [ -e "$TAB" ]; then cat "$TAB"; else echo "no crontab for mia" >&2; exit 1; fi ;;
  -) cat > "$TAB" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$@" >> "$CALLS"
[ -z "$BROKEN" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
"""
OTHERS = b"MAILTO=mia@example.com\n# caf\xe9\n0 7 * * *  /usr/bin/backup\n"


@dataclass
class Machine:
    """A user's machine: a home, a folder with a configuration, and programs of its own."""

    home: Path

    @property
    def crontab(self) -> Path:
        return self.home / "tab"

    @property
    def units(self) -> Path:
        return self.home / ".config" / "systemd" / "user"

    @property
    def calls(self) -> list[str]:
        return (self.home / "calls").read_text().splitlines()

    def add_program(self, name: str, text: str) -> None:
        file = self.home / "bin" / name
        file.write_text(text)
        file.chmod(0o755)

    async def schedule(self, *words: str, **more: str) -> Seen:
        variables = {
            "HOME": str(self.home),
            "PATH": f"{self.home / 'bin'}:/usr/bin:/bin",
            "TAB": str(self.crontab),
            "CALLS": str(self.home / "calls"),
            **more,
        }
        return await command(self.home / "webinars", "schedule", *words, variables=variables)


@pytest.fixture
def machine(tmp_path) -> Machine:
    for name in ("bin", "webinars"):
        (tmp_path / name).mkdir()
    (tmp_path / "webinars" / "config.toml").write_text(CONFIG)
    found = Machine(tmp_path)
    found.add_program("crontab", CRONTAB)
    found.add_program("systemctl", SYSTEMCTL)
    return found


async def test_line_is_put_beside_a_persons_own_and_only_once(machine):
    machine.crontab.write_bytes(OTHERS)

    seen = await machine.schedule("cron", "--install", "--yes")
    again = await machine.schedule("cron", "--install", "--yes")

    assert (seen.code, again.code) == (0, 0), seen.all + again.all
    assert "+*/5 * * * *  " in seen.out
    assert "It is installed already" in again.out
    content = machine.crontab.read_bytes()
    assert content.startswith(OTHERS)
    assert content.count(b"run --all --linger 4m") == 1


async def test_first_line_makes_the_crontab(machine):
    assert (await machine.schedule("cron", "--install", "--yes")).code == 0

    assert machine.crontab.read_text().startswith("# webinar-onboarding: ")


@pytest.mark.parametrize("starter", ["cron", "systemd"])
async def test_without_a_terminal_nothing_is_installed_without_a_word(machine, starter):
    seen = await machine.schedule(starter, "--install")

    assert seen.code == 2
    assert "Add --yes" in seen.err
    assert not machine.crontab.exists()
    assert not machine.units.exists()


async def test_crontab_that_is_refused_is_told_and_nothing_is_written(machine):
    machine.add_program("crontab", "#!/bin/sh\necho mia is not allowed >&2\nexit 1\n")

    seen = await machine.schedule("cron", "--install", "--yes")

    assert seen.code == 2
    assert "`crontab -l` says: mia is not allowed" in seen.err
    assert "Leave --install out" in seen.err


@pytest.mark.parametrize(("starter", "program"), [("cron", "crontab"), ("systemd", "systemctl")])
async def test_machine_without_the_program_is_told(machine, starter, program):
    (machine.home / "bin" / program).unlink()

    seen = await machine.schedule(starter, "--install", "--yes", PATH=str(machine.home / "bin"))

    assert seen.code == 2
    assert f"This machine has no program {program}." in seen.err


async def test_units_are_written_and_the_timer_is_started(machine):
    seen = await machine.schedule("systemd", "--install", "--yes")

    assert seen.code == 0, seen.all
    assert "enable-linger" in seen.out
    assert machine.calls == ["--user daemon-reload", "--user enable --now onboarding.timer"]
    service = (machine.units / "onboarding.service").read_text()
    assert f"--config {machine.home / 'webinars' / 'config.toml'}" in service
    assert sorted(file.name for file in machine.units.iterdir()) == [
        "onboarding.service",
        "onboarding.timer",
    ]
    assert stat.S_IMODE((machine.units / "onboarding.timer").stat().st_mode) & 0o022 == 0


async def test_timer_that_could_not_be_started_is_started_by_the_next_try(machine):
    broken = await machine.schedule("systemd", "--install", "--yes", BROKEN="1")
    again = await machine.schedule("systemd", "--install", "--yes")

    assert broken.code == 1
    assert "Failed to connect to bus" in broken.err
    assert "systemctl --user enable --now onboarding.timer" in broken.out
    assert again.code == 0
    assert "It is installed already" in again.out
    assert machine.calls[-1] == "--user enable --now onboarding.timer"


async def test_units_go_where_the_users_systemd_looks(machine):
    elsewhere = machine.home / "elsewhere"

    await machine.schedule("systemd", "--install", "--yes", XDG_CONFIG_HOME=str(elsewhere))

    assert (elsewhere / "systemd" / "user" / "onboarding.timer").exists()


async def test_units_that_cannot_be_written_are_told(machine):
    (machine.home / ".config").write_text("a file")

    seen = await machine.schedule("systemd", "--install", "--yes")

    assert seen.code == 2
    assert "Traceback" not in seen.err
