"""What options mean that several commands share."""

import getpass

import pytest
import typer

from onboarding.cli import options


@pytest.mark.parametrize(
    ("by", "actor"),
    [
        ("Mia Berg", "Mia Berg"),
        ("  Mia\tBerg\n", "Mia Berg"),
        ("Mia \x1b[31mBerg", "Mia Berg"),
        ("https://v.example/j/123", "(link to v.example)"),
        ("", getpass.getuser()),
        ("  ", getpass.getuser()),
    ],
)
def test_actor_is_the_name_given_or_the_operating_systems_user(by, actor):
    assert options.find_actor(by) == actor


def test_actor_with_an_endless_name_is_refused():
    longest = "Mia, " * (options.LONGEST_PERSON_NAME // 5 - 1) + "Lin A"
    assert options.find_actor(longest) == longest
    with pytest.raises(typer.BadParameter, match="200 characters at most"):
        options.find_actor(f"{longest}n")


def test_nothing_has_to_be_answered_where_the_person_said_yes():
    options.require_answer(yes=True)
