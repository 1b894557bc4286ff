"""What happens to a roster's person at RingCentral: add, update, replace, keep, or nothing, each with its reason.

Decides about records only. `messages_due` plans their messages, and `removals` what happens to
people who are not on the roster. `docs/ringcentral.md` has the rules cited here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.registrations import (
    SEATS,
    describe_unchanged,
    differences,
    disagreements,
    find_not_understood,
    record_fields,
)
from onboarding.model.sessions import PanelistAuthentication, Registration, SessionStatus
from onboarding.plan.identity import Records
from onboarding.plan.snapshot import Action, Options, PlanItem, Snapshot

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
    if unclear := find_not_understood(invitee, snapshot.untouched):
        return refuse(invitee, None, unclear.problem)
    host = records.host(invitee)
    record = host or records.find(invitee)
    if not invitee.email:
        return refuse(invitee, "email", NO_ADDRESS, record)
    if invitee.role is Role.HOST:
        if host:
            return PlanItem(
                invitee, Action.KEEP, "the webinar's host, whom RingCentral registers itself", host
            )
        return refuse(invitee, "role", NOT_THE_HOST, record)
    if host:
        return replace(refuse(invitee, "role", IS_THE_HOST, host), action=Action.NONE)
    return (
        _plan_changes(invitee, record, snapshot, options)
        if record
        else _plan_addition(invitee, snapshot)
    )


def _plan_addition(invitee: Invitee, snapshot: Snapshot) -> PlanItem:
    if snapshot.is_over:
        return PlanItem(invitee, Action.NONE, "not registered, and the session is over")
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return refuse(invitee, "email", NO_COLLEAGUE)
    attends = any(
        record.email and address_key(record.email) == invitee.key for record in snapshot.untouched
    )
    reason = (
        "on the roster, so far an attendee at RingCentral"
        if attends
        else "on the roster, not registered"
    )
    return PlanItem(invitee, Action.ADD, reason, problems=_find_lockout(invitee, snapshot))


def _plan_changes(
    invitee: Invitee, record: Registration, snapshot: Snapshot, options: Options
) -> PlanItem:
    item = PlanItem(
        invitee, Action.KEEP, "registered", record, problems=_find_lockout(invitee, snapshot)
    )
    changes = diff(invitee, record)
    fresh = {
        name: pair for name, pair in changes.items() if not _was_requested(invitee, name, snapshot)
    }
    # What one call did not change is reported and not repeated: else every run would spend a scarce
    # call on it. A field that the record only lacks is no fault.
    kept = disagreements({name: pair for name, pair in changes.items() if name not in fresh})
    if not (fresh or kept):
        return item
    if reason := _reason_to_keep(invitee, record, changes, snapshot, options):
        return replace(item, reason=reason)
    if kept:
        item = _add_refusal(item, None, describe_unchanged(kept))
    if "linked user" in fresh:
        return _plan_replacement(item, record, fresh, snapshot, options)
    return _plan_update(item, record, fresh, snapshot) if fresh else item


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
    """Delete and add, where an update can't do it. The old link stops working, so the person needs the new one."""
    invitee = item.invitee
    foreign = snapshot.is_silent(invitee, record) and not snapshot.is_managed(invitee, record)
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return _add_refusal(item, "email", NO_COLLEAGUE)
    if snapshot.session.status is not SessionStatus.SCHEDULED:
        return _add_refusal(item, "role", RUNNING)
    if foreign and not options.adopt:
        return _add_refusal(item, None, VOIDS_FOREIGN_LINK)
    reason = f"{_format_changes(changes)} (removed and added: the link changes){invite_warning(invitee, record, snapshot)}"
    return replace(item, action=Action.REPLACE, reason=reason, changes=changes, adopted=foreign)


def diff(invitee: Invitee, record: Registration) -> dict[str, tuple[str, str]]:
    """What differs between roster and record, field -> (old, new), what no update can change included."""
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
    if record.linked_user:
        return invitee.linked_user not in {None, record.linked_user}
    if invitee.role is Role.COHOST:
        return record.role is not Role.COHOST
    return invitee.linked_user is not None


def refuse_beyond_seats(items: Sequence[PlanItem], snapshot: Snapshot) -> list[PlanItem]:
    """Refuse the people for whom the webinar has no seat, in the roster's order. Removals make room first."""
    free = SEATS - snapshot.seats_taken
    free += sum(item.action is Action.REMOVE for item in items)
    seated = []
    for item in items:
        free -= item.action is Action.ADD
        full = item.action is Action.ADD and free < 0
        seated.append(_refuse_seat(item) if full else item)
    return seated


def _refuse_seat(item: PlanItem) -> PlanItem:
    return _add_refusal(
        PlanItem(item.invitee, Action.NONE, FULL, problems=item.problems), None, FULL
    )


def invite_warning(invitee: Invitee, record: Registration, snapshot: Snapshot) -> str:
    """What the plan adds where RingCentral can't be kept silent."""
    return "" if snapshot.is_silent(invitee, record) else "; RingCentral may mail them"


def refuse(
    invitee: Invitee, column: str | None, message: str, record: Registration | None = None
) -> PlanItem:
    """Make what is asked for a problem, because it can't be done. A registered person stays, and is mailed as usual."""
    return _add_refusal(
        PlanItem(invitee, Action.KEEP if record else Action.NONE, message, record), column, message
    )


def _add_refusal(item: PlanItem, column: str | None, message: str) -> PlanItem:
    """Add a problem to an item: this can't be done."""
    problem = Problem(item.invitee.row or None, column, item.invitee.email, message)
    return replace(item, reason=message, problems=(*item.problems, problem))


def _find_lockout(invitee: Invitee, snapshot: Snapshot) -> tuple[Problem, ...]:
    needed = snapshot.session.panelist_authentication
    if (
        needed is PanelistAuthentication.GUEST
        or invitee.role is not Role.PANELIST
        or invitee.linked_user
    ):
        return ()
    if snapshot.is_over or any(
        one.email and address_key(one.email) == invitee.key for one in snapshot.colleagues
    ):
        return ()
    coworkers = needed is PanelistAuthentication.AUTHENTICATED_COWORKER
    who = "colleagues" if coworkers else "people with a RingCentral log-in"
    message = (
        f"this webinar admits only {who} as panelists, so their link may not let them in: "
        "let guests in (webinar settings, panelist authentication) or register them as a colleague"
    )
    return (Problem(invitee.row, None, invitee.email, message),)


def _format_changes(changes: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{field}: {old} -> {new}" for field, (old, new) in changes.items())
