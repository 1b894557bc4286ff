"""Who is who: the host, people by address and ids, a person in two rows; asking the directory."""

import pytest

from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import InviteeList, PanelistAuthentication
from onboarding.plan import Action
from onboarding.plan.identity import needs_directory
from onboarding.plan.invitee_changes import NOT_THE_HOST
from onboarding.plan.messages_due import current_facts
from tests.plan.people import (
    COHOST,
    HOST,
    PANELIST,
    colleague,
    guest,
    host,
    link,
    linked,
    make_snapshot,
    only_item,
    plan_of,
    row,
    session,
    user,
)

HENRY = row("henry", HOST)
IN_DIRECTORY = (colleague("henry"), colleague("ada"))
NAMELESS = host(linked_user=None)


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(
            make_snapshot(HENRY, there=(host(email="henry@example.com"),)),
            id="by the record's address",
        ),
        pytest.param(
            make_snapshot(HENRY, there=(host(),), colleagues=IN_DIRECTORY),
            id="through the directory",
        ),
        pytest.param(
            make_snapshot(row("boss", HOST, linked_user=user("henry")), there=(host(),)),
            id="by ids on the roster",
        ),
        pytest.param(
            make_snapshot(HENRY, there=(NAMELESS,), colleagues=IN_DIRECTORY),
            id="by the webinar's ids, nameless",
        ),
        pytest.param(
            make_snapshot(HENRY, colleagues=IN_DIRECTORY),
            id="by the webinar's ids, without a record",
        ),
        pytest.param(
            make_snapshot(
                row("", HOST, linked_user=user("henry")), there=(host(email="henry@example.com"),)
            ),
            id="by ids, with the record's address",
        ),
    ],
)
def test_the_host_is_recognised(snapshot):
    item = only_item(snapshot)

    assert (item.action, item.mail) == (Action.KEEP, "invitation")
    assert item.registration.join_uri is not None


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(make_snapshot(HENRY, there=(host(),)), id="the directory unknown"),
        pytest.param(
            make_snapshot(row("ada", HOST), there=(host(),), colleagues=IN_DIRECTORY),
            id="another person",
        ),
        pytest.param(
            make_snapshot(row("ada", HOST), there=(NAMELESS,), host=None),
            id="the only host there is",
        ),
        pytest.param(
            make_snapshot(row("ada", HOST), there=(NAMELESS,), host=None, colleagues=IN_DIRECTORY),
            id="a colleague",
        ),
        pytest.param(
            make_snapshot(
                row("ada", HOST),
                there=(host(email="henry@example.com"),),
                host=user("ada"),
                colleagues=IN_DIRECTORY,
            ),
            id="the host that the webinar names, against the list's own record",
        ),
    ],
)
def test_a_stranger_never_gets_the_hosts_link(snapshot):
    items = [item for item in plan_of(snapshot).items if item.invitee.row]

    assert [(item.action, item.mail, item.problems[0].message) for item in items] == [
        (Action.NONE, None, NOT_THE_HOST)
    ]


def test_the_hosts_link_comes_from_the_list():
    item = only_item(make_snapshot(HENRY, there=(host(),), colleagues=IN_DIRECTORY))

    assert (
        current_facts(session(), HOST, item.registration).link
        == current_facts(session(), HOST, host()).link
    )


def test_the_hosts_link_comes_from_the_session_where_the_list_has_none():
    item = only_item(make_snapshot(HENRY, there=(host(join_uri=None),), colleagues=IN_DIRECTORY))

    assert item.registration.join_uri == link("host-of-the-session")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(
            (row("ada", COHOST), row("", COHOST, linked_user=user("ada"))),
            id="by address, then by ids",
        ),
        pytest.param(
            (row("", COHOST, linked_user=user("ada")), row("ada", COHOST)),
            id="by ids, then by address",
        ),
        pytest.param(
            (row("alias", COHOST, linked_user=user("ada")), row("ada")),
            id="by ids with another address",
        ),
        pytest.param(
            (row("ada"), row("alias", COHOST, linked_user=user("ada"))),
            id="a panelist by address first",
        ),
    ],
)
def test_two_rows_that_are_one_person_through_the_directory_count_once(rows):
    plan = plan_of(make_snapshot(*rows, colleagues=IN_DIRECTORY))

    assert [(item.invitee.row, item.action) for item in plan.items] == [(2, Action.ADD)]
    assert [(problem.row, problem.message) for problem in plan.problems] == [
        (3, "is the same person as row 2, which counts: delete one of the two rows")
    ]


def test_two_rows_that_are_one_person_by_their_record_count_once():
    rows = (row("alias", COHOST, linked_user=user("ada")), row("ada"))

    there = (linked("ada", email="ada@example.com"),)

    plan = plan_of(make_snapshot(*rows, there=there, known={"alias": Standing.ADDED}))

    assert [(item.invitee.row, item.action) for item in plan.items] == [(2, Action.KEEP)]
    assert [problem.row for problem in plan.problems] == [3]


def test_a_row_with_ids_means_the_record_with_those_ids_and_not_one_with_its_address():
    there = (guest("ada"), linked("bob", PANELIST))

    plan = plan_of(make_snapshot(row("ada", linked_user=user("bob")), there=there))

    assert plan.items[0].registration.id == "id-bob"


def test_the_lists_own_host_counts_before_the_one_that_the_webinar_names():
    snapshot = make_snapshot(
        row("ada", HOST, linked_user=user("ada")),
        there=(host(linked_user=None, email="henry@example.com"),),
        host=user("ada"),
    )

    assert [item.mail for item in plan_of(snapshot).items] == [None, None]


