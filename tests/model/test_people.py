"""One address, however it is spelled, is one mailbox."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Invitee, Role, address_key


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
    ("one", "other"),
    [
        ("ada@example.com", "ada@example.org"),
        ("ada@example.com", "a.da@example.com"),
        ("ada@example.com", "ada+webinar@example.com"),
    ],
)
def test_address_key_keeps_apart(one, other):
    assert address_key(one) != address_key(other)


@given(st.emails(), st.text(string.whitespace))
def test_every_spelling_of_an_address_has_one_key(email, around):
    assert {address_key(one) for one in (email, email.upper(), email.lower(), around + email + around)} == {
        address_key(email)
    }


@given(st.text())
def test_every_text_has_a_key_and_the_key_is_its_own(text):
    key = address_key(text)

    assert address_key(key) == key


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Ada", "Lovelace", "Ada Lovelace"),
        ("Ada", "", "Ada"),
        ("", "Lovelace", "Lovelace"),
        ("", "", "ada@example.com"),
    ],
)
def test_invitee_is_called(first, last, name):
    assert Invitee(2, "ada@example.com", Role.PANELIST, first, last).name == name


def test_invitee_compares_by_the_key_of_its_address():
    assert Invitee(2, " ADA@example.com", Role.PANELIST).key == "ada@example.com"
