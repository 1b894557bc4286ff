"""Records that are left alone: attendees, and those that are not understood."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.cli.plan_json import plan_json
from onboarding.cli.plan_rows import attendee_rows
from onboarding.model.addresses import address_key
from onboarding.model.people import Problem
from onboarding.model.registrations import SEATS, Change, Standing
from onboarding.model.sessions import UntouchedRecord
from onboarding.plan import Action, Options, SkipCode, Snapshot, make_plan
from onboarding.plan.identity import identify, person_keys
from tests.plan.people import (
    CRON,
    EVERYTHING,
    colleague,
    guest,
    holds,
    linked,
    make_snapshot,
    odd,
    only_item,
    plan_of,
    row,
    user,
)
from tests.plan.snapshots import any_snapshot, options

ODD_ADA = odd(guest("ada"))
MESSAGE = (
    "RingCentral's record of this person is not understood (`role` is “Moderator”), "
    "so they are left as they are."
    " Look at them in RingCentral, or for a newer version of this program."
)


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(make_snapshot(row("ada"), untouched=(ODD_ADA,)), id="by address"),
        pytest.param(
            make_snapshot(row("ada", email="ADA@Example.com"), untouched=(ODD_ADA,)),
            id="in another spelling",
        ),
        pytest.param(
            make_snapshot(row("ada", linked_user=user("ada")), untouched=(odd(linked("ada")),)),
            id="by ids",
        ),
        pytest.param(
            make_snapshot(
                row("ada"), untouched=(odd(linked("ada")),), colleagues=(colleague("ada"),)
            ),
            id="by the address that the directory has for the ids",
        ),
        pytest.param(
            make_snapshot(
                row("ada"), untouched=(odd(guest("ada", email="")),), boxes={"ada": holds("ada")}
            ),
            id="by the link that was sent to them",
        ),
        pytest.param(
            make_snapshot(row("ada"), there=(guest("ada"),), untouched=(ODD_ADA,)),
            id="beside a good record",
        ),
        pytest.param(
            make_snapshot(
                row("ada"),
                untouched=(ODD_ADA,),
                known={"ada": Standing.ADDED},
                boxes={"ada": holds("bob")},
            ),
            id="though news is due",
        ),
    ],
)
@pytest.mark.parametrize("asked_for", [CRON, EVERYTHING])
def test_a_row_with_a_record_that_is_not_understood_is_left_alone(
    snapshot: Snapshot, asked_for: Options
):
    plan = make_plan(snapshot, asked_for)

    (item,) = [item for item in plan.items if item.invitee.row]
    assert (item.action, item.mail, item.reason) == (Action.NONE, None, MESSAGE)
    assert plan.change == Change()
    assert Problem(2, None, snapshot.roster.invitees[0].email, MESSAGE) in plan.problems


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
def test_a_record_of_no_person_on_the_roster_is_a_problem_and_stops_no_run(record, who, asked_for):
    plan = make_plan(make_snapshot(row("bob"), untouched=(record,)), asked_for)

    assert [invitee.email for invitee in plan.change.add] == ["bob@example.com"]
    assert plan.change.remove == ()
    assert plan.problems == (Problem(None, None, who, MESSAGE),)


@pytest.mark.parametrize(
    ("record", "mail"),
    [
        pytest.param(
            ODD_ADA, [], id="who may be registered still is not told that they were removed"
        ),
        pytest.param(
            odd(guest("", join_uri=None)), [], id="nor people that a nameless record may mean"
        ),
        pytest.param(
            odd(guest("bob")), ["cancellation"], id="a record of another person is no obstacle"
        ),
        pytest.param(odd(guest("ada"), ""), [], id="an attendee is left alone"),
        pytest.param(
            UntouchedRecord(id="7"), ["cancellation"], id="a nameless one is no hindrance"
        ),
    ],
)
def test_no_cancellation_leaves_while_a_record_may_be_theirs(record, mail):
    snapshot = make_snapshot(
        untouched=(record,), known={"ada": Standing.ADDED}, boxes={"ada": holds("ada")}
    )

    assert [item.mail for item in make_plan(snapshot, Options(remove=True)).mail] == mail


def test_a_removed_person_gets_a_cancellation_though_they_attend_by_now():
    attendee = odd(guest("ada"), "")
    snapshot = make_snapshot(
        untouched=(attendee,), known={"ada": Standing.REMOVED}, boxes={"ada": holds("ada")}
    )

    assert [item.mail for item in plan_of(snapshot).mail] == ["cancellation"]


def test_a_record_that_is_not_understood_takes_a_seat_and_an_attendee_takes_none():
    there = tuple(guest(f"guest{number}") for number in range(SEATS - 1))
    attendee = odd(guest("eve"), "")

    with_seat = plan_of(make_snapshot(row("bob"), there=there, untouched=(attendee,)))
    without = plan_of(make_snapshot(row("bob"), there=there, untouched=(attendee, ODD_ADA)))

    assert [len(plan.change.add) for plan in (with_seat, without)] == [1, 0]


def test_an_attendee_is_shown_as_skipped_and_is_no_problem():
    plan = plan_of(make_snapshot(untouched=(odd(guest("ada"), ""), UntouchedRecord(id="7"))))

    reason = "an attendee in RingCentral's list, left alone"
    attendee = {
        "role": "Attendee",
        "reason": reason,
        "roster": None,
        "code": "attendee",
    }
    assert plan_json(plan)["skip"] == [
        {"email": "ada@example.com", "name": "Ada Lovelace", **attendee},
        {"email": "", "name": "invitee 7", **attendee},
    ]
    assert attendee_rows(plan) == [
        ("Ada Lovelace", "Attendee", "-", "-", reason),
        ("invitee 7", "Attendee", "-", "-", reason),
    ]
    assert (plan.problems, plan.items, bool(plan)) == ((), (), False)


def test_an_attendee_who_is_on_the_roster_is_added_as_what_the_roster_says():
    item = only_item(make_snapshot(row("ada"), untouched=(odd(guest("ada"), ""),)))

    assert (item.action, item.reason) == (
        Action.ADD,
        "on the roster, so far an attendee at RingCentral",
    )


def test_a_session_that_is_not_fully_understood_is_a_problem_and_stops_no_run():
    plan = plan_of(
        make_snapshot(
            row("ada"), not_understood=("`status` is “Postponed”", "`localeCode` has another form")
        )
    )

    assert len(plan.change.add) == 1
    assert plan.problems == (
        Problem(
            None,
            None,
            "",
            "RingCentral's facts of this session are not fully understood (`status` is "
            "“Postponed”, `localeCode` has another form): the run goes on without them. "
            "Look at the session in RingCentral, or for a newer version of this program.",
        ),
    )


@given(any_snapshot(), options(), st.data())
def test_no_person_with_a_record_that_is_not_understood_is_touched(
    snapshot: Snapshot, asked_for: Options, data: st.DataObject
):
    """Whatever a plan looks at, and whichever records of it are odd."""
    records = [record for record in snapshot.registrations if record.email]
    chosen = (
        data.draw(st.lists(st.sampled_from(records), unique_by=lambda one: one.id))
        if records
        else []
    )
    left = tuple(record for record in snapshot.registrations if record not in chosen)
    unclear = replace(snapshot, registrations=left, untouched=tuple(map(odd, chosen)))

    plan = make_plan(unclear, asked_for)

    names = {name for one in identify(unclear).untouched for name in person_keys(one)}
    changed = [
        *plan.change.add,
        *plan.change.remove,
        *(update.invitee for update in plan.change.update),
    ]
    assert not [one for one in changed if person_keys(one) & names]
    assert not [item for item in plan.mail if person_keys(item.invitee) & names]
    # Two odd records may be of one person, whose row names another one's account: said once.
    told = [person_keys(item.invitee) for item in plan.items if item.skip is SkipCode.PROBLEM]
    addresses = {address_key(problem.email) for problem in plan.problems}
    for record in identify(unclear).untouched:
        is_on_a_row = any(person_keys(record) & keys for keys in told)
        assert is_on_a_row or address_key(record.email) in addresses
