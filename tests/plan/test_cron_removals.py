"""Cron removes a few people who have left the roster, and none if they are many."""

import pytest

from onboarding.model.registrations import Standing
from onboarding.plan import Action, Options
from onboarding.plan.cron_removals import TOO_MANY
from tests.plan.people import guest, make_snapshot, plan_of, row

NAMES = ("ada", "ben", "cleo", "dan", "eve", "fay", "gus", "hal", "ida")


def panel_without(left: int, panel: int):
    """A panel that this program has registered, of which some have left the roster."""
    names = NAMES[:panel]
    return make_snapshot(
        *(row(name) for name in names[left:]),
        there=tuple(guest(name) for name in names),
        known=dict.fromkeys(names, Standing.ADDED),
    )


@pytest.mark.parametrize(
    ("left", "panel", "most", "removed"),
    [
        (0, 5, 3, 0),
        (1, 5, 3, 1),
        (2, 5, 3, 2),
        (3, 9, 3, 3),
        (4, 9, 3, 0),
        (4, 9, 4, 4),
        (1, 2, 3, 0),
        (2, 4, 3, 0),
        (2, 5, 1, 0),
        (5, 9, 9, 0),
    ],
)
def test_cron_removes_people_within_bounds(left, panel, most, removed):
    plan = plan_of(panel_without(left, panel), Options(remove=True, remove_at_most=most))

    assert len(plan.with_action(Action.REMOVE)) == removed
    told = [problem.message for problem in plan.problems if problem.code == TOO_MANY]
    assert len(told) == (1 if left and not removed else 0)
    assert all(f"{left} of {panel} people have left the roster" in message for message in told)


def test_person_who_asks_for_removals_is_not_held_to_bounds():
    plan = plan_of(panel_without(5, 9), Options(remove=True))

    assert len(plan.with_action(Action.REMOVE)) == 5
