"""Carrying out a change, as pure steps: what to send next, and what follows from what came back.

`client` sends and lists; this module decides, and keeps to one rule: after every PATCH that did not clearly succeed or
clearly fail as a whole, the list of invitees is read before anything else is sent, so that nobody is added twice. A
refusal that names nobody is narrowed down by halving (`docs/ringcentral.md`, "Refused invitees").
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import (
    NO_LINK,
    SEATS,
    Change,
    Update,
    differences,
    disagreements,
    find_registration,
    not_changed,
    not_understood_of,
)
from onboarding.model.sessions import InviteeList, Registration, UntouchedRecord
from onboarding.ringcentral.errors import CONFLICT, FORBIDDEN, PARAMETER_INVALID, ApiError, ErrorEntry
from onboarding.ringcentral.schemas import ChangeAnswer

MAX_UNNAMED_REFUSALS = 20
"""Refusals in a row that name nobody, with nobody accepted in between, before the rest is held back.

Halving 99 people down to one takes at most eight refusals. With a list after each, twenty cost forty calls: four
minutes at the default limit, and no more although RingCentral may refuse everybody.
"""

BatchItem = Invitee | Update | Registration
"""One person's part of a change: somebody to add, to update, or to remove."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a change has come.

    `records` is what is known of the session's invitees. `waiting` is still to be sent, and the first `suspects` of it
    are known to hold somebody whom RingCentral refuses. `limit` is how many people RingCentral takes at a time.
    `unanswered` were sent and accepted, but the answer lacks their record or link. `untouched` are the records that are
    left alone.

    `answered` and `deleted` (ids) are what the answers said: a list that lags behind them does not undo it.
    `uncertain` were sent in a call that may have been applied although nothing shows it. `undone` were certainly not
    added, or not removed, by us: RingCentral refused them, or they were never sent.
    """

    records: tuple[Registration, ...]
    waiting: tuple[BatchItem, ...] = ()
    unanswered: tuple[BatchItem, ...] = ()
    problems: tuple[Problem, ...] = ()
    suspects: int = 0
    limit: int = 1000
    refusals: int = 0
    answered: tuple[Registration, ...] = ()
    deleted: frozenset[str] = frozenset()
    uncertain: tuple[BatchItem, ...] = ()
    undone: tuple[Invitee | Registration, ...] = ()
    untouched: tuple[UntouchedRecord, ...] = ()

    @property
    def seats_taken(self) -> int:
        """The seats of co-hosts and panelists that are taken, as far as is known."""
        return InviteeList(self.records, self.untouched).seats_taken

    @property
    def group(self) -> tuple[BatchItem, ...]:
        """Whom to send next: everybody, or half of those among whom the refused person is."""
        size = max(1, self.suspects // 2) if self.suspects else self.limit
        return self.waiting[: min(size, self.limit)]


def start_batch(work: BatchState, batch: Change) -> BatchState:
    """Take up a batch. Nobody with a record is added, and nobody beyond the seats that a webinar has."""
    new = tuple(one for one in batch.add if not find_registration(one, work.records))
    free = max(0, SEATS - work.seats_taken)
    full = [build_problem(one, f"All {SEATS} seats for co-hosts and panelists are taken.") for one in new[free:]]
    sent = new[:free]
    return replace(
        work,
        waiting=list_items(replace(batch, add=sent)),
        problems=(*work.problems, *full),
        undone=(*work.undone, *(one for one in batch.add if one not in sent)),
    )


def apply_answer(work: BatchState, answer: ChangeAnswer) -> BatchState:
    """Take in the answer to the group that was sent."""
    group = work.group
    records, deleted = answer.registrations(), answer.deleted_ids()
    unanswered = tuple(one for one in group if not _is_answered(one, records, deleted))
    lacking = [_find_record(one, records) for one in unanswered]
    known = {one.id: one for one in work.records} | {one.id: one for one in records}
    return replace(
        work,
        records=tuple(one for one in known.values() if one.id not in deleted),
        untouched=tuple(one for one in work.untouched if one.id not in deleted),
        waiting=work.waiting[len(group) :],
        unanswered=unanswered,
        answered=(*work.answered, *(one for one in records if one not in lacking)),
        deleted=work.deleted | deleted,
        problems=(*work.problems, *_find_unchanged(group, records)),
        suspects=max(0, work.suspects - len(group)),
        refusals=0,
    )


def apply_lookup(work: BatchState, found: InviteeList) -> BatchState:
    """Look up in the list whom an answer lacked; who is not right there either is reported."""
    found = _with_answers(work, found)
    records = found.registrations
    left = list_items(select_missing(build_change(work.unanswered), records, found.untouched))
    missing = [one for one in left if _needs_report(one, records)]
    lacking = [build_problem(one, _explain_absence(one, found)) for one in missing]
    present = tuple(one for one in work.unanswered if one not in missing)
    problems = (*work.problems, *lacking, *_find_linkless(present, records))
    return replace(work, records=records, untouched=found.untouched, unanswered=(), problems=problems)


def apply_list(work: BatchState, found: InviteeList) -> BatchState:
    """Take in a list that was read because nobody knew what the last PATCH had done; keep what is still missing.

    Who is there with a record that isn't understood is not sent again, but reported.
    """
    found = _with_answers(work, found)
    records = found.registrations
    missing = list_items(select_missing(build_change(work.waiting), records, found.untouched))
    unclear = tuple(one for one in missing if _is_not_understood(one, found))
    waiting = tuple(one for one in missing if one not in unclear)
    present = tuple(one for one in work.waiting if one not in missing)
    told = [build_problem(one, _explain_absence(one, found)) for one in unclear]
    return replace(
        work,
        records=records,
        untouched=found.untouched,
        waiting=waiting,
        problems=(*work.problems, *told, *_find_linkless(present, records), *_find_vanished(present, found)),
        suspects=work.suspects if len(waiting) == len(work.waiting) else 0,
        uncertain=(*work.uncertain, *(one for one in work.group if one in waiting)),
    )


def _with_answers(work: BatchState, found: InviteeList) -> InviteeList:
    """Bring a list up to what the answers to this very change said: it may lag behind them.

    Of a record that the list shows and that is not understood there, the list's word counts.
    """
    unclear = {one.id for one in found.untouched}
    answered = {one.id: one for one in work.answered if one.id not in unclear}
    known = {one.id: one for one in found.registrations} | answered
    return InviteeList(
        registrations=tuple(one for one in known.values() if one.id not in work.deleted),
        untouched=tuple(one for one in found.untouched if one.id not in work.deleted),
    )


def needs_list(work: BatchState, refusal: ApiError) -> bool:
    """Tell whether a refused group may have been applied in part, or its people be there already."""
    if refusal.is_too_large:
        return False
    return len(work.group) > 1 or refusal.status == CONFLICT or refusal.is_not_found


def is_forbidden_for_all(work: BatchState, refusal: ApiError) -> bool:
    """Tell whether a refused group was forbidden as such: a state or a licence, and none of its people's doing.

    Removals from a session under way are forbidden, too, and a person's role may be (`CMN-101`): those concern only
    them.
    """
    if refusal.status != FORBIDDEN or refusal.codes & PARAMETER_INVALID:
        return False
    return not _culprits(refusal, work.group)


def apply_refusal(before: BatchState, work: BatchState, refusal: ApiError) -> BatchState:
    """Decide what a refusal of `before.group` means; `work` is what the list made of it since.

    In this order: a batch too large is halved; who is named is set apart (all removals together, where removing is what
    is forbidden); where the list explains the refusal the rest is sent again; one person alone is the one who is meant;
    else the group holds the culprit, and is halved.
    """
    group = before.group
    if refusal.is_too_large and len(group) > 1:
        return replace(work, limit=len(group) // 2, suspects=0)
    told = _culprits(refusal, group)
    if told:
        return _exclude(work, told, refusal, before.uncertain)
    if len(work.waiting) < len(before.waiting):
        return work
    if len(group) == 1:
        return _exclude(work, group, refusal, before.uncertain)
    if work.refusals + 1 >= MAX_UNNAMED_REFUSALS:
        return _hold_back(work, refusal)
    return replace(work, suspects=len(group), refusals=work.refusals + 1)


def select_missing(
    change: Change, registrations: Iterable[Registration], untouched: Iterable[UntouchedRecord] = ()
) -> Change:
    """Keep the part of a change that a session's records do not show yet.

    Who is to be updated and has no record any more can't be updated, so is not missing either. Who is to be removed is
    there as long as their id is, whatever else their record says by now.
    """
    known = {one.id: one for one in registrations}
    ids = {*known, *(one.id for one in untouched)}
    return Change(
        add=tuple(one for one in change.add if not find_registration(one, known.values())),
        update=tuple(one for one in change.update if needs_update(one, known.get(one.registration.id))),
        remove=tuple(one for one in change.remove if one.id in ids),
    )


def needs_update(update: Update, record: Registration | None) -> bool:
    """Tell whether a record is there and differs from what the update asks for."""
    return record is not None and bool(differences(update.invitee, record))


def list_items(change: Change) -> tuple[BatchItem, ...]:
    """A change, person by person. The order within each kind is that of the request's body."""
    return (*change.add, *change.update, *change.remove)


