"""What a mailbox is owed: an invitation, an update, a cancellation, or nothing, each with its reason.

Compares what the mailbox was told (the ledger) with what is true now (RingCentral), and holds back what may only be
sent on request. Decides nothing about records.
"""

from dataclasses import replace
from datetime import datetime

from onboarding.model.deliveries import Delivery, Mailbox, State
from onboarding.model.kinds import Kind, counts_as_told, is_over, takes_back
from onboarding.model.people import Problem, Role
from onboarding.model.registrations import NO_LINK
from onboarding.model.sessions import Facts, Registration, Session, link_digest
from onboarding.plan.snapshot import Action, Options, PlanItem, Snapshot

_UNKNOWABLE = frozenset({State.SENDING, State.IN_DOUBT})


def current_facts(session: Session, role: Role, record: Registration) -> Facts | None:
    """What a message would tell this person now; None while there is no join link."""
    if record.join_uri is None:
        return None
    return Facts(link_digest(record.join_uri), role, session.start, session.duration)


def add_due_message(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Add to a person's item what their mailbox is owed."""
    if not item.invitee.email:
        return item
    match item.action:
        case Action.NONE:
            return _note_cancelled(item, snapshot)
        case Action.REMOVE:
            return plan_cancellation(item, snapshot)
        case _ if is_over(Kind.UPDATE, snapshot.session, snapshot.now):
            return replace(item, mail_reason=_OVER)
        case Action.ADD | Action.REPLACE:
            return _due_message(item, None, snapshot)
        case Action.KEEP | Action.UPDATE:
            return _plan_news(item, snapshot, options)


def plan_cancellation(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Owe a cancellation to somebody who is removed and holds a link."""
    box = snapshot.mailbox(item.invitee.key)
    last = box.last
    if last and last.state in _UNKNOWABLE:
        return replace(item, mail_reason=_IN_DOUBT)
    if box.told is None:
        called_off = _note_cancelled(item, snapshot)
        return called_off if called_off.mail_reason else replace(item, mail_reason=_NEVER_MAILED)
    if is_over(Kind.CANCELLATION, snapshot.session, snapshot.now):
        return replace(item, mail_reason=_OVER)
    if last and takes_back(last.kind) and last.state is State.QUEUED:
        return replace(item, mail=last.kind, mail_reason=_queue_reason(last, snapshot.now), queued=True)
    if last and takes_back(last.kind) and last.state is not State.SENT:
        return replace(item, mail_reason=f"their cancellation: {_WHY_HELD[last.state]}")
    return replace(item, mail=Kind.CANCELLATION, mail_reason="holds a link that no longer works")


def _note_cancelled(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Say that a queued message will not leave: delivering calls it off for who is not on board."""
    last = snapshot.mailbox(item.invitee.key).last
    queued = last is not None and last.state is State.QUEUED and not takes_back(last.kind)
    return replace(item, mail_reason="the message queued for them is called off") if queued else item


def _plan_news(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Owe news to somebody who is registered, where they may be mailed. The Host always may."""
    invitee, record = item.invitee, item.registration
    if record is None or record.join_uri is None:
        return _hold_back(item, NO_LINK)
    owed = _due_message(item, current_facts(snapshot.session, item.role, record), snapshot)
    if owed.mail is None or record.role is Role.HOST:
        return owed
    if not snapshot.is_silent(invitee, record):
        return _plan_after_ringcentral(item, record, owed, snapshot, options)
    if snapshot.is_managed(invitee, record):
        return owed
    return replace(owed, adopted=True) if options.adopt else _hold_back(item, _FOREIGN)


def _plan_after_ringcentral(
    item: PlanItem, record: Registration, owed: PlanItem, snapshot: Snapshot, options: Options
) -> PlanItem:
    """Whom this ledger has told something goes on hearing from it; for anybody else RingCentral's mail is the one.

    What is queued for a person of ours after a run said that RingCentral has mailed them was asked for by a person.
    """
    invitee = item.invitee
    asked_for = options.include_already_mailed or (owed.queued and snapshot.is_mailing_known(invitee, record))
    if snapshot.mailbox(invitee.key).told or asked_for:
        return owed
    if snapshot.is_managed(invitee, record):
        return replace(_hold_back(item, _MAILED_INSTEAD), held=True)
    return replace(item, mail_reason=_ALREADY_MAILED)


def add_ringcentral_notice(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Add that RingCentral has mailed a person of ours itself, where no run has said so (*Send now*)."""
    record = item.registration
    if (
        record is None
        or record.role is Role.HOST
        or not record.send_invite
        or not snapshot.is_managed(item.invitee, record)
    ):
        return item
    if snapshot.is_mailing_known(item.invitee, record):
        return item
    problems = item.problems
    if snapshot.mailbox(item.invitee.key).told:
        problems = (*problems, Problem(item.invitee.row or None, None, item.invitee.email, _MAILED_TOO))
    return replace(item, newly_mailed=True, problems=problems)


def _hold_back(item: PlanItem, message: str) -> PlanItem:
    problem = Problem(item.invitee.row or None, None, item.invitee.email, message)
    return replace(item, mail_reason=message, problems=(*item.problems, problem))


def _due_message(item: PlanItem, now_true: Facts | None, snapshot: Snapshot) -> PlanItem:
    """Owe a message where the mailbox does not hold what is true now (None: the link is not known yet)."""
    box = snapshot.mailbox(item.invitee.key)
    last = box.last
    if last and last.state in _UNKNOWABLE:
        return replace(item, mail_reason=_IN_DOUBT)
    if box.told and box.told == now_true and not _is_outdated(box, now_true):
        return item
    if last and last.state is State.QUEUED and _holds_facts(box, now_true):
        return replace(item, mail=last.kind, mail_reason=_queue_reason(last, snapshot.now), queued=True)
    if last and last.state in _WHY_HELD and _holds_facts(box, now_true):
        return replace(item, mail_reason=_WHY_HELD[last.state])
    if box.told is None:
        return replace(item, mail=Kind.INVITATION, mail_reason="has no invitation yet")
    return replace(item, mail=Kind.UPDATE, mail_reason=_change_reason(box.told, now_true))


def _queue_reason(last: Delivery, now: datetime) -> str:
    """How a message that an earlier run has queued waits."""
    if last.due_at <= now:
        return "queued by an earlier run"
    return f"put off until {last.due_at.astimezone():%H:%M} (attempt {last.attempt} of it failed)"


def _holds_facts(box: Mailbox, now_true: Facts | None) -> bool:
    """Whether the latest delivery says what is true now."""
    return box.last is not None and counts_as_told(box.last.kind) and box.last.facts == now_true


def _is_outdated(box: Mailbox, now_true: Facts | None) -> bool:
    """Whether a message still waits in the queue that would say what is not true any more."""
    last = box.last
    if last is None or last.state is not State.QUEUED:
        return False
    return (counts_as_told(last.kind) or takes_back(last.kind)) and not _holds_facts(box, now_true)


def _change_reason(told: Facts, now_true: Facts | None) -> str:
    """The facts in which a mailbox is out of date."""
    if now_true is None:
        return "gets a new link"
    changed = {
        "link": told.link != now_true.link,
        "role": told.role != now_true.role,
        "start": told.start != now_true.start,
        "duration": told.duration != now_true.duration,
    }
    return ", ".join(f"new {fact}" for fact, differs in changed.items() if differs) or "the queued message is outdated"


_WHY_HELD = {
    State.REJECTED: "rejected: mend what the reply says, then onboarding retry",
    State.FAILED: "failed: onboarding retry tries once more",
    State.EXPIRED: "it was too late to send it",
    State.CANCELLED: "called off by a person; the next news goes out again",
    State.BOUNCED: "bounced: correct the address on the roster",
}
"""Why a message that says what is true is not sent again by itself, by the state of the latest one."""

_ALREADY_MAILED = "RingCentral has mailed them itself (--include-already-mailed mails them all the same)"
_MAILED_INSTEAD = (
    "added silently, but RingCentral says that it has mailed them itself, so they get no mail from here: "
    "--include-already-mailed sends it all the same, or take them off the roster"
)
_MAILED_TOO = (
    "RingCentral has mailed them its own invitation, too (Send now?): they go on getting updates from here; "
    "their record at RingCentral stays as it is without --include-already-mailed"
)
_FOREIGN = "registered silently, but not from here: another ledger may have mailed them (--adopt mails them)"
_IN_DOUBT = "in doubt: the last message may have arrived; onboarding resolve decides"
_NEVER_MAILED = "was never mailed from here, so is told nothing"
_OVER = "the session is over"
