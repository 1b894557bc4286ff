"""Whether a selector's key is one that receivers can use."""

import base64

import pytest

from onboarding.dns.dkim import build_key_name, find_key_fault, is_test_key


def key(length: int) -> str:
    return base64.b64encode(b"\x30" * length).decode()


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ([f"v=DKIM1; k=rsa; p={key(294)}"], ""),
        ([f"p={key(162)}"], ""),
        ([f"v=DKIM1; k=rsa; p={key(294)[:40]} {key(294)[40:]};"], ""),
        ([f"v=DKIM1; k=ed25519; p={key(32)}"], ""),
        ([], "has no key"),
        (["p=a", "p=b"], "has 2 records, and receivers may take any of them"),
        (["v=DKIM1; p="], "has a key that was revoked"),
        (["v=DKIM1; k=rsa"], "has a record that is no DKIM key"),
        (["v=DKIM2; p=a"], "has a record that is no DKIM key"),
        ([f"v=DKIM1; k=dsa; p={key(294)}"], "has a key of a type that receivers don't know"),
        (["v=DKIM1; p=abc"], "has a key that can't be read: part of it may be missing"),
        (
            [f"v=DKIM1; p={key(124)}"],
            "has an RSA key of less than 1024 bits, which receivers don't accept",
        ),
    ],
)
def test_fault_of_a_key_is_named(texts, fault):
    assert find_key_fault(texts) == fault


@pytest.mark.parametrize(
    ("text", "is_test"), [("t=y; p=a", True), ("t=s:y; p=a", True), ("t=s; p=a", False)]
)
def test_key_that_is_a_test_says_so(text, is_test):
    assert is_test_key([text]) is is_test


def test_key_is_looked_up_below_the_domain():
    assert build_key_name("s1", "example.com") == "s1._domainkey.example.com"
