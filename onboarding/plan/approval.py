"""What an approval covers, and what is held back until a person approves it. Pure.

A message is covered if an approved page showed the same content. An update or a cancellation is
also covered if nothing differs from approved content but what RingCentral's side says (start,
duration, role, and the link, which no digest holds): an hour's move on the morning must not wait
for a signature. Under `strict` it does.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

from onboarding.model.kinds import Kind
from onboarding.model.people import NOT_APPROVED_CODE, Problem
from onboarding.model.registrations import registration_key
from onboarding.model.reviews import (
    ApprovalMode,
    Approved,
    PlannedMessage,
    ReviewedMessage,
    SessionFacts,
)
from onboarding.plan.entries_due import DueEntry
from onboarding.plan.messages_due import add_due_message
from onboarding.plan.snapshot import Action, Options, PlanItem, SkipCode, Snapshot

FOLLOWS_FACTS = frozenset({Kind.UPDATE, Kind.CANCELLATION})
"""Kinds that RingCentral's side can cause. An invitation always needs its own approval."""

CHANGES = frozenset({Action.ADD, Action.UPDATE, Action.REPLACE, Action.REMOVE})
"""What happens at RingCentral only if an approved page shows it."""

HELD_BACK = "held back until it is approved"

MOST_LINES = 30
"""Lines of a difference that are shown of one message: a page shows it whole."""

Recompose = Callable[[PlannedMessage, SessionFacts], str]
"""Gives the wording that a message would have with these facts instead of its own."""


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """What the approved pages of a session let a run do.

    `plan_item` renders the message that is due for an item, `plan_entry` one of its entries.
    """

    mode: ApprovalMode
    approved: Approved
    plan_item: Callable[[PlanItem], PlannedMessage]
    plan_entry: Callable[[PlanItem, DueEntry], PlannedMessage]
    recompose: Recompose


def hold_unapproved(
    item: PlanItem, snapshot: Snapshot, options: Options, rule: ApprovalRule
) -> PlanItem:
    """Hold back what no approved page shows of a person's item, the message with its change.

    Without its change another message may be due: that their session has moved, say. It goes if it
    is covered.
    """
    item = _hold_entries(item, rule)
    held = _find_held(item, rule)
    if not held:
        return item
    kept = _without_message(item)
    # Without the change: a person is held back whole, so that none is registered and not informed.
    if item.action in CHANGES:
        kept = _without_change(item, snapshot, options)
        if also_held := _find_held(kept, rule):
            held += also_held
            kept = _without_message(kept)
    return replace(
        kept,
        mail_reason=kept.mail_reason if kept.mail else HELD_BACK,
        problems=(*kept.problems, _describe_held(item, held)),
        skip=SkipCode.NOT_APPROVED,
    )


def _hold_entries(item: PlanItem, rule: ApprovalRule) -> PlanItem:
    """Hold back the entries that no approved page shows. They hold nothing else back."""
    messages = {due: rule.plan_entry(item, due) for due in item.entries}
    held = [
        due
        for due, message in messages.items()
        if not is_message_covered(message, rule.approved, rule.mode, rule.recompose)
    ]
    if not held:
        return item
    words = [_describe_held_message(messages[due], rule.approved) for due in held]
    # A reason and a skip that the person has already stay: they are about the message with facts,
    # and without them `status` would say that only the entry is missing.
    return replace(
        item,
        entries=tuple(due for due in item.entries if due not in held),
        mail_reason=item.mail_reason or HELD_BACK,
        problems=(*item.problems, _describe_held(item, words)),
        skip=item.skip or SkipCode.NOT_APPROVED,
    )


def _describe_held(item: PlanItem, held: list[str]) -> Problem:
    # Row 0 is no row: this person is not on the roster.
    message = f"{HELD_BACK}: {_join_held(held)}"
    return Problem(item.invitee.row or None, None, item.invitee.email, message, NOT_APPROVED_CODE)


def _find_held(item: PlanItem, rule: ApprovalRule) -> list[str]:
    """List what no approved page shows of an item, each in words; empty if all of it may go."""
    held = []
    key = registration_key(item.invitee)
    if item.action in CHANGES and not is_change_covered(item.action, key, rule.approved, rule.mode):
        held.append(_CHANGE_WORDS[item.action])
    if item.mail:
        message = rule.plan_item(item)
        if not is_message_covered(message, rule.approved, rule.mode, rule.recompose):
            held.append(_describe_held_message(message, rule.approved))
    return held


_CHANGE_WORDS = {
    Action.ADD: "registering them",
    Action.UPDATE: "changing their record at RingCentral",
    Action.REPLACE: "removing and registering them again",
    Action.REMOVE: "removing them",
}


