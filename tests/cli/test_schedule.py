"""`schedule`: printed for cron and systemd, and installed by programs in place of the real ones.

`crontab` and `systemctl` are small scripts here: the user's own must not be touched by a test.
"""

import os
from pathlib import Path

import pytest

from tests.cli.command import OWN, Seen, command

pytestmark = pytest.mark.anyio

CONFIG = """
[smtp]
host = "smtp.example.com"
username = "webinars@example.com"
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
"""

CRONTAB = """#!/bin/sh
table="$TABLES/crontab"
case "$1" in
  -l) if [ -f "$table" ]; then cat "$table"; else echo "no crontab for mia" >&2; exit 1; fi ;;
  -) cat > "$table" ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$TABLES/systemctl"
[ -z "$BROKEN" ] || { echo "Failed to connect to bus" >&2; exit 1; }
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a configuration and a secret, and programs in the place of the real ones."""
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "RC_USER_JWT").write_text("jwt", encoding="utf-8")
    (tmp_path / "secrets" / "RC_USER_JWT").chmod(0o600)
    for name, text in {"crontab": CRONTAB, "systemctl": SYSTEMCTL}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)
    return tmp_path


async def schedule(folder: Path, *words: str, **variables: str) -> Seen:
    own = {
        **OWN,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TABLES": str(folder),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "units"),
        **variables,
    }
    return await command(folder, "schedule", *words, variables=own)


def line_of(folder: Path) -> str:
    return f"run --all --linger 4m --config {folder / 'config.toml'}\n"


async def test_line_for_cron_is_printed(folder):
    seen = await schedule(folder, "cron")

    assert (seen.code, seen.err) == (0, "")
    assert seen.out.startswith(f"# webinar-onboarding: {folder / 'config.toml'}\n*/5 * * * *  /")
    assert seen.out.endswith(line_of(folder))


async def test_units_for_the_system_are_printed_with_the_secrets_by_name(folder):
    seen = await schedule(folder, "systemd")

    assert seen.code == 0
    assert "# /etc/systemd/system/onboarding.service\n[Unit]\n" in seen.out
    assert "LoadCredential=RC_USER_JWT:/etc/onboarding/RC_USER_JWT\n" in seen.out
    assert "OnCalendar=*:0/5\n" in seen.out
    assert "jwt" not in seen.out


async def test_without_a_secrets_folder_it_says_what_cron_lacks(folder):
    (folder / "secrets" / "RC_USER_JWT").unlink()

    seen = await schedule(folder, "cron")

    assert (seen.code, str(folder / "secrets") in seen.err) == (0, True)


async def test_line_is_installed_once_beside_what_is_there(folder):
    (folder / "crontab").write_text("0 7 * * *  /usr/bin/backup\n", encoding="utf-8")

    first = await schedule(folder, "cron", "--install", "--yes")
    again = await schedule(folder, "cron", "--install", "--yes")

    assert (first.code, again.code) == (0, 0)
    assert "+*/5 * * * *  /" in first.out
    assert "It is installed already" in again.out
    installed = (folder / "crontab").read_text("utf-8").splitlines(keepends=True)
    assert (len(installed), installed[0]) == (3, "0 7 * * *  /usr/bin/backup\n")
    assert installed[2].endswith(line_of(folder))


async def test_without_a_terminal_and_yes_nothing_is_installed(folder):
    seen = await schedule(folder, "cron", "--install")

    assert (seen.code, "Add --yes" in seen.err) == (2, True)
    assert not (folder / "crontab").exists()


async def test_line_that_a_person_wrote_is_named(folder):
    own = "*/15 * * * *  /usr/bin/onboarding run --all --config other.toml\n"
    (folder / "crontab").write_text(own, encoding="utf-8")

    seen = await schedule(folder, "cron", "--install", "--yes")

    assert f"another line that starts it; delete it: {own}" in seen.err
    assert (folder / "crontab").read_text("utf-8").startswith(own)


async def test_units_are_installed_for_the_user_and_the_timer_is_started(folder):
    first = await schedule(folder, "systemd", "--install", "--yes")
    again = await schedule(folder, "systemd", "--install", "--yes")

    assert (first.code, again.code) == (0, 0)
    assert "loginctl enable-linger" in first.out
    assert "It is installed already" in again.out
    service = (folder / "units/systemd/user/onboarding.service").read_text("utf-8")
    assert f"LoadCredential=RC_USER_JWT:{folder / 'secrets/RC_USER_JWT'}\n" in service
    assert (folder / "systemctl").read_text("utf-8") == (
        "--user daemon-reload\n--user enable --now onboarding.timer\n"
    )


async def test_systemd_that_cannot_be_reached_leaves_the_commands_to_type(folder):
    seen = await schedule(folder, "systemd", "--install", "--yes", BROKEN="1")

    assert seen.code == 1
    assert "systemctl could not start the timer: Failed to connect to bus" in seen.err
    assert "systemctl --user enable --now onboarding.timer" in seen.out


async def test_machine_without_crontab_is_told_to_print_the_line(folder):
    (folder / "bin" / "crontab").unlink()

    seen = await schedule(folder, "cron", "--install", "--yes", PATH=str(folder / "bin"))

    assert (seen.code, "no program crontab" in seen.err) == (2, True)
