"""What an approval covers, and what is held back until a person approves it. Pure.

A message is covered if an approved page showed the same content. An update or a cancellation is
also covered if nothing differs from approved content but what RingCentral's side says (start,
duration, role, and the link, which no digest holds): an hour's move on the morning must not wait
for a signature. Under `strict` it does.
"""

import difflib
from collections.abc import Callable, Iterator

from onboarding.model.kinds import Kind
from onboarding.model.reviews import (
    ApprovalMode,
    Approved,
    PlannedMessage,
    ReviewedMessage,
    SessionFacts,
)

FOLLOWS_FACTS = frozenset({Kind.UPDATE, Kind.CANCELLATION})
"""Kinds that RingCentral's side can cause. An invitation always needs its own approval."""

Recompose = Callable[[PlannedMessage, SessionFacts], str]
"""Gives the wording that a message would have if it told these facts instead of its own."""


def is_message_covered(
    message: PlannedMessage, approved: Approved, mode: ApprovalMode, recompose: Recompose
) -> bool:
    """Tell whether an approved page covers a message. One that can't be composed never is."""
    if mode is ApprovalMode.NONE:
        return True
    if message.shown is None:
        return False
    reviewed = list(_find_reviewed(message, approved))
    if any(shown.digest == message.digest for shown in reviewed):
        return True
    if mode is ApprovalMode.STRICT or message.kind not in FOLLOWS_FACTS:
        return False
    # The same template, row and brand give the approved wording again under the approved facts: so
    # nothing but the facts has changed.
    worded = [shown for shown in reviewed if shown.wording]
    return any(recompose(message, shown.facts) == shown.wording for shown in worded)


def is_act_covered(message: PlannedMessage, approved: Approved) -> bool:
    """Tell whether an approved page showed the message of a person's own act, under `strict`.

    It may have shown it as a message that is due, or as one that would follow.
    """
    if message.shown is None:
        return False
    reviewed = list(_find_reviewed(message, approved))
    if any(shown.digest == message.digest for shown in reviewed):
        return True
    worded = [shown for shown in reviewed if shown.wording and shown.facts == message.facts]
    return any(shown.wording == message.wording for shown in worded)


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
        before.text.splitlines(),
        message.text.splitlines(),
        "approved",
        "now",
        lineterm="",
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
