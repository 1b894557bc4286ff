"""What an invitee is called, and what they are compared by."""

import pytest

from onboarding.model.people import Invitee, Role


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
