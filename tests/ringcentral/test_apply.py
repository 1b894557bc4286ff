"""Applying a change: what is sent, what the answers mean, and what a missing answer means."""

import pytest

from onboarding.errors import Refused, TryLater
from onboarding.model.people import Problem, Role
from onboarding.model.registrations import Change, Update
from tests.ringcentral.people import colleague, guest, host, key, on_wire, record
from tests.ringcentral.scripted import Cut, Mute, Reply

pytestmark = pytest.mark.anyio


def added(*records):
    return Reply({"addedInvitees": [on_wire(record) for record in records]})


def listing(*records):
    return Reply({"records": [on_wire(record) for record in (host(), *records)], "paging": {}})


def error(status, code, parameter="", value=""):
    body = {
        "errorCode": code,
        "message": "No.",
        "parameterName": parameter,
        "parameterValue": value,
    }
    return Reply({"errors": [body]}, status)


def methods(server):
    return [call.method for call in server.calls]


async def test_a_new_invitee_is_added_in_one_call(client, server):
    server.script = [added(record(1))]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert applied.problems == ()
    assert methods(server) == ["PATCH"]
    assert server.calls[0].path == "/webinar/configuration/v1/webinars/101/sessions/201/invitees"


async def test_an_answer_in_another_order_is_matched_by_person(client, server):
    server.script = [added(record(2), record(1))]

    applied = await client.apply(key(server.url), Change(add=(guest(1), guest(2))), (host(),))

    assert {record.email: record.join_uri for record in applied.registrations[1:]} == {
        "guest1@example.com": record(1).join_uri,
        "guest2@example.com": record(2).join_uri,
    }
    assert methods(server) == ["PATCH"]


@pytest.mark.parametrize("fault", [Cut(), Reply(status=500), Reply(status=502, body=b"<html>")])
async def test_a_lost_answer_to_a_change_that_was_applied_is_found_in_the_list(
    client, server, around, fault
):
    server.script = [fault, listing(record(1))]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert methods(server) == ["PATCH", "GET"]
    assert around.clock.slept == [2.0]


async def test_a_lost_change_is_sent_again_for_those_only_who_are_missing(client, server):
    server.script = [Cut(), listing(record(1)), added(record(2))]

    applied = await client.apply(key(server.url), Change(add=(guest(1), guest(2))), (host(),))

    assert applied.registrations == (host(), record(1), record(2))
    assert [person["email"] for person in server.calls[2].json["addedInvitees"]] == [
        "guest2@example.com"
    ]
    assert methods(server) == ["PATCH", "GET", "PATCH"]


async def test_a_server_that_never_answers_a_change_is_left_for_later(client, server, around):
    server.script = [reply for _ in range(5) for reply in (Reply(status=500), listing())]

    with pytest.raises(TryLater):
        await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert methods(server) == ["PATCH", "GET"] * 4 + ["PATCH"]
    assert around.clock.slept == [2.0, 4.0, 8.0, 16.0]


async def test_a_change_that_times_out_is_looked_up_first(server, around):
    server.script = [Mute(), listing(record(1))]

    async with around.client(server.url, timeout=0.2) as client:
        applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert applied.registrations == (host(), record(1))
    assert methods(server) == ["PATCH", "GET"]


async def test_a_batch_is_carried_out_before_the_next_is_begun(client, server):
    old = record(1, email="colleague1@example.com")
    new = record(2, email="", linked_user=colleague(1).linked_user, role=Role.COHOST)
    server.script = [Reply({"deletedInvitees": [{"id": old.id}]}), added(new)]

    applied = await client.apply(
        key(server.url), Change(add=(colleague(1),), remove=(old,)), (host(), old)
    )

    assert [list(call.json) for call in server.calls] == [["deletedInvitees"], ["addedInvitees"]]
    assert (applied.registrations, applied.problems) == ((host(), new), ())


async def test_a_change_of_nothing_makes_no_call(client, server):
    applied = await client.apply(key(server.url), Change(), (host(),))

    assert (applied.registrations, applied.problems, server.requests) == ((host(),), (), [])


