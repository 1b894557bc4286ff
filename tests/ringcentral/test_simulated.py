"""The client at the simulator, with RingCentral's rules: the fewest calls, the same end."""

from dataclasses import replace

import pytest

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.model.people import Colleague, LinkedUser, Role
from onboarding.model.registrations import NO_LINK, Change, Update
from onboarding.model.sessions import SessionStatus
from onboarding.simulator.limits import Limits
from tests import openapi
from tests.ringcentral.company import invited_colleague, invited_guest, listed, visiting, world
from tests.ringcentral.people import ACCOUNT, colleague, guest

pytestmark = pytest.mark.anyio


async def test_a_webinar_its_session_and_its_invitees_are_read():
    async with visiting(world([invited_guest(1), invited_colleague(2)])) as visit:
        webinar = await visit.client.webinar("101")
        session = await visit.client.session(webinar, "201")
        found = await visit.client.session(webinar)
        registrations = await listed(visit)

    assert (webinar.title, webinar.host) == ("All hands", LinkedUser(ACCOUNT, "9000"))
    assert (session.title, session.status) == ("All hands", SessionStatus.SCHEDULED)
    assert session.has_unsent_invites
    # The lists of sessions hold neither the host's link nor a word about unsent invites.
    assert found == replace(session, host_join_uri=None, has_unsent_invites=None)
    assert session.host_join_uri is not None
    assert [record.role for record in registrations] == [Role.HOST, Role.PANELIST, Role.COHOST]
    assert all(record.join_uri for record in registrations)


@pytest.mark.parametrize("size", [1, 98])
async def test_a_first_run_is_four_heavy_calls_for_one_person_or_a_full_house(size):
    async with visiting(world(), limits=Limits()) as visit:
        session = await visit.client.session(await visit.client.webinar("101"), "201")
        registrations = (await visit.client.invitees(session.key)).registrations
        people = tuple(guest(number) for number in range(1, size + 1))
        applied = await visit.client.apply(
            session.key, Change(add=(*people, colleague(5))), registrations
        )

    assert visit.heavy() == ["GET", "GET", "GET", "PATCH"]
    assert (len(applied.registrations), applied.problems) == (size + 2, ())
    assert all(record.join_uri for record in applied.registrations)
    assert visit.server.account.mailed == []
    assert visit.client.calls == {"Auth": 1, "Heavy": 4}
    assert visit.around.clock.slept == []


async def test_a_first_run_without_a_session_is_four_heavy_calls_too():
    async with visiting(world()) as visit:
        session = await visit.client.session(await visit.client.webinar("101"))
        there = (await visit.client.invitees(session.key)).registrations
        await visit.client.apply(session.key, Change(add=(guest(1),)), there)

    assert visit.heavy() == ["GET", "GET", "GET", "PATCH"]


async def test_adding_updating_and_removing_is_one_call():
    async with visiting(world([invited_guest(1), invited_guest(2), invited_guest(3)])) as visit:
        _, one, two, _ = before = await listed(visit)
        change = Change((guest(4),), (Update(two, guest(2, first_name="New")),), (one,))
        applied = await visit.client.apply(visit.key, change, before)

    assert visit.heavy() == ["GET", "PATCH"]
    assert {name: record.first_name for name, record in visit.standing.items()} == {
        "guest2@example.com": "New",
        "guest3@example.com": "First3",
        "guest4@example.com": "First4",
    }
    assert {record.id for record in applied.registrations if record.role is not Role.HOST} == {
        record.id for record in visit.standing.values()
    }


@pytest.mark.parametrize("deletes_first", [True, False])
async def test_a_guest_who_becomes_co_host_is_removed_before_being_added(deletes_first):
    async with visiting(
        world([invited_guest(1, email="colleague1@example.com")], {"deletes_first": deletes_first})
    ) as visit:
        _, old = before = await listed(visit)
        applied = await visit.client.apply(
            visit.key, Change(add=(colleague(1),), remove=(old,)), before
        )

    assert visit.heavy() == ["GET", "PATCH", "PATCH"]
    assert {name: record.role for name, record in visit.standing.items()} == {"9001": Role.COHOST}
    assert (len(applied.registrations), applied.problems) == (2, ())


async def test_a_full_house_makes_room_before_it_takes_others_in():
    async with visiting(
        world([invited_guest(number) for number in range(99)], {"deletes_first": False})
    ) as visit:
        before = await listed(visit)
        applied = await visit.client.apply(
            visit.key, Change(add=(guest(200),), remove=(before[1],)), before
        )

    assert visit.heavy() == ["GET", "PATCH", "PATCH"]
    assert (len(applied.registrations), applied.problems) == (100, ())


