"""The `[smtp]` settings: what is filled in, and what is refused with words that help."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from onboarding.ledger.bounces import LONGEST_ID, BounceTokens
from onboarding.smtp.providers import PRESETS, Provider, find_provider
from onboarding.smtp.settings import LONGEST_TOKEN, Rate, SmtpSettings


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"host": "mail.example.com"}, ("mail.example.com", 587, "starttls", "none")),
        ({"host": "mail.example.com", "security": "tls"}, ("mail.example.com", 465, "tls", "none")),
        ({"host": "localhost", "security": "none"}, ("localhost", 25, "none", "none")),
        ({"host": "::1", "security": "none", "port": 2525}, ("::1", 2525, "none", "none")),
        (
            {"host": "mail.example.com", "username": "u"},
            ("mail.example.com", 587, "starttls", "password"),
        ),
        ({"host": "m", "username": "u", "token_command": "t"}, ("m", 587, "starttls", "xoauth2")),
        (
            {"host": "m", "username": "u", "m365": {"tenant": "t", "client_id": "c"}},
            ("m", 587, "starttls", "xoauth2"),
        ),
        (
            {"host": "m", "username": "u", "google": {"key_file": "k.json"}},
            ("m", 587, "starttls", "xoauth2"),
        ),
        ({"provider": "microsoft365"}, ("smtp.office365.com", 587, "starttls", "none")),
        ({"provider": "gmail", "username": "u"}, ("smtp.gmail.com", 587, "starttls", "password")),
        (
            {"provider": "ses", "host": "email-smtp.example.com"},
            ("email-smtp.example.com", 587, "starttls", "none"),
        ),
        (
            {"provider": "workspace-relay", "security": "tls", "port": 465},
            ("smtp-relay.gmail.com", 465, "tls", "none"),
        ),
    ],
)
def test_what_is_not_given_is_filled_in(given, expected):
    settings = SmtpSettings(**given)

    assert (settings.host, settings.port, settings.security, settings.auth) == expected


def test_preset_brings_the_published_limits_and_a_setting_overrules_them():
    preset = SmtpSettings(provider="microsoft365")
    overruled = SmtpSettings(provider="microsoft365", rate="10/minute", per_day=500)

    assert (preset.rate, preset.per_day, preset.max_connections) == (Rate(30, 60), 10_000, 2)
    assert (overruled.rate, overruled.per_day) == (Rate(10, 60), 500)


def test_every_provider_has_a_preset():
    assert set(PRESETS) == set(Provider)


@pytest.mark.parametrize(
    ("text", "expected", "interval"),
    [
        ("30/minute", Rate(30, 60), 2.0),
        ("1 / second", Rate(1, 1), 1.0),
        ("500 per HOUR", Rate(500, 3600), 7.2),
        ("2000/day", Rate(2000, 86_400), 43.2),
    ],
)
def test_rate_is_read(text, expected, interval):
    settings = SmtpSettings(host="mail.example.com", rate=text)

    assert (settings.rate, settings.rate.interval) == (expected, interval)
    assert SmtpSettings(**settings.model_dump()) == settings


@pytest.mark.parametrize(
    "text", ["30", "30/fortnight", "0/minute", "-1/minute", "fast", "1.5/second"]
)
def test_rate_that_cannot_be_read_says_how_to_write_it(text):
    with pytest.raises(ValidationError, match=r'write a rate as "30/minute"'):
        SmtpSettings(host="mail.example.com", rate=text)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"host": "mail.example.com", "security": "none"}, 'set security = "starttls" or "tls"'),
        ({"host": "192.0.2.1", "security": "none"}, 'set security = "starttls" or "tls"'),
        (
            {"host": "localhost.example.com", "security": "none"},
            'set security = "starttls" or "tls"',
        ),
        ({"host": "m", "security": "none"}, "allow_plaintext = true"),
        (
            {"host": "m", "allow_plaintext": True},
            'goes with security = "none" and auth = "none" only',
        ),
        (
            {
                "host": "m",
                "security": "none",
                "allow_plaintext": True,
                "username": "u",
                "password": "geheim-7",
            },
            "no password may travel unencrypted",
        ),
        ({"host": "m", "envelope_sender": "bounces"}, "write a bare address"),
        ({"host": "m", "envelope_sender": "b@{token}.example.com"}, "write {token} once, before"),
        ({"host": "m", "envelope_sender": "{token}+{token}@example.com"}, "write {token} once"),
        ({"host": "m", "envelope_sender": "b+{id}@example.com"}, "write {token} once"),
        ({"host": "m", "envelope_sender": "b+{token}"}, "write {token} once, before the @"),
        ({"host": "m", "envelope_sender": "Bounces <bounces@example.com>"}, "write a bare address"),
        (
            {"host": "m", "envelope_sender": "b@example.com>\r\nRCPT TO:<eve@example.com"},
            "write a bare address",
        ),
        ({"host": "m", "envelope_sender": "böunces@example.com"}, "write a bare address"),
        ({"host": "m", "envelope_sender": "b..c@example.com"}, "write a bare address"),
        ({"host": "m", "envelope_sender": ".b@example.com"}, "write a bare address"),
        ({"host": "m", "envelope_sender": f"{'b' * 65}@example.com"}, "it has up to 65 characters"),
        (
            {"host": "m", "envelope_sender": f"{'b' * 32}+{{token}}@example.com"},
            "it has up to 65 characters before its @",
        ),
        ({"host": "m", "headers": {"X-Onboarding-Round-Trip": "x"}}, "is not yours to set"),
        (
            {"host": "m", "envelope_sender": "bounces@bü--cher-.example"},
            "the domain of this address can't exist",
        ),
        ({"host": "m", "auth": "password"}, 'auth = "password" needs a username'),
        ({"host": "m", "auth": "xoauth2", "username": "u"}, 'auth = "xoauth2" needs token_command'),
        ({"host": "m", "auth": "none", "username": "u"}, 'auth = "none" means no log-in'),
        ({"host": "m", "username": "u", "m365": {"tenant": "t"}}, "needs tenant and client_id"),
        (
            {
                "host": "m",
                "username": "u",
                "m365": {"tenant": "t", "client_id": "c", "authority": "http://x"},
            },
            "authority",
        ),
        (
            {"host": "m", "username": "u", "token_command": "t", "google": {"key_file": "k.json"}},
            "it has token_command and google: leave one",
        ),
        ({"host": "m", "dkim_selectors": ["s 1"]}, "as the DNS has it"),
        ({"host": "m", "dkim_selectors": ["a..b"]}, "as the DNS has it"),
        ({"host": "m", "dkim_domain": "x" * 64}, "as the DNS has it"),
        ({"host": "m", "hots": "n"}, "hots"),
        ({"host": "m", "ehlo_name": "two words"}, 'write a name such as "mail.example.com"'),
        ({"host": "m", "max_connections": 0}, "max_connections"),
        ({"host": "m", "timeout": 0}, "timeout"),
        ({"provider": "acme", "host": "m"}, "provider"),
        ({"provider": "ses"}, "host"),
        ({"host": "m", "security": "ssl"}, "security"),
        ({"host": ""}, "host"),
    ],
)
def test_wrong_setting_is_refused_with_words_that_help(given, words):
    with pytest.raises(ValidationError) as raised:
        SmtpSettings(**given)

    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("given", "in_the_clear"),
    [
        ({"host": "relay.example.com", "security": "none", "allow_plaintext": True}, True),
        ({"host": "localhost", "security": "none"}, False),
        ({"host": "relay.example.com"}, False),
    ],
)
def test_mail_goes_unencrypted_to_another_machine_only_where_that_is_allowed(given, in_the_clear):
    assert SmtpSettings(**given).is_plaintext is in_the_clear


def test_envelope_sender_with_its_longest_token_fits_into_what_servers_take():
    assert len(BounceTokens("seed").make(16**LONGEST_ID - 1)) == LONGEST_TOKEN
    for local in ("b" * 64, "b" * 31 + "+{token}", "b.c+d"):
        assert SmtpSettings(host="m", envelope_sender=f"{local}@example.com").envelope_sender


def test_envelope_sender_may_be_at_a_domain_beyond_ascii():
    assert SmtpSettings(host="m", envelope_sender="bounces@bücher.example").envelope_sender


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        *(
            ({name: "x"}, f"{name} is not yours to set")
            for name in (
                "From",
                "TO",
                "reply-to",
                "Subject",
                "Date",
                "Message-ID",
                "Auto-Submitted",
                "X-Auto-Response-Suppress",
                "Bcc",
                "cc",
                "Resent-To",
                "resent-date",
                "Received",
                "Return-Path",
                "DKIM-Signature",
                "Content-Type",
                "content-language",
                "MIME-Version",
            )
        ),
        *(
            ({name: "x"}, "is no header's name")
            for name in ("", "X Y", "X:Y", "X-Ü", "X\r\nBcc", "-X", "X" * 77)
        ),
        *(
            ({"X-Y": value}, "plain characters in one line")
            for value in (
                "",
                " x",
                "x ",
                "x\r\nBcc: a@example.com",
                "x\ty",
                "grün",
                "x" * 901,
            )
        ),
        ({"X-Stream": "a", "x-stream": "b"}, "one header is there twice"),
    ],
)
def test_header_that_is_not_for_users_to_set_is_refused(fields, words):
    with pytest.raises(ValidationError) as raised:
        SmtpSettings(host="m", headers=fields)

    assert words in str(raised.value)


@pytest.mark.parametrize("value", ["x", "outbound", "a b", "x" * 900, '{"a": "b"}'])
def test_header_of_plain_characters_is_accepted(value):
    assert SmtpSettings(host="m", headers={"X-SES-CONFIGURATION-SET": value}).fixed_fields == (
        ("X-SES-CONFIGURATION-SET", value),
    )


def test_header_of_a_preset_can_be_overruled():
    settings = SmtpSettings(provider="postmark", headers={"x-pm-tracklinks": "HtmlOnly"})

    assert settings.fixed_fields == (("X-PM-KeepID", "true"), ("x-pm-tracklinks", "HtmlOnly"))


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_fields_of_a_preset_are_what_a_user_could_set_too(preset):
    assert SmtpSettings(host="m", headers=dict(preset.fields)).fixed_fields == preset.fields
    assert (preset.source, preset.read) != ("", "")


def test_selector_may_have_dots_and_capitals():
    settings = SmtpSettings(host="m", dkim_selectors=["S1.Mail", "_x"], dkim_domain="Example.com.")
    assert settings.dkim_selectors == ("s1.mail", "_x")
    assert settings.dkim_domain == "example.com"


@pytest.mark.parametrize(
    ("given", "host", "found"),
    [
        (None, "SMTP.office365.com", Provider.MICROSOFT365),
        (Provider.SES, "relay.example.com", Provider.SES),
        (None, "relay.example.com", None),
    ],
)
def test_provider_is_known_by_name_or_by_host(given, host, found):
    assert find_provider(given, host) is found


def test_token_command_is_split_as_a_shell_would():
    settings = SmtpSettings(host="m", username="u", token_command="fetch --for 'a b'")

    assert settings.token_command == ("fetch", "--for", "a b")


def test_password_is_not_shown():
    settings = SmtpSettings(host="m", username="u", password="geheim-7")

    assert (
        "geheim-7"
        not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    )


def test_settings_are_light():
    """`config` imports them for every command, `--help` too."""
    heavy = "{'aiosmtplib', 'asyncio', 'anyio', 'ssl'}"
    code = f"import sys, onboarding.smtp.settings; print(sorted({heavy} & set(sys.modules)))"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert loaded == "[]\n"
