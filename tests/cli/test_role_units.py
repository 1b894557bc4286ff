"""`schedule systemd --role`: the service of a worker or of the console, as a person prints it."""

import re

import pytest

from tests.cli.command import command
from tests.cron.systemd import ANALYZE, verify
from tests.stage import CONFIG

pytestmark = pytest.mark.anyio

SERVER = {
    "ONBOARDING_LEDGER__DATABASE": "postgresql+psycopg://onboarding@db.example.com/onboarding",
    "ONBOARDING_LEDGER__PASSWORD": "s3cret!pw",
}
USERS = """
[console.users.dana]
role = "approver"
"""
MAILBOX = 'host = "imap.example.com"\nusername = "events"'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.toml").write_text(CONFIG + USERS)
    return tmp_path


async def printed(folder, role: str, *more: str, **variables: str):
    return await command(folder, "schedule", "systemd", "--role", role, *more, variables=variables)


async def test_service_of_a_worker_has_its_secrets_and_not_those_of_the_consoles_users(folder):
    seen = await printed(folder, "send", **SERVER)

    assert seen.code == 0, seen.err
    assert seen.out.startswith("# /etc/systemd/system/onboarding-send.service\n[Unit]\n")
    assert f" worker --role send --config {folder / 'config.toml'}\n" in seen.out
    assert "LoadCredential=ONBOARDING_LEDGER__PASSWORD:/etc/onboarding/" in seen.out
    assert "PASSWORD_HASH" not in seen.out
    assert "s3cret!pw" not in seen.all
    assert "Note: workers need" not in seen.err


async def test_service_of_the_console_has_the_hash_of_each_user(folder):
    seen = await printed(folder, "console")

    assert seen.code == 0, seen.err
    assert f" serve --config {folder / 'config.toml'}\n" in seen.out
    assert "LoadCredential=ONBOARDING_CONSOLE__USERS__DANA__PASSWORD_HASH:" in seen.out
    assert "Note: workers need" not in seen.err


@pytest.mark.parametrize(
    ("log_in", "named"),
    [
        ('username = "events"', ["SMTP__PASSWORD"]),
        (
            'username = "events"\n[smtp.m365]\ntenant = "t"\nclient_id = "c"',
            ["SMTP__M365__CLIENT_SECRET"],
        ),
        ('username = "events"\ntoken_command = "print-token"', []),
        (
            'username = "events"\n[smtp.sent]\n' + MAILBOX,
            ["SMTP__PASSWORD", "SMTP__SENT__PASSWORD"],
        ),
        ("[replies]\n" + MAILBOX, ["REPLIES__PASSWORD"]),
        ('[replies]\nmaildir = "inbox"', []),
    ],
    ids=["password", "Microsoft 365", "token", "folder of sent messages", "mailbox", "maildir"],
)
async def test_service_has_the_secrets_of_all_log_ins_and_no_other(tmp_path, log_in, named):
    """One that no file has keeps systemd from starting it."""
    host = 'host = "127.0.0.1"\n'
    (tmp_path / "config.toml").write_text(CONFIG.replace(host, f"{host}{log_in}\n"))

    seen = await command(tmp_path, "schedule", "systemd")

    assert seen.code == 0, seen.err
    found = re.findall(r"^LoadCredential=ONBOARDING_(\w+):", seen.out, re.MULTILINE)
    assert found == named


async def test_worker_beside_a_ledger_in_a_file_is_told(folder):
    seen = await printed(folder, "worker")

    assert seen.code == 0
    assert "Note: workers need a ledger on a PostgreSQL server" in seen.err


@pytest.mark.skipif(ANALYZE is None, reason="this machine has no systemd-analyze")
async def test_what_is_printed_is_understood_by_systemd(folder):
    seen = await printed(folder, "plan", **SERVER)
    # The user that the tests run as is one of this machine.
    assert verify(folder, {"onboarding-plan.service": seen.out}) == ""


@pytest.mark.parametrize("words", [("systemd", "--install"), ("cron",)], ids=" ".join)
async def test_role_goes_with_systemd_and_is_printed_only(folder, words):
    seen = await command(folder, "schedule", *words, "--role", "worker")

    assert seen.code == 2
    assert "It goes with systemd only" in seen.err
