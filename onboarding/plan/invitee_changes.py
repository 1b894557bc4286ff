"""What happens to a roster's person at RingCentral, and why: add, update, replace, keep, nothing.

Decides about records only. `messages_due` plans their messages, and `removals` what happens to
people who are not on the roster. `docs/ringcentral.md` has the rules cited here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Colleague, Invitee, Problem, Role
from onboarding.model.registrations import (
    SEATS,
    describe_unchanged,
    differences,
    disagreements,
    find_not_understood,
    record_fields,
)
from onboarding.model.sessions import (
    PanelistAuthentication,
    Registration,
    SessionStatus,
    UntouchedRecord,
)
from onboarding.plan.identity import Records
from onboarding.plan.snapshot import Action, Options, PlanItem, SkipCode, Snapshot

NO_ADDRESS = (
    "has no address on the roster and none in the company directory: fill in the email column"
)
NO_COLLEAGUE = (
    "a co-host has to be a colleague, and the company directory has no one with this address: "
    "correct the address, give account_id and user_id, or make them a Panelist"
)
NOT_THE_HOST = (
    "is not this webinar's host, and a host can't be added: give them the role CoHost or Panelist, "
    "or make them the host in RingCentral"
)
IS_THE_HOST = "is the webinar's host: write Host in the role column"
RUNNING = "can't be removed while the session is running or over"
VOIDS_FOREIGN_LINK = (
    "has to be registered again, which voids a link that another ledger may have sent: use --adopt"
)
FULL = f"a webinar holds at most {SEATS} co-hosts and panelists: remove another person first"


def plan_invitee(
    invitee: Invitee, records: Records, snapshot: Snapshot, options: Options
) -> PlanItem:
    """Plan for a person who is on the roster; `records` are the snapshot's registrations."""
    # The order matters. A person with an odd record may be registered already, so nothing else is
    # decided. The Host is found before any role is compared: RingCentral decides who that is.
    if unclear := find_not_understood(invitee, snapshot.untouched):
        return refuse(invitee, None, unclear.problem)
    host = records.host(invitee)
    record = host or records.find(invitee)
    if not invitee.email:
        return refuse(invitee, "email", NO_ADDRESS, record)
    if host:
        return _plan_host(invitee, host)
    if invitee.role is Role.HOST:
        return refuse(invitee, "role", NOT_THE_HOST, record)
    if record is None:
        return _plan_addition(invitee, snapshot)
    return _plan_changes(invitee, record, snapshot, options)


def _plan_host(invitee: Invitee, host: Registration) -> PlanItem:
    """Plan for the webinar's host. RingCentral registers the host itself, with the role Host."""
    if invitee.role is Role.HOST:
        reason = "the webinar's host, registered by RingCentral itself"
        return PlanItem(invitee, Action.KEEP, reason, host)
    # `NONE`, so no mail either: roster and record disagree about the role that it would name.
    return replace(refuse(invitee, "role", IS_THE_HOST, host), action=Action.NONE)


def _plan_addition(invitee: Invitee, snapshot: Snapshot) -> PlanItem:
    if snapshot.is_over:
        reason = "not registered, and the session is over"
        return PlanItem(invitee, Action.NONE, reason, skip=SkipCode.SESSION_OVER)
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return refuse(invitee, "email", NO_COLLEAGUE)
    reason = "on the roster, not registered"
    if _has_address(invitee, snapshot.untouched):
        reason = "on the roster, so far an attendee at RingCentral"
    return PlanItem(invitee, Action.ADD, reason, problems=_find_lockout(invitee, snapshot))


def _plan_changes(
    invitee: Invitee, record: Registration, snapshot: Snapshot, options: Options
) -> PlanItem:
    lockout = _find_lockout(invitee, snapshot)
    item = PlanItem(invitee, Action.KEEP, "registered", record, problems=lockout)
    changes = diff(invitee, record)
    fresh, kept = _split_by_request(changes, invitee, snapshot)
    if not (fresh or kept):
        return item
    # First: a difference that is kept on purpose needs no person to look at it.
    if reason := _reason_to_keep(invitee, record, changes, snapshot, options):
        return replace(item, reason=reason)
    if kept:
        item = _add_refusal(item, None, describe_unchanged(kept))
    # Before the update: a replacement brings all other fields with it.
    if "linked user" in fresh:
        return _plan_replacement(item, record, fresh, snapshot, options)
    return _plan_update(item, record, fresh, snapshot) if fresh else item


