"""Lines that all processes count together: each has a slot while it is open."""

import asyncio
from dataclasses import dataclass, field

import pytest

from onboarding.errors import TryLater
from onboarding.model.ports import SLOT_HEARTBEAT, Slot
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.pool import Pool
from tests.smtp.scripted import Say, scripted
from tests.smtp.steps import deliver, message

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Slots:
    """Slots that a test looks at; `most` may be taken, and nobody waits in vain for long."""

    most: int = 10
    taken: list[Slot] = field(default_factory=list)
    asked: list[bool] = field(default_factory=list)
    """Whether each question might wait, in order."""
    renewed: int = 0

    async def take(self, *, may_wait: bool) -> Slot | None:
        self.asked.append(may_wait)
        if len(self.taken) >= self.most:
            if may_wait:
                raise TryLater("Other runs use all connections.")
            return None
        slot = Slot(len(self.asked))
        self.taken.append(slot)
        return slot

    async def free(self, slot: Slot) -> None:
        self.taken.remove(slot)

    async def renew(self) -> None:
        self.renewed += 1


async def test_line_takes_one_slot_for_all_its_messages_and_frees_it_at_its_end():
    slots = Slots()
    async with scripted() as server, Pool(server.settings(max_messages=5), slots=slots) as pool:
        for number in range(12):
            async with pool.connection() as connection:
                await deliver(connection, message(number))
            assert len(slots.taken) == 1

    # Only the first might wait: the run has no line while it asks for the others, too.
    assert slots.asked == [True] * len(server.connections)
    assert len(server.connections) == 3
    assert slots.taken == []


async def test_run_that_has_a_line_does_not_wait_for_more():
    slots = Slots(most=1)
    async with (
        scripted() as server,
        Pool(server.settings(max_connections=2), slots=slots) as pool,
        pool.connection() as first,
        pool.connection() as second,
    ):
        await first.open()
        with pytest.raises(ConnectionRefusal, match="Other runs use the other conn") as refused:
            await second.open()
        pool.give_up(second, refused.value)

        assert not refused.value.crowded
        assert pool.loss.endswith("So 1 of 2 connections were used.")
        assert slots.asked == [True, False]


async def test_connection_that_others_had_serves_again_once_they_have_left_it():
    slots = Slots(most=1)
    async with (
        scripted() as server,
        Pool(server.settings(max_connections=2), slots=slots) as pool,
        pool.connection() as first,
    ):
        await first.open()
        for _try in range(2):
            async with pool.connection() as second:
                with pytest.raises(ConnectionRefusal) as refused:
                    await second.open()
                pool.give_up(second, refused.value)
                # It is lent, so nobody else is lent it meanwhile.
                pool.take_back()
            assert pool.last
            pool.take_back()
            assert not pool.last

        slots.most = 2
        async with pool.connection() as second:
            await second.open()

        assert len(slots.taken) == 2


async def test_run_without_a_line_ends_where_it_waited_in_vain():
    slots = Slots(most=0)
    async with (
        scripted() as server,
        Pool(server.settings(), slots=slots) as pool,
        pool.connection() as connection,
    ):
        with pytest.raises(TryLater, match="Other runs use all"):
            await connection.open()

    assert server.connections == []


async def test_line_that_can_not_be_opened_frees_its_slot():
    slots = Slots()
    async with (
        scripted({"greeting": [Say("421 4.3.2 busy", hang_up=True)]}) as server,
        Pool(server.settings(), slots=slots) as pool,
        pool.connection() as connection,
    ):
        with pytest.raises(ConnectionRefusal):
            await connection.open()
        assert slots.taken == []
        await connection.open()
        assert len(slots.taken) == 1

    assert slots.asked == [True, True]


async def test_line_that_is_replaced_for_one_message_keeps_its_slot():
    slots = Slots()
    async with (
        scripted() as server,
        Pool(server.settings(), slots=slots) as pool,
        pool.connection() as connection,
    ):
        await connection.open()
        (kept,) = slots.taken
        await connection.reopen()

        assert slots.taken == [kept]
        assert len(server.connections) == 2
        assert slots.asked == [True]


async def test_line_that_can_not_be_replaced_frees_its_slot():
    slots = Slots()
    script = {"greeting": [Say("220 fine"), Say("421 4.3.2 busy", hang_up=True)]}
    async with (
        scripted(script) as server,
        Pool(server.settings(), slots=slots) as pool,
        pool.connection() as connection,
    ):
        await connection.open()
        with pytest.raises(ConnectionRefusal):
            await connection.reopen()
        assert slots.taken == []


async def test_line_whose_slot_others_have_taken_is_closed_before_the_next_message():
    slots = Slots()
    async with scripted() as server, Pool(server.settings(), slots=slots) as pool:
        async with pool.connection() as connection:
            await deliver(connection, message(1))
        slots.taken[0].is_held = False
        async with pool.connection() as connection:
            await deliver(connection, message(2))
        assert [slot.is_held for slot in slots.taken] == [True]

    assert len(server.connections) == 2


async def test_idle_line_is_closed_so_that_others_get_its_slot():
    slots, clock = Slots(), Clock()
    async with (
        scripted() as server,
        Pool(server.settings(max_connections=2), clock, slots=slots) as pool,
    ):
        async with pool.connection() as first, pool.connection() as second:
            await asyncio.gather(deliver(first, message(1)), deliver(second, message(2)))
        await pool.close_idle()
        assert len(slots.taken) == 2

        clock.now = SLOT_HEARTBEAT
        async with pool.connection() as connection:
            await pool.close_idle()
            assert len(slots.taken) == 1
            await deliver(connection, message(3))

        assert len(server.connections) == 2
        async with pool.connection() as first, pool.connection() as second:
            await asyncio.gather(deliver(first, message(4)), deliver(second, message(5)))

    assert len(server.connections) == 3
    assert len(server.bodies) == 5


async def test_without_slots_an_idle_line_stays_open():
    async with scripted() as server, Pool(server.settings()) as pool:
        for number in range(2):
            async with pool.connection() as connection:
                await deliver(connection, message(number))

    assert len(server.connections) == 1
