"""Which message a mailbox is due, and why: an invitation, an update, a cancellation, or none.

Compares what the mailbox holds (the ledger) with what is true now (RingCentral). Refuses what may
only be sent on request. Comes after `invitee_changes` and `removals`, and changes none of their
decisions.
"""

from dataclasses import replace

from onboarding.model.deliveries import Delivery, Mailbox, State
from onboarding.model.entries import find_send_after
from onboarding.model.kinds import RULES, Kind, clears_facts, sets_facts
from onboarding.model.people import Problem, Role
from onboarding.model.registrations import NO_LINK
from onboarding.model.sessions import Facts, Registration, Session, link_digest
from onboarding.model.time_zones import format_in_zone
from onboarding.plan.entries_due import plan_entries
from onboarding.plan.snapshot import Action, Options, PlanItem, SkipCode, Snapshot

SESSION_IS_OVER = "the session is over"

SUPPRESSED = "no message goes to this address any more"
"""Why a message is not sent after one came back that no other could do better than."""

STAYS = frozenset({Action.KEEP, Action.UPDATE})
"""Actions after which a person has the link that they have now."""

STAYS_UNINVITED = frozenset(
    {
        SkipCode.FOREIGN,
        SkipCode.MAILED_BY_RINGCENTRAL,
        SkipCode.HELD,
        SkipCode.SESSION_OVER,
    }
)
"""Why a person is not invited by any run that is not asked for more. All others are, in time."""

MAY_HAVE_ARRIVED = frozenset({State.SENDING, State.IN_DOUBT})
"""States in which a message may have arrived: nothing more is sent until a person decides."""

_WHY_HELD = {
    State.REJECTED: "rejected: fix what the reply says, then onboarding retry",
    State.FAILED: "failed: onboarding retry tries again",
    State.EXPIRED: "it was too late to send it",
    State.CANCELLED: "cancelled by a person; the next change is sent again",
    State.BOUNCED: "bounced: correct the address on the roster",
}
"""Why a message that is still true is not sent again by itself, by the state of the latest one."""

_ALREADY_MAILED = "RingCentral has mailed them itself (--include-already-mailed mails them anyway)"
_MAILED_INSTEAD = (
    "added silently, but RingCentral says that it has mailed them itself, "
    "so they get no mail from here: "
    "--include-already-mailed sends it anyway, or take them off the roster"
)
_MAILED_TOO = (
    "RingCentral has mailed them its own invitation, too (Send now?): "
    "they still get updates from here; "
    "their record at RingCentral stays as it is without --include-already-mailed"
)
_FOREIGN = (
    "registered silently, but not from here: "
    "another ledger may have mailed them (--adopt mails them)"
)
_IN_DOUBT = "in doubt: the last message may have arrived; onboarding resolve decides"
_BEING_SENT = "their last message is being sent just now: the next run sees what came of it"
_NEVER_MAILED = "was never mailed from here, so gets no cancellation"


def current_facts(session: Session, role: Role, record: Registration) -> Facts | None:
    """What a message would tell this person now; None while there is no join link."""
    if record.join_uri is None:
        return None
    return Facts(link_digest(record.join_uri), role, session.start, session.duration)


