"""The rules of invitees, without HTTP (`docs/ringcentral.md`, "Invitees of a session")."""

import pytest

from onboarding.model.people import LinkedUser, Role
from onboarding.simulator.parse import AddRequest, parse_value
from tests.simulator.accounts import ADA, BOB, CARLOS_COHOST, CARLOS_LINKED, NOW, SESSION, WEBINAR
from tests.simulator.changes import (
    EVE,
    EVE_ID,
    HOST_ID,
    LATER,
    LINKED,
    LINKED_ID,
    patch,
    people,
    refusal,
    staged,
)


def test_session_has_a_host_from_the_start():
    (host,) = staged().list_records(WEBINAR, SESSION)

    assert (host.role, host.linked_user, host.send_invite) == (
        Role.HOST,
        LinkedUser("900", "11"),
        True,
    )


def test_added_guest_is_recorded_as_asked():
    held = staged()

    (ada,) = patch(held, addedInvitees=[{**ADA, "jobTitle": "Analyst"}]).added

    assert people(held) == [ada]
    assert (ada.role, ada.email, ada.first_name, ada.last_name, ada.job_title, ada.send_invite) == (
        Role.PANELIST,
        "ada@example.com",
        "Ada",
        "Lovelace",
        "Analyst",
        False,
    )


def test_added_colleague_is_recorded_by_ids_alone():
    held = staged()

    (carlos,) = patch(held, addedInvitees=[CARLOS_COHOST]).added

    assert (carlos.role, carlos.linked_user, carlos.email, carlos.first_name) == (
        Role.COHOST,
        LinkedUser("900", "12"),
        "",
        "",
    )


@pytest.mark.parametrize(
    ("asked", "mailed"), [({}, ["ada@example.com"]), ({"sendInvite": True}, ["ada@example.com"])]
)
def test_send_invite_is_true_unless_it_is_false(asked, mailed):
    held = staged()
    silent = {name: value for name, value in ADA.items() if name != "sendInvite"}

    patch(held, addedInvitees=[{**silent, **asked}, BOB])

    assert [record.send_invite for record in people(held)] == [True, False]
    assert held.mailed == mailed


def test_silent_addition_may_be_mailed_all_the_same():
    held = staged(silent_additions_stay_silent=False)

    patch(held, addedInvitees=[ADA])

    assert [record.send_invite for record in people(held)] == [True]
    assert held.mailed == ["ada@example.com"]


def without(person: dict, name: str) -> dict:
    return {key: value for key, value in person.items() if key != name}


REFUSED_ADDS = [
    (without(ADA, "role"), 400, "CMN-101", "role", ""),
    ({**ADA, "role": "Attendee"}, 400, "CMN-101", "role", "Attendee"),
    ({**ADA, "role": "Host"}, 400, "CMN-101", "role", "Host"),
    ({**ADA, "role": "Cohost"}, 400, "CMN-101", "role", "Cohost"),
    ({**ADA, "role": "CoHost"}, 400, "CMN-101", "role", "CoHost"),
    (
        {**ADA, "role": "CoHost", "email": "dora@brightwater.example"},
        400,
        "CMN-101",
        "role",
        "CoHost",
    ),
    ({**ADA, "linkedUser": CARLOS_LINKED}, 400, "CMN-101", "linkedUser", ""),
    ({"role": "Panelist"}, 400, "CMN-101", "email", ""),
    (without(ADA, "email"), 400, "CMN-101", "email", ""),
    (without(ADA, "lastName"), 400, "CMN-101", "lastName", ""),
    (without(ADA, "firstName"), 400, "CMN-101", "firstName", ""),
    ({**ADA, "email": ""}, 400, "CMN-101", "email", ""),
    ({**ADA, "email": "ada(at)example.com"}, 400, "CMN-101", "email", "ada(at)example.com"),
    (
        {**ADA, "email": f"{'a' * 245}@example.com"},
        400,
        "CMN-101",
        "email",
        f"{'a' * 245}@example.com",
    ),
    ({**ADA, "firstName": "a" * 65}, 400, "CMN-101", "firstName", "a" * 65),
    ({**ADA, "lastName": "a" * 65}, 400, "CMN-101", "lastName", "a" * 65),
    ({**ADA, "jobTitle": "a" * 65}, 400, "CMN-101", "jobTitle", "a" * 65),
    ({**ADA, "sendInvite": "false"}, 400, "CMN-101", "sendInvite", "false"),
    ({**ADA, "type": "Robot"}, 400, "CMN-101", "type", "Robot"),
    (
        {**CARLOS_COHOST, "linkedUser": without(CARLOS_LINKED, "domain")},
        400,
        "CMN-101",
        "linkedUser.domain",
        "",
    ),
    (
        {**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "domain": "home"}},
        400,
        "CMN-101",
        "linkedUser.domain",
        "home",
    ),
    (
        {**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "userId": "99"}},
        400,
        "CMN-102",
        "linkedUser.userId",
        "99",
    ),
    (
        {**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "userId": "13"}},
        400,
        "CMN-102",
        "linkedUser.userId",
        "13",
    ),
    (
        {**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "userId": "14"}},
        400,
        "CMN-102",
        "linkedUser.userId",
        "14",
    ),
    (
        {**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "accountId": "9"}},
        400,
        "CMN-102",
        "linkedUser.userId",
        "12",
    ),
    (5, 400, "CMN-101", "", ""),
]


