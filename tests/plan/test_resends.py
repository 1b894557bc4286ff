"""Who gets their message again when a person asks for it, and as what kind."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from onboarding.model.deliveries import Delivery, State
from onboarding.model.kinds import Kind
from onboarding.model.registrations import Standing
from onboarding.model.sessions import CALLED_OFF, CallOff, SessionStatus
from onboarding.plan import Action, Options, PlanItem, Snapshot, make_plan
from onboarding.plan.resends import plan_resend
from tests.plan.people import HOUR, MOVED, NOW, START, delivery, facts, guest, make_snapshot, row

ON_BOARD = PlanItem(row("ada", row=2), Action.NONE, "", guest("ada"))
NO_LINK = PlanItem(row("ada", row=2), Action.NONE, "", guest("ada", join_uri=None))
LEFT = PlanItem(row("ada"), Action.NONE, "", guest("ada"))
GONE = PlanItem(row("ada"), Action.NONE, "")
UNREGISTERED = PlanItem(row("ada", row=2), Action.NONE, "")

INVITED = delivery("ada", State.SENT, told=facts("ada"))
CANCELLED = delivery("ada", State.SENT, Kind.CANCELLATION, facts("ada"))


def of(state: State, kind: Kind = Kind.INVITATION, **changed) -> Delivery:
    return delivery("ada", state, kind, facts("ada", **changed))


def planned(
    item: PlanItem, earlier: Sequence[Delivery], **snapshot
) -> tuple[Kind | None, bool, str]:
    made: Snapshot = make_snapshot(**snapshot)
    again = plan_resend(item, earlier, made)
    return again.mail, again.queued, again.mail_reason


@pytest.mark.parametrize(
    "earlier",
    [
        pytest.param([of(state)], id=state)
        for state in (State.SENT, State.RECORDED, State.BOUNCED, State.REJECTED, State.FAILED)
    ]
    + [
        pytest.param([INVITED, of(State.SENT, Kind.UPDATE)], id="an update"),
        pytest.param([INVITED, of(State.EXPIRED)], id="sent, then something that never left"),
        pytest.param([INVITED, of(State.CANCELLED)], id="sent, then cancelled by a person"),
        pytest.param([INVITED, of(State.SUPERSEDED)], id="sent, then superseded"),
        pytest.param([CANCELLED, INVITED], id="cancelled long ago, and invited again"),
    ],
)
def test_person_who_was_mailed_gets_an_invitation(earlier):
    kind, is_released, _ = planned(ON_BOARD, earlier)
    assert (kind, is_released) == (Kind.INVITATION, False)


@pytest.mark.parametrize("item", [GONE, LEFT])
def test_person_whose_last_was_a_cancellation_gets_that_again(item):
    assert planned(item, [INVITED, CANCELLED])[:2] == (Kind.CANCELLATION, False)


@pytest.mark.parametrize("waiting", [of(State.QUEUED), of(State.QUEUED, Kind.UPDATE)])
def test_message_that_waits_is_released_and_not_sent_twice(waiting):
    assert planned(ON_BOARD, [INVITED, waiting])[:2] == (waiting.kind, True)


def test_cancellation_that_waits_is_released():
    waiting = of(State.QUEUED, Kind.CANCELLATION)
    assert planned(GONE, [INVITED, waiting])[:2] == (Kind.CANCELLATION, True)


def test_message_that_waits_and_tells_what_was_true_is_replaced():
    outdated = of(State.QUEUED, Kind.UPDATE, **MOVED)
    assert planned(ON_BOARD, [INVITED, outdated])[:2] == (Kind.INVITATION, False)


@pytest.mark.parametrize(
    ("item", "earlier", "snapshot", "why"),
    [
        (ON_BOARD, [of(State.IN_DOUBT)], {}, "may have arrived"),
        (ON_BOARD, [of(State.SENDING)], {}, "is being sent just now"),
        (ON_BOARD, [of(State.IN_DOUBT), of(State.QUEUED)], {}, "may have arrived"),
        (ON_BOARD, [], {}, "no message to them was sent"),
        (ON_BOARD, [of(State.CANCELLED)], {}, "no message to them was sent"),
        (ON_BOARD, [of(State.EXPIRED)], {}, "no message to them was sent"),
        (ON_BOARD, [of(State.SUPERSEDED)], {}, "no message to them was sent"),
        (ON_BOARD, [], {"status": SessionStatus.FINISHED}, "the session is over"),
        (GONE, [], {}, "is not on the roster"),
        (UNREGISTERED, [], {}, "is not registered"),
        (UNREGISTERED, [INVITED], {}, "is not registered"),
        (UNREGISTERED, [of(State.QUEUED)], {}, "is not registered"),
        (NO_LINK, [INVITED], {}, "has no join link"),
        (LEFT, [INVITED], {}, "is not on the roster"),
        (GONE, [INVITED], {}, "is not on the roster"),
        (ON_BOARD, [INVITED, CANCELLED], {}, "is on board again"),
        (ON_BOARD, [INVITED], {"now": START + 2 * HOUR}, "the session is over"),
        (ON_BOARD, [INVITED], {"status": SessionStatus.FINISHED}, "the session is over"),
        (GONE, [CANCELLED], {"status": SessionStatus.FINISHED}, "the session is over"),
    ],
)
def test_resend_is_refused_with_the_reason(item, earlier, snapshot, why):
    kind, is_released, reason = planned(item, earlier, **snapshot)
    assert (kind, is_released, why in reason) == (None, False, True), reason


@pytest.mark.parametrize("earlier", [[], [of(State.SUPERSEDED)], [INVITED, CANCELLED]])
@pytest.mark.parametrize(
    ("send_invite", "known", "advice"),
    [
        (False, {"ada": Standing.ADDED}, "; onboarding run invites them"),
        (True, {"ada": Standing.ADDED}, "--include-already-mailed sends it anyway"),
        (True, {}, "--include-already-mailed mails them anyway"),
        (False, {}, "--adopt mails them"),
    ],
)
def test_resend_of_a_first_message_advises_the_run_that_sends_it(
    earlier, send_invite, known, advice
):
    record = guest("ada", send_invite=send_invite)
    snapshot = make_snapshot(row("ada"), there=(record,), known=known)
    (item,) = make_plan(snapshot, Options()).items
    reason = plan_resend(replace(item, action=Action.NONE), earlier, snapshot).mail_reason
    assert (advice in reason, "onboarding run" in reason) == (True, True), reason


@pytest.mark.parametrize(
    ("earlier", "kind"), [([INVITED], None), ([INVITED, CANCELLED], Kind.CANCELLATION)]
)
def test_of_a_session_that_is_called_off_only_the_cancellation_is_sent_again(earlier, kind):
    snapshot = replace(make_snapshot(), call_off=CallOff(NOW, "Mia"))
    assert plan_resend(ON_BOARD, earlier, snapshot).mail is kind


def test_of_a_session_that_is_called_off_no_run_sends_the_first():
    snapshot = replace(make_snapshot(), call_off=CallOff(NOW, "Mia"))
    assert plan_resend(ON_BOARD, [], snapshot).mail_reason == CALLED_OFF
