"""Tokens by an application's own credentials: the providers' libraries, and a log-in of ours."""

import asyncio
import sys
from pathlib import Path

import pytest

from onboarding.errors import ConfigurationError, Interrupted, OnboardingError, Refused, TryLater
from onboarding.smtp.oauth import (
    EXCHANGE_SCOPE,
    GMAIL_SCOPE,
    LEEWAY,
    _limit_lifetime,
    select_token_source,
)
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import EnvelopeAccepted
from onboarding.web.tokens import Token, TokenCache
from tests.smtp.grants import CLIENT, LIFETIME, SECRET, TENANT, Provider, key_pair, provider
from tests.smtp.relay import TOKEN, USER, relay
from tests.smtp.steps import offer
from tests.web.hostile import CHUNKED, OK, TICK, hostile, packed, repeating, sending

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def keys() -> tuple[str, str]:
    return key_pair()


@pytest.fixture
def certificate(authority, tmp_path, monkeypatch) -> Path:
    """The log-in's certificate; its authority is trusted by the variable SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    monkeypatch.setenv("NO_PROXY", "localhost")
    file = tmp_path / "log-in.pem"
    authority.authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(file)
    return file


def microsoft(address: str, **changes: str) -> SmtpSettings:
    m365 = {
        "tenant": TENANT,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "authority": address,
        **changes,
    }
    return SmtpSettings.model_validate({"host": "mail.example.com", "username": USER, "m365": m365})


def google(key_file: Path) -> SmtpSettings:
    return SmtpSettings.model_validate(
        {"host": "m.example.com", "username": USER, "google": {"key_file": key_file}}
    )


async def token(settings: SmtpSettings) -> Token:
    return await select_token_source(settings)()


async def refusal(settings: SmtpSettings, kind: type[OnboardingError]) -> str:
    with pytest.raises(kind) as raised:
        await token(settings)
    assert raised.value.hint
    assert SECRET not in str(raised.value)
    assert "PRIVATE KEY" not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return raised.value.message


async def test_microsoft_gives_a_token_for_the_application(certificate, keys):
    async with provider(certificate, keys) as login:
        token = await select_token_source(microsoft(login.address))()

    assert token.value.get_secret_value() == TOKEN
    assert LIFETIME - LEEWAY - 60 < token.lifetime <= LIFETIME - LEEWAY
    (asked,) = login.asked
    assert (asked["grant_type"], asked["scope"]) == ("client_credentials", EXCHANGE_SCOPE)


async def test_google_gives_a_token_to_the_service_account_that_speaks_for_the_mailbox(
    certificate, keys, tmp_path
):
    async with provider(certificate, keys) as login:
        token = await select_token_source(google(login.key_file(tmp_path)))()

    assert token.value.get_secret_value() == TOKEN
    assert LIFETIME - LEEWAY - 60 < token.lifetime <= LIFETIME - LEEWAY
    (asked,) = login.asked
    assert (asked["sub"], asked["scope"]) == (USER, GMAIL_SCOPE)


async def test_each_fetch_asks_anew_so_that_a_revoked_token_is_replaced(certificate, keys):
    async with provider(certificate, keys) as login:
        fetch = select_token_source(microsoft(login.address))
        await fetch()
        await fetch()

    assert len(login.asked) == 2


async def test_refusal_is_told_in_the_providers_words_and_without_the_secret(
    certificate, keys, tmp_path
):
    async with provider(certificate, keys) as login:
        wrong_secret = await refusal(microsoft(login.address, client_secret="0ther~one"), Refused)
        stranger = google(login.key_file(tmp_path, client_email="stranger@project.example"))
        undelegated = await refusal(stranger, Refused)

    assert wrong_secret == (
        f"Microsoft gives no token for the application {CLIENT}: "
        "AADSTS7000215: Invalid client secret (removed) provided."
    )
    assert undelegated.startswith(f"Google gives no token for {USER}: ")
    assert "Client is unauthorized to retrieve access tokens with (removed)" in undelegated
    assert "eyJ" not in undelegated


async def test_wrong_setting_is_told_before_anybody_is_mailed(certificate, keys, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    async with provider(certificate, keys) as login:
        no_tenant = await refusal(microsoft(login.address, tenant="nobody"), ConfigurationError)
    no_secret = SmtpSettings.model_validate(
        {"host": "m", "username": USER, "m365": {"tenant": TENANT, "client_id": CLIENT}}
    )

    assert no_tenant == f"There is no log-in at {login.address}/nobody."
    assert "secret for Microsoft 365 is missing" in await refusal(no_secret, ConfigurationError)
    assert "can't be read" in await refusal(google(broken), ConfigurationError)
    assert "can't be read" in await refusal(google(tmp_path / "none.json"), ConfigurationError)


async def test_log_in_that_is_away_is_tried_later(certificate, keys, tmp_path):
    async with provider(certificate, keys) as login:
        key_file = login.key_file(tmp_path)

    assert "can't be reached" in await refusal(microsoft(login.address), TryLater)
    assert "can't be reached" in await refusal(google(key_file), TryLater)


async def test_log_in_whose_certificate_is_not_trusted_gets_no_secret(
    certificate, keys, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    async with provider(certificate, keys) as login:
        assert "can't be reached" in await refusal(microsoft(login.address), TryLater)

    assert login.asked == []


@pytest.mark.parametrize(
    ("settings", "missing", "extra"),
    [
        (microsoft("https://localhost"), "msal", "m365"),
        (google(Path(__file__)), "google.auth", "google"),
    ],
    ids=["m365", "google"],
)
async def test_library_that_is_not_installed_is_named(settings, missing, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(ConfigurationError) as raised:
        await select_token_source(settings)()

    assert raised.value.hint == f"pip install 'webinar-onboarding[{extra}]'"


async def test_mail_server_is_logged_into_with_one_token_for_all_connections(
    authority, certificate, keys
):
    context = authority.server_context("127.0.0.1")
    async with (
        provider(certificate, keys) as login,
        relay(context, offers="XOAUTH2", auth_required=True) as server,
    ):
        m365 = {
            "tenant": TENANT,
            "client_id": CLIENT,
            "client_secret": SECRET,
            "authority": login.address,
        }
        settings = server.settings(ca_file=authority.ca_file, username=USER, m365=m365)
        assert await offer(settings) == EnvelopeAccepted()

    assert server.logins == ["XOAUTH2 accepted"]
    assert len(login.asked) == 1


async def test_token_shows_nothing_when_it_is_printed(certificate, keys):
    async with provider(certificate, keys) as login:
        token = await select_token_source(microsoft(login.address))()

    assert isinstance(token, Token)
    assert TOKEN not in repr(token)


@pytest.fixture
def tls(authority, monkeypatch):
    """The TLS side of a log-in that keeps to no protocol."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    return authority.server_context("localhost")


