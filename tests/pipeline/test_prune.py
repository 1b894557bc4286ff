"""What is over for long is removed by runs and by `prune`, never because of a clock far ahead."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from onboarding.ledger import sessions
from onboarding.ledger.schema import deliveries, events, kept_messages, kept_parts
from onboarding.pipeline.prune import prune
from tests import samples
from tests.stage import HOST, PANELIST, stage

pytestmark = pytest.mark.anyio


def _count(connection: sa.Connection) -> list[bool]:
    tables = (deliveries, events, kept_messages, kept_parts)
    return [
        connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() > 0
        for table in tables
    ]


async def _rows(scene) -> list[bool]:
    async with scene.rooms() as opened:
        return await opened.ledger.run(_count)


async def _prune(scene):
    async with scene.rooms() as opened:
        return await prune(opened)


async def _run_elsewhere(scene) -> None:
    """Another webinar's run, as far as the ledger remembers it."""
    async with scene.rooms() as opened:
        other = replace(samples.SPRING_LAUNCH, start=scene.clock.now())
        row = await opened.ledger.run(sessions.upsert, other)
        await opened.ledger.run(sessions.store_run_start, row, 0, scene.clock.now())


async def test_copies_go_after_their_days_and_the_rest_after_its_own(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        assert await _rows(scene) == [True, True, True, True]

        scene.clock.pass_time(days=125)
        await _run_elsewhere(scene)
        removed = await _prune(scene)
        assert (removed.sessions, removed.messages) == (0, 2)
        assert await _rows(scene) == [True, True, False, False]

        scene.clock.pass_time(days=400)
        await _run_elsewhere(scene)
        assert (await _prune(scene)).sessions == 1
        assert await _rows(scene) == [False, False, False, False]


async def test_clock_far_ahead_removes_nothing_that_the_ledger_knows_as_current(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.clock.pass_time(days=4000)
        removed = await _prune(scene)
        assert (removed.sessions, removed.messages) == (0, 0)
        await scene.run()
        scene.clock.pass_time(days=-4000)
        await scene.run()
        assert await _rows(scene) == [True, True, True, True]
        assert len(scene.messages()) == 2


async def test_no_copies_are_kept_where_none_are_wanted(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        scene.variables["ONBOARDING_LEDGER__KEEP_MESSAGES"] = "0"
        await scene.run()
        assert await _rows(scene) == [True, True, False, False]
