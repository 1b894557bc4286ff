"""People who are not on the roster: those who are registered, and those who are gone from both.

They are always shown. A person is removed only if that was asked for, and if no mistake on the
roster can have caused it. `messages_due` plans their cancellations.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import Registration, SessionStatus, UntouchedRecord
from onboarding.plan.identity import PersonKey, person_keys
from onboarding.plan.invitee_changes import RUNNING, invite_warning, refuse
from onboarding.plan.messages_due import plan_cancellation
from onboarding.plan.snapshot import ADDED_HERE, Action, Options, PlanItem, SkipCode, Snapshot

# Strict on purpose: what fails may be a mistyped address, which may then be any person's.
_WELL_FORMED = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{2,}"
)

_REMOVABLE = ADDED_HERE | {Standing.REMOVING}
"""Standings of people that `--remove` removes.

A run that died while it removed a person leaves `removing`.
"""

_TWICE = "is registered twice at RingCentral: remove one of the two there"


def plan_unlisted(
    snapshot: Snapshot, on_roster: Sequence[PlanItem], options: Options
) -> tuple[list[PlanItem], list[Problem]]:
    """Plan for the records that belong to no person on the roster.

    A second record of the same person is a problem and no item, because we can't tell which of the
    two links is the right one.
    """
    doubtful = [*snapshot.roster.problems, *_find_unmatched_rows(on_roster)]
    claimed = {item.registration for item in on_roster}
    seen = _keys_of(on_roster)
    items: list[PlanItem] = []
    problems = _unreadable_problems(snapshot, seen)
    # Only now, so that a row with this problem already does not get it twice; from here on a
    # readable record of the same person counts as their second one.
    seen |= _unreadable_keys(snapshot)
    for record in snapshot.registrations:
        if record in claimed or _is_known_host(record, seen):
            continue
        person = _invitee_of(record, snapshot)
        keys = _keys_of_both(person, record)
        if keys & seen:
            problems.append(Problem(None, None, person.email, f"{_TWICE} (invitee {record.id})"))
        else:
            items.append(_plan_unlisted_record(record, person, snapshot, options, doubtful))
        seen |= keys
    return items, problems


def plan_departed(
    snapshot: Snapshot, items: Iterable[PlanItem], options: Options
) -> list[PlanItem]:
    """Plan for people that this ledger registered, who hold a link, and are now on neither list."""
    present = _keys_of(items) | _unreadable_keys(snapshot)
    # A row with a problem is still a row: a mistake in it must cancel nothing.
    present |= {address_key(problem.email) for problem in snapshot.roster.problems}
    departed = []
    for address, known in snapshot.managed.items():
        keys = {address} | person_keys(known.invitee)
        if not snapshot.mailbox(address).facts or keys & present:
            continue
        if not _attends(known, keys, snapshot):
            departed.append(_plan_departure(known, snapshot, options))
    return departed


def _keys_of(items: Iterable[PlanItem]) -> set[PersonKey]:
    return {key for item in items for key in person_keys(item.invitee)}


def _keys_of_both(person: Invitee, record: Registration) -> set[PersonKey]:
    """Collect the keys of a person and their record.

    A person without an address is known only by ids: the record's address may be another person's
    by now.
    """
    return person_keys(person) | person_keys(record) if person.email else person_keys(person)


def _unreadable_records(snapshot: Snapshot) -> list[UntouchedRecord]:
    """The records that aren't understood. Their people are not removed, and get no cancellation."""
    return [record for record in snapshot.untouched if record.fault]


def _unreadable_keys(snapshot: Snapshot) -> set[PersonKey]:
    return {key for record in _unreadable_records(snapshot) for key in person_keys(record)}


def _unreadable_problems(snapshot: Snapshot, seen: set[PersonKey]) -> list[Problem]:
    """A problem for each such record, unless it belongs to a person in `seen`."""
    unreadable = _unreadable_records(snapshot)
    return [_unreadable_problem(record) for record in unreadable if not person_keys(record) & seen]


def _unreadable_problem(record: UntouchedRecord) -> Problem:
    name = f"{record.first_name} {record.last_name}".strip()
    who = record.email or name or (f"invitee {record.id}" if record.id else "an invitee")
    return Problem(None, None, who, record.problem)


def _is_known_host(record: Registration, seen: set[PersonKey]) -> bool:
    """Whether a Host's record needs no item.

    That is so where RingCentral's list lacks it, or where a row is about the same person.
    """
    return record.role is Role.HOST and (not record.id or bool(person_keys(record) & seen))