def build_change(people: Iterable[BatchItem]) -> Change:
    """The change that does these people's parts."""
    everybody = tuple(people)
    return Change(
        add=tuple(one for one in everybody if isinstance(one, Invitee)),
        update=tuple(one for one in everybody if isinstance(one, Update)),
        remove=tuple(one for one in everybody if isinstance(one, Registration)),
    )


def build_problem(step: BatchItem, message: str) -> Problem:
    """Say something about a person in the form that the roster's own problems have."""
    match step:
        case Invitee():
            return Problem(step.row, None, step.email or step.name, message)
        case Update(invitee=invitee):
            return Problem(invitee.row, None, invitee.email or invitee.name, message)
        case Registration():
            name = f"{step.first_name} {step.last_name}".strip()
            return Problem(None, None, step.email or name or f"invitee {step.id}", message)


def _is_answered(step: BatchItem, records: tuple[Registration, ...], deleted: frozenset[str]) -> bool:
    match step:
        case Registration():
            return step.id in deleted
        case Update(registration=old):
            return any(one.id == old.id and one.join_uri for one in records)
        case Invitee():
            record = find_registration(step, records)
            linked = record is not None and (record.linked_user or not step.linked_user)
            return record is not None and record.join_uri is not None and bool(linked)


def _find_linkless(people: Iterable[BatchItem], records: tuple[Registration, ...]) -> list[Problem]:
    """Who is registered but has no join link, even in the list."""
    return [
        build_problem(one, NO_LINK) for one in people if (record := _find_record(one, records)) and not record.join_uri
    ]


