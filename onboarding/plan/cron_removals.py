"""Removing people by cron: only a few, because no person looks at the plan before.

A roster can be wrong as a whole: cut off, filtered, another webinar's. So `run --all` removes only
a few people (`Options.remove_at_most`), and never half of a panel. Whether the roster may be
believed at all is decided in `pipeline.webinar_work`.
"""

from collections.abc import Sequence

from onboarding.model.people import Problem, Role
from onboarding.plan.snapshot import Action, Options, PlanItem, SkipCode, Snapshot

TOO_MANY = "too_many_removals"
"""The code of the problem that says that no person is removed."""


def find_excess(items: Sequence[PlanItem], snapshot: Snapshot, options: Options) -> Problem | None:
    """Find out whether too many people would go; then none may, and this is why."""
    if options.remove_at_most is None:
        return None
    going = [item for item in items if _is_going(item, snapshot)]
    registered = sum(record.role is not Role.HOST for record in snapshot.registrations)
    # Who was removed by another person at RingCentral has left the list, and still counts as one
    # who goes: they would get a cancellation.
    panel = registered + sum(item.registration is None for item in going)
    if len(going) <= options.remove_at_most and 2 * len(going) < panel:
        return None
    if not going:
        return None
    message = (
        f"{len(going)} of {panel} people have left the roster. That is more than `run --all` "
        f"removes (remove_at_most = {options.remove_at_most}, and less than half of the panel), so "
        "it removes none of them. `onboarding run NAME --remove` removes them"
    )
    return Problem(None, None, "", message, TOO_MANY)


def _is_going(item: PlanItem, snapshot: Snapshot) -> bool:
    """Whether a person goes because cron may remove, and not because a person said so."""
    if snapshot.is_replaced(item.invitee):
        return False
    if item.action is Action.REMOVE:
        return True
    # Off both lists: the item has this code only where we have not removed them ourselves.
    is_departed = item.registration is None and not item.invitee.row
    return is_departed and item.mail is not None and item.skip is SkipCode.NOT_ON_ROSTER
