"""Connections: encryption with verified certificates, every kind of log-in, every refusal."""

import sys

import pytest

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.model.deliveries import Sent
from onboarding.smtp.pool import Pool
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import EnvelopeAccepted
from tests.smtp.relay import PASSWORD, TOKEN, USER, relay
from tests.smtp.scripted import POLITE, HangUp, Say, Stall, scripted
from tests.smtp.steps import BODY, message, offer, send

pytestmark = pytest.mark.anyio

LOGIN = {"username": USER, "password": PASSWORD}


def token_program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_message_is_sent_encrypted(authority, security, implicit, host):
    context = authority.server_context("127.0.0.1", "localhost")
    async with relay(context, implicit=implicit, require_starttls=not implicit) as server:
        settings = server.settings(security=security, ca_file=authority.ca_file, host=host)
        outcomes = await send(settings, message(1), message(2, BODY * 20_000))

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
    assert server.bodies == [BODY, BODY * 20_000]


@pytest.mark.parametrize(
    ("offers", "used"),
    [
        ("PLAIN LOGIN CRAM-MD5", ["PLAIN accepted"]),
        ("LOGIN CRAM-MD5", ["LOGIN accepted"]),
        ("CRAM-MD5", ["CRAM-MD5 accepted"]),
        ("XOAUTH2 LOGIN", ["LOGIN accepted"]),
    ],
)
async def test_password_logs_in_by_the_first_method_that_both_know(authority, offers, used):
    context = authority.server_context("127.0.0.1")
    async with relay(context, offers=offers, auth_required=True, require_starttls=True) as server:
        outcome = await offer(server.settings(ca_file=authority.ca_file, **LOGIN))

    assert outcome == EnvelopeAccepted()
    assert server.logins == used


@pytest.mark.parametrize("offers", ["PLAIN LOGIN CRAM-MD5", "LOGIN", "CRAM-MD5"])
async def test_wrong_password_costs_one_try_and_stops_the_run(authority, offers):
    context = authority.server_context("127.0.0.1")
    async with relay(context, offers=offers) as server:
        with pytest.raises(Refused) as raised:
            await offer(
                server.settings(ca_file=authority.ca_file, username=USER, password="geheim")
            )

    assert raised.value.message.startswith(
        f"The mail server 127.0.0.1:{server.port} refuses the log-in: 535 5.7.8"
    )
    assert (
        raised.value.hint == "Check [smtp] username and the password (ONBOARDING_SMTP__PASSWORD)."
    )
    assert "geheim" not in str(raised.value)
    assert len(server.logins) == 1


async def test_method_that_the_server_does_not_have_after_all_is_passed_over():
    script = {
        "auth": [Say("504 5.5.4 no PLAIN here"), Say("334 UGFzc3dvcmQ6"), Say("235 2.7.0 welcome")]
    }
    async with scripted(script, ["AUTH PLAIN LOGIN"]) as server:
        outcome = await offer(server.settings(username="u", password="p"))

    assert outcome == EnvelopeAccepted()
    assert server.connections[0][1:4] == ["AUTH PLAIN AHUAcA==", "AUTH LOGIN dQ==", "cA=="]


async def test_token_logs_in(authority):
    context = authority.server_context("127.0.0.1")
    program = token_program(f"print({TOKEN!r})")
    async with relay(context, offers="XOAUTH2 PLAIN", auth_required=True) as server:
        outcome = await offer(
            server.settings(ca_file=authority.ca_file, username=USER, token_command=program)
        )

    assert outcome == EnvelopeAccepted()
    assert server.logins == ["XOAUTH2 accepted"]


async def test_token_that_was_revoked_is_fetched_anew_once(authority, tmp_path):
    seen = tmp_path / "seen"
    code = (
        f"import pathlib; seen = pathlib.Path({str(seen)!r}); "
        f"print({TOKEN!r} if seen.exists() else 'old'); seen.touch()"
    )
    context = authority.server_context("127.0.0.1")
    async with relay(context, offers="XOAUTH2") as server:
        settings = server.settings(
            ca_file=authority.ca_file, username=USER, token_command=token_program(code)
        )
        outcome = await offer(settings)

    assert outcome == EnvelopeAccepted()
    assert server.logins == ["XOAUTH2 refused", "XOAUTH2 accepted"]


async def test_token_that_is_refused_stops_the_run_and_is_not_shown(authority):
    context = authority.server_context("127.0.0.1")
    async with relay(context, offers="XOAUTH2") as server:
        settings = server.settings(
            ca_file=authority.ca_file, username=USER, token_command=token_program("print('geheim')")
        )
        with pytest.raises(Refused, match="refuses the log-in: 535") as raised:
            await offer(settings)

    assert "geheim" not in str(raised.value)
    assert raised.value.hint.startswith("Check [smtp] username, and that the token")
    assert server.logins == ["XOAUTH2 refused"]


@pytest.mark.parametrize(
    ("offers", "settings", "words"),
    [
        ("XOAUTH2", LOGIN, "offers no log-in by password, but XOAUTH2."),
        (
            "PLAIN",
            {"username": USER, "token_command": "true"},
            "offers no log-in by access token (XOAUTH2), but PLAIN.",
        ),
        ("", LOGIN, "offers no log-in by password, but none at all."),
    ],
)
async def test_server_without_the_wanted_log_in_stops_the_run(authority, offers, settings, words):
    context = authority.server_context("127.0.0.1")
    async with relay(context, offers=offers) as server:
        with pytest.raises(Refused) as raised:
            await offer(server.settings(ca_file=authority.ca_file, **settings))

    assert words in raised.value.message


