"""Connections: lent one at a time, used again, replaced when they are worn, closed politely."""

import asyncio
import contextlib

import pytest

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.model.deliveries import Rejected, Sent
from onboarding.smtp.connect import Connector
from onboarding.smtp.phases import ConnectionRefusal
from onboarding.smtp.pool import Pool
from onboarding.smtp.transaction import IDLE_LIMIT, EnvelopeAccepted
from tests.smtp.scripted import HangUp, Say, Stall, scripted
from tests.smtp.steps import deliver, message, offer, send

pytestmark = pytest.mark.anyio

TURN = ["MAIL", "RCPT", "DATA", "<body>"]


def verbs(commands: list[str]) -> list[str]:
    return [command.split(" ")[0] for command in commands]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_one_line_carries_many_messages_and_ends_with_quit():
    async with scripted() as server:
        await send(server.settings(max_connections=4), message(1), message(2), message(3))

    assert [verbs(commands) for commands in server.connections] == [
        ["EHLO", *TURN, *TURN, *TURN, "QUIT"]
    ]


async def test_line_is_replaced_after_so_many_messages():
    async with scripted() as server:
        await send(server.settings(max_messages=2), message(1), message(2), message(3))

    assert [verbs(commands) for commands in server.connections] == [
        ["EHLO", *TURN, *TURN, "QUIT"],
        ["EHLO", *TURN, "QUIT"],
    ]


async def test_nothing_is_opened_before_the_first_offer():
    async with scripted() as server, Pool(server.settings()) as pool, pool.connection():
        pass

    assert server.connections == []


async def test_never_more_connections_than_allowed_at_once():
    async with scripted() as server, Pool(server.settings(max_connections=3)) as pool:
        lent = 0
        highest = 0

        async def work(number: int) -> None:
            nonlocal lent, highest
            async with pool.connection() as connection:
                lent += 1
                highest = max(highest, lent)
                await deliver(connection, message(number))
                lent -= 1

        await asyncio.gather(*(work(number) for number in range(20)))

    assert highest == 3
    assert len(server.connections) == 3
    assert len(server.bodies) == 20


@pytest.mark.parametrize(
    ("idle", "expected"),
    [
        (IDLE_LIMIT - 1, [["EHLO", *TURN, *TURN, "QUIT"]]),
        (IDLE_LIMIT, [["EHLO", *TURN, "NOOP", *TURN, "QUIT"]]),
    ],
)
async def test_line_that_has_idled_is_asked_whether_it_stands(idle, expected):
    clock = Clock()
    async with (
        scripted() as server,
        Pool(server.settings(), clock) as pool,
        pool.connection() as connection,
    ):
        await deliver(connection, message(1))
        clock.now += idle
        await deliver(connection, message(2))

    assert [verbs(commands) for commands in server.connections] == expected


@pytest.mark.parametrize(
    "act",
    [HangUp(), Stall(), Say("421 4.4.2 idle too long", hang_up=True), Say("502 what"), Say("???")],
)
async def test_line_that_does_not_stand_any_more_is_replaced(act):
    clock = Clock()
    async with scripted({"noop": [act]}) as server:
        settings = server.settings(timeout=0.05 if isinstance(act, Stall) else 5)
        async with Pool(settings, clock) as pool, pool.connection() as connection:
            await deliver(connection, message(1))
            clock.now += IDLE_LIMIT
            outcome = await deliver(connection, message(2))

    assert isinstance(outcome, Sent)
    assert [verbs(commands)[:6] for commands in server.connections][1:] == [["EHLO", *TURN, "QUIT"]]


@pytest.mark.parametrize(
    "act", [HangUp(), Stall(), Say("421 closing", hang_up=True), Say("502 what"), Say("???")]
)
async def test_line_whose_rset_fails_is_replaced(act):
    script = {"rcpt": [Say("550 5.1.1 unknown")], "data": [Say("503 5.5.1 no")], "rset": [act]}
    async with scripted(script) as server:
        settings = server.settings(timeout=0.05 if isinstance(act, Stall) else 5)
        refused, taken = await send(settings, message(1), message(2))

    assert isinstance(refused, Rejected)
    assert isinstance(taken, Sent)
    assert len(server.connections) == 2


