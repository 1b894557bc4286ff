"""People who are not on the roster: those who are registered all the same, and those who are gone from both.

Shows them always, and removes somebody only where removal was asked for and no mistake on the roster can have caused
it. What a mailbox is owed is `messages_due`'s.
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
from onboarding.plan.snapshot import ADDED_HERE, Action, Options, PlanItem, Snapshot

_WELL_FORMED = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{2,}")


def plan_unlisted(
    snapshot: Snapshot, on_roster: Sequence[PlanItem], options: Options
) -> tuple[list[PlanItem], list[Problem]]:
    """Decide about the records that are nobody's on the roster.

    A second record of somebody who has one already is a problem and no item: whose link it holds, nobody can say.
    """
    doubtful = [*snapshot.roster.problems, *_find_unmatched_rows(on_roster)]
    claimed = {item.registration for item in on_roster if item.registration}
    seen = {name for item in on_roster for name in person_keys(item.invitee)}
    items: list[PlanItem] = []
    problems = [
        _unreadable_problem(record) for record in _unreadable_records(snapshot) if not person_keys(record) & seen
    ]
    seen |= _unreadable_keys(snapshot)
    for record in snapshot.registrations:
        if record in claimed or _is_host_of_no_interest(record, seen):
            continue
        person = _invitee_of(record, snapshot)
        names = person_keys(person) | (person_keys(record) if person.email else set())
        if names & seen:
            problems.append(Problem(None, None, person.email, f"{_TWICE} (invitee {record.id})"))
        else:
            items.append(_plan_unlisted_record(record, person, snapshot, options, doubtful))
        seen |= names
    return items, problems


def _unreadable_records(snapshot: Snapshot) -> list[UntouchedRecord]:
    """The records that aren't understood. Who they are about is neither removed nor told that they were."""
    return [record for record in snapshot.untouched if record.fault]


def _unreadable_keys(snapshot: Snapshot) -> set[PersonKey]:
    return {name for record in _unreadable_records(snapshot) for name in person_keys(record)}


def _unreadable_problem(record: UntouchedRecord) -> Problem:
    name = f"{record.first_name} {record.last_name}".strip()
    who = record.email or name or (f"invitee {record.id}" if record.id else "an invitee")
    return Problem(None, None, who, record.problem)


def _is_host_of_no_interest(record: Registration, seen: set[PersonKey]) -> bool:
    """Whether a Host's record says nothing that isn't said: the list lacks it, or a row has been told of it."""
    return record.role is Role.HOST and (not record.id or bool(person_keys(record) & seen))


def _find_unmatched_rows(on_roster: Iterable[PlanItem]) -> list[Problem]:
    """Rows that may have been meant for somebody else: their address or ids led to nobody."""
    problems = (problem for item in on_roster if not item.registration for problem in item.problems)
    return [problem for problem in problems if problem.column == "email"]


def _invitee_of(record: Registration, snapshot: Snapshot) -> Invitee:
    """Somebody whom only RingCentral knows, as an invitee without a row; with the words in which they were invited."""
    person = Invitee(
        row=0,
        email=record.email,
        role=record.role,
        first_name=record.first_name,
        last_name=record.last_name,
        linked_user=record.linked_user,
    )
    known = next((one.invitee for one in snapshot.find_managed(person)), person)
    known = replace(known, role=record.role, linked_user=record.linked_user)
    # Their address has gone over to another linked user, whose mail it gets; without it they are known by ids.
    gone_over = snapshot.is_address_taken(known) and snapshot.has_standing(replace(person, email=""), _REMOVABLE)
    return replace(known, email="") if gone_over else known


def _plan_unlisted_record(
    record: Registration, person: Invitee, snapshot: Snapshot, options: Options, doubtful: Iterable[Problem]
) -> PlanItem:
    """Decide about somebody who is registered but not on the roster."""
    if record.role is Role.HOST:
        return PlanItem(person, Action.NONE, "the webinar's host, not on the roster: gets no mail from here", record)
    removable = snapshot.has_standing(person, _REMOVABLE)
    item = PlanItem(person, Action.NONE, "registered, but not on the roster", record)
    if not (options.remove_foreign or (options.remove and removable)):
        how = "--remove removes them" if removable else "not added from here; --remove-foreign removes them"
        return replace(item, reason=f"{item.reason} ({how})")
    if row := next((one.row for one in doubtful if _may_mean(one, person)), None):
        return replace(item, reason=f"kept: row {row} of the roster has a problem and may mean them; mend it first")
    if snapshot.session.status is not SessionStatus.SCHEDULED:
        return replace(refuse(person, None, RUNNING, record), action=Action.NONE)
    return replace(item, action=Action.REMOVE, reason=f"not on the roster{invite_warning(person, record, snapshot)}")


def _may_mean(problem: Problem, person: Invitee) -> bool:
    """Whether a bad row could be this person's: a typing error must not remove anybody.

    A row whose address is sound means whoever has that address; one without may mean everybody.
    """
    if problem.column == "email" or not _WELL_FORMED.fullmatch(problem.email):
        return True
    return address_key(problem.email) == person.key


def plan_departed(snapshot: Snapshot, items: Iterable[PlanItem], options: Options) -> list[PlanItem]:
    """People whom this ledger had on board, who hold a link, and are now neither on the roster nor registered."""
    present: set[PersonKey] = {name for item in items for name in person_keys(item.invitee)}
    present |= {address_key(one.email) for one in snapshot.roster.problems}
    present |= _unreadable_keys(snapshot)
    steps_of_departed = []
    for key, known in snapshot.managed.items():
        names = {key} | person_keys(known.invitee)
        if snapshot.mailbox(key).told and not names & present and not _attends(known, names, snapshot):
            steps_of_departed.append(_departure(known, snapshot, options))
    return steps_of_departed


def _attends(known: ManagedRegistration, names: set[PersonKey], snapshot: Snapshot) -> bool:
    """Whether somebody whom we did not remove is an attendee by now: those are left alone."""
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        return False
    return any(names & person_keys(record) for record in snapshot.untouched)


def _departure(known: ManagedRegistration, snapshot: Snapshot, options: Options) -> PlanItem:
    """Take leave of somebody: at once where we removed them, else only where removing was asked for."""
    nameless = any(not person_keys(record) for record in _unreadable_records(snapshot))
    if nameless and known.standing is not Standing.REMOVED:
        return PlanItem(known.invitee, Action.NONE, "off the roster; a record that is not understood may be theirs")
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        return plan_cancellation(PlanItem(known.invitee, Action.NONE, "removed"), snapshot)
    item = PlanItem(known.invitee, Action.NONE, "off the roster, and removed at RingCentral by somebody else")
    if options.remove or options.remove_foreign:
        return plan_cancellation(item, snapshot)
    return replace(item, mail_reason="--remove tells them")


_REMOVABLE = ADDED_HERE | {Standing.REMOVING}
"""`removing` is left by a run that died while it did what a person had asked for."""

_TWICE = "is registered twice at RingCentral: remove one of the two there"
