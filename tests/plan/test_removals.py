"""Who is not on the roster: shown always, removed on request, told that they were."""

import pytest

from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Action, Options
from tests.plan.people import (
    COHOST,
    CRON,
    EVERYTHING,
    HOST,
    HOUR,
    PANELIST,
    START,
    colleague,
    facts,
    guest,
    holding,
    holds,
    host,
    linked,
    make_snapshot,
    only_item,
    plan_of,
    row,
    user,
)

REMOVE = Options(remove=True)
REMOVE_FOREIGN = Options(remove_foreign=True)
NONE = Action.NONE


def left(standing: Standing | None = Standing.ADDED, **also):
    """Ada, registered and not on the roster."""
    return make_snapshot(
        **({"there": (guest("ada"),), "known": {"ada": standing} if standing else {}} | also)
    )


@pytest.mark.parametrize(
    ("snapshot", "options", "action"),
    [
        pytest.param(left(), CRON, NONE, id="cron removes no person"),
        pytest.param(left(), REMOVE, Action.REMOVE, id="--remove removes people that we added"),
        pytest.param(
            left(Standing.ADDING),
            REMOVE,
            Action.REMOVE,
            id="or were about to add when the run died",
        ),
        pytest.param(
            left(Standing.REMOVING),
            REMOVE,
            Action.REMOVE,
            id="or were about to remove when the run died",
        ),
        pytest.param(left(Standing.REMOVING), CRON, NONE, id="which cron does not go on with"),
        pytest.param(left(Standing.ADOPTED), REMOVE, NONE, id="not people that we adopted"),
        pytest.param(left(Standing.UPDATED), REMOVE, NONE, id="nor people that we changed"),
        pytest.param(
            left(Standing.REMOVED), REMOVE, NONE, id="nor who was registered again by another"
        ),
        pytest.param(left(None), REMOVE, NONE, id="nor a stranger"),
        pytest.param(
            left(None), REMOVE_FOREIGN, Action.REMOVE, id="--remove-foreign removes strangers"
        ),
        pytest.param(left(), REMOVE_FOREIGN, Action.REMOVE, id="and our own"),
        pytest.param(
            left(None, there=(linked("ada", email=""),)),
            REMOVE_FOREIGN,
            Action.REMOVE,
            id="and the nameless",
        ),
        pytest.param(
            left(status=SessionStatus.ACTIVE), REMOVE, NONE, id="not from a running session"
        ),
        pytest.param(
            left(status=SessionStatus.FINISHED), REMOVE, NONE, id="nor from a finished one"
        ),
        pytest.param(make_snapshot(there=(host(),)), EVERYTHING, NONE, id="never the Host"),
        pytest.param(
            left(
                there=(linked("ada", email="maiden@example.com"),),
                known={
                    "ada": ManagedRegistration(
                        row("ada", COHOST, linked_user=user("ada")), Standing.ADDED
                    )
                },
            ),
            REMOVE,
            Action.REMOVE,
            id="added under another address",
        ),
    ],
)
def test_removing_happens_only_on_request(snapshot, options, action):
    assert only_item(snapshot, options).action is action


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (left(), "registered, but not on the roster (--remove removes them)"),
        (
            left(None),
            (
                "registered, but not on the roster"
                " (not added from here; --remove-foreign removes them)"
            ),
        ),
        (
            make_snapshot(there=(host(),)),
            "the webinar's host, not on the roster: gets no mail from here",
        ),
    ],
)
def test_who_is_registered_and_not_on_the_roster_is_shown(snapshot, reason):
    assert only_item(snapshot).reason == reason


def test_removing_a_person_that_ringcentral_has_mailed_says_that_it_may_mail_them():
    item = only_item(left(there=(guest("ada", send_invite=True),)), REMOVE)

    assert item.reason == "not on the roster; RingCentral may mail them"


def test_no_person_can_be_removed_while_the_session_runs_and_that_is_a_problem():
    plan = plan_of(left(status=SessionStatus.ACTIVE), REMOVE)

    assert [(problem.row, problem.email, problem.message) for problem in plan.problems] == [
        (None, "ada@example.com", "can't be removed while the session is running or over")
    ]