async def failing(pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.send_envelope(message(1))
        raise ZeroDivisionError


async def test_leaving_in_the_middle_of_a_transaction_cuts_the_line():
    async with scripted() as server, Pool(server.settings(max_connections=1)) as pool:
        with pytest.raises(ZeroDivisionError):
            await failing(pool)
        async with pool.connection() as connection:
            outcome = await deliver(connection, message(2))

    assert isinstance(outcome, Sent)
    assert server.broken_bodies == [b""]
    assert [verbs(commands)[-1] for commands in server.connections] == ["DATA", "QUIT"]


@pytest.mark.parametrize("phase", ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "dot"])
async def test_cancelling_at_any_phase_leaves_no_line_behind(phase):
    async with (
        scripted({phase: [Stall()]}, ["PIPELINING", "AUTH PLAIN"]) as server,
        Pool(server.settings(max_connections=1, username="events", password="x")) as pool,
    ):

        async def work() -> None:
            async with pool.connection() as connection:
                await deliver(connection, message(1))

        task = asyncio.create_task(work())
        await server.stalling.wait()
        for _ in range(
            20
        ):  # Python 3.11's wait_for loses a cancellation that meets the end of connecting
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with pool.connection() as connection:
            outcome = await deliver(connection, message(2))

    assert isinstance(outcome, Sent)
    assert len(server.connections) == 2


async def test_refusal_of_us_is_remembered_and_costs_one_attempt():
    async with (
        scripted({"greeting": [Say("554 5.7.1 go away")]}) as server,
        Pool(server.settings(max_connections=4)) as pool,
    ):

        async def work() -> None:
            async with pool.connection() as connection:
                await connection.send_envelope(message())

        outcomes = await asyncio.gather(*(work() for _ in range(4)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Refused] * 4
    assert len(server.connections) == 1


async def test_server_that_is_away_may_be_asked_again():
    async with (
        scripted({"greeting": [Say("421 4.3.2 busy")]}) as server,
        Pool(server.settings()) as pool,
        pool.connection() as connection,
    ):
        with pytest.raises(TryLater):
            await connection.send_envelope(message())
        outcome = await connection.send_envelope(message())

    assert outcome == EnvelopeAccepted()


async def test_port_that_takes_no_further_connection_leaves_those_that_stand():
    async with scripted() as server:
        door = Connector(server.settings())
        with contextlib.closing(server.listening):
            line = await door.open()
        with pytest.raises(ConnectionRefusal, match="can't be reached") as raised:
            await door.open()
        reply = await line.send_command(b"NOOP\r\n", 5)
        await line.close(1)

    assert raised.value.crowded
    assert reply.code == 250


async def test_connection_that_is_given_up_is_closed_and_never_lent_again():
    async with scripted() as server, Pool(server.settings(max_connections=2)) as pool:
        async with pool.connection() as connection:
            await deliver(connection, message(1))
            pool.give_up(connection, ConnectionRefusal("no", crowded=True))
        async with pool.connection() as other:
            assert other is not connection
            assert pool.last
            with pytest.raises(ConnectionRefusal, match="no"):
                pool.give_up(other, ConnectionRefusal("no"))
        loss = pool.loss

    assert [commands[-1] for commands in server.connections] == ["QUIT"]
    assert loss == "no So 1 of 2 connections were used. Lower [smtp] max_connections to 1."


async def test_missing_password_is_told_before_anything_is_opened():
    async with scripted() as server:
        with pytest.raises(ConfigurationError) as raised:
            await offer(server.settings(username="events"))

    assert (
        raised.value.message == "The password of events for the mail server 127.0.0.1 is missing."
    )
    assert "ONBOARDING_SMTP__PASSWORD" in raised.value.hint
    assert server.connections == []


async def test_line_serves_on_uvloop_too():
    """The program runs on uvloop where it can: its transports take a new protocol, too."""
    uvloop = pytest.importorskip("uvloop", reason="there is no uvloop on this platform")

    async def story() -> list[object]:
        async with scripted() as server:
            return await send(server.settings(), message(1), message(2))

    outcomes = await asyncio.to_thread(uvloop.run, story())

    assert [type(outcome) for outcome in outcomes] == [Sent, Sent]
