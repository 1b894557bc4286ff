"""A company's own relay without encryption: allowed on request, and said each time."""

import pytest

from tests.cli.command import on
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


async def test_another_machine_without_encryption_is_refused_unless_allowed(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        refused = await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__HOST="127.1")

    assert refused.code == 2
    assert "allow_plaintext = true" in refused.err