def add_due_message(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Add to a person's item the message that their mailbox is due."""
    return _hold_first_message(_find_due_message(item, snapshot, options), snapshot)


def _hold_first_message(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Hold an invitation until `[messages] send_after`.

    What corrects an earlier message is never held: without it the reader would act on old facts.
    """
    begin = find_send_after(snapshot.schedule, snapshot.session)
    if item.mail is None or item.queued or not RULES[item.mail].comes_first:
        return item
    if begin is None or begin <= snapshot.now:
        return item
    reason = f"not before {format_in_zone(begin, snapshot.session.time_zone)} (send_after)"
    # Not adopted yet either: a later run decides about them again.
    return replace(item, mail=None, mail_reason=reason, adopted=False, skip=SkipCode.SEND_AFTER)


def add_entries(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Add the messages of the schedule to the item of a person who is on board."""
    # Most webinars have none, and the rest is decided for each person.
    if not snapshot.schedule.entries:
        return item
    record = item.registration
    is_on_board = bool(item.invitee.row and item.invitee.email) and item.action in STAYS
    if record is None or record.join_uri is None or not is_on_board or item.held:
        return item
    reader = snapshot.reader(item.invitee, record.role)
    entries = plan_entries(reader, snapshot.timetable)
    # No entry goes to a person who was not invited: one who never will be has none to come.
    is_left_out = reader.invited_at is None and item.skip in STAYS_UNINVITED
    upcoming = () if is_left_out else entries.upcoming
    return replace(item, entries=entries.due, missed=entries.missed, upcoming=upcoming)


def _find_due_message(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Find the message that a person is due, whenever it may leave."""
    # Known by ids alone: there is no mailbox to look at, and no address to write to.
    if not item.invitee.email:
        return item
    match item.action:
        case Action.NONE:
            return _add_cancelled(item, snapshot)
        case Action.REMOVE:
            return plan_cancellation(item, snapshot)
        # From here on a message is only due before the end. A kind for the time after the session
        # (`due_after_end`) goes above this line.
        case _ if RULES[Kind.UPDATE].is_over(snapshot.session, snapshot.now):
            return replace(item, mail_reason=SESSION_IS_OVER, skip=SkipCode.SESSION_OVER)
        # The link is not known before the PATCH: its answer is planned with a second time.
        case Action.ADD | Action.REPLACE:
            return _plan_message(item, None, snapshot)
        case Action.KEEP | Action.UPDATE:
            return _plan_news(item, snapshot, options)


def withhold_suppressed(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Take back a message to an address that no message can reach, until a person says otherwise.

    A corrected address on the roster is another person's, so it is not withheld.
    """
    why = snapshot.suppressed.get(item.invitee.key)
    if why is None:
        return item
    item = replace(item, upcoming=())
    if not (item.mail or item.entries):
        return item
    reason = f"{SUPPRESSED} ({why}): correct it on the roster, or onboarding retry with the address"
    return replace(
        item, mail=None, queued=False, entries=(), mail_reason=reason, skip=SkipCode.SUPPRESSED
    )


def plan_cancellation(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Plan a cancellation for a person who is removed and holds a link."""
    box = snapshot.mailbox(item.invitee.key)
    last = box.last
    # First: whether a cancellation is due depends on whether that message has arrived.
    if last and last.state in MAY_HAVE_ARRIVED:
        return _wait_for_last(item, last)
    if box.facts is None:
        cancelled = _add_cancelled(item, snapshot)
        never_mailed = replace(item, mail_reason=_NEVER_MAILED, skip=SkipCode.NEVER_MAILED)
        return cancelled if cancelled.mail_reason else never_mailed
    if RULES[Kind.CANCELLATION].is_over(snapshot.session, snapshot.now):
        return replace(item, mail_reason=SESSION_IS_OVER, skip=SkipCode.SESSION_OVER)
    # Their cancellation is written already, and waits for its time or for a person.
    if last and clears_facts(last.kind) and last.state in {State.QUEUED, *_WHY_HELD}:
        return _keep_last(item, last, snapshot, held="their cancellation: ")
    return replace(item, mail=Kind.CANCELLATION, mail_reason="holds a link that no longer works")


def _wait_for_last(item: PlanItem, last: Delivery) -> PlanItem:
    """Plan nothing beside a message that may arrive, or may have arrived."""
    if last.state is State.SENDING:
        return replace(item, mail_reason=_BEING_SENT, skip=SkipCode.BEING_SENT)
    return replace(item, mail_reason=_IN_DOUBT, skip=SkipCode.IN_DOUBT)


def _keep_last(item: PlanItem, last: Delivery, snapshot: Snapshot, *, held: str = "") -> PlanItem:
    """Plan no second message beside one that is queued, or that waits for a person.

    `held` comes before the reason why it waits.
    """
    if last.state is State.QUEUED:
        return replace(item, mail=last.kind, mail_reason=_queue_reason(last, snapshot), queued=True)
    return replace(item, mail_reason=f"{held}{_WHY_HELD[last.state]}", skip=SkipCode.HELD)


def _add_cancelled(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Say that a queued message will not leave: `pipeline.send` cancels it for such a person."""
    last = snapshot.mailbox(item.invitee.key).last
    queued = last is not None and last.state is State.QUEUED and not clears_facts(last.kind)
    if not queued:
        return item
    reason = "the message queued for them is cancelled"
    # An earlier code says why they are left alone, which is more than what follows from it.
    return replace(item, mail_reason=reason, skip=item.skip or SkipCode.CANCELLED)


def _plan_news(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Plan a message for a registered person, if they may be mailed. The Host always may."""
    invitee, record = item.invitee, item.registration
    if record is None or record.join_uri is None:
        return _refuse_mail(item, NO_LINK, SkipCode.NO_LINK)
    due = _plan_message(item, current_facts(snapshot.session, item.role, record), snapshot)
    # Who is up to date needs no permission. A Host's `sendInvite` can't be false, so it says
    # nothing about a mail (`docs/ringcentral.md`, "Invitees").
    if due.mail is None or record.role is Role.HOST:
        return due
    if not snapshot.is_silent(invitee, record):
        return _plan_after_ringcentral(item, record, due, snapshot, options)
    if snapshot.is_managed(invitee, record):
        return due
    # Registered silently, but by others: they may have been mailed from another ledger.
    if options.adopt:
        return replace(due, adopted=True)
    return _refuse_mail(item, _FOREIGN, SkipCode.FOREIGN)


def _plan_after_ringcentral(
    item: PlanItem, record: Registration, due: PlanItem, snapshot: Snapshot, options: Options
) -> PlanItem:
    """Decide between our message and RingCentral's own, which the person has got already.

    A person who had a message from this ledger gets further ones from it; for all others
    RingCentral's is the only one. If one is queued although a run has said that RingCentral has
    mailed the person, then the user asked for it.
    """
    invitee = item.invitee
    asked_for = options.include_already_mailed or (
        due.queued and snapshot.is_mailing_known(invitee, record)
    )
    if snapshot.mailbox(invitee.key).facts or asked_for:
        return due
    if snapshot.is_managed(invitee, record):
        refused = _refuse_mail(item, _MAILED_INSTEAD, SkipCode.MAILED_BY_RINGCENTRAL)
        return replace(refused, held=True)
    return replace(item, mail_reason=_ALREADY_MAILED, skip=SkipCode.MAILED_BY_RINGCENTRAL)


def add_ringcentral_notice(item: PlanItem, snapshot: Snapshot) -> PlanItem:
    """Add that RingCentral has mailed a person that we registered, if no run has said so yet.

    That happens when a person clicks *Send now* there.
    """
    record = item.registration
    if record is None or record.role is Role.HOST or not record.send_invite:
        return item
    if not snapshot.is_managed(item.invitee, record) or snapshot.is_mailing_known(
        item.invitee, record
    ):
        return item
    problems = item.problems
    # Without facts they get no mail from here, which `_plan_after_ringcentral` has reported.
    if snapshot.mailbox(item.invitee.key).facts:
        problems = (*problems, _problem_of(item, _MAILED_TOO))
    return replace(item, newly_mailed=True, problems=problems)


def _refuse_mail(item: PlanItem, message: str, skip: SkipCode) -> PlanItem:
    problems = (*item.problems, _problem_of(item, message))
    return replace(item, mail_reason=message, problems=problems, skip=skip)


def _problem_of(item: PlanItem, message: str) -> Problem:
    return Problem(item.invitee.row or None, None, item.invitee.email, message)


def _plan_message(item: PlanItem, now_true: Facts | None, snapshot: Snapshot) -> PlanItem:
    """Plan a message if the mailbox does not hold what is true now (None: there is no link yet).

    The order decides what is never sent twice: a message that may have arrived stops everything,
    one that is queued is kept, and one that waits for a person is not replaced by the same again.
    """
    box = snapshot.mailbox(item.invitee.key)
    last = box.last
    if last and last.state in MAY_HAVE_ARRIVED:
        return _wait_for_last(item, last)
    if _is_up_to_date(box, now_true):
        return item
    if last and _holds_facts(last, now_true) and last.state in {State.QUEUED, *_WHY_HELD}:
        return _keep_last(item, last, snapshot)
    if box.facts is None:
        return replace(item, mail=Kind.INVITATION, mail_reason="has no invitation yet")
    return replace(item, mail=Kind.UPDATE, mail_reason=_change_reason(box.facts, now_true))


def _queue_reason(last: Delivery, snapshot: Snapshot) -> str:
    """Say why a message that an earlier run has queued has not left."""
    if last.due_at <= snapshot.now:
        return "queued by an earlier run"
    until = format_in_zone(last.due_at, snapshot.session.time_zone)
    return f"deferred until {until} (attempt {last.attempt} of it failed)"


def _is_up_to_date(box: Mailbox, now_true: Facts | None) -> bool:
    """Whether the mailbox holds what is true now, and no message is queued that says otherwise."""
    if box.facts is None or box.facts != now_true:
        return False
    last = box.last
    if last is None or last.state is not State.QUEUED or _holds_facts(last, now_true):
        return True
    # A kind that leaves the facts as they are (a reminder) may wait beside them.
    return not (sets_facts(last.kind) or clears_facts(last.kind))


def _holds_facts(last: Delivery, now_true: Facts | None) -> bool:
    """Whether the latest delivery tells what is true now."""
    return sets_facts(last.kind) and last.facts == now_true


def _change_reason(told: Facts, now_true: Facts | None) -> str:
    """Name the facts in which a mailbox is out of date."""
    if now_true is None:
        return "gets a new link"
    changed = {
        "link": told.link != now_true.link,
        "role": told.role != now_true.role,
        "start": told.start != now_true.start,
        "duration": told.duration != now_true.duration,
    }
    new_facts = [f"new {fact}" for fact, is_new in changed.items() if is_new]
    # All equal: the mailbox is right, and would become wrong by what is queued.
    return ", ".join(new_facts) or "the queued message is outdated"