@pytest.mark.parametrize(("asked", "status", "code", "parameter", "value"), REFUSED_ADDS)
def test_add_against_the_rules_is_refused(asked, status, code, parameter, value):
    location = f"addedInvitees[1].{parameter}" if parameter else "addedInvitees[1]"

    assert refusal(staged(), addedInvitees=[BOB, asked]) == (status, code, location, value)


@pytest.mark.parametrize(
    "asked",
    [
        {**ADA, "firstName": "a" * 64, "lastName": "", "jobTitle": "a" * 64},
        {**ADA, "email": f"{'a' * 244}@example.com"},
        {**ADA, "role": "CoHost", "email": "Carlos@Brightwater.example"},
        {**ADA, "unheardOf": 1},
        {"role": "Panelist", "linkedUser": {**CARLOS_LINKED, "userId": "15", "accountId": "901"}},
        {"role": "CoHost", "linkedUser": {"accountId": "1", "userId": "2", "domain": "ilm"}},
        {**CARLOS_COHOST, "jobTitle": "Pilot"},
    ],
    ids=[
        "longest",
        "longest-email",
        "cohost-by-address",
        "unknown-field",
        "federated",
        "ilm",
        "colleague-job",
    ],
)
def test_add_within_the_rules_is_granted(asked):
    held = staged()

    patch(held, addedInvitees=[asked])

    assert len(people(held)) == 1


CONFLICTS = [
    ([{**ADA, "email": "EVE@example.com"}], 0, "email", "EVE@example.com"),
    ([{**ADA, "email": "hanna@brightwater.example"}], 0, "email", "hanna@brightwater.example"),
    ([{**ADA, "email": "carlos@brightwater.example"}], 0, "email", "carlos@brightwater.example"),
    ([CARLOS_COHOST], 0, "linkedUser.userId", "12"),
    (
        [{**CARLOS_COHOST, "linkedUser": {**CARLOS_LINKED, "userId": "11"}}],
        0,
        "linkedUser.userId",
        "11",
    ),
    ([ADA, {**ADA, "firstName": "Augusta"}], 1, "email", "ada@example.com"),
]


@pytest.mark.parametrize(("asked", "index", "parameter", "value"), CONFLICTS)
def test_person_who_is_invited_already_is_a_conflict(asked, index, parameter, value):
    refused = refusal(staged(EVE, LINKED), addedInvitees=asked)

    assert refused == (409, "WBN-409", f"addedInvitees[{index}].{parameter}", value)


def test_conflict_has_the_code_that_the_rules_name():
    refused = refusal(
        staged(EVE, conflict_code="XYZ-001"), addedInvitees=[{**ADA, "email": "eve@example.com"}]
    )

    assert refused[:2] == (409, "XYZ-001")


def test_update_changes_what_is_given_and_leaves_the_rest():
    held = staged(EVE)

    (eve,) = patch(
        held, updatedInvitees=[{"id": EVE_ID, "role": "Panelist", "firstName": "Eva"}]
    ).updated

    assert people(held) == [eve]
    assert (eve.first_name, eve.last_name, eve.email) == ("Eva", "Ek", "eve@example.com")


def test_update_keeps_link_and_id():
    held = staged(EVE)
    before = people(held)[0]

    (after,) = patch(
        held, updatedInvitees=[{"id": EVE_ID, "role": "Panelist", "email": "e@example.com"}]
    ).updated

    assert (after.id, after.join_uri) == (before.id, before.join_uri)
    assert (after.created, after.modified) == (NOW, LATER)


def test_cohost_and_panelist_can_be_swapped():
    held = staged(LINKED)
    linked = "700000002"

    roles = [
        patch(held, updatedInvitees=[{"id": linked, "role": role, "sendInvite": False}])
        .updated[0]
        .role
        for role in ("Panelist", "CoHost")
    ]

    assert roles == [Role.PANELIST, Role.COHOST]


