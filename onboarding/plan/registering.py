"""What becomes of a roster's person at RingCentral: add, update, replace, keep, or nothing, each with its reason.

Decides about records only; whether a message is due is `mailing`'s, who is not on the roster is `leaving`'s.
`docs/ringcentral.md` has the rules cited here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from onboarding.model.changes import SEATS, differences, requested
from onboarding.model.people import Invitee, Problem, Role, address_key
from onboarding.model.sessions import PanelistAuthentication, Registration, SessionStatus
from onboarding.plan.identity import Records
from onboarding.plan.picture import Action, Options, Picture, Step


def on_roster(invitee: Invitee, records: Records, picture: Picture, options: Options) -> Step:
    """Decide about somebody who is on the roster; `records` are the picture's registrations."""
    host = records.host(invitee)
    record = host or records.find(invitee)
    if not invitee.email:
        return refused(invitee, "email", NO_ADDRESS, record)
    if invitee.role is Role.HOST:
        if host:
            return Step(invitee, Action.KEEP, "the webinar's host, whom RingCentral registers itself", host)
        return refused(invitee, "role", NOT_THE_HOST, record)
    if host:
        return replace(refused(invitee, "role", IS_THE_HOST, host), action=Action.NONE)
    return _known(invitee, record, picture, options) if record else _new(invitee, picture)


def _new(invitee: Invitee, picture: Picture) -> Step:
    if picture.is_over:
        return Step(invitee, Action.NONE, "not registered, and the session is over")
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return refused(invitee, "email", NO_COLLEAGUE)
    return Step(invitee, Action.ADD, "on the roster, not registered", problem=_locked_out(invitee, picture))


def _known(invitee: Invitee, record: Registration, picture: Picture, options: Options) -> Step:
    step = Step(invitee, Action.KEEP, "registered", record, problem=_locked_out(invitee, picture))
    changes = what_differs(invitee, record)
    if not changes:
        return step
    if picture.is_over:
        return replace(step, reason=f"registered with another {_named(changes)}, but the session is over")
    if not picture.is_silent(invitee, record) and not options.include_already_mailed:
        reason = f"RingCentral has mailed them itself, so their {_named(changes)} stays as it is there"
        return replace(step, reason=f"{reason} (--include-already-mailed changes it)")
    if "linked user" in changes:
        return _replacement(step, record, changes, picture, options)
    return _update(step, record, changes, picture)


def _update(step: Step, record: Registration, changes: Mapping[str, tuple[str, str]], picture: Picture) -> Step:
    if not _not_asked(step.invitee, changes, picture):
        message = f"RingCentral was asked to change the {_named(changes)} and did not; change it there by hand"
        return refused(step.invitee, None, message, record)
    told = _told(changes) + loudness(step.invitee, record, picture)
    return replace(step, action=Action.UPDATE, reason=told, changes=changes)


def _not_asked(invitee: Invitee, changes: Iterable[str], picture: Picture) -> list[str]:
    """Of some fields, those that RingCentral has not been asked for in vain already."""
    wanted, asked = requested(invitee), picture.asked(invitee)
    return [field for field in changes if asked.get(field) != wanted[field]]


def _replacement(
    step: Step, record: Registration, changes: Mapping[str, tuple[str, str]], picture: Picture, options: Options
) -> Step:
    """Delete and add, where an update can't do it. The old link dies, so the person has to be told the new one."""
    invitee = step.invitee
    foreign = picture.is_silent(invitee, record) and not picture.is_ours(invitee)
    if invitee.role is Role.COHOST and not invitee.linked_user:
        return refused(invitee, "email", NO_COLLEAGUE, record)
    if picture.session.status is not SessionStatus.SCHEDULED:
        return refused(invitee, "role", RUNNING, record)
    if foreign and not options.adopt:
        return refused(invitee, None, VOIDS_FOREIGN_LINK, record)
    told = f"{_told(changes)} (removed and added: the link changes){loudness(invitee, record, picture)}"
    return replace(step, action=Action.REPLACE, reason=told, changes=changes, adopted=foreign)


def what_differs(invitee: Invitee, record: Registration) -> dict[str, tuple[str, str]]:
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


def within_seats(steps: Iterable[Step], picture: Picture) -> list[Step]:
    """Refuse those whom the webinar has no seat for, in the roster's order; who is removed makes room first."""
    every = list(steps)
    free = SEATS - sum(one.role is not Role.HOST for one in picture.registrations)
    free += sum(step.action is Action.REMOVE for step in every)
    seated = []
    for step in every:
        free -= step.action is Action.ADD
        full = step.action is Action.ADD and free < 0
        seated.append(refused(step.invitee, None, FULL) if full else step)
    return seated


def loudness(invitee: Invitee, record: Registration, picture: Picture) -> str:
    """What the plan adds where RingCentral can't be kept silent."""
    return "" if picture.is_silent(invitee, record) else "; RingCentral may mail them"


def refused(invitee: Invitee, column: str | None, message: str, record: Registration | None = None) -> Step:
    """What is asked for can't be done: a problem. Who is registered stays so, and is mailed like the others."""
    problem = Problem(invitee.row or None, column, invitee.email, message)
    return Step(invitee, Action.KEEP if record else Action.NONE, message, record, problem=problem)


def _locked_out(invitee: Invitee, picture: Picture) -> Problem | None:
    needed = picture.session.panelist_authentication
    if needed is PanelistAuthentication.GUEST or invitee.role is not Role.PANELIST or invitee.linked_user:
        return None
    if picture.is_over or any(one.email and address_key(one.email) == invitee.key for one in picture.colleagues):
        return None
    coworkers = needed is PanelistAuthentication.AUTHENTICATED_COWORKER
    who = "colleagues" if coworkers else "people with a RingCentral log-in"
    message = (
        f"this webinar admits only {who} as panelists, so their link may not let them in: "
        "let guests in (webinar settings, panelist authentication) or register them as a colleague"
    )
    return Problem(invitee.row, None, invitee.email, message)


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