def _find_unmatched_rows(on_roster: Iterable[PlanItem]) -> list[Problem]:
    """Find the rows that may mean another person: no person has their address or ids."""
    problems = (problem for item in on_roster if not item.registration for problem in item.problems)
    return [problem for problem in problems if problem.column == "email"]


def _invitee_of(record: Registration, snapshot: Snapshot) -> Invitee:
    """Make an invitee without a row from a record, with the names of the invitation, if any."""
    person = record.as_invitee()
    known = next((managed.invitee for managed in snapshot.find_managed(person)), person)
    known = replace(known, role=record.role, linked_user=record.linked_user)
    # The roster now gives their address to another linked user, who gets all mail to it. So they
    # are known only by their ids.
    gone_over = snapshot.is_address_taken(known) and snapshot.has_standing(
        replace(person, email=""), _REMOVABLE
    )
    return replace(known, email="") if gone_over else known


def _plan_unlisted_record(
    record: Registration,
    person: Invitee,
    snapshot: Snapshot,
    options: Options,
    doubtful: Iterable[Problem],
) -> PlanItem:
    """Plan for a person who is registered but not on the roster."""
    if record.role is Role.HOST:
        reason = "the webinar's host, not on the roster: gets no mail from here"
        return PlanItem(person, Action.NONE, reason, record, skip=SkipCode.NOT_ON_ROSTER)
    # Adopted and updated people were registered by others, so `--remove` leaves them alone.
    is_ours = snapshot.has_standing(person, _REMOVABLE)
    is_asked_for = options.remove_foreign or (options.remove and is_ours)
    if is_asked_for or snapshot.is_replaced(person):
        return _plan_removal(record, person, snapshot, doubtful)
    how = "--remove removes them"
    if not is_ours:
        how = "not added from here; --remove-foreign removes them"
    reason = f"registered, but not on the roster ({how})"
    return PlanItem(person, Action.NONE, reason, record, skip=SkipCode.NOT_ON_ROSTER)


def _plan_removal(
    record: Registration, person: Invitee, snapshot: Snapshot, doubtful: Iterable[Problem]
) -> PlanItem:
    """Plan the removal that was asked for, unless a bad row may mean this person."""
    if meant := next((problem for problem in doubtful if _may_mean(problem, person)), None):
        where = f"row {meant.row} of the roster" if meant.row else "the roster"
        reason = f"kept: {where} has a problem and may mean them; fix it first"
        return PlanItem(person, Action.NONE, reason, record, skip=SkipCode.PROBLEM)
    # Unknown counts as running: a removal can't be taken back.
    if snapshot.session.status is not SessionStatus.SCHEDULED:
        return replace(refuse(person, None, RUNNING, record), action=Action.NONE)
    reason = f"not on the roster{invite_warning(person, record, snapshot)}"
    return PlanItem(person, Action.REMOVE, reason, record)


def _may_mean(problem: Problem, person: Invitee) -> bool:
    """Whether a bad row could be this person's: a typing error must remove no person.

    A row with a well-formed address means the person with that address. A row without may mean any
    person.
    """
    if problem.column == "email" or not _WELL_FORMED.fullmatch(problem.email):
        return True
    return address_key(problem.email) == person.key


def _attends(known: ManagedRegistration, keys: set[PersonKey], snapshot: Snapshot) -> bool:
    """Whether a person that we did not remove is an attendee now: attendees are left alone."""
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        return False
    return any(keys & person_keys(record) for record in snapshot.untouched)


def _plan_departure(known: ManagedRegistration, snapshot: Snapshot, options: Options) -> PlanItem:
    """Plan a cancellation: at once for a person that we removed, else only on request."""
    # A record that shows no address and no ids may belong to any person who seems to be gone.
    has_nameless = any(not person_keys(record) for record in _unreadable_records(snapshot))
    if has_nameless and known.standing is not Standing.REMOVED:
        reason = "off the roster; a record that is not understood may be theirs"
        return PlanItem(known.invitee, Action.NONE, reason, skip=SkipCode.NOT_ON_ROSTER)
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        # We have taken their link away, so they hear of it without a further request.
        return plan_cancellation(PlanItem(known.invitee, Action.NONE, "removed"), snapshot)
    reason = "off the roster, and removed at RingCentral by another person"
    item = PlanItem(known.invitee, Action.NONE, reason, skip=SkipCode.NOT_ON_ROSTER)
    if options.remove or options.remove_foreign or snapshot.is_replaced(known.invitee):
        return plan_cancellation(item, snapshot)
    return replace(item, mail_reason="--remove tells them")
