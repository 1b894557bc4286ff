"""`max_connections` counts for all runs together: they share the connections, and none hangs."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.errors import TryLater
from onboarding.ledger.leases import Holder, new_holder
from onboarding.ledger.schema import slots as table
from onboarding.ledger.settings import find_place
from onboarding.ledger.slots import add_slot
from onboarding.ledger.store import Ledger
from onboarding.pipeline.connection_slots import LONGEST_SLOT_WAIT, mail_account
from onboarding.pipeline.run_values import Result
from tests.smtp.scripted import Crowded, Say, Scripted, scripted
from tests.stage import Stage, panelist, stage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_ledger")]

GUESTS = [panelist(number) for number in range(1, 13)]
MOST = 3
LIVING = new_holder()
"""Of this process, which does not end during a test."""

ELSEWHERE = Holder("another-run", "another machine", 4711, "100")
"""Nothing is heard of it any more."""

NEVER_MORE = Crowded(MOST, "greeting", Say("421 4.3.2 Too many open connections.", hang_up=True))


def lead_to(scene: Stage, server: Scripted) -> None:
    settings = {"PORT": server.port, "MAX_CONNECTIONS": MOST}
    scene.variables |= {f"ONBOARDING_SMTP__{name}": str(value) for name, value in settings.items()}


async def take_slots(scene: Stage, holder: Holder, number: int) -> None:
    """Let another run have so many slots."""
    name = mail_account(scene.config.smtp)
    async with Ledger(find_place(scene.config.ledger)) as ledger:
        for _slot in range(number):
            # As if it renewed them: the clock moves only while our run waits.
            now = scene.clock.now() + (timedelta(hours=1) if holder is LIVING else timedelta())
            await ledger.run(add_slot, name, MOST, holder, now, may_wait=True)


async def count_slots(scene: Stage) -> int:
    async with Ledger(find_place(scene.config.ledger)) as ledger:
        query = sa.select(sa.func.count()).select_from(table)
        return await ledger.run(lambda connection: connection.execute(query).scalar_one())


async def test_two_runs_at_once_have_no_more_connections_than_one_may(tmp_path):
    async with (
        stage(tmp_path, GUESTS, more=1) as scene,
        scripted(crowded=NEVER_MORE) as server,
    ):
        lead_to(scene, server)
        # By a clock that stands still, the wait for the other run would be over before that began.
        scene.clock.sleep = asyncio.sleep  # type: ignore[method-assign]
        results: list[Result] = await asyncio.gather(scene.run(), scene.run(name="launch2"))

        assert [result.exit_code for result in results] == [0, 0]
        assert len(server.taken) == 2 * len(GUESTS)
        # The server turned none away, by which it would have been closed before EHLO.
        assert all(commands[0].startswith("EHLO") for commands in server.connections)
        assert await count_slots(scene) == 0


async def test_run_works_with_the_connections_that_others_leave(tmp_path):
    async with stage(tmp_path, GUESTS) as scene, scripted() as server:
        lead_to(scene, server)
        await take_slots(scene, LIVING, MOST - 1)
        result = await scene.run()

        assert (result.exit_code, result.sent) == (0, len(GUESTS))
        assert len(server.connections) == 1
        assert await count_slots(scene) == MOST - 1


async def test_run_without_a_connection_waits_a_while_and_then_says_who_has_them(tmp_path):
    async with stage(tmp_path, GUESTS) as scene, scripted() as server:
        lead_to(scene, server)
        await take_slots(scene, LIVING, MOST)
        begun = scene.clock.now()
        with pytest.raises(TryLater, match=rf"process {LIVING.pid} on ") as stopped:
            await scene.run()

        assert "max_connections = 3" in stopped.value.message
        assert LONGEST_SLOT_WAIT <= scene.clock.now() - begun < 2 * LONGEST_SLOT_WAIT
        assert server.connections == []
        assert (await scene.status()).counts == {"queued": len(GUESTS)}
        assert await count_slots(scene) == MOST


async def test_run_gets_the_connections_of_a_machine_that_died(tmp_path):
    async with stage(tmp_path, GUESTS) as scene, scripted() as server:
        lead_to(scene, server)
        await take_slots(scene, ELSEWHERE, MOST)
        result = await scene.run()

        assert (result.exit_code, result.sent) == (0, len(GUESTS))
        assert await count_slots(scene) == 0
