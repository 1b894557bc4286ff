"""Whether mail could be sent, found out step by step, without sending any."""

import pytest

from onboarding.model.checks import CheckResult
from onboarding.smtp.connection_check import STEPS, check_connection
from tests.smtp.relay import PASSWORD, USER, relay
from tests.smtp.scripted import HangUp, Say, Stall, scripted

pytestmark = pytest.mark.anyio

SENDER = "events@example.com"


async def test_every_step_is_found_good_and_no_message_is_begun(authority):
    async with relay(
        authority.server_context("127.0.0.1"), offers="PLAIN", auth_required=True
    ) as server:
        settings = server.settings(ca_file=authority.ca_file, username=USER, password=PASSWORD)
        findings = await check_connection(settings, SENDER)

    assert findings == (
        CheckResult(
            "settings", ok=True, detail=f"127.0.0.1:{server.port}, security starttls, auth password"
        ),
        CheckResult("connection", ok=True, detail="the server answers"),
        CheckResult("encryption", ok=True, detail="TLSv1.3, the certificate is valid"),
        CheckResult("log-in", ok=True, detail=f"accepted for {USER}"),
        CheckResult("sender", ok=True, detail=f"{SENDER} may send"),
    )
    assert server.bodies == []


async def test_sender_is_forgotten_again_and_the_server_left_politely():
    async with scripted() as server:
        findings = await check_connection(server.settings(), SENDER)

    assert [finding.detail for finding in findings[2:]] == [
        "none, on this very machine",
        "none wanted",
        f"{SENDER} may send",
    ]
    assert server.connections == [
        [server.connections[0][0], f"MAIL FROM:<{SENDER}>", "RSET", "QUIT"]
    ]


@pytest.mark.parametrize(
    ("script", "step", "detail"),
    [
        (
            {"greeting": [Say("554 5.7.1 not you")]},
            "connection",
            "refuses the connection: 554 5.7.1 not you",
        ),
        ({"greeting": [Stall()]}, "connection", "did not answer in time"),
        (
            {"ehlo": [Say("550 who are you")]},
            "encryption",
            "refuses our greeting (EHLO): 550 who are you",
        ),
        ({"auth": [Say("535 5.7.8 wrong")]}, "log-in", "refuses the log-in: 535 5.7.8 wrong"),
        (
            {"mail": [Say("550 5.7.60 not as this sender")]},
            "sender",
            "refuses the sender: 550 5.7.60",
        ),
        (
            {"mail": [HangUp()]},
            "sender",
            "broke off at the sender: the server closed the connection.",
        ),
    ],
)
async def test_first_step_that_fails_is_the_last_finding(script, step, detail):
    timeout = 0.05 if Stall() in next(iter(script.values())) else 5.0
    async with scripted(script, ["AUTH PLAIN"]) as server:
        findings = await check_connection(
            server.settings(username=USER, password=PASSWORD, timeout=timeout), SENDER
        )

    assert [finding.what for finding in findings] == list(STEPS[: STEPS.index(step) + 1])
    assert [finding.ok for finding in findings] == [True] * STEPS.index(step) + [False]
    assert detail in findings[-1].detail
    assert findings[-1].hint


async def test_mail_that_goes_unencrypted_to_another_machine_is_told():
    """`127.1` is this machine, but not one of the names by which we know that without asking."""
    async with scripted() as server:
        settings = server.settings(
            host="127.1", allow_plaintext=True, envelope_sender="bounces@example.com"
        )
        findings = await check_connection(settings, SENDER)

    assert [finding.detail for finding in findings[2:]] == [
        f"NONE: mail goes unencrypted to 127.1:{server.port} ([smtp] allow_plaintext)",
        "none wanted",
        "bounces@example.com may send",
    ]
    assert "MAIL FROM:<bounces@example.com>" in server.connections[0]


async def test_missing_password_and_wrong_sender_are_findings_too():
    async with scripted() as server:
        without_password = await check_connection(server.settings(username=USER), SENDER)
        without_sender = await check_connection(server.settings(), "events")

    assert [(finding.what, finding.ok) for finding in without_password] == [("settings", False)]
    assert (without_sender[-1].what, without_sender[-1].ok) == ("sender", False)
    assert without_sender[-1].detail == "The sender 'events' is no address."
