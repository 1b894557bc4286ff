"""A fleet whose workers are killed while they send: each message is there once, or in doubt.

The same with 4,000 messages and 20 kills is `make fleet-kill`.
"""

import pytest

from tests import postgresql
from tests.fleet.killing import Fleet, Plan, kill_fleet

KILLED = -9


async def _some_messages(fleet: Fleet) -> None:
    await fleet.wait_for_messages(fleet.rng.randint(5, 20))


@pytest.mark.anyio
@pytest.mark.skipif(bool(postgresql.find_missing()), reason=postgresql.find_missing())
async def test_fleet_that_was_killed_and_left_alone_has_sent_each_message_once_or_doubts(tmp_path):
    plan = Plan(people=40, webinars=5, kills=4, pause=_some_messages, seed=20270301)

    fleet, _figures = await kill_fleet(tmp_path, plan)

    codes = [code for machine in fleet.machines for code in machine.codes]
    assert codes.count(KILLED) == plan.kills
    # The last of each machine was asked to end, and did so in order.
    assert [machine.codes[-1] for machine in fleet.machines] == [0, 0, 0]
