"""Files that users name: one that would block the program is one message and exit code 2."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import OWN, Seen, command, started
from tests.stage import CONFIG, HOST, NAME, ROOMY, Stage, stage, write_roster

pytestmark = pytest.mark.anyio

RC = {
    "RC_APP_CLIENT_ID": "client",
    "RC_APP_CLIENT_SECRET": "hush",
    "RC_USER_JWT": "hush",
    "RC_SERVER_URL": "http://127.0.0.1:1",
}
SMTP = {"ONBOARDING_SMTP__PORT": "1", "ONBOARDING_SMTP__SECURITY": "none"}


def fifo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


FILES = [
    pytest.param("config.toml", ["status", NAME], {}, id="configuration"),
    pytest.param(
        "secrets/RC_USER_JWT", ["status", NAME], {"ONBOARDING_SECRETS_DIR": "secrets"}, id="secret"
    ),
    pytest.param("templates/invitation.mjml.j2", ["lint"], {}, id="template"),
    pytest.param(
        "templates/invitation.mjml.j2",
        ["preview", NAME, "--out", "pages"],
        {},
        id="template of a preview",
    ),
    pytest.param("templates/invitation.de.txt.j2", ["lint"], {}, id="text template"),
    pytest.param("templates/parts/top.mjml.j2", ["lint"], {}, id="shared part"),
    pytest.param(
        "logo.png",
        ["preview", NAME, "--out", "pages"],
        {"ONBOARDING_BRAND__LOGO": "logo.png"},
        id="logo",
    ),
    pytest.param(
        "ca.pem",
        ["send-test", NAME, "--to", "me@example.com"],
        {"ONBOARDING_SMTP__CA_FILE": "ca.pem", "ONBOARDING_SMTP__SECURITY": "starttls"},
        id="certificates",
    ),
    pytest.param(
        "state.json", ["simulator", "--state", "state.json"], {}, id="state of the simulator"
    ),
]


@pytest.mark.parametrize(("name", "words", "variables"), FILES)
async def test_fifo_in_place_of_a_file_is_named_and_not_waited_for(
    tmp_path, name, words, variables
):
    (tmp_path / "config.toml").write_text(CONFIG)
    write_roster(tmp_path / "invitees.csv", [HOST])
    file = fifo(tmp_path / name)

    seen = await command(tmp_path, *words, variables={**RC, **SMTP, **variables})

    assert "Traceback" not in seen.all
    assert f"{file.name} can't be read: it is a FIFO, and not a regular file" in seen.all.replace(
        "\n", " "
    )
    # `lint` lists all that is wrong with the templates, and exits 1 where there is anything.
    assert seen.code == (1 if words == ["lint"] else 2)


async def shell(scene: Stage, line: str) -> Seen:
    """Run `onboarding LINE` by bash on a stage."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"{sys.executable} -m onboarding {line}",
        cwd=scene.folder,
        env={**OWN, **scene.variables},
        stdout=-1,
        stderr=-1,
        stdin=subprocess.DEVNULL,
    )
    out, err = await process.communicate()
    return Seen(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize(
    "line",
    [
        "run launch --yes --invitees <(cat invitees.csv)",
        "run launch --yes --invitees /dev/stdin < <(cat invitees.csv)",
        "run launch --yes --invitees - < <(cat invitees.csv)",
        "run launch --yes --invitees - < invitees.csv",
    ],
)
async def test_roster_may_come_out_of_a_program(tmp_path, line):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await shell(scene, line)

        assert (seen.code, seen.err) == (0, seen.err)
        assert scene.recipients() == [HOST["email"]]


@pytest.mark.parametrize("source", ["/dev/zero", "- < /dev/zero", "/dev/stdin < /dev/null"])
async def test_device_is_no_roster(tmp_path, source):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await shell(scene, f"run launch --yes --invitees {source}")

        assert (seen.code, seen.out) == (2, "")
        assert "can't be read: it is a device" in seen.err
        assert scene.ringcentral.requests.select("PATCH") == []


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_signal_ends_the_wait_for_a_roster(tmp_path, sent):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        file = fifo(tmp_path / "fifo")
        process = await started(
            scene.folder, "plan", NAME, "--invitees", "fifo", variables=scene.variables
        )
        writing = await asyncio.to_thread(
            os.open, file, os.O_WRONLY
        )  # returns once the program has opened it
        process.send_signal(sent)

        _, err = await process.communicate()
        os.close(writing)

    assert process.returncode == 75
    assert "stopped by a signal" in err.decode()


async def test_logo_whose_name_no_file_can_have_is_one_message(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG)
    write_roster(tmp_path / "invitees.csv", [HOST])
    variables = {**RC, **SMTP, "ONBOARDING_BRAND__LOGO": "k" * 300}

    seen = await command(tmp_path, "preview", NAME, "--out", "pages", variables=variables)

    assert (seen.code, "Traceback" in seen.all) == (2, False), seen.all
    assert "File name too long" in seen.err
    assert "in this program itself" not in seen.err
