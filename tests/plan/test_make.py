"""The plan as a whole: its order, seats, limit, calls, and the second plan after registering."""

import time
from dataclasses import replace

import pytest

from onboarding.model.people import Problem
from onboarding.model.registrations import SEATS, Standing
from onboarding.plan import Action, Options, Plan, Snapshot, make_plan
from onboarding.plan.invitee_changes import FULL
from tests.plan.people import (
    COHOST,
    CRON,
    HOST,
    colleague,
    guest,
    holds,
    host,
    linked,
    make_snapshot,
    plan_of,
    row,
)

ADD, UPDATE, REPLACE, REMOVE, KEEP, NONE = Action
HENRY = host(email="henry@example.com")


def actions(plan: Plan) -> list[Action]:
    """What happens to all people but the Host."""
    return [item.action for item in plan.items if item.role is not HOST]


def crowd(number: int, first: int = 0) -> list[str]:
    return [f"guest{one}" for one in range(first, first + number)]


def full(*rows, occupied: int = SEATS, **also) -> Snapshot:
    """A webinar that is full of people who are on the roster, and up to date."""
    names = crowd(occupied)
    return make_snapshot(
        *(row(name) for name in names),
        *rows,
        there=(HENRY, *(guest(name) for name in names), *also.pop("there", ())),
        known=dict.fromkeys(names, Standing.ADDED) | also.pop("known", {}),
        boxes={name: holds(name) for name in names},
        **also,
    )


def test_the_steps_are_in_the_rosters_order_and_then_who_is_not_on_it():
    snapshot = make_snapshot(
        row("cleo"),
        row("ada"),
        there=(guest("bob"), guest("ada")),
        known={"ada": Standing.ADDED, "dora": Standing.REMOVED},
        boxes={"dora": holds("dora")},
    )

    assert [item.invitee.email.partition("@")[0] for item in plan_of(snapshot).items] == [
        "cleo",
        "ada",
        "bob",
        "dora",
    ]


def test_the_rosters_problems_come_with_the_plans():
    problem = Problem(9, "email", "ada@", "...")

    plan = plan_of(make_snapshot(row("henry", HOST), problems=(problem,)))

    assert [problem.row for problem in plan.problems] == [9, 2]


def test_a_seat_for_the_last_one_who_fits():
    plan = plan_of(full(row("ada"), row("bob"), occupied=SEATS - 1))

    assert actions(plan)[-2:] == [ADD, NONE]
    assert [(problem.row, problem.message) for problem in plan.problems] == [(SEATS + 2, FULL)]


def test_a_seat_in_place_of_a_person_who_is_removed():
    snapshot = full(
        row("ada"), occupied=SEATS - 1, there=(guest("bob"),), known={"bob": Standing.ADDED}
    )

    assert actions(plan_of(snapshot, CRON))[-2:] == [NONE, NONE]
    assert actions(plan_of(snapshot, Options(remove=True)))[-2:] == [ADD, REMOVE]


def test_who_is_registered_anew_keeps_their_seat():
    snapshot = full(
        row("ada", COHOST),
        occupied=SEATS - 1,
        there=(guest("ada"),),
        known={"ada": Standing.ADDED},
        colleagues=(colleague("ada"),),
    )

    assert actions(plan_of(snapshot))[-1] is REPLACE


def test_a_removal_beyond_the_limit_makes_no_room():
    snapshot = full(
        row("ada"), occupied=SEATS - 1, there=(guest("bob"),), known={"bob": Standing.ADDED}
    )

    assert actions(plan_of(snapshot, Options(remove=True, limit=2)))[-2:] == [ADD, REMOVE]
    assert actions(plan_of(snapshot, Options(remove=True, limit=1)))[-2:] == [NONE, NONE]


def test_who_has_no_seat_does_not_use_up_the_limit():
    crowded = full()
    hopeless = row("ada", row=1)
    snapshot = replace(
        crowded,
        roster=replace(crowded.roster, invitees=(hopeless, *crowded.roster.invitees)),
        mailboxes={},
    )

    assert [item.invitee.first_name for item in plan_of(snapshot, Options(limit=1)).mail] == [
        "Guest0"
    ]


