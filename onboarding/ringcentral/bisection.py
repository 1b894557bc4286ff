"""Which people a refusal of a group means: those it names, or those found by halving the group.

Pure. RingCentral may refuse a group because of one person and not say which. Then the group is
halved until the person is alone (`docs/ringcentral.md`, "Refused invitees").
"""

import re
from dataclasses import replace

from onboarding.model.addresses import address_key
from onboarding.model.registrations import Change, Update
from onboarding.model.sessions import Registration
from onboarding.ringcentral.batch import (
    BatchItem,
    BatchState,
    build_change,
    build_problem,
    list_items,
)
from onboarding.ringcentral.errors import (
    CONFLICT,
    FORBIDDEN,
    PARAMETER_INVALID,
    ApiError,
    ErrorEntry,
)

MAX_UNNAMED_REFUSALS = 20
"""How many refusals in a row may name no person before the rest is held back.

An accepted person starts the count again. Halving 99 people down to one takes at most eight
refusals. With a list after each, twenty cost forty calls: four minutes at the default limit, and no
more even if RingCentral refuses every person.
"""

_ECHO = (
    "RingCentral says that this change is made already, but its list does not show it yet."
    " Run again."
)

_BODY_PARAMETER = re.compile(r"(added|updated|deleted)Invitees\D{1,2}([0-9]{1,4})(?![0-9])")
"""A parameter in a request's body, such as `addedInvitees[3]`."""


def needs_list(state: BatchState, refusal: ApiError) -> bool:
    """Tell whether a refused group may be applied in part, or its people be there already."""
    if refusal.is_too_large:
        return False
    # A person who was refused alone is not done. Only a conflict, or a record that is not found,
    # may say that they are: the list costs a scarce call, so it is read for these alone.
    return len(state.group) > 1 or refusal.status == CONFLICT or refusal.is_not_found


def is_forbidden_for_all(state: BatchState, refusal: ApiError) -> bool:
    """Tell whether the change itself is forbidden, by a state or a licence, and not a person in it.

    Removals from a session under way are forbidden, too, and a person's role may be (`CMN-101`):
    those concern only these people.
    """
    # `CMN-101` comes with a 403, too, and then blames a value, not the change.
    if refusal.status != FORBIDDEN or refusal.codes & PARAMETER_INVALID:
        return False
    return not _find_culprits(refusal, state.group)


def bisect(before: BatchState, state: BatchState, refusal: ApiError) -> BatchState:
    """Decide what a refusal of `before.group` means; `state` is what the list made of it since."""
    # The order matters. A batch that is too large tells nothing about people. A person who is named
    # is excluded even if the list shows others as done. Only if the list explains nothing is a
    # person alone the one who is meant: moved up, that would exclude people that the server has
    # accepted.
    group = before.group
    # The limit stays for the rest of the change: the next group would be too large as well.
    if refusal.is_too_large and len(group) > 1:
        return replace(state, limit=len(group) // 2, suspects=0)
    culprits = _find_culprits(refusal, group)
    if culprits:
        return _exclude(state, culprits, refusal, before.uncertain)
    # Those who are done may have caused the refusal, so the others are sent again as they are.
    if len(state.waiting) < len(before.waiting):
        return state
    if len(group) == 1:
        return _exclude(state, group, refusal, before.uncertain)
    if state.refusals + 1 >= MAX_UNNAMED_REFUSALS:
        return _hold_back_rest(state, refusal)
    return replace(state, suspects=len(group), refusals=state.refusals + 1)


def _find_culprits(refusal: ApiError, group: tuple[BatchItem, ...]) -> tuple[BatchItem, ...]:
    """Find the people that a refusal means: those it names, or all removals if it forbids those."""
    change = build_change(group)
    named = [_find_named_item(entry, change) for entry in refusal.entries]
    culprits = tuple(part for part in group if part in named)
    # Also if it names no person (`all` of none): once a session runs, no one can be removed.
    if refusal.status == FORBIDDEN and all(isinstance(part, Registration) for part in culprits):
        return change.remove
    return culprits


def _find_named_item(entry: ErrorEntry, change: Change) -> BatchItem | None:
    """Find the person that an error entry names: by address or id, or by index in the body."""
    parameter = _BODY_PARAMETER.search(entry.parameter)
    kinds: dict[str, tuple[BatchItem, ...]] = {
        "added": change.add,
        "updated": change.update,
        "deleted": change.remove,
    }
    items = kinds[parameter[1]] if parameter else list_items(change)
    # By value first: an address can't be miscounted, an index can.
    by_value = next((part for part in items if _is_known_as(part, entry.value)), None)
    if by_value or not parameter:
        return by_value
    # The index is the server's: one beyond the request names no person.
    return next(iter(items[int(parameter[2]) :]), None)


def _is_known_as(part: BatchItem, value: str) -> bool:
    """Tell whether a value is the address of a person, or an id by which RingCentral knows them."""
    email = part.invitee.email if isinstance(part, Update) else part.email
    record = part.registration if isinstance(part, Update) else part
    ids = {record.linked_user.user_id} if record.linked_user else set()
    if isinstance(record, Registration):
        ids.add(record.id)
    if value in ids:
        return True
    # Without an `@` the value may be any text (a role, a name), and must blame no person.
    return "@" in value and bool(email) and address_key(value) == address_key(email)


def _exclude(
    state: BatchState,
    people: tuple[BatchItem, ...],
    refusal: ApiError,
    uncertain: tuple[BatchItem, ...],
) -> BatchState:
    """Report people as refused and go on without them; a person who is as wanted is not reported.

    A conflict, or a record that is not found, may be the echo of our own earlier call
    (`uncertain`): then nothing is known to be undone, even while the list shows nothing of it.
    """
    echoes = _find_echoes(people, refusal, uncertain)
    problems = [
        build_problem(part, _ECHO if part in echoes else _describe_refusal(part, refusal))
        for part in people
        if part in state.waiting
    ]
    # A person who conflicts at the first try is undone even if the list shows them: others have
    # registered them. An update is never undone: no intention of it is kept in the ledger.
    undone = [part for part in people if part not in echoes and not isinstance(part, Update)]
    return replace(
        state,
        waiting=tuple(part for part in state.waiting if part not in people),
        problems=(*state.problems, *problems),
        suspects=0,
        undone=(*state.undone, *undone),
    )


def _find_echoes(
    people: tuple[BatchItem, ...], refusal: ApiError, uncertain: tuple[BatchItem, ...]
) -> tuple[BatchItem, ...]:
    if refusal.status != CONFLICT and not refusal.is_not_found:
        return ()
    return tuple(part for part in people if part in uncertain)


def _describe_refusal(part: BatchItem, refusal: ApiError) -> str:
    if not isinstance(part, Registration):
        return f"RingCentral refuses this person ({refusal.words})."
    if refusal.status == FORBIDDEN:
        return f"RingCentral removes no one once a session is under way or over ({refusal.words})."
    return f"RingCentral refuses to remove this person ({refusal.words})."


def _hold_back_rest(state: BatchState, refusal: ApiError) -> BatchState:
    """Hold back all who could not be sent without a refusal that names no person."""
    message = (
        "Held back: RingCentral refuses every group with this person and names no person"
        f" ({refusal.words})."
    )
    # Not `undone`: some of them were in groups that were sent. The next run's list decides.
    held = tuple(build_problem(part, message) for part in state.waiting)
    return replace(state, waiting=(), problems=(*state.problems, *held), suspects=0, refusals=0)
