"""Removing people by cron: only a few, because no person looks at the plan before.

A roster can be wrong as a whole: cut off, filtered, another webinar's. So `run --all` removes only
a few people (`Options.remove_at_most`), and never half of a panel. Whether the roster may be
believed at all is decided in `pipeline.webinar_work`. `plan` shows beforehand whom it removes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from onboarding.model.people import Invitee, Problem, Role
from onboarding.plan.identity import identify
from onboarding.plan.snapshot import Action, Options, Plan, PlanItem, SkipCode, Snapshot

TOO_MANY = "too_many_removals"
"""The code of the problem that says that no person is removed."""

BAD_ROSTER = "no one is removed while the roster has a problem"
NO_PAGE_SHOWS_IT = "no approved page shows it (`onboarding plan NAME --remove --page FILE`)"
UNSTEADY = "two runs have to read the same roster first"


@dataclass(frozen=True, slots=True)
class CronRemovals:
    """Whom `run --all` removes where config.toml says `remove = true`.

    `obstacle` says why its next run does not; empty if it does.
    """

    people: tuple[Invitee, ...]
    obstacle: str = ""


def find_cron_removals(
    plan: Plan, snapshot: Snapshot, most: int, *, is_steady: bool
) -> CronRemovals:
    """Find out whom cron removes, and what keeps it from that.

    `plan` is the one of a person's `--remove`; `most` is `remove_at_most`. `is_steady`: the last
    run has read the roster as it is now.
    """
    snapshot = identify(snapshot)
    held = [item for item in plan.items if _is_held(item)]
    going = [item for item in plan.items if _is_going(item, snapshot)]
    excess = find_excess(going, snapshot, Options(remove=True, remove_at_most=most))
    # The last one that applies is said: what only a person can end comes after what ends by itself.
    obstacle = "" if is_steady else UNSTEADY
    if held:
        obstacle = NO_PAGE_SHOWS_IT
    if excess:
        obstacle = excess.message
    if snapshot.roster.problems:
        obstacle = BAD_ROSTER
    return CronRemovals(tuple(item.invitee for item in (*going, *held)), obstacle)


def _is_held(item: PlanItem) -> bool:
    """Whether a person who has left the roster stays only because no approved page shows it."""
    return item.skip is SkipCode.NOT_APPROVED and not item.invitee.row


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
