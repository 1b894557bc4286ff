"""How long a round trip waits for its message, and what ends the wait."""

import asyncio
from datetime import UTC, datetime

import pytest

from onboarding.errors import Interrupted
from onboarding.model.deliveries import Sent
from onboarding.model.people import Roster
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.preview_messages import KnownFacts, TrialMessage, build_preview
from onboarding.pipeline.round_trip import Patience, make_round_trip
from onboarding.pipeline.target import find_target
from tests.inbox.delivering import serve_relay
from tests.stage import HOST, NAME, Stage, stage

pytestmark = pytest.mark.anyio


def build_trial(scene: Stage) -> TrialMessage:
    config, target = scene.config, find_target(scene.config, NAME)
    made = build_preview(config, target, Roster((), ()), KnownFacts(), scene.clock.now())
    request = made.requests[made.people[0].row, "invitation"]
    return TrialMessage(config, target, request, made.protected, "me@example.com")


def use_relay(scene: Stage, relay) -> None:
    # Files of a maildir are known by their time, which is the real one.
    scene.clock.time = datetime.now(UTC)
    scene.variables["ONBOARDING_SMTP__PORT"] = str(relay.port)
    scene.variables["ONBOARDING_REPLIES__MAILDIR"] = str(relay.maildir)


def lose(_content: bytes) -> bytes:
    return b"Subject: of others\n\nx\n"


async def test_mailbox_is_looked_at_less_and_less_often_until_the_limit(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_relay(tmp_path, lose) as relay:
        use_relay(scene, relay)
        clock = Clock(scene.clock.now, scene.clock.sleep)
        found = await make_round_trip(build_trial(scene), Patience(20, clock, asyncio.Event()))
    assert isinstance(found.outcome, Sent)
    assert found.results == []
    assert scene.clock.slept == [0.5, 1, 2, 5, 5, 5, 1.5]


async def test_message_that_takes_its_time_is_waited_for(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_relay(tmp_path, lose) as relay:
        use_relay(scene, relay)
        sent = []
        relay.change = lambda content: sent.append(content) or lose(content)

        async def sleep(seconds: float) -> None:
            await scene.clock.sleep(seconds)
            if len(scene.clock.slept) == 3:
                (relay.maildir / "new" / "late").write_bytes(sent[0])

        clock = Clock(scene.clock.now, sleep)
        found = await make_round_trip(build_trial(scene), Patience(60, clock, asyncio.Event()))
    assert found.results[0].detail == "after 3.5 seconds"
    assert all(result.ok for result in found.results)


async def test_signal_ends_the_wait(tmp_path):
    stop = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        stop.set()
        await asyncio.Event().wait()

    async with stage(tmp_path, [HOST]) as scene, serve_relay(tmp_path, lose) as relay:
        use_relay(scene, relay)
        with pytest.raises(Interrupted):
            await make_round_trip(
                build_trial(scene), Patience(60, Clock(scene.clock.now, sleep), stop)
            )
