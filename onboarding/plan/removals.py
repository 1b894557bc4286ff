"""People who are not on the roster: those who are registered all the same, and those who are gone from both.

Shows them always, and removes somebody only where removal was asked for and no mistake on the roster can have caused
it. What a mailbox is owed is `mailing`'s.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Problem, Role
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import Registration, SessionStatus, UntouchedRecord
from onboarding.plan.identity import Name, names_of
from onboarding.plan.invitee_changes import RUNNING, invite_warning, refused
from onboarding.plan.messages_due import plan_cancellation
from onboarding.plan.snapshot import ADDED_HERE, Action, Options, PlanItem, Snapshot

_WELL_FORMED = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*@([^\W_]([\w-]*[^\W_])?\.)+[^\W\d_]{2,}")


def plan_unlisted(
    picture: Snapshot, on_roster: Sequence[PlanItem], options: Options
) -> tuple[list[PlanItem], list[Problem]]:
    """Decide about the records that are nobody's on the roster.

    A second record of somebody who has one already is a problem and no step: whose link it holds, nobody can say.
    """
    doubtful = [*picture.roster.problems, *_unfound(on_roster)]
    claimed = {step.registration for step in on_roster if step.registration}
    seen = {name for step in on_roster for name in names_of(step.invitee)}
    steps: list[PlanItem] = []
    problems = [_not_understood(record) for record in _unclear(picture) if not names_of(record) & seen]
    seen |= _unclear_names(picture)
    for record in picture.registrations:
        if record in claimed or _is_host_of_no_interest(record, seen):
            continue
        person = _person(record, picture)
        names = names_of(person) | (names_of(record) if person.email else set())
        if names & seen:
            problems.append(Problem(None, None, person.email, f"{_TWICE} (invitee {record.id})"))
        else:
            steps.append(_not_on_roster(record, person, picture, options, doubtful))
        seen |= names
    return steps, problems


def _unclear(picture: Snapshot) -> list[UntouchedRecord]:
    """The records that aren't understood. Who they are about is neither removed nor told that they were."""
    return [record for record in picture.untouched if record.fault]


def _unclear_names(picture: Snapshot) -> set[Name]:
    return {name for record in _unclear(picture) for name in names_of(record)}


def _not_understood(record: UntouchedRecord) -> Problem:
    name = f"{record.first_name} {record.last_name}".strip()
    who = record.email or name or (f"invitee {record.id}" if record.id else "an invitee")
    return Problem(None, None, who, record.problem)


def _is_host_of_no_interest(record: Registration, seen: set[Name]) -> bool:
    """Whether a Host's record says nothing that isn't said: the list lacks it, or a row has been told of it."""
    return record.role is Role.HOST and (not record.id or bool(names_of(record) & seen))


def _unfound(on_roster: Iterable[PlanItem]) -> list[Problem]:
    """Rows that may have been meant for somebody else: their address or ids led to nobody."""
    problems = (problem for step in on_roster if not step.registration for problem in step.problems)
    return [problem for problem in problems if problem.column == "email"]


def _person(record: Registration, picture: Snapshot) -> Invitee:
    """Somebody whom only RingCentral knows, as an invitee without a row; with the words in which they were invited."""
    person = Invitee(
        row=0,
        email=record.email,
        role=record.role,
        first_name=record.first_name,
        last_name=record.last_name,
        linked_user=record.linked_user,
    )
    known = next((one.invitee for one in picture.managed_for(person)), person)
    known = replace(known, role=record.role, linked_user=record.linked_user)
    # Their address has gone over to another linked user, whose mail it gets; without it they are known by ids.
    gone_over = picture.is_taken(known) and picture.stands(replace(person, email=""), _REMOVABLE)
    return replace(known, email="") if gone_over else known


def _not_on_roster(
    record: Registration, person: Invitee, picture: Snapshot, options: Options, doubtful: Iterable[Problem]
) -> PlanItem:
    """Decide about somebody who is registered but not on the roster."""
    if record.role is Role.HOST:
        return PlanItem(person, Action.NONE, "the webinar's host, not on the roster: gets no mail from here", record)
    removable = picture.stands(person, _REMOVABLE)
    step = PlanItem(person, Action.NONE, "registered, but not on the roster", record)
    if not (options.remove_foreign or (options.remove and removable)):
        how = "--remove removes them" if removable else "not added from here; --remove-foreign removes them"
        return replace(step, reason=f"{step.reason} ({how})")
    if row := next((one.row for one in doubtful if _may_mean(one, person)), None):
        return replace(step, reason=f"kept: row {row} of the roster has a problem and may mean them; mend it first")
    if picture.session.status is not SessionStatus.SCHEDULED:
        return replace(refused(person, None, RUNNING, record), action=Action.NONE)
    return replace(step, action=Action.REMOVE, reason=f"not on the roster{invite_warning(person, record, picture)}")


def _may_mean(problem: Problem, person: Invitee) -> bool:
    """Whether a bad row could be this person's: a typing error must not remove anybody.

    A row whose address is sound means whoever has that address; one without may mean everybody.
    """
    if problem.column == "email" or not _WELL_FORMED.fullmatch(problem.email):
        return True
    return address_key(problem.email) == person.key


def plan_departed(picture: Snapshot, steps: Iterable[PlanItem], options: Options) -> list[PlanItem]:
    """People whom this ledger had on board, who hold a link, and are now neither on the roster nor registered."""
    present: set[Name] = {name for step in steps for name in names_of(step.invitee)}
    present |= {address_key(one.email) for one in picture.roster.problems}
    present |= _unclear_names(picture)
    steps_of_departed = []
    for key, known in picture.managed.items():
        names = {key} | names_of(known.invitee)
        if picture.mailbox(key).told and not names & present and not _attends(known, names, picture):
            steps_of_departed.append(_departure(known, picture, options))
    return steps_of_departed


def _attends(known: ManagedRegistration, names: set[Name], picture: Snapshot) -> bool:
    """Whether somebody whom we did not remove is an attendee by now: those are left alone."""
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        return False
    return any(names & names_of(record) for record in picture.untouched)


def _departure(known: ManagedRegistration, picture: Snapshot, options: Options) -> PlanItem:
    """Take leave of somebody: at once where we removed them, else only where removing was asked for."""
    nameless = any(not names_of(record) for record in _unclear(picture))
    if nameless and known.standing is not Standing.REMOVED:
        return PlanItem(known.invitee, Action.NONE, "off the roster; a record that is not understood may be theirs")
    if known.standing in {Standing.REMOVING, Standing.REMOVED}:
        return plan_cancellation(PlanItem(known.invitee, Action.NONE, "removed"), picture)
    step = PlanItem(known.invitee, Action.NONE, "off the roster, and removed at RingCentral by somebody else")
    if options.remove or options.remove_foreign:
        return plan_cancellation(step, picture)
    return replace(step, mail_reason="--remove tells them")


_REMOVABLE = ADDED_HERE | {Standing.REMOVING}
"""`removing` is left by a run that died while it did what a person had asked for."""

_TWICE = "is registered twice at RingCentral: remove one of the two there"