def _split_by_request(
    changes: Mapping[str, tuple[str, str]], invitee: Invitee, snapshot: Snapshot
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Split changes into new ones, and those that RingCentral was asked for and did not make.

    What one call did not change is reported and not repeated: else every run would spend a scarce
    call on it. A field that the record only lacks is no fault, so it is in neither.
    """
    fresh, repeated = dict[str, tuple[str, str]](), dict[str, tuple[str, str]]()
    for field, pair in changes.items():
        side = repeated if _was_requested(invitee, field, snapshot) else fresh
        side[field] = pair
    return fresh, disagreements(repeated)


def _reason_to_keep(
    invitee: Invitee,
    record: Registration,
    changes: Iterable[str],
    snapshot: Snapshot,
    options: Options,
) -> str:
    """Say why a record that differs stays as it is; empty if it is changed."""
    fields = " and ".join(changes)
    if snapshot.is_over:
        return f"registered with another {fields}, but the session is over"
    if snapshot.is_silent(invitee, record) or options.include_already_mailed:
        return ""
    # RingCentral may mail them again about any change, which only a person may ask for.
    return (
        f"RingCentral has mailed them itself, so their {fields} stays as it is there"
        " (--include-already-mailed changes it)"
    )


def _was_requested(invitee: Invitee, field: str, snapshot: Snapshot) -> bool:
    """Whether RingCentral was asked for this very value of a field before, and did not set it."""
    # The value is compared, so that a roster that is corrected once more is asked for again.
    return snapshot.find_unfulfilled(invitee).get(field) == record_fields(invitee)[field]


def _plan_update(
    item: PlanItem, record: Registration, changes: Mapping[str, tuple[str, str]], snapshot: Snapshot
) -> PlanItem:
    reason = _format_changes(changes) + invite_warning(item.invitee, record, snapshot)
    return replace(item, action=Action.UPDATE, reason=reason, changes=changes)


def _plan_replacement(
    item: PlanItem,
    record: Registration,
    changes: Mapping[str, tuple[str, str]],
    snapshot: Snapshot,
    options: Options,
) -> PlanItem:
    """Delete and add, where an update can't do it.

    The old link stops working, so the person needs the new one.
    """
    invitee = item.invitee
    foreign = snapshot.is_silent(invitee, record) and not snapshot.is_managed(invitee, record)
    # All obstacles are checked here: once the deletion is sent, the old link is gone for good.
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return _add_refusal(item, "email", NO_COLLEAGUE)
    if snapshot.session.status is not SessionStatus.SCHEDULED:
        return _add_refusal(item, "role", RUNNING)
    if foreign and not options.adopt:
        return _add_refusal(item, None, VOIDS_FOREIGN_LINK)
    reason = f"{_format_changes(changes)} (removed and added: the link changes)"
    reason += invite_warning(invitee, record, snapshot)
    return replace(item, action=Action.REPLACE, reason=reason, changes=changes, adopted=foreign)


def diff(invitee: Invitee, record: Registration) -> dict[str, tuple[str, str]]:
    """What differs between roster and record, field -> (old, new).

    It includes the linked user, which no update can change.
    """
    if not _needs_relinking(invitee, record):
        return differences(invitee, record)
    old = record.linked_user.user_id if record.linked_user else "guest"
    new = invitee.linked_user.user_id if invitee.linked_user else "colleague"
    return {"linked user": (old, new), **differences(invitee, record)}


def _needs_relinking(invitee: Invitee, record: Registration) -> bool:
    """Whether the person has to be another linked user there, which no update can do.

    A guest who is a co-host already was taken for a colleague by RingCentral: a new link would gain
    nothing.
    """
    # A row without ids leaves those of the record as they are.
    if record.linked_user:
        return invitee.linked_user not in {None, record.linked_user}
    if invitee.role is Role.COHOST:
        return record.role is not Role.COHOST
    return invitee.linked_user is not None


def refuse_beyond_seats(items: Sequence[PlanItem], snapshot: Snapshot) -> list[PlanItem]:
    """Refuse the people that the webinar has no seat for, in the roster's order.

    Removals make room first.
    """
    free = SEATS - snapshot.seats_taken
    # A replacement does not count: it takes the seat that it frees.
    free += sum(item.action is Action.REMOVE for item in items)
    seated = []
    for item in items:
        free -= item.action is Action.ADD
        is_full = item.action is Action.ADD and free < 0
        seated.append(_refuse_seat(item) if is_full else item)
    return seated


def _refuse_seat(item: PlanItem) -> PlanItem:
    # A fresh item, because the message that was planned belongs to the addition.
    refused = PlanItem(item.invitee, Action.NONE, FULL, problems=item.problems)
    return _add_refusal(refused, None, FULL)


def invite_warning(invitee: Invitee, record: Registration, snapshot: Snapshot) -> str:
    """What the plan adds where RingCentral can't be kept silent."""
    return "" if snapshot.is_silent(invitee, record) else "; RingCentral may mail them"


def refuse(
    invitee: Invitee, column: str | None, message: str, record: Registration | None = None
) -> PlanItem:
    """Make what is asked for a problem, because it can't be done.

    A registered person stays, and is mailed as usual.
    """
    action = Action.KEEP if record else Action.NONE
    return _add_refusal(PlanItem(invitee, action, message, record), column, message)


def _add_refusal(item: PlanItem, column: str | None, message: str) -> PlanItem:
    """Add a problem to an item: this can't be done."""
    problem = Problem(item.invitee.row or None, column, item.invitee.email, message)
    problems = (*item.problems, problem)
    return replace(item, reason=message, problems=problems, skip=SkipCode.PROBLEM)


def _find_lockout(invitee: Invitee, snapshot: Snapshot) -> tuple[Problem, ...]:
    """Find out whether the webinar's own settings may keep a guest from using their link."""
    needed = snapshot.session.panelist_authentication
    is_guest = invitee.role is Role.PANELIST and not invitee.linked_user
    if not is_guest or needed is PanelistAuthentication.GUEST or snapshot.is_over:
        return ()
    # A colleague can log in with this address, also if registered as guest.
    if _has_address(invitee, snapshot.colleagues):
        return ()
    only_coworkers = needed is PanelistAuthentication.AUTHENTICATED_COWORKER
    who = "colleagues" if only_coworkers else "people with a RingCentral log-in"
    message = (
        f"this webinar admits only {who} as panelists, so their link may not let them in: "
        "let guests in (webinar settings, panelist authentication) or register them as a colleague"
    )
    return (Problem(invitee.row, None, invitee.email, message),)


def _has_address(invitee: Invitee, others: Iterable[UntouchedRecord | Colleague]) -> bool:
    """Whether one of these shows the invitee's address."""
    return any(other.email and address_key(other.email) == invitee.key for other in others)


def _format_changes(changes: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{field}: {old} -> {new}" for field, (old, new) in changes.items())