def test_the_limit_serves_the_first_who_need_anything():
    snapshot = make_snapshot(
        row("ada"),
        row("bob"),
        row("cleo"),
        row("dora"),
        there=(guest("ada"), guest("cleo", last_name="C.")),
        known={"ada": Standing.ADDED, "cleo": Standing.ADDED},
        boxes={"ada": holds("ada"), "cleo": holds("cleo")},
    )

    plan = plan_of(snapshot, Options(limit=2))

    assert actions(plan) == [KEEP, ADD, UPDATE, NONE]
    assert [item.invitee.first_name for item in plan.mail] == ["Bob"]
    assert (
        plan.items[-1].mail_reason
        == "left for a later run: not among the first 2 who need anything"
    )


def test_what_is_put_off_is_neither_adopted_nor_changed():
    snapshot = make_snapshot(row("ada"), row("bob"), there=(guest("bob", last_name="B."),))

    put_off = plan_of(snapshot, Options(adopt=True, limit=1)).items[-1]

    assert (put_off.action, put_off.adopted, dict(put_off.changes), put_off.mail) == (
        KEEP,
        False,
        {},
        None,
    )


def test_who_is_not_on_the_roster_is_put_off_without_being_kept():
    snapshot = make_snapshot(row("ada"), there=(guest("bob"),), known={"bob": Standing.ADDED})

    assert actions(plan_of(snapshot, Options(remove=True, limit=1))) == [ADD, NONE]


def test_the_limit_tells_people_without_an_address_apart():
    snapshot = make_snapshot(there=(linked("ada"), linked("bob")))

    assert actions(plan_of(snapshot, Options(remove_foreign=True, limit=1))) == [REMOVE, NONE]


def test_after_registering_the_limit_means_the_same_people():
    options = Options(limit=1)
    before = make_snapshot(
        row("ada"), row("bob"), row("cleo"), there=(guest("bob"),), known={"bob": Standing.ADDED}
    )
    agreed = make_plan(before, options)
    added = replace(before, registrations=(guest("bob"), guest("ada")), managed={})
    after = replace(
        added, managed=make_snapshot(known={"ada": Standing.ADDED, "bob": Standing.ADDED}).managed
    )

    plan = make_plan(after, options, within=agreed)

    assert [(item.invitee.first_name, item.action) for item in plan.mail] == [("Ada", KEEP)]


ADA, BOB = guest("ada"), guest("bob")
ADA_BY_BOBS_IDS = linked("bob", email="ada@example.com")


@pytest.mark.parametrize(
    ("snapshot", "options", "calls"),
    [
        pytest.param(make_snapshot(), CRON, 2, id="nothing to do: session and list"),
        pytest.param(make_snapshot(row("ada", HOST)), CRON, 2, id="a problem is nothing to do"),
        pytest.param(make_snapshot(row("ada")), CRON, 4, id="the webinar, and one PATCH"),
        pytest.param(
            make_snapshot(*(row(one) for one in crowd(99))), CRON, 4, id="for 99 people too"
        ),
        pytest.param(
            make_snapshot(row("henry", HOST), there=(HENRY,)), CRON, 3, id="mails alone: no PATCH"
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(BOB,), known={"bob": Standing.ADDED}),
            Options(remove=True),
            4,
            id="add and remove in one PATCH",
        ),
        pytest.param(
            make_snapshot(
                row("ada", COHOST),
                there=(ADA,),
                known={"ada": Standing.ADDED},
                colleagues=(colleague("ada"),),
            ),
            CRON,
            5,
            id="two where a person is removed and added",
        ),
        pytest.param(
            full(row("ada"), occupied=SEATS - 1, there=(BOB,), known={"bob": Standing.ADDED}),
            Options(remove=True),
            5,
            id="two where the seats would not do",
        ),
    ],
)
def test_the_heavy_calls_that_a_run_makes(snapshot, options, calls):
    assert make_plan(snapshot, options).heavy_calls == calls


def test_planning_takes_a_moment_even_in_a_big_company():
    names = crowd(SEATS)
    snapshot = make_snapshot(
        *(row(name, COHOST) for name in names),
        colleagues=tuple(colleague(name) for name in crowd(2_000)),
    )

    begun = time.process_time()
    plan = plan_of(snapshot)

    assert actions(plan) == [ADD] * SEATS
    assert time.process_time() - begun < 2