REFUSED_UPDATES = [
    ({"role": "Panelist"}, 400, "CMN-101", "id", ""),
    ({"id": EVE_ID}, 400, "CMN-101", "role", ""),
    ({"id": "1" * 21, "role": "Panelist"}, 400, "CMN-101", "id", "1" * 21),
    ({"id": "404", "role": "Panelist"}, 400, "CMN-102", "id", "404"),
    ({"id": HOST_ID, "role": "Panelist"}, 403, "CMN-101", "id", HOST_ID),
    ({"id": HOST_ID, "role": "Host", "sendInvite": False}, 403, "CMN-101", "id", HOST_ID),
    ({"id": EVE_ID, "role": "Host"}, 400, "CMN-101", "role", "Host"),
    ({"id": EVE_ID, "role": "Attendee"}, 400, "CMN-101", "role", "Attendee"),
    ({"id": EVE_ID, "role": "CoHost"}, 400, "CMN-101", "role", "CoHost"),
    (
        {"id": EVE_ID, "role": "Panelist", "linkedUser": CARLOS_LINKED},
        400,
        "CMN-101",
        "linkedUser",
        "",
    ),
    (
        {"id": LINKED_ID, "role": "CoHost", "email": "c@example.com"},
        400,
        "CMN-101",
        "linkedUser",
        "",
    ),
    (
        {"id": EVE_ID, "role": "Panelist", "email": "carlos@brightwater.example"},
        409,
        "WBN-409",
        "email",
        "carlos@brightwater.example",
    ),
]


@pytest.mark.parametrize(("asked", "status", "code", "parameter", "value"), REFUSED_UPDATES)
def test_update_against_the_rules_is_refused(asked, status, code, parameter, value):
    refused = refusal(staged(EVE, LINKED), updatedInvitees=[asked])

    assert refused == (status, code, f"updatedInvitees[0].{parameter}", value)


def test_send_invite_never_becomes_false_again():
    held = staged({**EVE, "send_invite": True})

    refused = refusal(
        held, updatedInvitees=[{"id": EVE_ID, "role": "Panelist", "sendInvite": False}]
    )

    assert refused == (400, "CMN-101", "updatedInvitees[0].sendInvite", "false")


@pytest.mark.parametrize(
    ("means_true", "asked", "becomes"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"sendInvite": False}, False),
        (False, {"sendInvite": True}, True),
    ],
)
def test_update_without_send_invite_means_what_the_rules_say(means_true, asked, becomes):
    held = staged(EVE, update_without_send_invite_means_true=means_true)

    patch(held, updatedInvitees=[{"id": EVE_ID, "role": "Panelist", **asked}])

    assert people(held)[0].send_invite is becomes
    assert held.mailed == (["eve@example.com"] if becomes else [])


def test_deleted_invitee_is_gone():
    held = staged(EVE, LINKED)

    applied = patch(held, deletedInvitees=[{"id": EVE_ID}])

    assert applied.deleted == [EVE_ID]
    assert [record.id for record in people(held)] == [LINKED_ID]


@pytest.mark.parametrize("status", ["Active", "Finished"])
def test_delete_is_refused_once_the_session_has_begun(status):
    refused = refusal(staged(EVE, status=status), deletedInvitees=[{"id": EVE_ID}])

    assert refused[:2] == (403, "CMN-101")


@pytest.mark.parametrize("status", ["Active", "Finished"])
def test_add_is_granted_once_the_session_has_begun(status):
    held = staged(status=status)

    patch(held, addedInvitees=[ADA])

    assert len(people(held)) == 1


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [({"id": HOST_ID}, 403, "CMN-101"), ({"id": "404"}, 400, "CMN-102"), ({}, 400, "CMN-101")],
)
def test_delete_against_the_rules_is_refused(asked, status, code):
    assert refusal(staged(EVE), deletedInvitees=[asked])[:2] == (status, code)


def test_record_shows_neither_link_nor_code():
    held = staged(pstn_enabled=True)
    (ada,) = patch(held, addedInvitees=[ADA]).added

    assert [
        secret
        for secret in (ada.join_uri.get_secret_value(), ada.phone_code)
        if secret in repr(ada)
    ] == []


def test_single_update_and_delete_follow_the_same_rules():
    held = staged(EVE)

    updated = held.update_invitee(
        WEBINAR,
        SESSION,
        EVE_ID,
        parse_value(AddRequest, {"role": "Panelist", "jobTitle": "Pilot"}),
        NOW,
    )
    held.remove_invitee(WEBINAR, SESSION, EVE_ID, NOW)

    assert updated.job_title == "Pilot"
    assert people(held) == []
    assert held.mailed == ["eve@example.com", "eve@example.com"]