@pytest.mark.parametrize("status", [SessionStatus.ACTIVE, SessionStatus.FINISHED])
async def test_no_person_is_removed_from_a_session_under_way_and_the_others_go_on(status):
    held = world([invited_guest(1), invited_guest(2), invited_guest(3)])
    async with visiting(held) as visit:
        _, one, two, three = before = await listed(visit)
        held.update_session("101", "201", status=status)
        change = Change((guest(4),), (Update(three, guest(3, first_name="New")),), (one, two))
        applied = await visit.client.apply(visit.key, change, before)

    assert [(problem.row, problem.email) for problem in applied.problems] == [
        (None, "guest1@example.com"),
        (None, "guest2@example.com"),
    ]
    assert all(
        problem.message.startswith("RingCentral removes no one once")
        for problem in applied.problems
    )
    assert {name: record.first_name for name, record in visit.standing.items()} == {
        "guest1@example.com": "First1",
        "guest2@example.com": "First2",
        "guest3@example.com": "New",
        "guest4@example.com": "First4",
    }
    assert visit.heavy() == ["GET", "PATCH", "GET", "PATCH"]


async def test_who_could_not_be_removed_is_not_added_beside_the_old_record():
    held = world([invited_guest(1, email="colleague1@example.com")])
    async with visiting(held) as visit:
        _, old = before = await listed(visit)
        held.update_session("101", "201", status=SessionStatus.ACTIVE)
        applied = await visit.client.apply(
            visit.key, Change(add=(colleague(1),), remove=(old,)), before
        )

    assert list(visit.standing) == ["colleague1@example.com"]
    assert [problem.email for problem in applied.problems] == ["colleague1@example.com"]


@pytest.mark.parametrize("bad_invitee", ["refuse-all", "apply-others-and-refuse", "apply-others"])
async def test_a_refused_invitee_is_reported_and_the_others_go_through(bad_invitee):
    outsider = guest(2, role=Role.COHOST)
    async with visiting(world(rules={"bad_invitee": bad_invitee})) as visit:
        applied = await visit.client.apply(
            visit.key, Change(add=(guest(1), outsider, guest(3))), await listed(visit)
        )

    assert sorted(visit.standing) == ["guest1@example.com", "guest3@example.com"]
    assert [(problem.row, problem.email) for problem in applied.problems] == [
        (3, "guest2@example.com")
    ]
    assert visit.heavy()[1:] in (["PATCH", "GET", "PATCH"], ["PATCH", "GET"])


async def test_who_was_invited_by_somebody_else_meanwhile_is_found():
    async with visiting(world()) as visit:
        before = await listed(visit)
        await visit.client.apply(visit.key, Change(add=(guest(1),)), before)
        applied = await visit.client.apply(visit.key, Change(add=(guest(1), guest(2))), before)

    assert (len(visit.standing), len(applied.registrations), applied.problems) == (2, 3, ())
    assert visit.heavy() == ["GET", "PATCH", "PATCH", "GET", "PATCH"]


async def test_a_batch_too_large_for_the_server_is_split():
    people = tuple(guest(number) for number in range(1, 81))
    async with visiting(world(rules={"largest_batch": 30})) as visit:
        applied = await visit.client.apply(visit.key, Change(add=people), await listed(visit))

    assert (len(visit.standing), applied.problems) == (80, ())
    assert [len(body["addedInvitees"]) for body in visit.patches()] == [80, 40, 20, 20, 20, 20]
    assert visit.heavy().count("GET") == 1


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ("PATCH:timeout-before", ["PATCH", "GET", "PATCH"]),
        ("PATCH:timeout-after", ["PATCH", "GET"]),
        ("PATCH:500", ["PATCH", "GET", "PATCH"]),
        ("PATCH:500-after", ["PATCH", "GET"]),
        ("PATCH:502", ["PATCH", "GET", "PATCH"]),
        ("PATCH:503=5", ["PATCH", "GET", "PATCH"]),
        ("PATCH:429", ["PATCH", "PATCH"]),
        ("PATCH:429-bare=30", ["PATCH", "PATCH"]),
        ("PATCH:expired-token", ["PATCH", "PATCH"]),
        ("PATCH:revoked-token", ["PATCH", "PATCH"]),
        ("PATCH:409-bare", ["PATCH", "GET", "PATCH", "PATCH"]),
        ("PATCH:missing-join-uri", ["PATCH", "GET"]),
        ("PATCH:missing-person", ["PATCH", "GET"]),
        ("PATCH:missing-field=id", ["PATCH", "GET"]),
        ("PATCH:missing-field=addedInvitees", ["PATCH", "GET"]),
        ("PATCH:changed-field=addedInvitees", ["PATCH", "GET"]),
        ("PATCH:changed-field=joinUri", ["PATCH", "GET"]),
        ("PATCH:shuffled", ["PATCH"]),
        ("PATCH:extra-fields", ["PATCH"]),
    ],
)
async def test_one_fault_costs_two_calls_at_most_and_no_person(fault, calls):
    async with visiting(world()) as visit:
        before = await listed(visit)
        visit.server.faults.add(fault)
        applied = await visit.client.apply(visit.key, Change(add=(guest(1), guest(2))), before)

    assert visit.heavy()[1:] == calls
    assert applied.problems == ()
    assert {
        record.id: record.join_uri
        for record in applied.registrations
        if record.role is not Role.HOST
    } == {record.id: record.join_uri for record in visit.standing.values()}
    assert sorted(visit.standing) == ["guest1@example.com", "guest2@example.com"]


