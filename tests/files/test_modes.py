"""Secrets that others can read are found by their modes, if the user has chosen those."""

import os
from pathlib import Path

import pytest

from onboarding.config import load
from onboarding.files.modes import (
    build_chmod_command,
    describe_exposed,
    find_exposed,
    find_wrong_bits,
)
from tests.cli.command import on
from tests.stage import HOST, NAME, ROOMY, stage
from tests.test_config import GOOD, write
from tests.users import NOBODY

NO_MOUNTS = Path("/nothing/there")


@pytest.fixture
def secrets(tmp_path):
    folder = tmp_path / "my secrets"
    folder.mkdir()
    folder.chmod(0o700)
    (folder / "RC_USER_JWT").write_text("jwt-of-the-user")
    (folder / "RC_USER_JWT").chmod(0o600)
    return folder


@pytest.mark.parametrize(
    ("owner", "user", "mode", "wrong"),
    [
        (1000, 1000, 0o600, 0),
        (1000, 1000, 0o400, 0),
        (1000, 1000, 0o644, 0o044),
        (1000, 1000, 0o640, 0o040),
        (1000, 1000, 0o755, 0o055),
        (1000, 1000, 0o720, 0o020),
        (1000, 1000, 0o701, 0o001),
        (0, 1000, 0o640, 0),
        (0, 1000, 0o750, 0),
        (0, 1000, 0o644, 0o004),
        (0, 1000, 0o660, 0o020),
        (0, 0, 0o640, 0o040),
    ],
)
def test_mode_that_is_wrong_for_a_secret(owner, user, mode, wrong):
    assert mode & find_wrong_bits(owner, user) == wrong


@pytest.mark.parametrize(
    ("mode", "folder_mode", "open_"),
    [
        (0o600, 0o700, []),
        (0o644, 0o700, ["RC_USER_JWT"]),
        (0o600, 0o755, ["my secrets"]),
        (0o600, 0o770, ["my secrets"]),
        (0o640, 0o755, ["my secrets", "RC_USER_JWT"]),
    ],
)
def test_folder_and_files_are_both_looked_at(tmp_path, secrets, mode, folder_mode, open_):
    (secrets / "RC_USER_JWT").chmod(mode)
    secrets.chmod(folder_mode)

    found = find_exposed(
        load(write(tmp_path), {"ONBOARDING_SECRETS_DIR": str(secrets)}).private_paths
    )

    assert [exposed.path.name for exposed in found] == open_


def test_it_is_said_with_the_mode_and_with_what_to_type(secrets):
    (secrets / "RC_USER_JWT").chmod(0o644)
    found = find_exposed([secrets / "RC_USER_JWT"])

    assert describe_exposed(found) == (
        f"Other users of this machine can read or change: {secrets / 'RC_USER_JWT'} (mode 0644)"
    )
    assert build_chmod_command(found) == f"chmod go= '{secrets / 'RC_USER_JWT'}'"
    assert "jwt-of-the-user" not in describe_exposed(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_key_of_a_service_account_is_looked_at_wherever_it_lies(tmp_path):
    key = tmp_path / "key.json"
    key.write_text("{}")
    key.chmod(0o644)
    os.chown(key, NOBODY, NOBODY)
    google = '[smtp.google]\nkey_file = "key.json"\n'
    config = load(
        write(tmp_path, GOOD + google), {"ONBOARDING_SMTP__USERNAME": "events@brightwater.example"}
    )

    assert [exposed.path for exposed in find_exposed(config.private_paths)] == [key]


def test_what_systemd_hands_over_is_left_to_it(tmp_path, secrets):
    secrets.chmod(0o755)
    systemd = {"CREDENTIALS_DIRECTORY": str(secrets)}
    both = {**systemd, "ONBOARDING_SECRETS_DIR": f"{secrets}/../my secrets"}

    assert [load(write(tmp_path), folder).private_paths for folder in (systemd, both)] == [(), ()]


@pytest.mark.parametrize(
    ("filesystem", "is_told"),
    [
        ("vfat /dev/sdb1 rw,fmask=0022", False),
        ("exfat /dev/sdb1 rw", False),
        ("fuseblk /dev/sdb1 rw", False),
        ("cifs //nas.example/share rw", False),
        ("9p drvfs rw,aname=drvfs;path=C:\\;uid=1000", False),
        ("9p host rw,trans=virtio", True),
        ("ext4 /dev/sda1 rw", True),
        ("tmpfs tmpfs rw", True),
    ],
)
def test_file_system_without_modes_says_nothing_of_who_may_read(
    tmp_path, secrets, filesystem, is_told
):
    secrets.chmod(0o777)
    device = secrets.stat().st_dev
    mounts = tmp_path / "mountinfo"
    other = "99 1 9999:1 / /other rw - vfat /dev/sdz rw"
    numbers = f"{os.major(device)}:{os.minor(device)}"
    mounts.write_text(f"{other}\n36 35 {numbers} / / rw,noatime shared:1 - {filesystem}\n")

    found = [exposed.path for exposed in find_exposed([secrets], mounts)]

    assert found == ([secrets] if is_told else [])


def test_without_a_list_of_mounts_and_without_the_file_nothing_breaks(secrets):
    assert find_exposed([secrets, secrets / "gone"], NO_MOUNTS) == []


@pytest.mark.anyio
async def test_check_says_no_and_run_warns_once(tmp_path, secrets):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        found = {"RC_USER_JWT": None, "ONBOARDING_SECRETS_DIR": str(secrets)}
        good = await on(scene, "check", NAME, **found)
        (secrets / "RC_USER_JWT").chmod(0o644)
        bad = await on(scene, "check", NAME, **found)
        ran = await on(scene, "run", NAME, "--yes", "--quiet", **found)

    assert (good.code, "ok  secrets: closed to other users" in good.out) == (0, True), good.all
    assert bad.code == 1
    assert (
        f"NO  secrets: Other users of this machine can read or change: {secrets}/RC_USER_JWT"
        in bad.out
    )
    assert f"chmod go= '{secrets}/RC_USER_JWT'" in bad.out
    assert (ran.code, ran.out, ran.err.count("Warning: Other users"), "chmod go=" in ran.err) == (
        0,
        "",
        1,
        True,
    )
