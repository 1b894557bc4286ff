"""What an invitee is called, and what they are compared by."""

import pytest

from onboarding.model.people import MOST_SHOWN, Invitee, Problem, Role, shorten_problems


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


def test_of_many_problems_the_first_are_shown_and_the_others_counted_by_column():
    of_rows = [Problem(row, "email", "", "wrong") for row in range(2, 2 + 30)]
    of_all = [Problem(None, None, "", str(number)) for number in range(30)]
    assert shorten_problems(of_rows)[1] == f"and {30 - MOST_SHOWN} more (email {30 - MOST_SHOWN})"
    assert shorten_problems(of_all)[1] == f"and {30 - MOST_SHOWN} more"
    assert shorten_problems(of_rows[:3]) == (of_rows[:3], "")


def test_invitee_compares_by_the_key_of_its_address():
    assert Invitee(2, " ADA@example.com", Role.PANELIST).key == "ada@example.com"
