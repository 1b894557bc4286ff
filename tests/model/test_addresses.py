"""An address in any spelling is one mailbox; domains as they are sent; hosts of this machine."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model import addresses
from onboarding.model.addresses import (
    address_key,
    encode_address_domain,
    encode_domain,
    is_loopback,
)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM ", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("JÖRG@example.com", "jörg@example.com"),
        ("a@b@example.com", "a@b@example.com"),
        ("ada@under_score.Example", "ada@under_score.example"),
        ("Ada", "ada"),
        ("", ""),
    ],
)
def test_address_key_of(written, key):
    assert address_key(written) == key


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("ada@example.com", "ada@example.org"),
        ("ada@example.com", "a.da@example.com"),
        ("ada@example.com", "ada+webinar@example.com"),
    ],
)
def test_address_key_keeps_apart(address, other):
    assert address_key(address) != address_key(other)


@given(st.emails(), st.text(string.whitespace))
def test_every_spelling_of_an_address_has_one_key(email, around):
    spellings = (email, email.upper(), email.lower(), around + email + around)

    assert {address_key(spelling) for spelling in spellings} == {address_key(email)}


@given(st.text())
def test_every_text_has_a_key_and_the_key_is_its_own(text):
    key = address_key(text)

    assert address_key(key) == key


@pytest.mark.parametrize(
    ("address", "encoded"),
    [
        ("ada@Example.com", "ada@Example.com"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("jörg@example.com", "jörg@example.com"),
        ("under_score@ex_ample.com", "under_score@ex_ample.com"),
    ],
)
def test_only_a_domain_beyond_ascii_is_encoded(address, encoded):
    assert encode_address_domain(address) == encoded


@pytest.mark.parametrize("domain", ["-bücher.example", "ex_ample.com", "a" * 64 + ".example", ""])
def test_a_domain_that_cannot_exist_is_an_error(domain):
    with pytest.raises(ValueError):  # noqa: PT011 - idna's own words
        encode_domain(domain)


def test_without_mapping_capitals_are_an_error():
    assert encode_domain("BÜCHER.example") == "xn--bcher-kva.example"
    with pytest.raises(ValueError):  # noqa: PT011 - idna's own words
        encode_domain("BÜCHER.example", with_mapping=False)


def test_no_other_module_encodes_domains():
    package = Path(addresses.__file__).parents[1]
    users = [
        file.name
        for file in package.rglob("*.py")
        if "import idna" in file.read_text(encoding="utf-8")
    ]
    assert users == ["addresses.py"]


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("smtp.example.com", False),
        ("", False),
    ],
)
def test_only_this_very_machine_is_loopback(host, here):
    assert is_loopback(host) is here