@pytest.mark.parametrize(
    ("problem", "kept"),
    [
        pytest.param(
            Problem(7, "role", "ada@example.com", "..."), True, id="her own row has a wrong role"
        ),
        pytest.param(Problem(7, "Rolle", "Ada@EXAMPLE.com", "..."), True, id="in another spelling"),
        pytest.param(
            Problem(7, "email", "ada@exampel", "..."), True, id="a row has a broken address"
        ),
        pytest.param(Problem(7, "Kontakt", "ada.example.com", "..."), True, id="under any header"),
        pytest.param(Problem(7, "Kontakt", "ada@example..com", "..."), True, id="with two dots"),
        pytest.param(
            Problem(7, "Kontakt", "Ada <ada@example.com>", "..."), True, id="with a name around it"
        ),
        pytest.param(
            Problem(7, "Kontakt", "ada@example.com, bob@example.com", "..."), True, id="two in one"
        ),
        pytest.param(Problem(7, "email", "", "..."), True, id="a row has no address"),
        pytest.param(Problem(7, None, "", "..."), True, id="a row has slipped to the right"),
        pytest.param(
            Problem(7, "role", "tom@example.com", "..."),
            False,
            id="an attendee's row is sound but for the role",
        ),
        pytest.param(
            Problem(7, None, "tom@example.com", "..."), False, id="a row stands there twice"
        ),
    ],
)
def test_a_typing_error_on_the_roster_removes_no_person(problem, kept):
    item = only_item(left(problems=(problem,)), REMOVE)

    assert item.action is (NONE if kept else Action.REMOVE)
    assert item.reason == (
        "kept: row 7 of the roster has a problem and may mean them; fix it first"
        if kept
        else "not on the roster"
    )


@pytest.mark.parametrize(
    "mistyped",
    [
        pytest.param(row("adda", COHOST), id="a co-host that the directory doesn't know"),
        pytest.param(
            row("", COHOST, linked_user=user("adda")), id="ids that the directory doesn't know"
        ),
    ],
)
def test_a_typing_error_that_only_the_directory_shows_removes_no_person(mistyped):
    snapshot = make_snapshot(
        mistyped,
        there=(linked("ada"),),
        known={"ada": Standing.ADDED},
        colleagues=(colleague("ada"),),
    )

    assert [item.action for item in plan_of(snapshot, REMOVE_FOREIGN).items] == [NONE, NONE]


OFFBOARD = {"known": {"ada": Standing.REMOVED}}


