"""Any change, any state, any faults: the planned people are registered once, in bounded calls."""

from math import ceil, log2

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.errors import Refused, TryLater
from onboarding.model.people import Role
from onboarding.model.registrations import Change, Update, split_change
from onboarding.model.sessions import InviteeList
from onboarding.ringcentral.batch import list_items, select_missing
from tests.ringcentral.company import (
    invited_colleague,
    invited_guest,
    listed,
    person_key,
    visiting,
    world,
)
from tests.ringcentral.people import colleague, guest

pytestmark = pytest.mark.anyio

TROUBLES = [
    "PATCH:timeout-before",
    "PATCH:timeout-after",
    "PATCH:500",
    "PATCH:500-after",
    "PATCH:502",
    "PATCH:503=5",
    "PATCH:429=1",
    "PATCH:429-bare=30",
    "PATCH:409-bare",
    "PATCH:expired-token",
    "PATCH:revoked-token",
    "PATCH:missing-join-uri",
    "PATCH:missing-person",
    "PATCH:shuffled",
    "PATCH:extra-fields",
    "PATCH:not-json",
    "PATCH:missing-field=joinUri",
    "PATCH:missing-field=id",
    "PATCH:changed-field=role",
    "GET:timeout-before",
    "GET:timeout-after",
    "GET:500",
    "GET:502",
    "GET:503",
    "GET:429=1",
    "GET:shuffled",
    "GET:extra-fields",
    "GET:expired-token",
]


@st.composite
def situations(draw):
    """Who is at RingCentral, what is planned for each, and the people that RingCentral refuses."""
    numbers = draw(st.lists(st.integers(1, 30), unique=True, max_size=8))
    standing, add, touch, refused = [], [], {}, set()
    for number in numbers:
        linked, fate = (
            draw(st.booleans()),
            draw(st.sampled_from(["add", "refuse", "update", "remove", "keep"])),
        )
        if fate == "refuse":
            refused.add(f"guest{number}@example.com")
            add.append(guest(number, role=Role.COHOST))
        elif fate == "add":
            add.append(colleague(number) if linked else guest(number))
        else:
            standing.append(
                invited_colleague(number)
                if linked
                else invited_guest(number, send_invite=draw(st.booleans()))
            )
            person = (
                colleague(number, role=Role.PANELIST) if linked else guest(number, first_name="New")
            )
            touch[person_key(person)] = (fate, person)
    return standing, add, touch, refused


rules = st.fixed_dictionaries(
    {
        "bad_invitee": st.sampled_from(["refuse-all", "apply-others-and-refuse", "apply-others"]),
        "deletes_first": st.booleans(),
        "linked_users_show_email": st.booleans(),
        "linked_users_show_names": st.booleans(),
    }
)


def wanted(add, touch, registrations):
    """The change, made of the records as they are listed."""
    of = {person_key(record): record for record in registrations}
    return Change(
        add=tuple(add),
        update=tuple(
            Update(of[name], person) for name, (fate, person) in touch.items() if fate == "update"
        ),
        remove=tuple(of[name] for name, (fate, _) in touch.items() if fate == "remove"),
    )


async def applied_until_done(visit, change, registrations, refused):
    """Apply a change run after run, until only people are left that are refused for good.

    Gives what the last run said, and how many runs there were.
    """
    for runs in range(1, 10):
        try:
            applied = await visit.client.apply(visit.key, change, registrations)
        except (TryLater, Refused):
            applied = None
        if applied and {problem.email for problem in applied.problems} <= refused:
            return applied, runs
        registrations = await listed(visit)
        change = select_missing(change, registrations)
    raise AssertionError("the server's faults never end")


@settings(max_examples=50, deadline=None)
@given(situations(), rules, st.lists(st.sampled_from(TROUBLES), max_size=6))
async def test_in_any_weather_the_planned_people_are_registered_once_and_calls_are_bounded(
    situation, switches, troubles
):
    standing, add, touch, refused = situation
    async with visiting(world(standing, switches)) as visit:
        before = await listed(visit)
        kept = dict(visit.standing)
        change = wanted(add, touch, before)
        planned = len(split_change(change, InviteeList(before).seats_taken))
        visit.server.requests.clear()
        visit.server.faults.add(*troubles)

        applied, runs = await applied_until_done(visit, change, before, refused)

    struck = [request.fault for request in visit.server.requests if request.fault]
    end = {name for name, (fate, _) in touch.items() if fate != "remove"} | {
        person_key(invitee) for invitee in add
    } - refused
    assert set(visit.standing) == end
    assert len(visit.server.account.list_records("101", "201")) == 1 + len(end)
    assert {problem.email for problem in applied.problems} == refused
    assert {
        name: visit.standing[name].role for name, (fate, _) in touch.items() if fate == "update"
    } == {name: person.role for name, (fate, person) in touch.items() if fate == "update"}
    assert all(
        visit.standing[name] == kept[name] for name, (fate, _) in touch.items() if fate == "keep"
    )
    assert {
        record.id: record.join_uri
        for record in applied.registrations
        if record.role is not Role.HOST
    } == {record.id: record.join_uri for record in visit.standing.values()}
    halvings = ceil(log2(max(2, len(list_items(change)))))
    isolation = 2 * len(refused) * runs + (halvings + 1) * struck.count("409-bare")
    assert len(visit.heavy()) <= planned + (runs - 1) + 2 * len(struck) + isolation
    assert not {invitee.email for invitee in add if invitee.email} & set(
        visit.server.account.mailed
    )
