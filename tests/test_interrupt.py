"""The stop signal ends a wait; what is done by then still counts."""

import asyncio

import pytest

from onboarding.errors import Interrupted
from onboarding.interrupt import wait_unless_stopped

pytestmark = pytest.mark.anyio


async def test_work_that_ends_gives_its_value():
    async def work() -> int:
        return 7

    assert await wait_unless_stopped(asyncio.Event(), work()) == 7


async def test_work_that_fails_fails_as_it_would_alone():
    async def work() -> None:
        raise KeyError("fault")

    with pytest.raises(KeyError):
        await wait_unless_stopped(asyncio.Event(), work())


async def test_signal_cancels_the_work_and_waits_for_its_end():
    stop, begun, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    waiting = asyncio.create_task(wait_unless_stopped(stop, work()))
    await begun.wait()
    stop.set()

    with pytest.raises(Interrupted):
        await waiting
    assert ended.is_set()


async def test_value_that_comes_together_with_the_signal_is_not_lost():
    stop = asyncio.Event()

    async def work() -> int:
        stop.set()
        return 7

    assert await wait_unless_stopped(stop, work()) == 7


async def test_cancelled_wait_cancels_the_work():
    ended, begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    waiting = asyncio.create_task(wait_unless_stopped(asyncio.Event(), work()))
    await begun.wait()
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended.is_set()