def _find_vanished(people: Iterable[BatchItem], found: InviteeList) -> list[Problem]:
    """Who was to be updated and has been deleted by somebody else meanwhile, or is no longer understood."""
    gone = "Somebody removed this person at RingCentral during the run. Run again."
    return [
        build_problem(one, _find_fault(one, found) or gone)
        for one in people
        if isinstance(one, Update) and not _find_record(one, found.registrations)
    ]


def _explain_absence(step: BatchItem, found: InviteeList) -> str:
    """Why somebody's part isn't done although RingCentral refused nothing."""
    unkept = "RingCentral accepted the change without a complaint, but did not carry it out for this person. Run again."
    return _find_fault(step, found) or unkept


def _is_not_understood(step: BatchItem, found: InviteeList) -> bool:
    """Whether somebody who is to be added has a record already that isn't understood. Removing goes by the id alone."""
    return isinstance(step, Invitee) and bool(_find_fault(step, found))


def _find_fault(step: BatchItem, found: InviteeList) -> str:
    """Say what of a person's record is not understood; empty where they have none such."""
    if isinstance(step, Invitee):
        record = not_understood_of(step, found.untouched)
    else:
        old = step.registration if isinstance(step, Update) else step
        record = next((one for one in found.untouched if one.fault and one.id == old.id), None)
    return record.problem if record else ""


def _find_unchanged(group: Iterable[BatchItem], records: tuple[Registration, ...]) -> list[Problem]:
    """Whose update was accepted and not carried out: repeating it would change nothing."""
    kept = [(one, _find_disagreements(one, records)) for one in group if isinstance(one, Update)]
    return [build_problem(one, not_changed(fields)) for one, fields in kept if fields]


