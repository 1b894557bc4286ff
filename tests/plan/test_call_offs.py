"""A session that is called off: cancellations for every person with a link, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given

from onboarding.model.deliveries import Mailbox, State
from onboarding.model.kinds import Kind
from onboarding.model.people import Problem
from onboarding.model.registrations import Standing
from onboarding.model.sessions import CallOff
from onboarding.plan import Action, Options, SkipCode, make_plan
from tests.plan.people import (
    COHOST,
    EVERYTHING,
    HOST,
    NOW,
    delivery,
    facts,
    guest,
    holds,
    host,
    make_snapshot,
    only_item,
    plan_of,
    row,
)
from tests.plan.snapshots import any_snapshot, options

OFF = CallOff(NOW, "Mia Berg")


def off(*rows, **parts):
    return replace(make_snapshot(*rows, **parts), call_off=OFF)


@pytest.mark.parametrize(
    ("rows", "parts", "why"),
    [
        ([row("ada")], {"there": (guest("ada"),)}, "on the roster and registered"),
        ([row("ada")], {}, "on the roster, not registered"),
        ([], {"there": (guest("ada"),)}, "registered, not on the roster"),
        ([], {"known": {"ada": Standing.ADDED}}, "known to the ledger only"),
        ([], {}, "with nothing but a message"),
    ],
)
def test_person_who_holds_a_link_gets_a_cancellation_wherever_they_are_listed(rows, parts, why):
    item = only_item(off(*rows, **parts, boxes={"ada": holds("ada")}))
    assert (item.action, item.mail, item.invitee.key) == (
        Action.NONE,
        Kind.CANCELLATION,
        "ada@example.com",
    ), why


def test_nobody_is_added_changed_or_invited():
    plan = plan_of(
        off(
            *(row("ada"), row("bob", COHOST), row("henry", HOST)),
            there=(host("henry"), guest("bob")),
            known={"bob": Standing.ADDED},
        ),
        EVERYTHING,
    )
    assert (bool(plan), plan.mail, bool(plan.change)) == (False, (), False)
    assert {item.skip for item in plan.items} == {SkipCode.CALLED_OFF}


def test_faults_of_the_roster_need_no_person_any_more():
    bad = Problem(3, "role", "tom@example.com", "'Speaker' is no role.")
    assert plan_of(off(problems=(bad,))).problems == ()


def test_person_with_a_message_in_doubt_is_named_and_not_mailed():
    box = Mailbox(None, delivery("ada", State.IN_DOUBT, told=facts("ada")), 1)
    item = only_item(off(row("ada"), there=(guest("ada"),), boxes={"ada": box}))
    assert (item.mail, item.skip) == (None, SkipCode.IN_DOUBT)


def test_removal_that_is_asked_for_goes_on_with_its_cancellation():
    left = off(there=(guest("ada"),), known={"ada": Standing.ADDED}, boxes={"ada": holds("ada")})
    item = only_item(left, Options(remove=True))
    assert (item.action, item.mail) == (Action.REMOVE, Kind.CANCELLATION)


def test_plan_says_who_called_it_off_and_when():
    snapshot = off()
    (note,) = plan_of(snapshot).notes
    assert note.startswith("Called off by Mia Berg at ")
    # To be copied into a shell as it is.
    assert f"`onboarding call-off {snapshot.session.key} --undo`" in note


@given(any_snapshot(), options())
def test_called_off_plan_sends_cancellations_to_holders_of_a_link_only(snapshot, wished):
    plan = make_plan(replace(snapshot, call_off=OFF), wished)
    assert {item.mail for item in plan.mail} <= {Kind.CANCELLATION}
    assert all(snapshot.mailbox(item.invitee.key).facts for item in plan.mail)
    assert (plan.change.add, plan.change.update) == ((), ())