@pytest.mark.parametrize(("security", "implicit"), [("starttls", False), ("tls", True)])
@pytest.mark.parametrize(
    ("names", "trusted", "words"),
    [
        (["127.0.0.1"], False, "unable to get local issuer certificate"),
        (
            ["mail.example.com"],
            True,
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
    ids=["unknown authority", "another name"],
)
async def test_certificate_that_cannot_be_trusted_stops_the_run(
    authority, security, implicit, names, trusted, words
):
    async with relay(authority.server_context(*names), implicit=implicit, offers="PLAIN") as server:
        settings = server.settings(
            security=security, ca_file=authority.ca_file if trusted else None, **LOGIN
        )
        with pytest.raises(Refused) as raised:
            await offer(settings)

    assert (
        raised.value.message
        == f"The certificate of 127.0.0.1:{server.port} can't be trusted: {words}."
    )
    assert "ca_file" in raised.value.hint
    assert server.logins == []


async def test_server_that_offers_no_encryption_gets_no_password():
    async with scripted(extensions=["AUTH PLAIN"]) as server:
        with pytest.raises(Refused) as raised:
            await offer(server.settings(security="starttls", **LOGIN))

    assert (
        raised.value.message
        == f"The mail server 127.0.0.1:{server.port} offers no encryption (STARTTLS)."
    )
    assert 'security = "tls"' in raised.value.hint
    assert server.connections[0][1:] == ["QUIT"]


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (
            Say("454 4.7.0 not now"),
            TryLater,
            "refuses the wish for encryption (STARTTLS): 454 4.7.0 not now",
        ),
        (Say("501 5.5.4 no"), Refused, "refuses the wish for encryption (STARTTLS): 501 5.5.4 no"),
        (HangUp(), TryLater, "can't be reached, or closed the connection."),
    ],
)
async def test_encryption_that_fails_never_falls_back_to_plain_text(act, error, words):
    async with scripted({"starttls": [act]}, ["STARTTLS", "AUTH PLAIN"]) as server:
        with pytest.raises(error) as raised:
            await offer(server.settings(security="starttls", **LOGIN))

    assert words in raised.value.message
    assert [command for command in server.connections[0] if "AUTH" in command] == []


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        (
            {"greeting": [Say("554 5.7.1 not you")]},
            Refused,
            "refuses the connection: 554 5.7.1 not you",
        ),
        (
            {"greeting": [Say("421 4.3.2 busy", hang_up=True)]},
            TryLater,
            "refuses the connection: 421 4.3.2 busy",
        ),
        (
            {"greeting": [Say("HTTP/1.1 400 Bad Request")]},
            Refused,
            "does not answer as a mail server.",
        ),
        (
            {"greeting": [Say(POLITE["greeting"], hang_up=True)]},
            TryLater,
            "can't be reached, or closed the connection.",
        ),
        ({"greeting": [HangUp()]}, TryLater, "can't be reached, or closed the connection."),
        ({"greeting": [Stall()]}, TryLater, "did not answer in time."),
        (
            {"ehlo": [Say("550 who are you")]},
            Refused,
            "refuses our greeting (EHLO): 550 who are you",
        ),
        ({"ehlo": [Stall()]}, TryLater, "did not answer in time."),
        ({"auth": [Say("535 5.7.8 wrong")]}, Refused, "refuses the log-in: 535 5.7.8 wrong"),
        ({"auth": [Say("454 4.7.0 later")]}, TryLater, "refuses the log-in: 454 4.7.0 later"),
        (
            {"auth": [Say("421 4.3.2 busy", hang_up=True)]},
            TryLater,
            "refuses the log-in: 421 4.3.2 busy",
        ),
        ({"auth": [HangUp()]}, TryLater, "can't be reached, or closed the connection."),
        ({"auth": [Stall()]}, TryLater, "did not answer in time."),
    ],
)
async def test_what_keeps_us_out_is_told_in_words(script, error, words):
    timeout = 0.05 if Stall() in next(iter(script.values())) else 5.0
    async with scripted(script, ["AUTH PLAIN"]) as server:
        with pytest.raises(error) as raised:
            await offer(server.settings(timeout=timeout, **LOGIN))

    assert words in raised.value.message
    assert raised.value.hint


async def test_server_that_is_not_there_may_come_back():
    async with scripted() as server:
        settings = server.settings()

    with pytest.raises(TryLater, match="can't be reached"):
        await offer(settings)


async def test_name_that_nobody_knows_may_be_a_dns_that_is_away():
    with pytest.raises(TryLater, match=r"The mail server's name mail\.invalid is not known here\."):
        await offer(SmtpSettings(host="mail.invalid"))


async def test_tls_at_a_starttls_port_is_told_with_the_usual_ports(authority):
    async with relay(authority.server_context("127.0.0.1")) as server:
        with pytest.raises(Refused, match="does not begin an encrypted connection") as raised:
            await offer(server.settings(security="tls", ca_file=authority.ca_file))

    assert (
        raised.value.hint
        == 'Usual are security = "starttls" with port 587 and security = "tls" with port 465.'
    )


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_certificate_file_that_cannot_be_read_is_a_wrong_setting(tmp_path, content):
    ca_file = tmp_path / "ca.pem"
    if content:
        ca_file.write_text(content)

    with pytest.raises(ConfigurationError, match=r"The certificate file .* can't be read"):
        Pool(SmtpSettings(host="mail.example.com", ca_file=ca_file)).prepare()


async def test_ehlo_name_is_the_one_of_the_settings():
    async with scripted() as server:
        await offer(server.settings(ehlo_name="desk-7.example.com"))

    assert server.connections[0][0] == "EHLO desk-7.example.com"