async def test_an_update_that_was_not_carried_out_is_reported_once(client, server):
    update = Update(record(1), guest(1, first_name="New"))
    server.script = [Reply({"updatedInvitees": [on_wire(record(1))]})]

    applied = await client.apply(key(server.url), Change(update=(update,)), (host(), record(1)))

    words = "RingCentral was asked to change the first name and did not. Change it there by hand."
    assert applied.problems == (Problem(2, None, "guest1@example.com", words),)
    assert methods(server) == ["PATCH"]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("addedInvitees[1].email", ""),
        ("email", "guest2@example.com"),
        ("addedInvitees[1]", "guest2@example.com"),
    ],
)
@pytest.mark.parametrize(("status", "code"), [(400, "CMN-101"), (409, "CMN-200"), (404, "CMN-102")])
async def test_who_is_named_by_a_refusal_is_set_apart(
    client, server, status, code, parameter, value
):
    server.script = [error(status, code, parameter, value), listing(), added(record(1), record(3))]

    applied = await client.apply(
        key(server.url), Change(add=(guest(1), guest(2), guest(3))), (host(),)
    )

    words = f"RingCentral refuses this person ({code}: No.)."
    assert applied.problems == (Problem(3, None, "guest2@example.com", words),)
    assert [person["email"] for person in server.calls[2].json["addedInvitees"]] == [
        "guest1@example.com",
        "guest3@example.com",
    ]


async def test_what_a_refused_change_applied_all_the_same_is_not_sent_again(client, server):
    server.script = [error(400, "CMN-101", "addedInvitees[0].email"), listing(record(2), record(3))]

    applied = await client.apply(
        key(server.url), Change(add=(guest(1), guest(2), guest(3))), (host(),)
    )

    assert applied.registrations == (host(), record(2), record(3))
    assert [problem.email for problem in applied.problems] == ["guest1@example.com"]
    assert methods(server) == ["PATCH", "GET"]


async def test_a_person_refused_alone_without_a_name_costs_no_list(client, server):
    server.script = [error(400, "CMN-101")]

    applied = await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))

    assert [problem.email for problem in applied.problems] == ["guest1@example.com"]
    assert methods(server) == ["PATCH"]


async def test_a_person_who_is_gone_already_counts_as_removed(client, server):
    server.script = [error(404, "CMN-102"), listing()]

    applied = await client.apply(key(server.url), Change(remove=(record(1),)), (host(), record(1)))

    assert (applied.registrations, applied.problems) == ((host(),), ())


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "CMN-401", "the app lacks the permission EditWebinars"),
        (403, "CMN-408", "the user of the JWT lacks a permission"),
        (403, "CMN-419", r"RingCentral refuses the change .* \(CMN-419: No\.\)"),
        (400, "CMN-103", r"\(CMN-103: No\.\)"),
        (405, "CMN-1", r"\(CMN-1: No\.\)"),
    ],
)
async def test_a_refusal_that_means_no_person_in_particular_ends_the_run_at_once(
    client, server, status, code, words
):
    server.script = [error(status, code)]

    with pytest.raises(Refused, match=words):
        await client.apply(key(server.url), Change(add=(guest(1), guest(2))), (host(),))

    assert methods(server) == ["PATCH"]


async def test_recovery_is_told_without_a_secret(client, server, around):
    server.script = [
        Cut(),
        listing(),
        error(400, "CMN-101"),
        listing(),
        added(record(1)),
        error(400, "CMN-101"),
    ]

    await client.apply(key(server.url), Change(add=(guest(1), guest(2))), (host(),))

    assert around.progress.lines == [
        "RingCentral gave no answer to the change: looking what it did.",
        "RingCentral refuses part of the change (CMN-101: No.): finding out for which people.",
        "RingCentral refuses part of the change (CMN-101: No.): finding out for which people.",
    ]
    assert around.progress.waits == [("RingCentral is away: the connection was lost", 2.0)]


async def test_a_list_that_can_not_be_read_after_a_lost_change_is_told(client, server):
    server.script = [Cut(), Reply({"paging": {}})]

    with pytest.raises(Refused, match="`records` is missing"):
        await client.apply(key(server.url), Change(add=(guest(1),)), (host(),))


async def test_failures_are_counted_from_the_last_answer(client, server):
    storm = [Cut(), listing()] * 4
    server.script = [
        *storm,
        error(400, "CMN-101", "addedInvitees[0]"),
        listing(),
        *storm,
        added(record(2)),
    ]

    applied = await client.apply(key(server.url), Change(add=(guest(1), guest(2))), (host(),))

    assert applied.registrations == (host(), record(2))