@pytest.mark.parametrize(
    ("snapshot", "options", "kind"),
    [
        pytest.param(
            left(boxes={"ada": holds("ada")}),
            REMOVE,
            Kind.CANCELLATION,
            id="who is removed and holds a link",
        ),
        pytest.param(left(), REMOVE, None, id="not who was never mailed"),
        pytest.param(
            left(boxes={"ada": holding("ada", None, State.QUEUED, Kind.INVITATION, facts("ada"))}),
            REMOVE,
            None,
            id="nor with a queued invitation",
        ),
        pytest.param(
            left(
                boxes={"ada": holding("ada", facts("ada"), State.QUEUED, Kind.UPDATE, facts("ada"))}
            ),
            REMOVE,
            Kind.CANCELLATION,
            id="instead of the update that is queued",
        ),
        pytest.param(
            left(
                boxes={
                    "ada": holding("ada", facts("ada"), State.IN_DOUBT, Kind.UPDATE, facts("ada"))
                }
            ),
            REMOVE,
            None,
            id="not while their last message is in doubt",
        ),
        pytest.param(
            left(boxes={"ada": holds("ada")}, now=START + HOUR),
            REMOVE,
            None,
            id="nor after the end",
        ),
        pytest.param(
            make_snapshot(boxes={"ada": holds("ada")}, **OFFBOARD),
            CRON,
            Kind.CANCELLATION,
            id="owed by a dead run",
        ),
        pytest.param(
            make_snapshot(boxes={"ada": holds("ada")}, known={"ada": Standing.REMOVING}),
            CRON,
            Kind.CANCELLATION,
            id="which died right after the PATCH",
        ),
        pytest.param(
            make_snapshot(
                boxes={
                    "ada": holding(
                        "ada", facts("ada"), State.FAILED, Kind.CANCELLATION, facts("ada")
                    )
                },
                **OFFBOARD,
            ),
            CRON,
            None,
            id="once: a failed one is a person's to retry",
        ),
        pytest.param(
            make_snapshot(
                boxes={
                    "ada": holding(
                        "ada", facts("ada"), State.QUEUED, Kind.CANCELLATION, facts("ada")
                    )
                },
                **OFFBOARD,
            ),
            CRON,
            Kind.CANCELLATION,
            id="sent by this run where an earlier one queued it",
        ),
        pytest.param(
            make_snapshot(
                boxes={
                    "ada": holding("ada", facts("ada"), State.FAILED, Kind.UPDATE, facts("ada"))
                },
                **OFFBOARD,
            ),
            CRON,
            Kind.CANCELLATION,
            id="with any end of an update before",
        ),
        pytest.param(
            make_snapshot(boxes={"ada": holds("ada")}, known={"ada": Standing.ADDED}),
            CRON,
            None,
            id="not to people that another person removed",
        ),
        pytest.param(
            make_snapshot(boxes={"ada": holds("ada")}, known={"ada": Standing.ADDED}),
            REMOVE,
            Kind.CANCELLATION,
            id="but on request",
        ),
    ],
)
def test_a_cancellation_goes_to(snapshot, options, kind):
    assert only_item(snapshot, options).mail is kind


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(make_snapshot(known={"ada": Standing.REMOVED}), id="who holds nothing"),
        pytest.param(
            make_snapshot(
                known={"ada": Standing.REMOVED},
                boxes={"ada": holding("ada", None, State.SENT, Kind.CANCELLATION, facts("ada"))},
            ),
            id="who was told",
        ),
        pytest.param(
            make_snapshot(
                known={"ada": Standing.REMOVED},
                boxes={"ada": holds("ada")},
                problems=(Problem(7, "role", "ada@example.com", "..."),),
            ),
            id="a row with a problem",
        ),
    ],
)
def test_nothing_is_said_about(snapshot):
    assert plan_of(snapshot, REMOVE).items == ()


def test_who_still_goes_by_the_same_ids_has_not_departed():
    maiden = ManagedRegistration(row("maiden", COHOST, linked_user=user("ada")), Standing.ADDED)
    snapshot = make_snapshot(
        row("ada", COHOST),
        there=(linked("ada"),),
        known={"maiden": maiden},
        boxes={"maiden": holds("maiden")},
        colleagues=(colleague("ada"),),
    )

    assert [item.invitee.row for item in plan_of(snapshot, REMOVE).items] == [2]


def test_a_second_record_of_one_person_is_shown_and_never_touched():
    there = (guest("ada"), linked("ada", PANELIST, id="id-2"))
    snapshot = make_snapshot(
        row("ada"), there=there, known={"ada": Standing.ADDED}, colleagues=(colleague("ada"),)
    )

    plan = plan_of(snapshot, EVERYTHING)

    assert [(item.action, item.registration.id) for item in plan.items] == [(Action.KEEP, "id-ada")]
    assert [problem.message for problem in plan.problems] == [
        "is registered twice at RingCentral: remove one of the two there (invitee id-2)"
    ]


def test_people_without_an_address_are_not_taken_for_one_another():
    there = (linked("ada"), linked("bob"))
    snapshot = make_snapshot(there=there, known={"": Standing.ADDED})

    assert plan_of(snapshot, REMOVE).change.remove == ()
    assert plan_of(snapshot, EVERYTHING).change.remove == there
    assert plan_of(snapshot, EVERYTHING).mail == ()


def test_a_former_host_who_is_now_a_panelist_of_another_ledger_is_held():
    snapshot = make_snapshot(
        row("henry", PANELIST),
        there=(guest("henry"), host("ada")),
        host=user("ada"),
        boxes={"henry": holds("henry", HOST)},
    )

    assert [item.mail for item in plan_of(snapshot).items] == [None, None]
