"""What a PATCH of several people does: its order, its size, and what a bad invitee does to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.simulator.errors import RequestRefused
from tests.simulator.accounts import ADA, BOB, CARLOS_COHOST, SESSION, WEBINAR
from tests.simulator.changes import EVE, EVE_ID, patch, people, refusal, staged


def test_person_can_be_deleted_and_added_in_one_call_where_deletes_come_first():
    held = staged(EVE, deletes_first=True)

    patch(
        held, deletedInvitees=[{"id": EVE_ID}], addedInvitees=[{**ADA, "email": "eve@example.com"}]
    )

    assert [record.first_name for record in people(held)] == ["Ada"]


def test_person_who_is_deleted_and_added_in_one_call_is_a_conflict_where_deletes_come_last():
    held = staged(EVE, deletes_first=False)

    refused = refusal(
        held, deletedInvitees=[{"id": EVE_ID}], addedInvitees=[{**ADA, "email": "eve@example.com"}]
    )

    assert refused[0] == 409


@pytest.mark.parametrize(
    ("switch", "raises"),
    [("refuse-all", True), ("apply-others-and-refuse", True), ("apply-others", False)],
)
def test_one_bad_invitee_costs_the_others_what_the_rules_say(switch, raises):
    held = staged(EVE, bad_invitee=switch)
    body = {
        "addedInvitees": [ADA, {**BOB, "role": "Attendee"}],
        "deletedInvitees": [{"id": EVE_ID}],
    }

    parameter = None
    try:
        patch(held, **body)
    except RequestRefused as error:
        parameter = error.parameter

    assert parameter == ("addedInvitees[1].role" if raises else None)
    assert [record.email for record in people(held)] == (
        ["eve@example.com"] if switch == "refuse-all" else [ADA["email"]]
    )


@given(
    adds=st.lists(st.sampled_from([ADA, BOB, CARLOS_COHOST]), unique_by=id), bad=st.integers(0, 3)
)
def test_every_refused_change_changes_nothing(adds, bad):
    adds.insert(min(bad, len(adds)), {**BOB, "email": "nowhere"})

    assert refusal(staged(EVE), addedInvitees=adds, deletedInvitees=[{"id": EVE_ID}])[0] == 400


def guest(number: int) -> dict:
    return {**ADA, "email": f"guest-{number}@example.com"}


def test_webinar_holds_99_and_not_one_more():
    held = staged()

    patch(held, addedInvitees=[guest(number) for number in range(99)])

    assert refusal(held, addedInvitees=[guest(99)]) == (403, "CMN-101", "addedInvitees[0]", "")


def test_every_link_is_distinct_long_and_of_the_reserved_domain():
    held = staged()
    patch(held, addedInvitees=[guest(number) for number in range(99)])

    links = [record.join_uri.get_secret_value() for record in held.list_records(WEBINAR, SESSION)]

    assert len(set(links)) == 100
    assert all(
        link.startswith("https://webinar.example/join/") and 60 < len(link) <= 256 for link in links
    )


@pytest.mark.parametrize(("pstn_enabled", "length"), [(True, 10), (False, 0)])
def test_phone_code_is_given_where_the_webinar_can_be_dialled(pstn_enabled, length):
    held = staged(pstn_enabled=pstn_enabled)

    patch(held, addedInvitees=[ADA])

    assert [len(record.phone_code) for record in held.list_records(WEBINAR, SESSION)] == [
        length,
        length,
    ]


def test_batch_that_is_too_large_is_refused_whole():
    held = staged(EVE, largest_batch=2)

    refused = refusal(held, addedInvitees=[ADA, BOB], deletedInvitees=[{"id": EVE_ID}])
    patch(held, addedInvitees=[ADA, BOB])

    assert refused == (400, "CMN-106", "", "")
