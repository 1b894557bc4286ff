"""Join links, tokens and passwords are in no output of a command, no report and no ledger."""

import pytest

from tests.cli.command import command, on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

BROKEN = {
    "first_name": "Lena",
    "last_name": "Fischer",
    "email": "lena(at)example.com",
    "role": "Panelist",
}


async def test_no_command_no_report_and_no_ledger_holds_a_secret(tmp_path):
    async with stage(
        tmp_path, [HOST, COHOST, PANELIST, panelist(1), BROKEN], limits=ROOMY
    ) as scene:
        login = {
            "ONBOARDING_SMTP__USERNAME": "me",
            "ONBOARDING_SMTP__PASSWORD": "p4ssword-of-the-mail-server",
        }
        commands = [
            ["check", NAME],
            ["plan", NAME],
            ["plan", NAME, "--json"],
            ["run", NAME, "--yes", "--limit", "1"],
            ["run", NAME, "--yes", "--json"],
            ["run", "--all"],
            ["status", NAME],
            ["status", NAME, "--json"],
            ["report", NAME, "--csv", "-o", "report.csv"],
            ["report", NAME, "--html", "-o", "report.html"],
            ["report", NAME, "--html"],
            ["report", NAME, "--json"],
            ["report", NAME, "--xlsx", "-o", "report.xlsx"],
            ["report", NAME, "--failed-roster", "failed.csv"],
            ["history", HOST["email"]],
            ["history", PANELIST["email"], "--json"],
            ["webinars"],
            ["directory", COHOST["email"]],
        ]
        printed = [(await on(scene, *words, **login)).all for words in commands]
        links = scene.join_links()
        tokens = scene.ringcentral.account.tokens.list_tokens()
        files = {
            path.name: path.read_bytes().decode("latin-1")
            for path in scene.folder.iterdir()
            if path.is_file()
        }

    assert len(links) == 4
    assert tokens
    passwords = {
        scene.variables["RC_APP_CLIENT_SECRET"],
        scene.variables["RC_USER_JWT"],
        *login.values(),
    } - {"me"}
    endings = {link.rpartition("/")[2] for link in links}
    for secret in links | endings | set(tokens) | passwords:
        assert [
            words for words, text in zip(commands, printed, strict=True) if secret in text
        ] == []
        assert [name for name, text in files.items() if secret in text] == []
    assert {"onboarding.db", "report.csv", "report.html"} <= files.keys()


async def test_the_demo_prints_no_join_link(tmp_path):
    seen = await command(tmp_path, "demo", "--dir", str(tmp_path / "demo"))
    assert seen.code == 0, seen.all
    mails = list((tmp_path / "demo" / "mail").glob("*.eml"))
    assert len(mails) == 6
    assert "/join/" not in seen.all
    ledger = (tmp_path / "demo" / "rehearsal.db").read_bytes()
    assert b"/join/" not in ledger
