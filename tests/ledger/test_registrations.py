"""Whom this ledger has had to do with at RingCentral, and what it had in mind when it crashed."""

from onboarding.ledger import registrations
from onboarding.model.people import LinkedUser
from onboarding.model.registrations import ManagedRegistration, Standing
from tests.ledger.making import ADA, GRACE, MINUTE, NOW, happened, invitee, seen

KEPT = invitee(row=0)
"""What the ledger gives back of an invitee: the roster's row is long gone."""
IDS = LinkedUser("100", "7")


def _known(connection, session_row) -> dict[str, ManagedRegistration]:
    return dict(registrations.load_managed(connection, session_row))


def test_nobody_is_known_at_first(connection, session_row):
    assert _known(connection, session_row) == {}


def test_person_is_remembered_with_what_a_cancellation_needs(connection, session_row):
    registrations.set_standing(connection, session_row, [invitee()], Standing.ADDING, NOW)

    assert _known(connection, session_row) == {
        "ada@example.com": ManagedRegistration(KEPT, Standing.ADDING)
    }


def test_standing_follows_what_was_done_and_history_keeps_it_all(connection, session_row):
    for standing in (Standing.ADDING, Standing.ADDED, Standing.REMOVING, Standing.REMOVED):
        registrations.set_standing(connection, session_row, [invitee()], standing, NOW)

    assert _known(connection, session_row)["ada@example.com"].standing is Standing.REMOVED
    assert [what for what, _ in happened(connection)] == ["adding", "added", "removing", "removed"]


def test_two_spellings_of_an_address_are_one_person(connection, session_row):
    registrations.set_standing(
        connection, session_row, [invitee("ADA@example.com")], Standing.ADDING, NOW
    )
    registrations.set_standing(
        connection, session_row, [invitee("ada@EXAMPLE.COM")], Standing.ADDED, NOW
    )

    assert list(_known(connection, session_row)) == ["ada@example.com"]


def test_people_of_other_sessions_are_apart(connection, session_row):
    registrations.set_standing(connection, seen(connection, 2), [invitee()], Standing.ADDED, NOW)

    assert _known(connection, session_row) == {}


LEFT = {"role": "CoHost", "job title": "Countess"}


def test_what_ringcentral_left_undone_is_remembered(connection, session_row):
    registrations.set_standing(connection, session_row, [invitee(ADA)], Standing.ADDED, NOW)

    for email in (ADA, GRACE):
        registrations.record_unfulfilled(connection, session_row, invitee(email), LEFT, NOW)

    known = _known(connection, session_row)
    assert {
        key: (managed.standing, dict(managed.last_requested)) for key, managed in known.items()
    } == {
        "ada@example.com": (Standing.ADDED, LEFT),
        "grace@example.com": (Standing.UPDATED, LEFT),
    }
    assert happened(connection)[1] == ("not updated", "role, job title")


def test_what_is_carried_out_by_now_may_be_asked_for_again(connection, session_row):
    for email in (ADA, GRACE):
        registrations.record_unfulfilled(connection, session_row, invitee(email), LEFT, NOW)

    registrations.clear_unfulfilled(connection, session_row, [invitee(ADA)])

    assert [
        dict(managed.last_requested) for managed in _known(connection, session_row).values()
    ] == [{}, LEFT]


def test_intention_that_ringcentral_refused_is_taken_back(connection, session_row):
    registrations.set_standing(connection, session_row, [invitee(ADA, row=0)], Standing.ADDED, NOW)
    before = _known(connection, session_row)
    registrations.set_standing(
        connection,
        session_row,
        [invitee(ADA, linked_user=IDS, language="en")],
        Standing.REMOVING,
        NOW,
    )
    registrations.set_standing(connection, session_row, [invitee(GRACE)], Standing.ADDING, NOW)

    registrations.revert(
        connection, session_row, [invitee(ADA), invitee(GRACE)], before, NOW + MINUTE
    )

    assert _known(connection, session_row) == before
    assert [what for what, _ in happened(connection)] == [
        "added",
        "removing",
        "adding",
        "not removed",
        "not added",
    ]


def test_person_without_an_address_is_known_by_ids(connection, session_row):
    colleague = invitee("", row=0, linked_user=IDS)

    registrations.set_standing(connection, session_row, [colleague], Standing.REMOVING, NOW)

    assert _known(connection, session_row) == {
        "100/7": ManagedRegistration(colleague, Standing.REMOVING)
    }


OTHER_IDS = LinkedUser("100", "8")


def test_who_had_an_address_before_another_linked_user_is_known_by_ids(connection, session_row):
    first, second = invitee(ADA, row=0, linked_user=IDS), invitee(ADA, row=0, linked_user=OTHER_IDS)
    registrations.set_standing(connection, session_row, [first], Standing.ADDED, NOW)

    registrations.set_standing(connection, session_row, [second], Standing.ADDING, NOW)

    assert _known(connection, session_row) == {
        "ada@example.com": ManagedRegistration(second, Standing.ADDING),
        "100/7": ManagedRegistration(invitee("", row=0, linked_user=IDS), Standing.ADDED),
    }


def test_who_has_their_address_back_is_known_under_it_alone(connection, session_row):
    first, second = invitee(ADA, row=0, linked_user=IDS), invitee(ADA, row=0, linked_user=OTHER_IDS)
    for person in (first, second, first):
        registrations.set_standing(connection, session_row, [person], Standing.ADDED, NOW)

    assert set(_known(connection, session_row)) == {"ada@example.com", "100/8"}
    assert _known(connection, session_row)["ada@example.com"].invitee.linked_user == IDS


def test_refused_change_of_ids_leaves_all_as_it_was(connection, session_row):
    first, second = invitee(ADA, row=0, linked_user=IDS), invitee(ADA, row=0, linked_user=OTHER_IDS)
    registrations.set_standing(connection, session_row, [first], Standing.ADDED, NOW)
    before = _known(connection, session_row)
    registrations.set_standing(connection, session_row, [second], Standing.ADDING, NOW)
    registrations.set_standing(
        connection, session_row, [invitee("", row=0, linked_user=IDS)], Standing.REMOVING, NOW
    )

    registrations.revert(
        connection, session_row, [second, invitee("", linked_user=IDS)], before, NOW
    )

    assert _known(connection, session_row) == before
