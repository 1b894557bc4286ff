"""What `[replies]` and `[smtp.sent]` accept, and in which words they refuse."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from onboarding.config import load
from onboarding.inbox.settings import RepliesSettings, SentSettings

BASE = """
[smtp]
host = "127.0.0.1"
[brand]
name = "Brightwater"
sender = "events@brightwater.example"
"""


def replies(**given: object) -> RepliesSettings:
    return RepliesSettings.model_validate(given)


def test_nothing_is_read_without_a_place():
    assert not RepliesSettings().is_configured
    assert not SentSettings().is_configured


@pytest.mark.parametrize(
    ("given", "port", "auth"),
    [
        ({"username": "b@example.com"}, 993, "password"),
        ({"username": "b@example.com", "security": "starttls"}, 143, "password"),
        ({"username": "b@example.com", "token_command": "token --now"}, 993, "xoauth2"),
        ({"username": "b@example.com", "m365": {"tenant": "t", "client_id": "c"}}, 993, "xoauth2"),
        ({"username": "b@example.com", "port": 1993}, 1993, "password"),
    ],
)
def test_port_and_log_in_are_chosen_by_what_is_given(given, port, auth):
    settings = replies(host="imap.example.com", **given)

    assert (settings.port, settings.auth, settings.is_configured) == (port, auth, True)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"username": "b"}, "names no mailbox: give host, maildir or mbox"),
        ({"host": "imap.example.com"}, "needs a username: no mailbox can be read without a log-in"),
        (
            {"host": "imap.example.com", "username": "b", "security": "none"},
            "imap.example.com is another machine, so the line has to be encrypted",
        ),
        (
            {"host": "imaps://imap.example.com", "username": "b"},
            'it is the server\'s name or address alone; write host = "imap.example.com"',
        ),
        (
            {"host": "imap.example.com", "username": "b", "auth": "xoauth2"},
            'auth = "xoauth2" needs token_command, [replies.m365] or [replies.google]; it has none',
        ),
        (
            {"host": "imap.example.com", "username": "b", "maildir": "mail"},
            "leave one of host, maildir and mbox: they name the same mailbox",
        ),
        ({"maildir": "mail", "done": "Done"}, 'with maildir or mbox, done is "seen" or "keep"'),
        (
            {"host": "imap.example.com", "username": "b", "folder": "a\r\nb"},
            "a folder's name has 1 to 200 characters in one line",
        ),
    ],
)
def test_what_can_not_work_is_refused(given, words):
    with pytest.raises(ValidationError) as raised:
        replies(**given)

    assert words in str(raised.value)


def test_evidence_comes_from_a_folder_or_a_log():
    with pytest.raises(ValidationError, match="leave one of host and log"):
        SentSettings.model_validate({"host": "127.0.0.1", "username": "b", "log": "mail.log"})
    with pytest.raises(ValidationError, match='write a time as "10m" or "2h"'):
        SentSettings.model_validate({"log": "mail.log", "wait": "soon"})

    assert SentSettings.model_validate({"log": "mail.log", "wait": "2h"}).wait == timedelta(hours=2)


def test_log_in_is_chosen_in_a_whole_configuration_too(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(BASE + '[replies]\nhost = "imap.example.com"\nusername = "b"\n')

    assert load(file, {}).replies.auth == "password"


def test_paths_count_from_the_folder_and_passwords_from_variables(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        BASE
        + '[smtp.sent]\nlog = "mail.log"\n'
        + '[replies]\nmaildir = "Maildir"\nca_file = "ca.pem"\ngoogle.key_file = "key.json"\n'
    )
    variables = {
        "ONBOARDING_REPLIES__PASSWORD": "geheim-1",
        "ONBOARDING_SMTP__SENT__PASSWORD": "geheim-2",
    }

    config = load(file, variables)

    assert config.smtp.sent.log == tmp_path / "mail.log"
    assert config.replies.maildir == tmp_path / "Maildir"
    assert config.replies.ca_file == tmp_path / "ca.pem"
    assert config.private_paths == (tmp_path / "key.json",)
    assert config.secrets.may_be_in("geheim-1")
    assert config.secrets.may_be_in("geheim-2")
    assert isinstance(config.replies.maildir, Path)
