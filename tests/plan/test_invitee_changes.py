"""What becomes of the roster's people at RingCentral, one sentence of the issue a line."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.people import LinkedUser
from onboarding.model.registrations import Change, ManagedRegistration, Standing, Update
from onboarding.model.sessions import PanelistAuthentication, SessionStatus
from onboarding.plan import Action, Options
from onboarding.plan.invitee_changes import (
    IS_THE_HOST,
    NO_ADDRESS,
    NO_COLLEAGUE,
    NOT_THE_HOST,
    RUNNING,
    VOIDS_FOREIGN_LINK,
)
from tests.plan.people import (
    COHOST,
    CRON,
    HOST,
    HOUR,
    NOW,
    PANELIST,
    START,
    colleague,
    guest,
    holds,
    host,
    link,
    linked,
    make_snapshot,
    only_item,
    plan_of,
    row,
    user,
)

ADD, UPDATE, REPLACE, KEEP, NONE = (
    Action.ADD,
    Action.UPDATE,
    Action.REPLACE,
    Action.KEEP,
    Action.NONE,
)
OURS = {"ada": Standing.ADDED}
ADA_IS_A_COLLEAGUE = (colleague("ada"),)
BY_IDS = row("ada", linked_user=user("ada"))


@pytest.mark.parametrize(
    ("snapshot", "action"),
    [
        pytest.param(make_snapshot(row("ada")), ADD, id="who is not registered is added"),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada"),)), KEEP, id="who is registered is kept"
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada", email="ADA@Example.COM"),)),
            KEEP,
            id="in any spelling",
        ),
        pytest.param(
            make_snapshot(row("ada", COHOST), colleagues=ADA_IS_A_COLLEAGUE),
            ADD,
            id="a co-host who is a colleague",
        ),
        pytest.param(
            make_snapshot(row("ada", COHOST)), NONE, id="a co-host who is no colleague is not added"
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST), there=(linked("ada"),), colleagues=ADA_IS_A_COLLEAGUE
            ),
            KEEP,
            id="a co-host with only ids in the record, known by the directory",
        ),
        pytest.param(
            make_snapshot(
                row("ada"), there=(linked("ada", PANELIST),), colleagues=ADA_IS_A_COLLEAGUE
            ),
            KEEP,
            id="a panelist by address who is registered as the colleague they are",
        ),
        pytest.param(
            make_snapshot(row("ada", COHOST), there=(linked("ada", email="ada@example.com"),)),
            KEEP,
            id="a co-host with a record that shows address and ids needs no directory",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(guest("ada", COHOST),),
                known=OURS,
                colleagues=ADA_IS_A_COLLEAGUE,
            ),
            KEEP,
            id="a co-host that RingCentral has without ids is one already",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST), there=(linked("ada", PANELIST),), colleagues=ADA_IS_A_COLLEAGUE
            ),
            UPDATE,
            id="a colleague's role is swapped by an update",
        ),
        pytest.param(
            make_snapshot(
                row("ada"), there=(linked("ada", COHOST),), colleagues=ADA_IS_A_COLLEAGUE
            ),
            UPDATE,
            id="and back",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST), there=(guest("ada"),), known=OURS, colleagues=ADA_IS_A_COLLEAGUE
            ),
            REPLACE,
            id="a guest who becomes co-host is deleted and added",
        ),
        pytest.param(
            make_snapshot(
                BY_IDS, there=(linked("bob", PANELIST, email="ada@example.com"),), known=OURS
            ),
            REPLACE,
            id="a changed linked user is deleted and added",
        ),
        pytest.param(
            make_snapshot(BY_IDS, there=(guest("ada"),), known=OURS),
            REPLACE,
            id="a guest who gets ids is deleted and added",
        ),
        pytest.param(
            make_snapshot(
                row("ada", job_title="Engineer"), there=(guest("ada", job_title="Mathematician"),)
            ),
            UPDATE,
            id="a guest's job title differs",
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada", last_name="Byron"),)),
            UPDATE,
            id="a guest's name differs",
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada", job_title="Engineer"),)),
            KEEP,
            id="a field absent on the roster",
        ),
        pytest.param(
            make_snapshot(row("ada", job_title="Engineer"), there=(guest("ada"),)),
            UPDATE,
            id="a field that the record lacks",
        ),
        pytest.param(
            make_snapshot(
                BY_IDS, there=(linked("ada", PANELIST, first_name="A.", last_name="L."),)
            ),
            KEEP,
            id="a colleague's name is RingCentral's own",
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada", last_name="L.", send_invite=True),)),
            KEEP,
            id="a person that RingCentral has mailed is not updated",
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada", last_name="L.", send_invite=None),)),
            KEEP,
            id="nor one that it may have mailed",
        ),
        pytest.param(
            make_snapshot(
                row("ada"), there=(guest("ada", last_name="L.", send_invite=None),), known=OURS
            ),
            UPDATE,
            id="a record that doesn't say is silent if we added it",
        ),
        pytest.param(
            make_snapshot(
                row("ada"),
                there=(guest("ada", last_name="L.", send_invite=None),),
                known={"ada": Standing.ADOPTED},
            ),
            KEEP,
            id="and not if we only adopted it",
        ),
        pytest.param(
            make_snapshot(row("ada"), status=SessionStatus.ACTIVE),
            ADD,
            id="a running session takes people in",
        ),
        pytest.param(
            make_snapshot(row("ada"), status=SessionStatus.FINISHED),
            NONE,
            id="a finished one does not",
        ),
        pytest.param(
            make_snapshot(row("ada"), now=START + HOUR), NONE, id="nor one that has ended"
        ),
        pytest.param(
            make_snapshot(
                row("ada"), there=(guest("ada", last_name="L."),), status=SessionStatus.FINISHED
            ),
            KEEP,
            id="after the end no person is updated",
        ),
    ],
)
def test_a_plain_run(snapshot, action):
    assert only_item(snapshot).action is action


@pytest.mark.parametrize(
    ("snapshot", "column", "message", "action"),
    [
        pytest.param(
            make_snapshot(row("ada", COHOST)),
            "email",
            NO_COLLEAGUE,
            NONE,
            id="a co-host who is no colleague",
        ),
        pytest.param(
            make_snapshot(row("ada", COHOST), there=(guest("ada"),), known=OURS),
            "email",
            NO_COLLEAGUE,
            KEEP,
            id="a panelist who can't become co-host stays what they are",
        ),
        pytest.param(
            make_snapshot(row("", COHOST, linked_user=user("ada"))),
            "email",
            NO_ADDRESS,
            NONE,
            id="no source knows the address",
        ),
        pytest.param(
            make_snapshot(row("", COHOST, linked_user=user("ada")), there=(linked("ada"),)),
            "email",
            NO_ADDRESS,
            KEEP,
            id="not even RingCentral's record",
        ),
        pytest.param(
            make_snapshot(row("ada", HOST)),
            "role",
            NOT_THE_HOST,
            NONE,
            id="a Host who isn't the webinar's",
        ),
        pytest.param(
            make_snapshot(row("ada", HOST), there=(guest("ada"),)),
            "role",
            NOT_THE_HOST,
            KEEP,
            id="a Host who is a panelist there",
        ),
        pytest.param(
            make_snapshot(row("ada", COHOST), there=(guest("ada"),), colleagues=ADA_IS_A_COLLEAGUE),
            None,
            VOIDS_FOREIGN_LINK,
            KEEP,
            id="a link that another ledger sent is not voided",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(guest("ada"),),
                known=OURS,
                colleagues=ADA_IS_A_COLLEAGUE,
                status=SessionStatus.ACTIVE,
            ),
            "role",
            RUNNING,
            KEEP,
            id="no person is deleted from a running session",
        ),
    ],
)
def test_a_row_that_can_not_be_served_is_a_problem(snapshot, column, message, action):
    plan = plan_of(snapshot)

    (item,) = [item for item in plan.items if item.invitee.row]
    problem = plan.problems[0]
    assert (item.action, plan.change) == (action, Change())
    assert (problem.row, problem.column, problem.email, problem.message) == (
        2,
        column,
        item.invitee.email,
        message,
    )


def test_an_update_says_what_differs_from_what_to_what():
    snapshot = make_snapshot(
        row("ada", COHOST, job_title="Engineer"),
        there=(guest("ada", COHOST, job_title="Poet", last_name="L."),),
    )

    item = only_item(snapshot)

    assert item.reason == "last name: L. -> Lovelace, job title: Poet -> Engineer"
    assert item.changes == {"last name": ("L.", "Lovelace"), "job title": ("Poet", "Engineer")}
    assert plan_of(snapshot).change == Change(
        update=(Update(snapshot.registrations[0], item.invitee),)
    )


def test_an_update_on_request_says_that_ringcentral_may_mail():
    snapshot = make_snapshot(row("ada"), there=(guest("ada", last_name="L.", send_invite=True),))

    item = only_item(snapshot, Options(include_already_mailed=True))

    assert (item.action, item.reason) == (
        UPDATE,
        "last name: L. -> Lovelace; RingCentral may mail them",
    )


@pytest.mark.parametrize(
    "options",
    [Options(include_already_mailed=True), Options(adopt=True, include_already_mailed=True)],
)
def test_a_replacement_of_a_person_that_ringcentral_has_mailed_needs_that_request_alone(options):
    snapshot = make_snapshot(
        row("ada", COHOST), there=(guest("ada", send_invite=True),), colleagues=ADA_IS_A_COLLEAGUE
    )

    item = only_item(snapshot, options)

    assert (item.action, item.adopted) == (REPLACE, False)
    assert item.reason == (
        "linked user: guest -> ada, role: Panelist -> CoHost (removed and added: the link changes)"
        "; RingCentral may mail them"
    )


def test_a_replacement_of_another_ledgers_person_rests_on_adopt():
    snapshot = make_snapshot(
        row("ada", COHOST), there=(guest("ada"),), colleagues=ADA_IS_A_COLLEAGUE
    )

    item = only_item(snapshot, Options(adopt=True))

    assert (item.action, item.adopted) == (REPLACE, True)
    assert plan_of(snapshot, Options(adopt=True)).change == Change(
        add=(item.invitee,), remove=(guest("ada"),)
    )


def test_what_one_update_did_not_change_is_reported_and_not_repeated():
    ada = row("ada")
    known = {
        "ada": ManagedRegistration(ada, Standing.ADDED, last_requested={"last name": "Lovelace"})
    }
    snapshot = make_snapshot(
        ada, there=(guest("ada", last_name="L."),), known=known, boxes={"ada": holds("ada")}
    )

    plan = plan_of(snapshot)

    assert not plan
    assert [problem.message for problem in plan.problems] == [
        "RingCentral was asked to change the last name and did not. Change it there by hand."
    ]


def test_another_wish_is_asked_for_again():
    known = {
        "ada": ManagedRegistration(row("ada"), Standing.ADDED, last_requested={"last name": "King"})
    }

    assert (
        only_item(
            make_snapshot(row("ada"), there=(guest("ada", last_name="L."),), known=known)
        ).action
        is UPDATE
    )


@pytest.mark.parametrize(
    ("asked", "shown", "action", "problems"),
    [
        pytest.param({}, {"job_title": ""}, UPDATE, 0, id="a title that the record lacks is sent"),
        pytest.param(
            {"job title": "Poet"},
            {"job_title": ""},
            KEEP,
            0,
            id="once, and that it is still lacking is no fault",
        ),
        pytest.param(
            {"job title": "Bard"}, {"job_title": ""}, UPDATE, 0, id="another title is sent again"
        ),
        pytest.param(
            {"job title": "Poet"},
            {"job_title": "Bard"},
            KEEP,
            1,
            id="another title there is reported",
        ),
        pytest.param(
            {},
            {"first_name": "", "last_name": ""},
            UPDATE,
            0,
            id="names that the record lacks are sent",
        ),
        pytest.param({"last name": "Lovelace"}, {"last_name": ""}, KEEP, 0, id="once"),
        pytest.param(
            {"job title": "Poet"},
            {"job_title": "", "last_name": "L."},
            UPDATE,
            0,
            id="a name that differs since is sent",
        ),
        pytest.param(
            {"job title": "Poet", "last name": "Lovelace"},
            {"job_title": "Bard"},
            KEEP,
            1,
            id="each field counts by itself",
        ),
    ],
)
def test_a_field_is_asked_for_once(asked, shown, action, problems):
    ada = row("ada", job_title="Poet")
    known = {"ada": ManagedRegistration(ada, Standing.ADDED, asked)}
    snapshot = make_snapshot(
        ada,
        there=(guest("ada", **({"job_title": "Poet"} | shown)),),
        known=known,
        boxes={"ada": holds("ada")},
    )

    plan = plan_of(snapshot)

    assert (plan.items[0].action, len(plan.problems)) == (action, problems)


def test_an_empty_cell_changes_nothing():
    assert (
        only_item(make_snapshot(row("ada"), there=(guest("ada", job_title="Poet"),))).action is KEEP
    )


@pytest.mark.parametrize(
    ("record", "asked", "action"),
    [
        pytest.param(guest("ada"), {}, REPLACE, id="a guest who gets ids is replaced"),
        pytest.param(
            guest("ada"),
            {"linked user": "company/ada"},
            KEEP,
            id="once, though the record has no ids since",
        ),
        pytest.param(
            guest("ada"), {"linked user": "company/bob"}, REPLACE, id="other ids are tried again"
        ),
        pytest.param(
            linked("bob", PANELIST, email="ada@example.com", join_uri=link("ada")),
            {"linked user": "company/ada"},
            KEEP,
            id="other ids came back",
        ),
    ],
)
def test_what_one_replacement_did_not_change_is_reported_and_not_repeated(record, asked, action):
    known = {"ada": ManagedRegistration(BY_IDS, Standing.ADDED, asked)}

    plan = plan_of(make_snapshot(BY_IDS, there=(record,), known=known, boxes={"ada": holds("ada")}))

    item = plan.items[0]
    assert (item.action, item.mail is None) == (action, action is KEEP)
    assert [problem.message for problem in plan.problems] == [
        "RingCentral was asked to change the linked user and did not. Change it there by hand."
    ] * (action is KEEP)


def test_a_role_is_still_changed_where_ids_did_not_come_back():
    ada = replace(BY_IDS, role=COHOST)
    known = {"ada": ManagedRegistration(ada, Standing.ADDED, {"linked user": "company/ada"})}

    plan = plan_of(make_snapshot(ada, there=(guest("ada"),), known=known))

    assert (plan.items[0].action, dict(plan.items[0].changes)) == (
        UPDATE,
        {"role": ("Panelist", "CoHost")},
    )
    assert len(plan.problems) == 1


def test_a_domain_that_came_back_otherwise_is_no_difference():
    ada = row("ada", linked_user=LinkedUser("company", "ada", "ilm"))

    assert (
        only_item(make_snapshot(ada, there=(linked("ada", PANELIST),), known=OURS)).action is KEEP
    )


def test_every_problem_of_a_row_is_said_once():
    snapshot = make_snapshot(row("ada", linked_user=None), there=(guest("ada"),), **COWORKERS)

    assert [problem.message.split(",")[0] for problem in plan_of(snapshot).problems] == [
        "this webinar admits only colleagues as panelists",
        "registered silently",
    ]


COWORKERS = {"panelist_authentication": PanelistAuthentication.AUTHENTICATED_COWORKER}
LOGGED_IN = {"panelist_authentication": PanelistAuthentication.AUTHENTICATED_USER}


@pytest.mark.parametrize(
    ("snapshot", "warned"),
    [
        pytest.param(make_snapshot(row("ada")), False, id="guests are let in"),
        pytest.param(make_snapshot(row("ada"), **COWORKERS), True, id="only colleagues are let in"),
        pytest.param(
            make_snapshot(row("ada"), **LOGGED_IN), True, id="only people with a log-in are let in"
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada"),), **COWORKERS),
            True,
            id="who is registered is told too",
        ),
        pytest.param(
            make_snapshot(row("ada"), colleagues=ADA_IS_A_COLLEAGUE, **COWORKERS),
            False,
            id="a colleague",
        ),
        pytest.param(make_snapshot(BY_IDS, **COWORKERS), False, id="a linked user"),
        pytest.param(
            make_snapshot(row("ada", COHOST), colleagues=ADA_IS_A_COLLEAGUE, **COWORKERS),
            False,
            id="a co-host is no panelist",
        ),
        pytest.param(
            make_snapshot(row("ada"), now=START + timedelta(days=1), **COWORKERS),
            False,
            id="after the end",
        ),
    ],
)
def test_panelist_authentication_that_locks_an_outsider_out_is_reported(snapshot, warned):
    plan = plan_of(snapshot)

    assert any("admits only" in problem.message for problem in plan.problems) is warned
    assert plan.items[0].action is not NONE or snapshot.now > NOW


def test_a_host_on_the_roster_with_another_role_is_a_problem_and_is_not_mailed():
    snapshot = make_snapshot(
        row("henry", PANELIST), there=(host(),), colleagues=(colleague("henry"),)
    )

    item = only_item(snapshot)

    assert (item.action, item.mail, item.problems[0].message) == (NONE, None, IS_THE_HOST)


def test_no_person_is_changed_at_ringcentral_by_what_the_directory_says_of_names():
    ada = replace(row("ada", COHOST), first_name="", last_name="")
    snapshot = make_snapshot(
        ada, there=(guest("ada", COHOST),), colleagues=(colleague("ada", first_name="Ada"),)
    )

    assert only_item(snapshot, CRON).action is KEEP
