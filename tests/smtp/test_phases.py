"""The waits of RFC 5321 4.5.3.2, by the clock of an event loop that skips idle time."""

import asyncio
import selectors

import pytest

from onboarding.errors import TryLater
from onboarding.model.deliveries import Deferred, InDoubt
from onboarding.smtp.phases import TIMEOUTS, Phase, cleanup_timeout, timeout_for
from tests.smtp.scripted import Stall, scripted
from tests.smtp.steps import message, send

QUIET = 0.05
"""Seconds without any event, after which only the clock can go on: all runs on this machine."""


class Skipping(selectors.DefaultSelector):
    """Waits for events as long as any may come, and then skips the rest of the wait."""

    skipped = 0.0

    def select(self, timeout=None):
        if timeout is None or timeout <= QUIET:
            return super().select(timeout)
        events = super().select(QUIET)
        if not events:
            self.skipped += timeout - QUIET
        return events


class SkippingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = Skipping()
        super().__init__(self.selector)

    def time(self) -> float:
        return super().time() + self.selector.skipped


async def stalled(phase: str, body: bytes):
    """Send a message to a server that stalls at a phase; return the outcome, and the seconds."""
    clock = asyncio.get_running_loop()
    async with scripted({phase: [Stall()]}) as server:
        started = clock.time()
        try:
            [outcome] = await send(server.settings(timeout=None), message(1, body))
        except TryLater as error:
            outcome = error
        return outcome, clock.time() - started


@pytest.mark.parametrize(
    ("phase", "outcome", "seconds"),
    [
        ("greeting", TryLater, 300),
        ("ehlo", TryLater, 300),
        ("mail", Deferred, 300),
        ("rcpt", Deferred, 300),
        ("data", Deferred, 120),
        ("body", Deferred, 180),
        ("dot", InDoubt, 600),
    ],
)
def test_server_that_stalls_is_given_the_time_of_rfc_5321(phase, outcome, seconds):
    body = b"x" * (20_000_000 if phase == "body" else 20)
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        result, took = runner.run(stalled(phase, body))

    assert isinstance(result, outcome)
    assert took == pytest.approx(seconds, abs=2)


def test_waits_are_those_of_rfc_5321():
    assert [timeout_for(phase, None) for phase in Phase] == [
        300,
        300,
        300,
        300,
        300,
        300,
        120,
        180,
        600,
    ]
    assert set(TIMEOUTS) == set(Phase)


def test_timeout_of_the_settings_replaces_every_wait():
    assert {timeout_for(phase, 7.5) for phase in Phase} == {7.5}


@pytest.mark.parametrize(("timeout", "expected"), [(None, 5.0), (60.0, 5.0), (0.1, 0.1)])
def test_wait_is_brief_where_nothing_depends_on_it(timeout, expected):
    assert cleanup_timeout(timeout) == expected
