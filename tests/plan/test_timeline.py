"""The schedule in a plan counts the people who are still to get a message, and no one else."""

from dataclasses import replace

import pytest

from onboarding.model.deliveries import Mailbox, State
from onboarding.model.entries import Entry, Schedule, parse_when
from onboarding.model.kinds import Kind
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.plan import Options, Snapshot
from tests.plan.people import (
    COHOST,
    CRON,
    EVERYTHING,
    HOST,
    NOW,
    facts,
    guest,
    holding,
    holds,
    host,
    make_snapshot,
    plan_of,
    row,
    user,
)

MATERIAL = Entry("material", "material", "material", parse_when("-1h"))
ADDED = {"ada": Standing.ADDED}
MAILED = {"ada": ManagedRegistration(row("ada"), Standing.ADDED, mailed_by_ringcentral=True)}
INVITED = {"ada": replace(holds("ada"), invited_at=NOW)}
REJECTED = {"ada": holding("ada", None, State.REJECTED, Kind.INVITATION, facts("ada"))}
IN_DOUBT = {"ada": holding("ada", None, State.IN_DOUBT, Kind.INVITATION, facts("ada"))}


def count_waiting(snapshot: Snapshot, options: Options = CRON, **changed) -> int:
    """How many people the plan counts for the one entry of the schedule."""
    scheduled = replace(snapshot, schedule=Schedule((MATERIAL,)), **changed)
    (line,) = plan_of(scheduled, options).timeline
    return line.waiting


def registered(known=ADDED, boxes: dict[str, Mailbox] | None = None, **fields) -> Snapshot:
    return make_snapshot(row("ada"), there=(guest("ada", **fields),), known=known, boxes=boxes)


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(make_snapshot(row("ada")), id="to be added"),
        pytest.param(registered(), id="to be invited"),
        pytest.param(registered(boxes=INVITED), id="invited"),
        pytest.param(registered(MAILED, INVITED, send_invite=True), id="invited by both"),
        pytest.param(registered(boxes=IN_DOUBT), id="perhaps invited"),
        pytest.param(
            make_snapshot(row("henry", HOST, linked_user=user("henry")), there=(host(),)),
            id="the host",
        ),
    ],
)
def test_person_who_is_or_will_be_invited_counts(snapshot):
    assert count_waiting(snapshot) == 1


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(registered({}), id="registered elsewhere"),
        pytest.param(registered({}, send_invite=True), id="mailed by RingCentral"),
        pytest.param(registered(boxes=REJECTED), id="rejected"),
        pytest.param(make_snapshot(row("ada", COHOST)), id="refused"),
    ],
)
def test_person_whom_no_run_invites_does_not_count(snapshot):
    assert count_waiting(snapshot) == 0


@pytest.mark.parametrize(
    "snapshot", [registered({}), registered({}, send_invite=True), registered(MAILED)]
)
def test_person_counts_once_they_are_to_be_mailed_on_request(snapshot):
    assert count_waiting(snapshot, EVERYTHING) == 1


@pytest.mark.parametrize(
    "snapshot",
    [
        make_snapshot(row("ada")),
        registered(boxes=INVITED),
        make_snapshot(row("henry", HOST, linked_user=user("henry")), there=(host(),)),
    ],
)
@pytest.mark.parametrize(
    "changed",
    [
        {"allow_domains": frozenset({"elsewhere.example"})},
        {"suppressed": {"ada@example.com": "bounced", "henry@example.com": "bounced"}},
    ],
)
def test_person_to_whom_nothing_may_go_does_not_count(snapshot, changed):
    assert (count_waiting(snapshot), count_waiting(snapshot, **changed)) == (1, 0)
