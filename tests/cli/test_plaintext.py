"""A company's own relay without encryption: allowed on request, and said each time."""

import socket

import pytest

from tests.cli.command import command, on
from tests.smtp.scripted import scripted
from tests.stage import HOST, NAME, PANELIST, ROOMY, stage

pytestmark = pytest.mark.anyio

ELSEWHERE = {"ONBOARDING_SMTP__HOST": "127.1", "ONBOARDING_SMTP__ALLOW_PLAINTEXT": "true"}
"""`127.1` is this machine, but not one of the names by which we know that without asking."""


async def test_commands_that_send_say_that_mail_goes_unencrypted(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene, scripted() as server:
        warning = (
            f"Warning: mail goes unencrypted to 127.1:{server.port} ([smtp] allow_plaintext).\n"
        )
        changed = {**ELSEWHERE, "ONBOARDING_SMTP__PORT": str(server.port)}
        test = await on(scene, "send-test", NAME, "--to", "me@example.com", **changed)
        first = await on(scene, "run", "--all", **changed)
        again = await on(scene, "run", "--all", **changed)
        one = await on(scene, "run", NAME, "--yes", "--quiet", **changed)
        status = await on(scene, "status", NAME, **changed)
        check = await on(scene, "check", **changed)

    assert [seen.err.count(warning) for seen in (test, first, again, one, status)] == [
        1,
        1,
        0,
        1,
        0,
    ]
    assert (test.code, first.code, one.code) == (0, 0, 0)
    assert "NONE: mail goes unencrypted to 127.1" in check.out
    assert len(server.taken) == 3


SEVERAL = """
[webinars.own]
webinar = "1"
invitees = "own.csv"
[webinars.acme]
webinar = "2"
invitees = "acme.csv"
smtp = "acme"
[webinars.acme-again]
webinar = "3"
invitees = "acme.csv"
smtp = "acme"
[smtp]
host = "smtp.example.com"
[smtp_servers.acme]
host = "relay.acme.example"
security = "none"
allow_plaintext = true
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
"""


@pytest.mark.parametrize("words", [("serve",), ("worker",)])
async def test_what_serves_all_webinars_warns_of_each_companys_relay(tmp_path, words):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "config.toml").write_text(f"{SEVERAL}[console]\nport = {port}\n")
        # Both end at once: the one finds its port taken, and the other no database.
        seen = await command(tmp_path, *words)

    assert seen.code == 2
    assert seen.err.count("Warning: mail goes unencrypted") == 1
    assert "to relay.acme.example:25 ([smtp_servers.acme] allow_plaintext).\n" in seen.err


async def test_another_machine_without_encryption_is_refused_unless_allowed(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        refused = await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__HOST="127.1")

    assert refused.code == 2
    assert "allow_plaintext = true" in refused.err