def _describe_held_message(message: PlannedMessage, approved: Approved) -> str:
    """Name a message and what has changed of it since a page that shows it was approved."""
    name = f"{message.kind} {message.entry}".rstrip()
    if message.shown is None:
        return f"{name} (can't be composed: {message.fault})"
    # Never approved before: there is nothing to compare with.
    if next(_find_reviewed(message, approved), None) is None:
        return name
    if difference := describe_difference(message, approved):
        lines = difference.splitlines()
        more = [f"({len(lines) - MOST_LINES} lines more)"] if len(lines) > MOST_LINES else []
        return "\n".join([f"{name}, which has changed:", *lines[:MOST_LINES], *more])
    return f"{name}, which has changed (not its text: subject, HTML, calendar or header)"


def _join_held(held: list[str]) -> str:
    # What has several lines comes last; the same message may be held twice, with and without the
    # person's change.
    return "; ".join(sorted(dict.fromkeys(held), key=lambda words: "\n" in words))


def _without_change(item: PlanItem, snapshot: Snapshot, options: Options) -> PlanItem:
    """Leave the record as it is, and plan the message that is due then."""
    # A person who is not on the roster (row 0) is owed no message for staying registered.
    is_listed = bool(item.invitee.row and item.registration)
    kept = replace(
        _without_message(item),
        action=Action.KEEP if is_listed else Action.NONE,
        changes=MappingProxyType({}),
    )
    return add_due_message(kept, snapshot, options) if is_listed else kept


def _without_message(item: PlanItem) -> PlanItem:
    # Who is not mailed is not adopted either: a later run has to be asked for that again.
    return replace(item, mail=None, mail_reason="", queued=False, adopted=False, skip=None)


def is_message_covered(
    message: PlannedMessage, approved: Approved, mode: ApprovalMode, recompose: Recompose
) -> bool:
    """Tell whether an approved page covers a message. One that can't be composed never is."""
    if mode is ApprovalMode.NONE:
        return True
    if message.shown is None:
        return False
    reviewed = list(_find_reviewed(message, approved))
    # Content alone counts: an approval of the same words on another page is as good.
    if any(shown.digest == message.digest for shown in reviewed):
        return True
    if mode is ApprovalMode.STRICT or message.kind not in FOLLOWS_FACTS:
        return False
    # The same template, row and brand give the approved wording again under the approved facts: so
    # nothing but the facts has changed.
    # Kinds that no fact can cause have no wording: two empty ones are not equal by that.
    worded = [shown for shown in reviewed if shown.wording]
    return any(recompose(message, shown.facts) == shown.wording for shown in worded)


def is_act_covered(message: PlannedMessage, approved: Approved) -> bool:
    """Tell whether an approved page showed the message of a person's own act, under `strict`.

    It may have shown it as a message that is due, or as one that would follow.
    """
    if message.shown is None:
        return False
    reviewed = list(_find_reviewed(message, approved))
    # A message that was not due has no digest: two of them are not equal by that.
    if message.digest and any(shown.digest == message.digest for shown in reviewed):
        return True
    # The facts have to be the same: `strict` lets not even an hour's move pass.
    worded = [shown for shown in reviewed if shown.wording and shown.facts == message.facts]
    return any(shown.wording == message.wording for shown in worded)


def has_other_panel(message: PlannedMessage, approved: Approved) -> bool:
    """Tell whether a message that is covered lists another panel than the approved page did."""
    same = [shown for shown in _find_reviewed(message, approved) if shown.digest == message.digest]
    return bool(same) and all(shown.panel != message.panel for shown in same)


def is_change_covered(action: str, key: str, approved: Approved, mode: ApprovalMode) -> bool:
    """Tell whether an approved page showed this change at RingCentral of this person."""
    return mode is ApprovalMode.NONE or (action, key) in approved.changes


def describe_difference(message: PlannedMessage, approved: Approved) -> str:
    """Show how a message's text differs from the latest approved one, as a unified diff.

    Empty where no approved page showed the person a message of this kind, or where the text is the
    same (the HTML, the subject or the calendar differs).
    """
    before = next(_find_reviewed(message, approved), None)
    if before is None or message.shown is None:
        return ""
    lines = difflib.unified_diff(
        before.text.strip().splitlines(),
        message.text.strip().splitlines(),
        "approved",
        "now",
        lineterm="",
        # One line around each difference is enough: the page shows the whole text.
        n=1,
    )
    return "\n".join(lines)


def _find_reviewed(message: PlannedMessage, approved: Approved) -> Iterator[ReviewedMessage]:
    key, kind, entry = message.invitee.key, message.kind, message.entry
    return (
        shown
        for shown in approved.messages
        if (shown.key, shown.kind, shown.entry) == (key, kind, entry)
    )
