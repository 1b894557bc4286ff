"""Whether a person is sent their message again, and as what kind: for `resend`, never for a run.

Pure. A run sends no message twice by itself; here a person asks for a second copy. It is refused
where the first may still arrive, and where there is nothing true to say. The answer is an item of a
plan: `mail` is the kind (None: refused, `mail_reason` says why), `queued` means that a message
which waits in the queue leaves now instead.
"""

from collections.abc import Sequence
from dataclasses import replace

from onboarding.model.deliveries import Delivery, State
from onboarding.model.kinds import RULES, Kind, clears_facts
from onboarding.model.sessions import CALLED_OFF
from onboarding.plan.messages_due import (
    MAY_HAVE_ARRIVED,
    SESSION_IS_OVER,
    SUPPRESSED,
    current_facts,
)
from onboarding.plan.snapshot import PlanItem, Snapshot

SENT_ONCE = frozenset({State.SENT, State.RECORDED, State.BOUNCED, State.REJECTED, State.FAILED})
"""States of a message that can be sent again: the mail server, or we, have decided about it.

`recorded` stands for a message that another program has sent.
"""

ASKED_FOR = "a person asked for it again"

_JUST_BEING_SENT = "their last message is being sent just now; try again in a minute"
_LAST_IN_DOUBT = "the last message may have arrived; onboarding resolve decides"
_NEVER_SENT = "no message to them was sent, rejected or failed"
_BACK_ON_BOARD = "is on board again after the cancellation"
_SUPPRESSED = f"{SUPPRESSED}; onboarding retry with the address ends that"
_NOT_ON_ROSTER = "is not on the roster"
_NOT_REGISTERED = "is not registered, or has no join link; onboarding run registers them"


def plan_resend(item: PlanItem, earlier: Sequence[Delivery], snapshot: Snapshot) -> PlanItem:
    """Plan a second copy for a person who is on board or was, or say why there is none.

    `earlier` are all deliveries to them, in order, no rehearsals.
    """
    if unsettled := _find_unsettled(earlier):
        return _refuse(item, unsettled)
    last = _find_last(earlier)
    if last is None:
        # Where no run sends the first one either, that is what has to be said.
        obstacle = _find_resend_obstacle(item, Kind.INVITATION, snapshot)
        return _refuse(item, obstacle or f"{_NEVER_SENT}{_find_advice(item)}")
    # A second copy stands alone. An update would name changes to a message that may be lost.
    kind = last.kind if clears_facts(last.kind) else Kind.INVITATION
    if reason := _find_resend_obstacle(item, kind, snapshot):
        return _refuse(item, reason)
    # A message that waits is released. One that tells what was true before is replaced.
    is_released = last.state is State.QUEUED and _is_still_true(item, last, snapshot)
    kind = last.kind if is_released else kind
    return replace(item, mail=kind, mail_reason=ASKED_FOR, queued=is_released)


def _find_unsettled(earlier: Sequence[Delivery]) -> str:
    """Say that a message is on its way, or may have arrived; empty if none is."""
    if any(delivery.state is State.SENDING for delivery in earlier):
        return _JUST_BEING_SENT
    # Any of them: an older copy in doubt may still turn up beside this one.
    if any(delivery.state in MAY_HAVE_ARRIVED for delivery in earlier):
        return _LAST_IN_DOUBT
    return ""


def _find_last(earlier: Sequence[Delivery]) -> Delivery | None:
    """Find the message that waits, else the last one about which something was decided."""
    waiting = [delivery for delivery in earlier if delivery.state is State.QUEUED]
    decided = [delivery for delivery in earlier if delivery.state in SENT_ONCE]
    return next(reversed(waiting or decided), None)


def _refuse(item: PlanItem, reason: str) -> PlanItem:
    return replace(item, mail=None, mail_reason=reason, queued=False)


def _find_resend_obstacle(item: PlanItem, kind: Kind, snapshot: Snapshot) -> str:
    """Say why a message of this kind may not leave now; empty if it may."""
    is_on_board = bool(item.invitee.row) and item.registration is not None
    has_link = item.registration is not None and item.registration.join_uri is not None
    takes_back = clears_facts(kind)
    # The first that applies is the answer: what concerns the session stands before the person.
    obstacles = {
        SESSION_IS_OVER: RULES[kind].is_over(snapshot.session, snapshot.now),
        CALLED_OFF: not takes_back and snapshot.call_off is not None,
        _SUPPRESSED: item.invitee.key in snapshot.suppressed,
        f"{_BACK_ON_BOARD}{_find_advice(item)}": (
            takes_back and is_on_board and snapshot.call_off is None
        ),
        _NOT_ON_ROSTER: not takes_back and not item.invitee.row,
        _NOT_REGISTERED: not takes_back and not has_link,
    }
    return next((reason for reason, is_there in obstacles.items() if is_there), "")


def _find_advice(item: PlanItem) -> str:
    """Say which run sends a person their first message, as the plan has them."""
    # A run leaves them alone: its reason names the option that ends that, if there is one.
    if item.skip and item.mail_reason:
        return f", and a plain onboarding run sends none either: {item.mail_reason}"
    return "; onboarding run invites them"


def _is_still_true(item: PlanItem, waiting: Delivery, snapshot: Snapshot) -> bool:
    """Whether a queued message tells the facts of now. One that does not is replaced."""
    if clears_facts(waiting.kind) or item.registration is None:
        return True
    record = item.registration
    return waiting.facts == current_facts(snapshot.session, record.role, record)