def _needs_report(step: BatchItem, records: tuple[Registration, ...]) -> bool:
    """Tell whether what was accepted and does not show is worth a word: a field that a record lacks is not."""
    return not isinstance(step, Update) or bool(_find_disagreements(step, records))


def _find_disagreements(update: Update, records: tuple[Registration, ...]) -> list[str]:
    """The fields in which a record says something else than an accepted update."""
    record = _find_record(update, records)
    return disagreements(differences(update.invitee, record)) if record else []


def _find_record(step: BatchItem, records: tuple[Registration, ...]) -> Registration | None:
    match step:
        case Invitee():
            return find_registration(step, records)
        case Update(registration=old) | (Registration() as old):
            return next((one for one in records if one.id == old.id), None)


def _culprits(refusal: ApiError, group: tuple[BatchItem, ...]) -> tuple[BatchItem, ...]:
    """Whom a refusal means: everybody whom it names, or all removals where deleting is what it forbids."""
    change = build_change(group)
    named = [_find_named_item(fault, change) for fault in refusal.entries]
    told = tuple(one for one in group if one in named)
    if refusal.status == FORBIDDEN and all(isinstance(one, Registration) for one in told):
        return change.remove
    return told


def _find_named_item(fault: ErrorEntry, change: Change) -> BatchItem | None:
    """Find the person whom a fault names, by value (address or id) or by place in the body, such as `added...[3]`."""
    place = re.search(r"(added|updated|deleted)Invitees\D{1,2}(\d+)", fault.parameter)
    kinds: dict[str, tuple[BatchItem, ...]] = {"added": change.add, "updated": change.update, "deleted": change.remove}
    people = kinds[place[1]] if place else list_items(change)
    by_value = next((one for one in people if _is_known_as(one, fault.value)), None)
    if by_value or not place:
        return by_value
    return next(iter(people[int(place[2]) :]), None)


def _is_known_as(step: BatchItem, value: str) -> bool:
    """Tell whether a value is the address of a person, or an id by which RingCentral knows them."""
    email = step.invitee.email if isinstance(step, Update) else step.email
    record = step.registration if isinstance(step, Update) else step
    ids = {record.linked_user.user_id} if record.linked_user else set()
    if isinstance(record, Registration):
        ids.add(record.id)
    return value in ids or ("@" in value and bool(email) and address_key(value) == address_key(email))


def _exclude(
    work: BatchState, people: tuple[BatchItem, ...], refusal: ApiError, uncertain: tuple[BatchItem, ...]
) -> BatchState:
    """Report people as refused and go on without them; whoever is as wanted by now has nothing to complain of.

    A conflict, or a record that is not found, may be the echo of our own earlier call (`uncertain`): then nothing is
    known to be undone, even while the list shows nothing of it.
    """
    echoes = [one for one in people if _may_be_echo(refusal) and one in uncertain]
    apart = [
        build_problem(one, _ECHO if one in echoes else _explain_refusal(one, refusal))
        for one in people
        if one in work.waiting
    ]
    undone = [one for one in people if one not in echoes and not isinstance(one, Update)]
    return replace(
        work,
        waiting=tuple(one for one in work.waiting if one not in people),
        problems=(*work.problems, *apart),
        suspects=0,
        undone=(*work.undone, *undone),
    )


def _may_be_echo(refusal: ApiError) -> bool:
    return refusal.status == CONFLICT or refusal.is_not_found


_ECHO = "RingCentral says that this change is made already, but its list does not show it yet. Run again."


def _explain_refusal(step: BatchItem, refusal: ApiError) -> str:
    if not isinstance(step, Registration):
        return f"RingCentral refuses this person ({refusal.words})."
    if refusal.status == FORBIDDEN:
        return f"RingCentral removes nobody once a session is under way or over ({refusal.words})."
    return f"RingCentral refuses to remove this person ({refusal.words})."


def _hold_back(work: BatchState, refusal: ApiError) -> BatchState:
    """Hold everybody back who could not be sent without a refusal that names nobody."""
    words = f"Held back: RingCentral refuses every group with this person and names nobody ({refusal.words})."
    held = tuple(build_problem(one, words) for one in work.waiting)
    return replace(work, waiting=(), problems=(*work.problems, *held), suspects=0, refusals=0)