@pytest.mark.parametrize("shown", ["", "maiden@example.com"])
def test_a_row_that_lost_its_ids_is_the_linked_user_that_this_ledger_added_under_its_address(shown):
    known = {"ada": ManagedRegistration(row("ada", linked_user=user("ada")), Standing.ADDED)}
    there = (linked("ada", PANELIST, email=shown),)

    plan = plan_of(make_snapshot(row("ada"), there=there, known=known))

    assert [(item.invitee.row, item.action) for item in plan.items] == [(2, Action.KEEP)]
    assert plan.problems == ()


def test_a_row_that_lost_its_ids_to_another_row_is_a_guest():
    known = {"ada": ManagedRegistration(row("ada", linked_user=user("ada")), Standing.ADDED)}
    rows = (row("ada"), row("maiden", linked_user=user("ada")))

    plan = plan_of(
        make_snapshot(
            *rows, there=(linked("ada", PANELIST, email="maiden@example.com"),), known=known
        )
    )

    assert [(item.invitee.row, item.action) for item in plan.items] == [
        (2, Action.ADD),
        (3, Action.KEEP),
    ]


def test_a_row_is_completed_from_the_directory():
    item = only_item(
        make_snapshot(
            row("", COHOST, linked_user=user("ada"), first_name="", last_name=""),
            colleagues=IN_DIRECTORY,
        )
    )

    assert (item.invitee.email, item.invitee.name) == ("ada@example.com", "Ada Lovelace")


def test_a_co_host_by_address_is_invited_as_linked_user_and_a_panelist_as_guest():
    plan = plan_of(
        make_snapshot(
            row("ada", COHOST), row("henry", PANELIST), host=None, colleagues=IN_DIRECTORY
        )
    )

    assert [invitee.linked_user for invitee in plan.change.add] == [user("ada"), None]


def test_a_name_on_the_roster_is_not_mixed_with_the_directorys():
    only_first = row("ada", COHOST, first_name="Countess", last_name="")

    assert only_item(make_snapshot(only_first, colleagues=IN_DIRECTORY)).invitee.name == "Countess"


COWORKERS = session(panelist_authentication=PanelistAuthentication.AUTHENTICATED_COWORKER)


@pytest.mark.parametrize(
    ("rows", "there", "known", "of", "asked"),
    [
        pytest.param([row("ada")], [guest("bob")], [], session(), False, id="guests need none"),
        pytest.param([row("ada", COHOST)], [], [], session(), True, id="a co-host by address"),
        pytest.param(
            [row("ada", COHOST)], [], IN_DIRECTORY, session(), False, id="who is known already"
        ),
        pytest.param(
            [row("ada", COHOST)],
            [linked("ada", email="ada@example.com")],
            [],
            session(),
            False,
            id="or shown by a record",
        ),
        pytest.param(
            [row("ada", COHOST, linked_user=user("ada"))],
            [],
            [],
            session(),
            False,
            id="a co-host by ids",
        ),
        pytest.param(
            [row("", COHOST, linked_user=user("ada"))],
            [],
            [],
            session(),
            True,
            id="without an address",
        ),
        pytest.param(
            [row("ada", COHOST, linked_user=user("ada"), first_name="", last_name="")],
            [],
            [],
            session(),
            True,
            id="without a name",
        ),
        pytest.param([], [linked("ada")], [], session(), True, id="a record with ids alone"),
        pytest.param(
            [], [linked("ada")], IN_DIRECTORY, session(), False, id="of a person who is known"
        ),
        pytest.param(
            [HENRY], [host()], [], session(), True, id="a host with only ids in the record"
        ),
        pytest.param([HENRY], [NAMELESS], [], session(), True, id="or not even those"),
        pytest.param(
            [HENRY], [host(email="henry@example.com")], [], session(), False, id="or an address"
        ),
        pytest.param(
            [row("ada")],
            [host(email="henry@example.com")],
            [],
            COWORKERS,
            True,
            id="guests may be locked out",
        ),
        pytest.param(
            [row("ada")],
            [host()],
            IN_DIRECTORY,
            COWORKERS,
            False,
            id="and are known for colleagues",
        ),
    ],
)
def test_the_directory_is_asked_only_where_it_can_tell_something(rows, there, known, of, asked):
    assert needs_directory(rows, InviteeList(tuple(there)), known, of) is asked


@pytest.mark.parametrize(
    ("there", "known", "standing", "asked"),
    [
        pytest.param([guest("old")], [], Standing.ADDED, True, id="a record that may be theirs"),
        pytest.param(
            [guest("old")], IN_DIRECTORY, Standing.ADDED, False, id="the directory has been asked"
        ),
        pytest.param(
            [linked("ada")], IN_DIRECTORY, Standing.ADDED, False, id="their record shows their ids"
        ),
        pytest.param(
            [guest("ada")], [], Standing.ADDED, False, id="their record shows their address"
        ),
        pytest.param([guest("old")], [], Standing.REMOVED, False, id="they were removed"),
        pytest.param([], [], Standing.ADDED, False, id="no record may be theirs"),
    ],
)
def test_the_directory_is_asked_for_a_colleague_without_a_record(there, known, standing, asked):
    managed = [ManagedRegistration(row("ada", COHOST, linked_user=user("ada")), standing)]

    assert needs_directory([], InviteeList(tuple(there)), known, session(), managed) is asked
