"""`[alerts]` of config.toml: what is accepted, and in which words the rest is refused."""

from pathlib import Path

import pytest

from onboarding.config import Config, load
from onboarding.errors import ConfigurationError

BASE = """
[smtp]
host = "127.0.0.1"
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
[alerts]
"""


def read(folder: Path, lines: str, **variables: str) -> Config:
    (folder / "config.toml").write_text(BASE + lines, encoding="utf-8")
    return load(folder / "config.toml", variables)


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("producer@example.com", "producer@example.com"),
        ("producer@bücher.example", "producer@xn--bcher-kva.example"),
    ],
)
def test_address_is_stored_as_it_is_sent(tmp_path, address, stored):
    assert read(tmp_path, f'to = "{address}"').alerts.to == stored


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('to = "producer"', "Write a bare address"),
        ('to = "a@b@example.com"', "Write a bare address"),
        ('to = "a@example.com, b@example.com"', "Write a bare address"),
        ('to = "Producer <a@example.com>"', "Write a bare address"),
        ('to = "prodücer@example.com"', "Write a bare address"),
        ('to = "a@ü..example"', "The domain of this address can't exist"),
        ('repeat = "5m"', 'Write at least "10m"'),
        ('format = "teams"', "It has to be 'json' or 'slack'"),
        (
            'webhook = "https://hooks.example.com/very-secret"',
            "[alerts] webhook is a secret. Delete it there, and set the variable ONBOARDING_ALERTS",
        ),
    ],
)
def test_fault_is_said_in_words(tmp_path, lines, words):
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, lines)

    assert words in raised.value.message
    assert "very-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://hooks.example.com/very-secret",
        "http://hooks.example.com/very-secret",
        "https:///very-secret",
        "https://hooks.example.com:99999/very-secret",
        "https://hooks.example.com/very secret/very-secret",
        "very-secret",
    ],
)
def test_webhook_has_to_be_encrypted_and_is_never_shown(tmp_path, address):
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path, "", ONBOARDING_ALERTS__WEBHOOK=address)

    assert "ONBOARDING_ALERTS__WEBHOOK: It has to be an https:// address." in str(raised.value)
    assert "very-secret" not in str(raised.value)
