"""How far a change has come, as pure steps: what to send next, and what follows from an answer.

`client` sends and lists; this module decides, and keeps to one rule: after every PATCH that did not
clearly succeed, or clearly fail as a whole, the list of invitees is read before anything else is
sent. So no person is added twice. `bisection` finds out which people a refusal means.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import (
    NO_LINK,
    SEATS,
    Change,
    Update,
    describe_unchanged,
    differences,
    disagreements,
    find_not_understood,
    find_registration,
)
from onboarding.model.sessions import InviteeList, Registration, UntouchedRecord
from onboarding.ringcentral.schemas.invitees import ChangeAnswer

BatchItem = Invitee | Update | Registration
"""One person's part of a change: a person to add, to update, or to remove."""


def list_items(change: Change) -> tuple[BatchItem, ...]:
    """List a change person by person. The order within each kind is that of the request's body."""
    return (*change.add, *change.update, *change.remove)


def build_change(items: Iterable[BatchItem]) -> Change:
    """Build the change that does these people's parts."""
    every_part = tuple(items)
    return Change(
        add=tuple(part for part in every_part if isinstance(part, Invitee)),
        update=tuple(part for part in every_part if isinstance(part, Update)),
        remove=tuple(part for part in every_part if isinstance(part, Registration)),
    )


def select_missing(
    change: Change, registrations: Iterable[Registration], untouched: Iterable[UntouchedRecord] = ()
) -> Change:
    """Select the part of a change that a session's records do not show yet.

    A person to update who has no record any more can't be updated, so is not missing either. A
    person to remove is there as long as their id is, even if their record has changed.
    """
    known = {record.id: record for record in registrations}
    # A record that can't be read is still there, so its removal is still to be done.
    ids = {*known, *(record.id for record in untouched)}
    return Change(
        add=tuple(part for part in change.add if not find_registration(part, known.values())),
        update=tuple(
            part for part in change.update if needs_update(part, known.get(part.registration.id))
        ),
        remove=tuple(part for part in change.remove if part.id in ids),
    )


def needs_update(update: Update, record: Registration | None) -> bool:
    """Tell whether a record is there and differs from what the update asks for."""
    return record is not None and bool(differences(update.invitee, record))


def find_record(part: BatchItem, records: Iterable[Registration]) -> Registration | None:
    """Find a person's record: a new one by who they are, any other by its id."""
    match part:
        # A new person's id is RingCentral's to give, and the order of its answers is not promised.
        case Invitee():
            return find_registration(part, records)
        # By id alone: an address may have gone over to another person meanwhile.
        case Update(registration=old) | (Registration() as old):
            return next((record for record in records if record.id == old.id), None)


def build_problem(part: BatchItem, message: str) -> Problem:
    """Say something about a person in the form that the roster's own problems have."""
    match part:
        case Invitee():
            return Problem(part.row, None, part.email or part.name, message)
        case Update(invitee=invitee):
            return Problem(invitee.row, None, invitee.email or invitee.name, message)
        case Registration():
            name = f"{part.first_name} {part.last_name}".strip()
            return Problem(None, None, part.email or name or f"invitee {part.id}", message)


_VANISHED = "This person was removed at RingCentral during the run. Run again."
_NOT_DONE = (
    "RingCentral accepted the change without a complaint, but did not carry it out for this person."
    " Run again."
)


