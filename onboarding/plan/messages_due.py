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


def facts(session: Session, role: Role, record: Registration) -> Facts | None:
    """What a message would tell this person now; None while there is no join link."""
    if record.join_uri is None:
        return None
    return Facts(link_digest(record.join_uri), role, session.start, session.duration)


def add_due_message(step: PlanItem, picture: Snapshot, options: Options) -> PlanItem:
    """Add to a person's step what their mailbox is owed."""
    if not step.invitee.email:
        return step
    match step.action:
        case Action.NONE:
            return _called_off(step, picture)
        case Action.REMOVE:
            return plan_cancellation(step, picture)
        case _ if is_over(Kind.UPDATE, picture.session, picture.now):
            return replace(step, mail_reason=_OVER)
        case Action.ADD | Action.REPLACE:
            return _due_message(step, None, picture)
        case Action.KEEP | Action.UPDATE:
            return _registered(step, picture, options)


def plan_cancellation(step: PlanItem, picture: Snapshot) -> PlanItem:
    """Owe a cancellation to somebody who is removed and holds a link."""
    box = picture.mailbox(step.invitee.key)
    last = box.last
    if last and last.state in _UNKNOWABLE:
        return replace(step, mail_reason=_IN_DOUBT)
    if box.told is None:
        called_off = _called_off(step, picture)
        return called_off if called_off.mail_reason else replace(step, mail_reason=_NEVER_MAILED)
    if is_over(Kind.CANCELLATION, picture.session, picture.now):
        return replace(step, mail_reason=_OVER)
    if last and takes_back(last.kind) and last.state is State.QUEUED:
        return replace(step, mail=last.kind, mail_reason=_in_queue(last, picture.now), queued=True)
    if last and takes_back(last.kind) and last.state is not State.SENT:
        return replace(step, mail_reason=f"their cancellation: {_WHY_HELD[last.state]}")
    return replace(step, mail=Kind.CANCELLATION, mail_reason="holds a link that no longer works")


def _called_off(step: PlanItem, picture: Snapshot) -> PlanItem:
    """Say that a queued message will not leave: delivering calls it off for who is not on board."""
    last = picture.mailbox(step.invitee.key).last
    queued = last is not None and last.state is State.QUEUED and not takes_back(last.kind)
    return replace(step, mail_reason="the message queued for them is called off") if queued else step


def _registered(step: PlanItem, picture: Snapshot, options: Options) -> PlanItem:
    """Owe news to somebody who is registered, where they may be mailed. The Host always may."""
    invitee, record = step.invitee, step.registration
    if record is None or record.join_uri is None:
        return _held_back(step, NO_LINK)
    owed = _due_message(step, facts(picture.session, step.role, record), picture)
    if owed.mail is None or record.role is Role.HOST:
        return owed
    if not picture.is_silent(invitee, record):
        return _mailed_by_ringcentral(step, record, owed, picture, options)
    if picture.is_ours(invitee, record):
        return owed
    return replace(owed, adopted=True) if options.adopt else _held_back(step, _FOREIGN)


def _mailed_by_ringcentral(
    step: PlanItem, record: Registration, owed: PlanItem, picture: Snapshot, options: Options
) -> PlanItem:
    """Whom this ledger has told something goes on hearing from it; for anybody else RingCentral's mail is the one.

    What is queued for a person of ours after a run said that RingCentral has mailed them was asked for by a person.
    """
    invitee = step.invitee
    asked_for = options.include_already_mailed or (owed.queued and picture.is_known_as_mailed(invitee, record))
    if picture.mailbox(invitee.key).told or asked_for:
        return owed
    if picture.is_ours(invitee, record):
        return replace(_held_back(step, _MAILED_INSTEAD), held=True)
    return replace(step, mail_reason=_ALREADY_MAILED)


def noticed(step: PlanItem, picture: Snapshot) -> PlanItem:
    """Add that RingCentral has mailed a person of ours itself, where no run has said so (*Send now*)."""
    record = step.registration
    if (
        record is None
        or record.role is Role.HOST
        or not record.send_invite
        or not picture.is_ours(step.invitee, record)
    ):
        return step
    if picture.is_known_as_mailed(step.invitee, record):
        return step
    problems = step.problems
    if picture.mailbox(step.invitee.key).told:
        problems = (*problems, Problem(step.invitee.row or None, None, step.invitee.email, _MAILED_TOO))
    return replace(step, turned=True, problems=problems)


def _held_back(step: PlanItem, message: str) -> PlanItem:
    problem = Problem(step.invitee.row or None, None, step.invitee.email, message)
    return replace(step, mail_reason=message, problems=(*step.problems, problem))


def _due_message(step: PlanItem, now_true: Facts | None, picture: Snapshot) -> PlanItem:
    """Owe a message where the mailbox does not hold what is true now (None: the link is not known yet)."""
    box = picture.mailbox(step.invitee.key)
    last = box.last
    if last and last.state in _UNKNOWABLE:
        return replace(step, mail_reason=_IN_DOUBT)
    if box.told and box.told == now_true and not _is_outdated(box, now_true):
        return step
    if last and last.state is State.QUEUED and _tells(box, now_true):
        return replace(step, mail=last.kind, mail_reason=_in_queue(last, picture.now), queued=True)
    if last and last.state in _WHY_HELD and _tells(box, now_true):
        return replace(step, mail_reason=_WHY_HELD[last.state])
    if box.told is None:
        return replace(step, mail=Kind.INVITATION, mail_reason="has no invitation yet")
    return replace(step, mail=Kind.UPDATE, mail_reason=_what_changed(box.told, now_true))


def _in_queue(last: Delivery, now: datetime) -> str:
    """How a message that an earlier run has queued waits."""
    if last.due_at <= now:
        return "queued by an earlier run"
    return f"put off until {last.due_at.astimezone():%H:%M} (attempt {last.attempt} of it failed)"


def _tells(box: Mailbox, now_true: Facts | None) -> bool:
    """Whether the latest delivery says what is true now."""
    return box.last is not None and counts_as_told(box.last.kind) and box.last.facts == now_true


def _is_outdated(box: Mailbox, now_true: Facts | None) -> bool:
    """Whether a message still waits in the queue that would say what is not true any more."""
    last = box.last
    if last is None or last.state is not State.QUEUED:
        return False
    return (counts_as_told(last.kind) or takes_back(last.kind)) and not _tells(box, now_true)


def _what_changed(told: Facts, now_true: Facts | None) -> str:
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
