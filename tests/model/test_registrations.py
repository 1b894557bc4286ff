"""Which record belongs to which invitee, and how few calls a change takes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.registrations import (
    SEATS,
    Change,
    Update,
    find_registration,
    matches,
    split_change,
)
from onboarding.model.sessions import Registration

USER = LinkedUser("account", "user-1")
OTHER = LinkedUser("account", "user-2")


def invitee(email: str = "", user: LinkedUser | None = None) -> Invitee:
    return Invitee(2, email, Role.PANELIST, linked_user=user)


def record(email: str = "", user: LinkedUser | None = None, number: int = 1) -> Registration:
    return Registration(f"id-{number}", Role.PANELIST, email, user)


@pytest.mark.parametrize(
    ("registration", "person", "same"),
    [
        (record("ada@example.com"), invitee("ADA@example.com"), True),
        (record("ada@example.com"), invitee("grace@example.com"), False),
        (record(user=USER), invitee(user=USER), True),
        (record(user=USER), invitee(user=OTHER), False),
        (record("ada@example.com", USER), invitee("ada@example.com", OTHER), False),
        (record("ada@example.com", USER), invitee("grace@example.com", USER), True),
        (record("ada@example.com", USER), invitee("ada@example.com"), True),
        (record("ada@example.com"), invitee("ada@example.com", USER), True),
        (record(user=USER), invitee("ada@example.com"), False),
        (record(), invitee(), False),
        (record(user=USER), invitee(user=replace(USER, domain="ilm")), True),
    ],
    ids=[
        "same address in another spelling",
        "other address",
        "same user",
        "other user",
        "users decide over addresses that agree",
        "users decide over addresses that differ",
        "only the record names a user",
        "only the roster names a user",
        "nothing to compare",
        "neither has an address or user",
        "a domain that came back otherwise",
    ],
)
def test_record_matches_an_invitee(registration, person, same):
    assert matches(registration, person) is same


@given(st.permutations(range(5)))
def test_record_is_found_in_every_order(order):
    records = [record(f"person{number}@example.com", number=number) for number in order]

    assert find_registration(invitee("Person3@example.com"), records).id == "id-3"


def test_record_of_a_stranger_is_none():
    assert find_registration(invitee("ada@example.com"), [record("grace@example.com")]) is None


ADA, GRACE = invitee("ada@example.com"), invitee("grace@example.com")
RECORD = record("lin@example.com")
GONE = record("ada@example.com")
UPDATE = Update(RECORD, invitee("lin@example.com"))


@pytest.mark.parametrize(
    ("change", "occupied", "calls"),
    [
        (Change(), 50, ()),
        (Change(add=(ADA,)), 50, (Change(add=(ADA,)),)),
        (
            Change(add=(GRACE,), update=(UPDATE,), remove=(GONE,)),
            50,
            (Change((GRACE,), (UPDATE,), (GONE,)),),
        ),
        (
            Change(add=(ADA,), update=(UPDATE,), remove=(GONE,)),
            50,
            (Change((), (UPDATE,), (GONE,)), Change((ADA,))),
        ),
        (Change(add=(GRACE,), remove=(GONE,)), SEATS - 1, (Change((GRACE,), (), (GONE,)),)),
        (
            Change(add=(GRACE,), remove=(GONE,)),
            SEATS,
            (Change(remove=(GONE,)), Change(add=(GRACE,))),
        ),
        (Change(add=(GRACE,)), SEATS, (Change(add=(GRACE,)),)),
        (Change(remove=(GONE,)), SEATS, (Change(remove=(GONE,)),)),
    ],
    ids=[
        "nothing to do",
        "adding",
        "everything in one",
        "one person removed and added",
        "the last seat is free",
        "the seats have to be freed first",
        "no seat, and none to free",
        "removing",
    ],
)
def test_change_is_split_into_the_fewest_calls(change, occupied, calls):
    assert split_change(change, occupied) == calls


@pytest.mark.parametrize(
    ("change", "expected"), [(Change(), False), (Change(update=(UPDATE,)), True)]
)
def test_change_is_true_where_something_is_asked(change, expected):
    assert bool(change) is expected


PEOPLE = [f"person{number}@example.com" for number in range(6)]


@given(
    added=st.lists(st.sampled_from(PEOPLE), unique=True),
    removed=st.lists(st.sampled_from(PEOPLE), unique=True),
    occupied=st.integers(0, SEATS),
)
def test_every_change_is_made_once_and_removing_comes_before_adding_the_same_person(
    added, removed, occupied
):
    change = Change(add=tuple(map(invitee, added)), remove=tuple(map(record, removed)))

    calls = split_change(change, occupied)

    assert tuple(person for call in calls for person in call.add) == change.add
    assert tuple(gone for call in calls for gone in call.remove) == change.remove
    assert len(calls) <= 2
    assert not any(matches(gone, new) for call in calls for gone in call.remove for new in call.add)