@dataclass(frozen=True, slots=True)
class BatchState:
    """How far a change has come.

    `records` is what is known of the session's invitees. `waiting` is still to be sent, and its
    first `suspects` items are known to hold a person that RingCentral refuses. `limit` is how many
    people RingCentral takes at a time. `unanswered` were sent and accepted, but the answer lacks
    their record or link. `untouched` are the records that are left alone.

    `answered` and `deleted` (ids) are what the answers said: a list that lags behind them does not
    undo it. `uncertain` were sent in a call that may have been applied although nothing shows it.
    `undone` were certainly not added, or not removed, by us: RingCentral refused them, or they were
    never sent.
    """

    records: tuple[Registration, ...]
    waiting: tuple[BatchItem, ...] = ()
    unanswered: tuple[BatchItem, ...] = ()
    problems: tuple[Problem, ...] = ()
    suspects: int = 0
    # Above any real change. RingCentral documents no limit, so its own refusal lowers this one.
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
        """The people to send next: all, or half of the suspects."""
        # At least one: half of a single suspect would be an empty group, sent for ever.
        size = max(1, self.suspects // 2) if self.suspects else self.limit
        return self.waiting[: min(size, self.limit)]


def start_batch(state: BatchState, batch: Change) -> BatchState:
    """Take up a batch. No person with a record is added, and none beyond a webinar's seats."""
    # Looked at again: the removal that had to come first may have been refused, and a second
    # record of a person is a conflict.
    new = tuple(part for part in batch.add if not find_registration(part, state.records))
    # Never negative: more than SEATS may be taken, and the slices below would count from the end.
    free = max(0, SEATS - state.seats_taken)
    sent = new[:free]
    full = [
        build_problem(part, f"All {SEATS} seats for co-hosts and panelists are taken.")
        for part in new[free:]
    ]
    # Also those with a record: it is not from this change, so the ledger must not call it ours.
    not_sent = [part for part in batch.add if part not in sent]
    return replace(
        state,
        waiting=list_items(replace(batch, add=sent)),
        problems=(*state.problems, *full),
        undone=(*state.undone, *not_sent),
    )


def apply_answer(state: BatchState, answer: ChangeAnswer) -> BatchState:
    """Take in the answer to the group that was sent."""
    group = state.group
    records, deleted = answer.registrations(), answer.find_gone_ids()
    unanswered = tuple(part for part in group if not _is_answered(part, records, deleted))
    # A record that lacks its link may still be complete in the list, so the list may replace it.
    incomplete = [find_record(part, records) for part in unanswered]
    complete = [record for record in records if record not in incomplete]
    return replace(
        _add_records(state, records, complete, deleted),
        waiting=state.waiting[len(group) :],
        unanswered=unanswered,
        problems=(*state.problems, *_find_unchanged(group, records)),
        # This half was accepted, so the refused person must be in the other half.
        suspects=max(0, state.suspects - len(group)),
        refusals=0,
    )


def _add_records(
    state: BatchState,
    records: Iterable[Registration],
    complete: Iterable[Registration],
    deleted: frozenset[str],
) -> BatchState:
    """Add what an answer says to what is known of the session's records."""
    return replace(
        state,
        records=_merge_records(state.records, records, deleted),
        untouched=tuple(record for record in state.untouched if record.id not in deleted),
        answered=(*state.answered, *complete),
        deleted=state.deleted | deleted,
    )


def apply_lookup(state: BatchState, found: InviteeList) -> BatchState:
    """Look up the people that an answer lacked; report those that the list lacks, too."""
    found = _add_answers(state, found)
    records = found.registrations
    left = list_items(select_missing(build_change(state.unanswered), records, found.untouched))
    missing = [part for part in left if _needs_report(part, records)]
    lacking = [build_problem(part, _describe_absence(part, found)) for part in missing]
    present = tuple(part for part in state.unanswered if part not in missing)
    problems = (*state.problems, *lacking, *_find_linkless(present, records))
    # One look is enough: what the list lacks, too, is reported, and costs no further scarce call.
    return replace(
        state, records=records, untouched=found.untouched, unanswered=(), problems=problems
    )


def apply_list(state: BatchState, found: InviteeList) -> BatchState:
    """Take in a list that was read because the last PATCH had no clear end.

    What is still missing keeps waiting. A person who is there with a record that isn't understood
    is not sent again, but reported.
    """
    found = _add_answers(state, found)
    records = found.registrations
    # What is there counts as done: without an idempotency key we can't know which call did it.
    missing = list_items(select_missing(build_change(state.waiting), records, found.untouched))
    unclear = _find_unclear(missing, found)
    waiting = tuple(part for part in missing if part not in unclear)
    present = tuple(part for part in state.waiting if part not in missing)
    return replace(
        state,
        records=records,
        untouched=found.untouched,
        waiting=waiting,
        problems=(*state.problems, *_report_unsent(unclear, present, found)),
        # Fewer people are waiting, so the refused person may be among those who are done.
        suspects=state.suspects if len(waiting) == len(state.waiting) else 0,
        # Sent, and possibly applied although the list lags: a later conflict may be its echo.
        uncertain=(*state.uncertain, *(part for part in state.group if part in waiting)),
    )


def _report_unsent(
    unclear: Iterable[Invitee], present: tuple[BatchItem, ...], found: InviteeList
) -> tuple[Problem, ...]:
    """Report what is wrong with people who are not sent again."""
    return (
        *(build_problem(part, _describe_absence(part, found)) for part in unclear),
        *_find_linkless(present, found.registrations),
        *_find_vanished(present, found),
    )


def _add_answers(state: BatchState, found: InviteeList) -> InviteeList:
    """Bring a list up to what the answers to this very change said: it may lag behind them."""
    # A list that shows a record as not understood is newer than our answer, so the list counts.
    unclear = {record.id for record in found.untouched}
    answered = [record for record in state.answered if record.id not in unclear]
    return InviteeList(
        registrations=_merge_records(found.registrations, answered, state.deleted),
        untouched=tuple(record for record in found.untouched if record.id not in state.deleted),
    )


def _merge_records(
    records: Iterable[Registration], newer: Iterable[Registration], deleted: frozenset[str]
) -> tuple[Registration, ...]:
    """Merge records by id: the newer ones win, and those that are deleted go."""
    known = {record.id: record for record in records} | {record.id: record for record in newer}
    # Deletions count last: a list that lags still shows records that an answer has called gone.
    return tuple(record for record in known.values() if record.id not in deleted)


def _is_answered(
    part: BatchItem, records: tuple[Registration, ...], deleted: frozenset[str]
) -> bool:
    if isinstance(part, Registration):
        return part.id in deleted
    record = find_record(part, records)
    if record is None or record.join_uri is None:
        return False
    # A record may come back without the ids that were sent. Then the list is asked once for them.
    return isinstance(part, Update) or bool(record.linked_user or not part.linked_user)


def _find_unclear(missing: Iterable[BatchItem], found: InviteeList) -> list[Invitee]:
    """Find the people to add who have a record that isn't understood."""
    # To remove a person the id is enough, so only an addition can meet such a record.
    return [part for part in missing if isinstance(part, Invitee) and _find_fault(part, found)]


def _find_linkless(items: Iterable[BatchItem], records: tuple[Registration, ...]) -> list[Problem]:
    """Find the people who are registered but have no join link, even in the list."""
    found = [(part, find_record(part, records)) for part in items]
    return [
        build_problem(part, NO_LINK) for part, record in found if record and not record.join_uri
    ]


def _find_vanished(items: Iterable[BatchItem], found: InviteeList) -> list[Problem]:
    """Find updates of a record that was deleted meanwhile by others, or is no longer understood."""
    return [
        build_problem(part, _find_fault(part, found) or _VANISHED)
        for part in items
        if isinstance(part, Update) and not find_record(part, found.registrations)
    ]


def _find_unchanged(group: Iterable[BatchItem], records: tuple[Registration, ...]) -> list[Problem]:
    """Find updates that were accepted and not carried out: repeating them would change nothing."""
    updates = [
        (part, _find_disagreements(part, records)) for part in group if isinstance(part, Update)
    ]
    return [build_problem(part, describe_unchanged(fields)) for part, fields in updates if fields]


def _find_disagreements(update: Update, records: tuple[Registration, ...]) -> list[str]:
    """Find the fields in which a record disagrees with an accepted update."""
    record = find_record(update, records)
    return disagreements(differences(update.invitee, record)) if record else []


def _needs_report(part: BatchItem, records: tuple[Registration, ...]) -> bool:
    """Tell whether a part that was accepted and does not show is a problem.

    An update is none if the record only lacks the field: it need not show all of them.
    """
    return not isinstance(part, Update) or bool(_find_disagreements(part, records))


def _describe_absence(part: BatchItem, found: InviteeList) -> str:
    """Say why a person's part isn't done although RingCentral refused nothing."""
    return _find_fault(part, found) or _NOT_DONE


def _find_fault(part: BatchItem, found: InviteeList) -> str:
    """Find what of a person's record is not understood; empty if nothing is."""
    # A new person has no id yet, so an address or a linked user has to do.
    if isinstance(part, Invitee):
        record = find_not_understood(part, found.untouched)
    else:
        old = part.registration if isinstance(part, Update) else part
        faulty = [record for record in found.untouched if record.fault and record.id == old.id]
        record = next(iter(faulty), None)
    return record.problem if record else ""
