"""What receiving servers say of a message, in words, for the shapes in which they write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.inbox.authentication import has_failed, read_authentication
from onboarding.inbox.parts import parse_incoming


def message(*fields: str):
    lines = [f"Authentication-Results: {field}" for field in fields]
    return parse_incoming("\n".join([*lines, "Subject: x", "", "x"]).encode())


GOOGLE = """mx.google.com;
 dkim=pass header.i=@example.com header.s=s1 header.b=Ab;
 spf=pass (google.com: b@example.com designates 192.0.2.1) smtp.mailfrom=b@example.com;
 dmarc=pass (p=NONE sp=NONE dis=NONE) header.from=example.com"""
MICROSOFT = """spf=fail (sender IP is 192.0.2.1)
 smtp.mailfrom=example.com; dkim=none (message not signed)
 header.d=none;dmarc=fail action=none header.from=example.com;compauth=fail reason=001"""
POSTFIX = "mail.example.net 1; spf=softfail smtp.mailfrom=example.com; x-o=pass; dkim=strange"


@pytest.mark.parametrize(
    ("field", "server", "words"),
    [
        (
            GOOGLE,
            "mx.google.com",
            [
                "SPF passed for example.com",
                "DKIM passed for example.com",
                "DMARC passed for example.com",
            ],
        ),
        (
            MICROSOFT,
            "",
            [
                "SPF failed for example.com",
                "DKIM found nothing to check",
                "DMARC failed for example.com",
            ],
        ),
        (POSTFIX, "mail.example.net", ["SPF failed (softfail) for example.com"]),
        ("mx.example.net; none", "mx.example.net", []),
    ],
)
def test_results_are_said_in_words(field, server, words):
    found, results = read_authentication(message(field))
    assert (found, [result.words for result in results]) == (server, words)


def test_only_the_last_server_is_believed():
    _, results = read_authentication(
        message("mx.example.net; dmarc=fail", "mx.example.net; spf=pass", "evil.example; dkim=pass")
    )
    assert [result.words for result in results] == ["SPF passed", "DMARC failed"]


def test_message_without_the_field_says_nothing():
    assert read_authentication(message()) == ("", [])


@pytest.mark.parametrize(
    ("results", "failed"),
    [
        ("spf=pass; dkim=pass; dmarc=pass", False),
        ("spf=fail; dkim=pass; dmarc=pass", False),
        ("spf=pass; dkim=pass; dmarc=fail", True),
        ("spf=pass; dkim=none; dmarc=none", True),
        ("spf=pass; dkim=fail; dkim=pass", False),
        ("spf=softfail", True),
        ("spf=pass", False),
    ],
)
def test_dmarc_decides_where_it_was_looked_at(results, failed):
    _, found = read_authentication(message(f"mx.example.net; {results}"))
    assert has_failed(found) is failed


@given(st.text(max_size=200))
def test_any_field_is_read(text):
    read_authentication(message(text.replace("\n", " ").replace("\r", " ")))
