"""What becomes of a roster's person at RingCentral: add, update, replace, keep, or nothing, each with its reason.

Decides about records only; whether a message is due is `mailing`'s, who is not on the roster is `leaving`'s.
`docs/ringcentral.md` has the rules cited here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.registrations import SEATS, differences, disagreements, not_changed, not_understood_of, requested
from onboarding.model.sessions import PanelistAuthentication, Registration, SessionStatus
from onboarding.plan.identity import Records
from onboarding.plan.snapshot import Action, Options, PlanItem, Snapshot


def plan_invitee(invitee: Invitee, records: Records, picture: Snapshot, options: Options) -> PlanItem:
    """Decide about somebody who is on the roster; `records` are the picture's registrations."""
    if unclear := not_understood_of(invitee, picture.untouched):
        return refused(invitee, None, unclear.problem)
    host = records.host(invitee)
    record = host or records.find(invitee)
    if not invitee.email:
        return refused(invitee, "email", NO_ADDRESS, record)
    if invitee.role is Role.HOST:
        if host:
            return PlanItem(invitee, Action.KEEP, "the webinar's host, whom RingCentral registers itself", host)
        return refused(invitee, "role", NOT_THE_HOST, record)
    if host:
        return replace(refused(invitee, "role", IS_THE_HOST, host), action=Action.NONE)
    return _known(invitee, record, picture, options) if record else _new(invitee, picture)


def _new(invitee: Invitee, picture: Snapshot) -> PlanItem:
    if picture.is_over:
        return PlanItem(invitee, Action.NONE, "not registered, and the session is over")
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return refused(invitee, "email", NO_COLLEAGUE)
    attends = any(record.email and address_key(record.email) == invitee.key for record in picture.untouched)
    reason = "on the roster, so far an attendee at RingCentral" if attends else "on the roster, not registered"
    return PlanItem(invitee, Action.ADD, reason, problems=_locked_out(invitee, picture))


def _known(invitee: Invitee, record: Registration, picture: Snapshot, options: Options) -> PlanItem:
    step = PlanItem(invitee, Action.KEEP, "registered", record, problems=_locked_out(invitee, picture))
    changes = diff(invitee, record)
    fresh = {name: pair for name, pair in changes.items() if not _asked(invitee, name, picture)}
    # What one call did not change is reported and not repeated; a field that the record only lacks is no fault.
    kept = disagreements({name: pair for name, pair in changes.items() if name not in fresh})
    if not (fresh or kept):
        return step
    if picture.is_over:
        return replace(step, reason=f"registered with another {_named(changes)}, but the session is over")
    if not picture.is_silent(invitee, record) and not options.include_already_mailed:
        reason = f"RingCentral has mailed them itself, so their {_named(changes)} stays as it is there"
        return replace(step, reason=f"{reason} (--include-already-mailed changes it)")
    if kept:
        step = _refused(step, None, not_changed(kept))
    if "linked user" in fresh:
        return _replacement(step, record, fresh, picture, options)
    return _update(step, record, fresh, picture) if fresh else step


def _asked(invitee: Invitee, field: str, picture: Snapshot) -> bool:
    """Whether RingCentral was asked for this very value of a field before, and did not carry it out."""
    return picture.asked(invitee).get(field) == requested(invitee)[field]


def _update(
    step: PlanItem, record: Registration, changes: Mapping[str, tuple[str, str]], picture: Snapshot
) -> PlanItem:
    reason = _told(changes) + invite_warning(step.invitee, record, picture)
    return replace(step, action=Action.UPDATE, reason=reason, changes=changes)


def _replacement(
    step: PlanItem, record: Registration, changes: Mapping[str, tuple[str, str]], picture: Snapshot, options: Options
) -> PlanItem:
    """Delete and add, where an update can't do it. The old link dies, so the person has to be told the new one."""
    invitee = step.invitee
    foreign = picture.is_silent(invitee, record) and not picture.is_ours(invitee, record)
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return _refused(step, "email", NO_COLLEAGUE)
    if picture.session.status is not SessionStatus.SCHEDULED:
        return _refused(step, "role", RUNNING)
    if foreign and not options.adopt:
        return _refused(step, None, VOIDS_FOREIGN_LINK)
    reason = f"{_told(changes)} (removed and added: the link changes){invite_warning(invitee, record, picture)}"
    return replace(step, action=Action.REPLACE, reason=reason, changes=changes, adopted=foreign)