def settings_of(provider_name: str, port: int, keys: tuple[str, str], folder: Path) -> SmtpSettings:
    if provider_name == "microsoft":
        return microsoft(f"https://localhost:{port}")
    return google(Provider(port, *keys).key_file(folder))


@pytest.mark.parametrize("name", ["microsoft", "google"])
async def test_stop_signal_ends_the_wait_for_a_log_in(tls, keys, tmp_path, name):
    stop = asyncio.Event()
    drips = repeating(OK + b"Content-Length: 100000\r\n\r\n", b" ", TICK)
    async with hostile(drips, tls) as server:
        tokens = TokenCache(
            select_token_source(settings_of(name, server.port, keys, tmp_path)), stop=stop
        )
        waiting = asyncio.create_task(tokens.current())
        await server.reached.wait()
        stop.set()
        with pytest.raises(Interrupted):
            await waiting


@pytest.mark.parametrize("name", ["microsoft", "google"])
@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (repeating(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n"), Refused, "larger than 16 MB"),
        (sending(packed(b"[" * 100_000)), Refused, "is nested too deeply"),
        (sending(OK, b"Content-Length: 6\r\n\r\n<html>"), Refused, "is no JSON"),
        (
            sending(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
            TryLater,
            "status 302",
        ),
        (sending(b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"), TryLater, "status 503"),
        (sending(packed(b"[]")), OnboardingError, "log-in"),
        (sending(packed(b"{}")), OnboardingError, ""),
    ],
)
async def test_odd_answer_of_a_log_in_is_one_message(
    tls, keys, tmp_path, name, answer, kind, words
):
    async with hostile(answer, tls) as server:
        with pytest.raises(kind) as raised:
            await token(settings_of(name, server.port, keys, tmp_path))

    assert words in raised.value.message


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [
        (3600, 3300.0),
        ("3600", 3300.0),
        (1e18, 86100.0),
        (None, 3300.0),
        ("soon", 3300.0),
        (float("nan"), 3300.0),
        (-5, 0.0),
    ],
)
def test_lifetime_of_a_token_is_believed_for_a_day_at_the_most(lifetime, seconds):
    assert _limit_lifetime(lifetime) == seconds
