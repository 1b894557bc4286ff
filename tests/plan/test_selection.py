"""Whom a run keeps to: `--only`, `--role`, `--kind`, the fence of a rehearsal, and `--as-told`."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem, Role
from onboarding.model.registrations import Change, Standing
from onboarding.plan import Action, Options, Plan, SkipCode, Snapshot, make_plan
from onboarding.plan.selection import AS_TOLD, FENCED, NOT_SELECTED, find_unknown
from tests.plan.people import (
    COHOST,
    MOVED,
    address,
    colleague,
    delivery,
    guest,
    holding,
    holds,
    host,
    make_snapshot,
    plan_of,
    row,
)
from tests.plan.snapshots import any_snapshot, mailed, options, registered

MIXED = make_snapshot(
    row("ada"),
    row("bob", COHOST),
    row("cleo"),
    row("dora"),
    there=(guest("cleo"), guest("dora"), guest("gus")),
    known={"cleo": Standing.ADDED, "dora": Standing.ADDED, "gus": Standing.ADDED},
    boxes={"cleo": holds("cleo", **MOVED), "dora": holds("dora"), "gus": holds("gus")},
    colleagues=(colleague("bob"),),
)
"""Ada and Bob are new, Cleo has old facts, Dora is up to date, and Gus has left the roster."""

REMOVE = Options(remove=True)
BAD_ROW = Problem(9, "role", "tom@example.com", "no role")


def served(plan: Plan) -> list[str]:
    return [item.invitee.first_name for item in plan.items if item.needs_anything]


@pytest.mark.parametrize(
    ("asked_for", "names"),
    [
        ({}, ["Ada", "Bob", "Cleo", "Gus"]),
        ({"only": (address("cleo"),)}, ["Cleo"]),
        ({"only": ("ADA@Example.com", address("gus"))}, ["Ada", "Gus"]),
        ({"only": (address("dora"),)}, []),
        ({"roles": frozenset({Role.COHOST})}, ["Bob"]),
        ({"roles": frozenset({Role.PANELIST})}, ["Ada", "Cleo", "Gus"]),
        ({"kinds": frozenset({Kind.UPDATE})}, ["Cleo"]),
        ({"kinds": frozenset({Kind.INVITATION, Kind.CANCELLATION})}, ["Ada", "Bob", "Gus"]),
        ({"kinds": frozenset({Kind.INVITATION}), "limit": 1}, ["Ada"]),
        ({"roles": frozenset({Role.PANELIST}), "kinds": frozenset({Kind.UPDATE})}, ["Cleo"]),
    ],
)
def test_a_run_keeps_to_the_people_and_messages_that_are_asked_for(asked_for, names):
    plan = plan_of(MIXED, replace(REMOVE, **asked_for))

    assert served(plan) == names
    left = {item.invitee.first_name for item in plan.skipped if item.skip is SkipCode.NOT_SELECTED}
    assert left == {"Ada", "Bob", "Cleo", "Gus"} - {*names}


def test_who_is_left_out_is_told_why():
    plan = plan_of(MIXED, Options(kinds=frozenset({Kind.INVITATION}), limit=1))

    assert {
        item.invitee.first_name: item.mail_reason
        for item in plan.items
        if item.skip is SkipCode.NOT_SELECTED
    } == {
        "Bob": "left for a later run: not among the first 1 who need anything",
        "Cleo": NOT_SELECTED,
    }


@given(
    any_snapshot(),
    options(),
    st.sets(st.sampled_from(Role)),
    st.sets(st.sampled_from(Kind)),
)
def test_after_registering_a_selection_means_the_same_people(
    snapshot: Snapshot, asked_for: Options, roles: set[Role], kinds: set[Kind]
):
    selective = replace(asked_for, roles=frozenset(roles), kinds=frozenset(kinds))
    agreed = make_plan(snapshot, selective)
    after = registered(snapshot, agreed)
    then = make_plan(after, selective, within=agreed)

    assert then.change == Change()
    assert {item.invitee.key for item in then.mail} <= {item.invitee.key for item in agreed.items}
    assert not make_plan(mailed(after, then), selective, within=then)


def test_an_address_that_no_one_has_is_found():
    plan = plan_of(replace(MIXED, roster=replace(MIXED.roster, problems=(BAD_ROW,))))

    assert find_unknown(["ada@EXAMPLE.com", address("gus"), BAD_ROW.email], plan) is None
    assert find_unknown([address("ada"), "adda@example.com"], plan) == "adda@example.com"


def test_empty_address_is_no_one_s_even_beside_a_problem_without_one():
    nameless = Problem(3, "email", "", "has no address")
    plan = plan_of(replace(MIXED, roster=replace(MIXED.roster, problems=(nameless,))))

    assert find_unknown([""], plan) == ""


def test_people_outside_of_the_fence_are_neither_registered_nor_mailed():
    outside = replace(row("bob"), email="bob@customer.example")
    fenced = make_snapshot(
        row("ada"),
        outside,
        row("cleo", email="cleo@sub.example.com"),
        there=(guest("gus", email="gus@customer.example"),),
        known={"gus": Standing.ADDED},
    )
    plan = plan_of(
        replace(fenced, allow_domains=frozenset({"example.com"})), Options(remove_foreign=True)
    )

    assert served(plan) == ["Ada"]
    assert [(item.invitee.first_name, item.mail_reason, item.skip) for item in plan.skipped] == [
        (name, FENCED, SkipCode.FENCED) for name in ("Bob", "Cleo", "Gus")
    ]
    assert plan.change.remove == ()


@given(any_snapshot(), options())
def test_nothing_happens_to_any_person_outside_of_the_fence(snapshot: Snapshot, asked_for: Options):
    fenced = replace(snapshot, allow_domains=frozenset({"elsewhere.example"}))

    assert not make_plan(fenced, asked_for)


TAKE_OVER = Options(adopt=True, as_told=True)


def test_what_is_true_now_is_recorded_as_told_and_mailed_to_no_one():
    snapshot = make_snapshot(
        row("henry", Role.HOST),
        row("ada"),
        row("bob"),
        row("cleo", job_title="Poet"),
        there=(host(email=address("henry")), guest("ada"), guest("cleo", job_title="Engineer")),
    )
    plan = plan_of(snapshot, TAKE_OVER)

    assert (plan.mail, plan.change) == ((), Change())
    assert [(item.invitee.first_name, item.as_told) for item in plan.as_told] == [
        ("Henry", Kind.INVITATION),
        ("Ada", Kind.INVITATION),
    ]
    assert {item.mail_reason for item in plan.as_told} == {AS_TOLD}
    assert [item.adopted for item in plan.as_told] == [False, True]
    assert [(item.invitee.first_name, item.skip) for item in plan.skipped] == [
        ("Bob", SkipCode.NOT_SELECTED),
        ("Cleo", SkipCode.NOT_SELECTED),
    ]


def test_a_message_that_is_queued_already_is_not_recorded_as_told():
    snapshot = make_snapshot(
        row("ada"),
        there=(guest("ada"),),
        known={"ada": Standing.ADDED},
        boxes={
            "ada": holding(
                "ada",
                None,
                State.QUEUED,
                Kind.INVITATION,
                delivery("ada", State.QUEUED).facts,
            )
        },
    )
    assert plan_of(snapshot, TAKE_OVER).as_told == ()


@given(any_snapshot(), options())
def test_taking_over_mails_no_person_and_changes_nothing(snapshot: Snapshot, asked_for: Options):
    plan = make_plan(snapshot, replace(asked_for, adopt=True, as_told=True))

    assert (plan.mail, plan.change) == ((), Change())
    assert {item.action for item in plan.as_told} <= {Action.KEEP}