def diff(invitee: Invitee, record: Registration) -> dict[str, tuple[str, str]]:
    """What differs between roster and record, field -> (old, new), what no update can change included."""
    if not _needs_relinking(invitee, record):
        return differences(invitee, record)
    old = record.linked_user.user_id if record.linked_user else "guest"
    new = invitee.linked_user.user_id if invitee.linked_user else "colleague"
    return {"linked user": (old, new), **differences(invitee, record)}


def _needs_relinking(invitee: Invitee, record: Registration) -> bool:
    """Whether the person has to be another linked user there, which no update can do.

    A guest who is a co-host already was taken for a colleague by RingCentral: a new link would gain nothing.
    """
    if record.linked_user:
        return invitee.linked_user not in {None, record.linked_user}
    if invitee.role is Role.COHOST:
        return record.role is not Role.COHOST
    return invitee.linked_user is not None


def within_seats(steps: Iterable[PlanItem], picture: Snapshot) -> list[PlanItem]:
    """Refuse those whom the webinar has no seat for, in the roster's order; who is removed makes room first."""
    every = list(steps)
    free = SEATS - picture.seats_taken
    free += sum(step.action is Action.REMOVE for step in every)
    seated = []
    for step in every:
        free -= step.action is Action.ADD
        full = step.action is Action.ADD and free < 0
        seated.append(_without_seat(step) if full else step)
    return seated


def _without_seat(step: PlanItem) -> PlanItem:
    return _refused(PlanItem(step.invitee, Action.NONE, FULL, problems=step.problems), None, FULL)


def invite_warning(invitee: Invitee, record: Registration, picture: Snapshot) -> str:
    """What the plan adds where RingCentral can't be kept silent."""
    return "" if picture.is_silent(invitee, record) else "; RingCentral may mail them"


def refused(invitee: Invitee, column: str | None, message: str, record: Registration | None = None) -> PlanItem:
    """What is asked for can't be done: a problem. Who is registered stays so, and is mailed like the others."""
    return _refused(PlanItem(invitee, Action.KEEP if record else Action.NONE, message, record), column, message)


def _refused(step: PlanItem, column: str | None, message: str) -> PlanItem:
    """A step for which this can't be done, beside what was wrong with it already."""
    problem = Problem(step.invitee.row or None, column, step.invitee.email, message)
    return replace(step, reason=message, problems=(*step.problems, problem))


def _locked_out(invitee: Invitee, picture: Snapshot) -> tuple[Problem, ...]:
    needed = picture.session.panelist_authentication
    if needed is PanelistAuthentication.GUEST or invitee.role is not Role.PANELIST or invitee.linked_user:
        return ()
    if picture.is_over or any(one.email and address_key(one.email) == invitee.key for one in picture.colleagues):
        return ()
    coworkers = needed is PanelistAuthentication.AUTHENTICATED_COWORKER
    who = "colleagues" if coworkers else "people with a RingCentral log-in"
    message = (
        f"this webinar admits only {who} as panelists, so their link may not let them in: "
        "let guests in (webinar settings, panelist authentication) or register them as a colleague"
    )
    return (Problem(invitee.row, None, invitee.email, message),)


def _told(changes: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{field}: {old} -> {new}" for field, (old, new) in changes.items())


def _named(changes: Iterable[str]) -> str:
    return " and ".join(changes)


NO_ADDRESS = "has no address on the roster and none in the company directory: fill in the email column"
NO_COLLEAGUE = (
    "a co-host has to be a colleague, and the company directory has nobody with this address: "
    "correct the address, give account_id and user_id, or make them a Panelist"
)
NOT_THE_HOST = (
    "is not this webinar's host, and a host can't be added: give them the role CoHost or Panelist, "
    "or make them the host in RingCentral"
)
IS_THE_HOST = "is the webinar's host: write Host in the role column"
RUNNING = "can't be removed while the session is running or over"
VOIDS_FOREIGN_LINK = "has to be registered anew, which voids a link that somebody else may have sent: use --adopt"
FULL = f"a webinar holds at most {SEATS} co-hosts and panelists: remove somebody else first"
