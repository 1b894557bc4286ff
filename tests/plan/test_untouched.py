"""Records that are left alone: attendees, and those that are not understood. They stop nobody else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Problem
from onboarding.model.registrations import SEATS, Change, Standing
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan import Action, Options, Snapshot, as_json, make_plan
from onboarding.plan.formatting import attendee_lines
from onboarding.plan.identity import identify, names_of
from tests.plan.people import (
    CRON,
    EVERYTHING,
    colleague,
    guest,
    holds,
    linked,
    odd,
    only_step,
    picture,
    planned,
    row,
    user,
)
from tests.plan.snapshots import options, pictures

ODD_ADA = odd(guest("ada"))
MESSAGE = (
    "RingCentral's record of this person is not understood (`role` is “Moderator”), so they are left as they are."
    " Look at them in RingCentral, or for a newer version of this program."
)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(picture(row("ada"), untouched=(ODD_ADA,)), id="by address"),
        pytest.param(picture(row("ada", email="ADA@Example.com"), untouched=(ODD_ADA,)), id="in another spelling"),
        pytest.param(picture(row("ada", linked_user=user("ada")), untouched=(odd(linked("ada")),)), id="by ids"),
        pytest.param(
            picture(row("ada"), untouched=(odd(linked("ada")),), colleagues=(colleague("ada"),)),
            id="by the address that the directory has for the ids",
        ),
        pytest.param(
            picture(row("ada"), untouched=(odd(guest("ada", email="")),), boxes={"ada": holds("ada")}),
            id="by the link that was sent to them",
        ),
        pytest.param(picture(row("ada"), there=(guest("ada"),), untouched=(ODD_ADA,)), id="beside a good record"),
        pytest.param(
            picture(row("ada"), untouched=(ODD_ADA,), known={"ada": Standing.ADDED}, boxes={"ada": holds("bob")}),
            id="though news is due",
        ),
    ],
)
@pytest.mark.parametrize("asked_for", [CRON, EVERYTHING])
def test_a_row_whose_record_is_not_understood_is_left_alone(seen: Snapshot, asked_for: Options):
    plan = make_plan(seen, asked_for)

    (step,) = [step for step in plan.items if step.invitee.row]
    assert (step.action, step.mail, step.reason) == (Action.NONE, None, MESSAGE)
    assert plan.change == Change()
    assert Problem(2, None, seen.roster.invitees[0].email, MESSAGE) in plan.problems


@pytest.mark.parametrize(
    ("record", "who"),
    [
        (ODD_ADA, "ada@example.com"),
        (odd(linked("ada", first_name="Ada")), "Ada"),
        (UntouchedRecord(id="7", fault="`role` is “Moderator”"), "invitee 7"),
        (UntouchedRecord(fault="`role` is “Moderator”"), "an invitee"),
    ],
)
@pytest.mark.parametrize("asked_for", [CRON, EVERYTHING])
def test_a_record_of_nobody_on_the_roster_is_a_problem_and_stops_nobody(record, who, asked_for):
    plan = make_plan(picture(row("bob"), untouched=(record,)), asked_for)

    assert [one.email for one in plan.change.add] == ["bob@example.com"]
    assert plan.change.remove == ()
    assert plan.problems == (Problem(None, None, who, MESSAGE),)


@pytest.mark.parametrize(
    ("record", "mail"),
    [
        pytest.param(ODD_ADA, [], id="who may be registered still is not told that they were removed"),
        pytest.param(odd(guest("", join_uri=None)), [], id="nor anybody whom a nameless record may mean"),
        pytest.param(odd(guest("bob")), ["cancellation"], id="a record of somebody else is no hindrance"),
        pytest.param(odd(guest("ada"), ""), [], id="an attendee is left alone"),
        pytest.param(UntouchedRecord(id="7"), ["cancellation"], id="a nameless one is no hindrance"),
    ],
)
def test_nobody_is_told_that_they_were_removed_while_a_record_may_be_theirs(record, mail):
    seen = picture(untouched=(record,), known={"ada": Standing.ADDED}, boxes={"ada": holds("ada")})

    assert [step.mail for step in make_plan(seen, Options(remove=True)).mail] == mail


def test_who_was_removed_is_told_so_though_they_attend_by_now():
    attendee = odd(guest("ada"), "")
    seen = picture(untouched=(attendee,), known={"ada": Standing.REMOVED}, boxes={"ada": holds("ada")})

    assert [step.mail for step in planned(seen).mail] == ["cancellation"]


def test_a_record_that_is_not_understood_takes_a_seat_and_an_attendee_takes_none():
    there = tuple(guest(f"guest{number}") for number in range(SEATS - 1))
    attendee = odd(guest("eve"), "")

    with_seat = planned(picture(row("bob"), there=there, untouched=(attendee,)))
    without = planned(picture(row("bob"), there=there, untouched=(attendee, ODD_ADA)))

    assert [len(plan.change.add) for plan in (with_seat, without)] == [1, 0]


def test_an_attendee_is_told_as_skipped_and_is_no_problem():
    plan = planned(picture(untouched=(odd(guest("ada"), ""), UntouchedRecord(id="7"))))

    reason = "an attendee in RingCentral's list, left alone"
    assert as_json(plan)["skip"] == [
        {"email": "ada@example.com", "name": "Ada Example", "role": "Attendee", "reason": reason},
        {"email": "", "name": "invitee 7", "role": "Attendee", "reason": reason},
    ]
    assert attendee_lines(plan) == [
        ("Ada Example", "Attendee", "-", "-", reason),
        ("invitee 7", "Attendee", "-", "-", reason),
    ]
    assert (plan.problems, plan.items, bool(plan)) == ((), (), False)


def test_an_attendee_who_is_on_the_roster_is_added_as_what_the_roster_says():
    step = only_step(picture(row("ada"), untouched=(odd(guest("ada"), ""),)))

    assert (step.action, step.reason) == (Action.ADD, "on the roster, so far an attendee at RingCentral")


def test_a_session_that_is_not_fully_understood_is_a_problem_and_stops_nobody():
    plan = planned(picture(row("ada"), not_understood=("`status` is “Postponed”", "`localeCode` has another form")))

    assert len(plan.change.add) == 1
    assert plan.problems == (
        Problem(
            None,
            None,
            "",
            "RingCentral's facts of this session are not fully understood (`status` is “Postponed”, `localeCode` has"
            " another form): the run goes on without them. Look at the session in RingCentral, or for a newer version"
            " of this program.",
        ),
    )


@given(pictures(), options(), st.data())
def test_nobody_with_a_record_that_is_not_understood_is_touched(
    seen: Snapshot, asked_for: Options, data: st.DataObject
):
    """Whatever a plan looks at, and whichever records of it are odd."""
    records = [one for one in seen.registrations if one.email]
    chosen = data.draw(st.lists(st.sampled_from(records), unique_by=lambda one: one.id)) if records else []
    left = tuple(one for one in seen.registrations if one not in chosen)
    unclear = replace(seen, registrations=left, untouched=tuple(map(odd, chosen)))

    plan = make_plan(unclear, asked_for)

    names = {name for one in identify(unclear).untouched for name in names_of(one)}
    changed = [*plan.change.add, *plan.change.remove, *(update.invitee for update in plan.change.update)]
    assert not [one for one in changed if names_of(one) & names]
    assert not [step for step in plan.mail if names_of(step.invitee) & names]
    assert len(plan.problems) >= len(chosen)