async def test_who_has_no_join_link_at_all_is_reported():
    async with visiting(world()) as visit:
        before = await listed(visit)
        visit.server.faults.add("missing-join-uri=guest1@example.com*all")
        applied = await visit.client.apply(visit.key, Change(add=(guest(1), guest(2))), before)

    assert [(problem.email, problem.message) for problem in applied.problems] == [
        ("guest1@example.com", NO_LINK)
    ]
    assert visit.heavy() == ["GET", "PATCH", "GET"]


async def test_a_server_that_fails_for_good_is_left_for_later_and_nothing_is_lost():
    async with visiting(world()) as visit:
        before = await listed(visit)
        visit.server.faults.add("PATCH:500-after*all")
        applied = await visit.client.apply(visit.key, Change(add=(guest(1),)), before)
        visit.server.faults.add("PATCH:500*all")
        visit.server.faults.clear()
        visit.server.faults.add("PATCH:500*all")
        with pytest.raises(TryLater):
            await visit.client.apply(visit.key, Change(add=(guest(2),)), applied.registrations)

    assert list(visit.standing) == ["guest1@example.com"]


async def test_the_list_of_a_session_that_is_gone_ends_the_run_in_words():
    async with visiting(world()) as visit:
        with pytest.raises(
            ConfigurationError, match="RingCentral knows no session 299 of webinar 101"
        ):
            await visit.client.apply(
                replace(visit.key, session_id="299"), Change(add=(guest(1),)), ()
            )


@pytest.mark.parametrize(
    ("missing", "ask", "permission"),
    [
        ("ReadWebinars", lambda visit: visit.client.webinar("101"), "ReadWebinars"),
        (
            "EditWebinars",
            lambda visit: visit.client.apply(visit.key, Change(add=(guest(1),)), ()),
            "EditWebinars",
        ),
        ("ReadAccounts", lambda visit: visit.client.directory(), "ReadAccounts"),
    ],
)
async def test_a_missing_app_permission_is_named(missing, ask, permission):
    held = world()
    held.app_permissions.discard(missing)
    async with visiting(held) as visit:
        with pytest.raises(Refused, match=f"lacks the permission {permission}"):
            await ask(visit)


async def test_the_directory_holds_enabled_users_with_their_ids():
    people = [
        {"user_id": "9000", "account_id": ACCOUNT, "email": "host@example.com"},
        {
            "user_id": "9001",
            "account_id": ACCOUNT,
            "email": "ann@example.com",
            "first_name": "Ann",
            "job_title": "Chair",
        },
        {
            "user_id": "9002",
            "account_id": ACCOUNT,
            "email": "gone@example.com",
            "status": "Disabled",
        },
        {"user_id": "9003", "account_id": ACCOUNT, "email": "room@example.com", "type": "Room"},
    ]
    async with visiting(world(directory=people)) as visit:
        colleagues = await visit.client.directory()

    assert colleagues == (
        Colleague(LinkedUser(ACCOUNT, "9000"), "host@example.com"),
        Colleague(LinkedUser(ACCOUNT, "9001"), "ann@example.com", "Ann", "", "Chair"),
    )
    assert visit.client.calls == {"Auth": 1, "Medium": 1}


async def test_within_the_default_limits_a_client_waits_instead_of_meeting_a_429():
    async with visiting(world(), limits=Limits()) as visit:
        for _ in range(25):
            await visit.client.webinar("101")

    assert {request.status for request in visit.server.requests} == {200}
    assert sum(visit.around.clock.slept) == pytest.approx(120)


@openapi.NEEDED
async def test_every_request_keeps_to_the_vendors_description():
    async with visiting(world([invited_guest(1), invited_guest(2), invited_colleague(3)])) as visit:
        webinar = await visit.client.webinar("101")
        await visit.client.session(webinar)
        await visit.client.sessions(since=visit.around.clock.now, company=True)
        await visit.client.session(webinar, "201")
        await visit.client.directory()
        _, first, second, third = before = await listed(visit)
        updates = (
            Update(second, guest(2, first_name="New")),
            Update(third, colleague(3, role=Role.PANELIST)),
        )
        await visit.client.apply(
            visit.key, Change((guest(4), colleague(5)), updates, (first,)), before
        )
    asked = [request for request in visit.server.requests if request.group != "Auth"]

    assert len(asked) == 7
    for request in asked:
        openapi.check_request(request.method, request.path, request.query, request.body)
