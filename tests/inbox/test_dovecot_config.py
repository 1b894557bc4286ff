"""The configuration of the tests' own Dovecot, in the words of each version."""

import re
import subprocess

import pytest

from tests.inbox.dovecot import DOVECOT, OWN_WORDS, build_config, find_version, parse_version

VALUES = {
    "folder": "/srv/test",
    "mail": "/srv/mail",
    "word": "our-word",
    "password": "our-password",
    "uid": 104,
    "gid": 105,
    "starttls": 10143,
    "tls": 10993,
}


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("2.3.19.1 (9b53102964)\n", "2.3"),
        ("2.4.1-4 (7d8c0e5759)\n", "2.4"),
        ("2.10.0 (1)\n", "2.10"),
    ],
)
def test_version_is_read(printed: str, version: str):
    assert parse_version(printed) == version


@pytest.mark.parametrize("version", OWN_WORDS)
def test_every_value_is_in_the_configuration_of_each_version(version):
    text = build_config(version, VALUES)

    assert [key for key, value in VALUES.items() if str(value) not in text] == []
    assert text.count("{") == text.count("}")
    assert re.findall(r"\{\w+\}|\{\{|\}\}", text) == []


def test_version_2_4_names_itself_first_and_has_no_words_of_2_3():
    lines = build_config("2.4", VALUES).splitlines()

    assert lines[:2] == ["dovecot_config_version = 2.4.0", "dovecot_storage_version = 2.4.0"]
    names = {line.split("=")[0].strip() for line in lines}
    gone = {"mail_location", "ssl_cert", "ssl_key", "disable_plaintext_auth", "driver", "args"}
    assert names & gone == set()
    assert {"mail_driver", "mail_path", "ssl_server_cert_file", "auth_allow_cleartext"} <= names
    assert "mail_path = /srv/mail/%{user | username}" in lines


@pytest.mark.skipif(not DOVECOT, reason="Dovecot is not installed (Debian: dovecot-imapd)")
def test_the_dovecot_of_this_machine_takes_its_configuration(tmp_path):
    certificate = tmp_path / "server.pem"
    certificate.write_text("not read here")
    file = tmp_path / "dovecot.conf"
    file.write_text(build_config(find_version(), VALUES | {"folder": tmp_path, "mail": tmp_path}))

    shown = subprocess.run(
        [str(DOVECOT), "-n", "-c", file], capture_output=True, text=True, check=True
    )

    assert "login_greeting = our-word" in shown.stdout
