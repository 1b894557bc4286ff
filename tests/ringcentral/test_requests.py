"""Every request and every body: `sendInvite` is false for all who are added, in any change."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Role
from onboarding.model.registrations import Change, Update
from onboarding.model.sessions import SessionKey
from onboarding.ringcentral import requests
from onboarding.ringcentral.rate_limits import CallGroup
from tests.ringcentral.people import colleague, guest, key, record

LINKED = record(
    5, email="", linked_user=colleague(5).linked_user, role=Role.COHOST, first_name="", last_name=""
)


def body(**people):
    return requests.change_invitees(key(), Change(**people)).body


def test_a_guest_is_added_by_names_and_address():
    assert body(add=(guest(1),)) == {
        "addedInvitees": [
            {
                "role": "Panelist",
                "sendInvite": False,
                "firstName": "First1",
                "lastName": "Last1",
                "email": "guest1@example.com",
                "jobTitle": "Speaker",
            }
        ]
    }


def test_a_guest_without_a_job_title_is_added_without_one():
    added = body(add=(guest(1, job_title=""),))["addedInvitees"][0]

    assert set(added) == {"role", "sendInvite", "firstName", "lastName", "email"}


def test_a_colleague_is_added_by_linked_user_alone():
    assert body(add=(colleague(5, first_name="Ann", job_title="Chair"),)) == {
        "addedInvitees": [
            {
                "role": "CoHost",
                "sendInvite": False,
                "linkedUser": {"accountId": "800100200", "userId": "9005", "domain": "pbx"},
            }
        ]
    }


@pytest.mark.parametrize(("stands", "sent"), [(False, False), (True, True), (None, False)])
def test_an_update_leaves_send_invite_as_it_stands_and_never_makes_it_true(stands, sent):
    updated = body(update=(Update(record(1, send_invite=stands), guest(1, role=Role.COHOST)),))[
        "updatedInvitees"
    ]

    assert updated == [
        {
            "id": "70001",
            "role": "CoHost",
            "sendInvite": sent,
            "firstName": "First1",
            "lastName": "Last1",
            "email": "guest1@example.com",
            "jobTitle": "Speaker",
        }
    ]


def test_an_update_of_a_guest_sends_what_the_roster_leaves_open_as_it_stands():
    bare = guest(1, first_name="New", last_name="", job_title="")

    updated = body(update=(Update(record(1, email="Guest1@Example.com"), bare),))[
        "updatedInvitees"
    ][0]

    assert (updated["firstName"], updated["lastName"], updated["email"], updated["jobTitle"]) == (
        "New",
        "Last1",
        "Guest1@Example.com",
        "Speaker",
    )


def test_an_update_of_a_colleague_is_a_role_and_nothing_else():
    updated = body(update=(Update(LINKED, colleague(5, role=Role.PANELIST, first_name="Ann")),))[
        "updatedInvitees"
    ]

    assert updated == [{"id": "70005", "role": "Panelist", "sendInvite": False}]


def test_adding_updating_and_deleting_is_one_body():
    everything = body(
        add=(guest(1),), update=(Update(record(2), guest(2)),), remove=(record(3), LINKED)
    )

    assert set(everything) == {"addedInvitees", "updatedInvitees", "deletedInvitees"}
    assert everything["deletedInvitees"] == [{"id": "70003"}, {"id": "70005"}]


texts = st.text(max_size=5)
invitees = st.builds(
    lambda make, number, **fields: make(number, **fields),
    st.sampled_from([guest, colleague]),
    st.integers(1, 99),
    role=st.sampled_from([Role.PANELIST, Role.COHOST]),
    first_name=texts,
    last_name=texts,
    job_title=texts,
)
registrations = st.builds(
    record,
    st.integers(1, 99),
    send_invite=st.sampled_from([True, False, None]),
    linked_user=st.sampled_from([None, colleague(5).linked_user]),
    email=st.sampled_from(["", "guest@example.com"]),
    role=st.sampled_from([Role.PANELIST, Role.COHOST]),
)
changes = st.builds(
    Change,
    add=st.lists(invitees, max_size=4).map(tuple),
    update=st.lists(st.builds(Update, registrations, invitees), max_size=4).map(tuple),
    remove=st.lists(registrations, max_size=4).map(tuple),
)


@given(changes)
def test_no_body_has_ringcentral_mail_a_person_who_was_silent(change):
    sent = requests.change_invitees(key(), change).body

    assert all(person["sendInvite"] is False for person in sent.get("addedInvitees", []))
    for update, written in zip(change.update, sent.get("updatedInvitees", []), strict=True):
        assert written["sendInvite"] is (update.registration.send_invite is True)


@given(changes)
def test_every_body_keeps_to_the_fields_that_the_contract_allows(change):
    sent = requests.change_invitees(key(), change).body

    for person in sent.get("addedInvitees", []):
        rest = set(person) - {"role", "sendInvite", "jobTitle"}
        assert rest in ({"linkedUser"}, {"firstName", "lastName", "email"})
    for person in sent.get("updatedInvitees", []):
        assert (
            {"id", "role", "sendInvite"}
            <= set(person)
            <= {
                "id",
                "role",
                "sendInvite",
                "firstName",
                "lastName",
                "email",
                "jobTitle",
            }
        )
    assert all(set(person) == {"id"} for person in sent.get("deletedInvitees", []))


SINCE = datetime(2026, 9, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("call", "method", "path", "query", "group", "permission"),
    [
        (
            requests.get_webinar("101"),
            "GET",
            "/webinar/configuration/v1/webinars/101",
            {},
            CallGroup.HEAVY,
            "ReadWebinars",
        ),
        (
            requests.get_session("101", "201"),
            "GET",
            "/webinar/configuration/v1/webinars/101/sessions/201",
            {},
            CallGroup.HEAVY,
            "ReadWebinars",
        ),
        (
            requests.list_sessions(SINCE, company=False),
            "GET",
            "/webinar/configuration/v1/sessions",
            {"endTimeFrom": "2026-09-01T08:30:00Z", "perPage": "1000"},
            CallGroup.HEAVY,
            "ReadWebinars",
        ),
        (
            requests.list_sessions(SINCE, "next", company=True),
            "GET",
            "/webinar/configuration/v1/company/sessions",
            {"endTimeFrom": "2026-09-01T08:30:00Z", "perPage": "1000", "pageToken": "next"},
            CallGroup.HEAVY,
            "ReadWebinars",
        ),
        (
            requests.list_invitees(key(), "next"),
            "GET",
            "/webinar/configuration/v1/webinars/101/sessions/201/invitees",
            {"perPage": "1000", "pageToken": "next"},
            CallGroup.HEAVY,
            "ReadWebinars",
        ),
        (
            requests.change_invitees(key(), Change()),
            "PATCH",
            "/webinar/configuration/v1/webinars/101/sessions/201/invitees",
            {},
            CallGroup.HEAVY,
            "EditWebinars",
        ),
        (
            requests.list_directory(2),
            "GET",
            "/restapi/v1.0/account/~/directory/entries",
            {"showFederated": "true", "type": "User", "page": "2", "perPage": "1000"},
            CallGroup.MEDIUM,
            "ReadAccounts",
        ),
    ],
)
def test_a_call_says_where_it_goes_how_it_is_counted_and_what_it_needs(
    call, method, path, query, group, permission
):
    assert (call.method, call.path, dict(call.query), call.group, call.permission) == (
        method,
        path,
        query,
        group,
        permission,
    )


def test_an_id_can_not_lead_a_call_elsewhere():
    assert (
        requests.get_session("1/../2?x", "a b").path
        == "/webinar/configuration/v1/webinars/1%2F..%2F2%3Fx/sessions/a%20b"
    )
    assert requests.list_invitees(SessionKey("", "../1", "2")).path.startswith(
        "/webinar/configuration/v1/webinars/..%2F1/"
    )
