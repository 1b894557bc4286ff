"""A webinar is planned while another worker sends its messages: none is lost, none is doubled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from onboarding.errors import EXIT_DONE, EXIT_TRY_LATER, TryLater
from onboarding.fleet.values import WorkerRole
from onboarding.fleet.worker import Worker
from onboarding.ledger import transitions
from onboarding.model.deliveries import Delivery, State, Transition
from onboarding.pipeline.call_off import execute_call_off, list_doubts, prepare_call_off
from onboarding.pipeline.chunks import Chunk, claim_chunk
from onboarding.pipeline.forget import forget_person, read_all_rosters
from onboarding.pipeline.lease import sender_lease, webinar_lease
from onboarding.pipeline.status import find_seen_session
from onboarding.pipeline.target import find_target
from onboarding.plan import SkipCode
from tests.cli.command import on
from tests.fleet.hands import fleet_stage, plan_only, take_jobs, tick, work_off, worker_on
from tests.postgresql import RunningServer
from tests.stage import NAME, SESSION, WEBINAR, Stage, panelist

pytestmark = pytest.mark.anyio

SENT = Transition(State.SENT)


@asynccontextmanager
async def planned(folder: Path, server: RunningServer) -> AsyncIterator[tuple[Stage, Worker]]:
    """A webinar whose messages are queued, and a worker that only plans."""
    async with (
        fleet_stage(folder, server) as scene,
        worker_on(scene, {WorkerRole.PLAN}) as worker,
    ):
        await plan_only(worker)
        await worker.services.ledger.run(take_jobs)
        yield scene, worker


@asynccontextmanager
async def sender(worker: Worker) -> AsyncIterator[Chunk]:
    """Another worker that lives, and has claimed all messages of the webinar."""
    services = worker.services
    seen = await find_seen_session(services, find_target(services.config, NAME))
    assert seen is not None
    async with sender_lease(services) as lease:
        yield await claim_chunk(services, seen.id, lease)


async def begin(worker: Worker, chunk: Chunk, delivery: Delivery) -> bool:
    """The sender crosses the point of no return with a message."""
    now, holder = worker.services.clock.now(), chunk.lease.holder.name
    write = transitions.start_sending(delivery, holder, now)
    return await worker.services.ledger.submit(transitions.write_transitions, write)


async def end(worker: Worker, chunk: Chunk, delivery: Delivery) -> bool:
    """The server has taken it."""
    now, holder = worker.services.clock.now(), chunk.lease.holder.name
    write = transitions.record_outcome(delivery, holder, SENT, now)
    return await worker.services.ledger.submit(transitions.write_transitions, write)


async def plan_again(scene: Stage, worker: Worker) -> list[int]:
    """A tick five minutes later, and the plan that it asks for. Returns the exit codes."""
    scene.clock.pass_time(minutes=5)
    await tick(worker)
    jobs = [
        job for job in await worker.services.ledger.run(take_jobs) if job.name == "plan_webinar"
    ]
    reports = [await worker.execute(job.name, job.args) for job in jobs]
    return [end.exit_code for report in reports for end in report.ends]


def move(scene: Stage) -> None:
    scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))


async def send_the_rest(scene: Stage) -> None:
    """A minute later, a worker that sends."""
    scene.clock.pass_time(minutes=1)
    async with worker_on(scene) as worker:
        await tick(worker)
        await work_off(worker)


async def test_what_is_being_sent_is_neither_in_doubt_nor_queued_again(tmp_path, postgresql_server):
    async with planned(tmp_path, postgresql_server) as (scene, worker):
        async with sender(worker) as chunk:
            first, *others = chunk.messages
            assert await begin(worker, chunk, first)
            move(scene)

            assert await plan_again(scene, worker) == [EXIT_TRY_LATER]
            states = await scene.states()
            assert states[first.email] == "sending"
            assert {states[other.email] for other in others} == {"queued"}
            # The others were claimed with the old start: they can't leave any more.
            assert [await begin(worker, chunk, other) for other in others] == [False, False]

            assert await end(worker, chunk, first)
            assert await plan_again(scene, worker) == [EXIT_DONE]
        await send_the_rest(scene)
        subjects = {message["To"]: message["Subject"] for message in scene.messages()}
        assert len(subjects) == len(scene.messages()) == 3
        (updated,) = (subjects[to] for to in subjects if first.email in to)
        assert updated.startswith("New time")
        assert set((await scene.states()).values()) == {"sent"}


async def test_a_plan_says_who_is_being_sent_their_message(tmp_path, postgresql_server):
    async with planned(tmp_path, postgresql_server) as (scene, worker), sender(worker) as chunk:
        first, *_ = chunk.messages
        await begin(worker, chunk, first)
        move(scene)
        result = await scene.run()
        skips = {item.invitee.email: item.skip for item in result.skipped}
        assert skips[first.email] is SkipCode.BEING_SENT


async def test_what_a_dead_sender_held_is_taken_back_and_told_once(tmp_path, postgresql_server):
    async with planned(tmp_path, postgresql_server) as (scene, worker):
        async with sender(worker) as chunk:
            first, *_ = chunk.messages
            await begin(worker, chunk, first)
        # Its lease is gone, as that of a process that was killed.
        async with worker_on(scene) as other:
            scene.clock.pass_time(minutes=1)
            await tick(other)
            reports = await work_off(other)
    assert sorted((await scene.states()).values()) == ["in_doubt", "sent", "sent"]
    assert len(scene.told()) == 2
    assert max(end.exit_code for report in reports for end in report.ends) == 1


async def test_a_call_off_stops_what_a_sender_has_claimed(tmp_path, postgresql_server):
    async with planned(tmp_path, postgresql_server) as (scene, worker):
        async with sender(worker) as chunk:
            first, *others = chunk.messages
            await begin(worker, chunk, first)
            async with scene.rooms() as services:
                target = find_target(services.config, NAME)
                async with webinar_lease(services, target) as lease:
                    prepared = await prepare_call_off(services, target, "Mia")
                    result = await execute_call_off(services, prepared, lease, "Mia")
            assert result.exit_code == EXIT_TRY_LATER
            assert [await begin(worker, chunk, other) for other in others] == [False, False]
            await end(worker, chunk, first)
            assert await plan_again(scene, worker) == [EXIT_DONE]
        await send_the_rest(scene)
        assert scene.told() == [first.email]
        assert list_doubts(prepared.plan) == []


async def test_a_resend_waits_for_what_is_being_sent(tmp_path, postgresql_server):
    async with planned(tmp_path, postgresql_server) as (scene, worker), sender(worker) as chunk:
        await begin(worker, chunk, chunk.messages[0])
        seen = await on(scene, "resend", NAME, chunk.messages[0].email, "--yes")
        assert "is being sent just now" in seen.all


async def test_a_person_is_not_replaced_while_their_message_is_being_sent(
    tmp_path, postgresql_server
):
    async with planned(tmp_path, postgresql_server) as (scene, worker), sender(worker) as chunk:
        await begin(worker, chunk, chunk.messages[0])
        person = "Lin,Example,lin@example.com"
        command = ("replace", NAME, chunk.messages[0].email, "--with", person, "--yes")
        seen = await on(scene, *command)
        assert "is being sent just now" in seen.all
        assert "nothing was done" in seen.all


async def test_no_one_is_forgotten_beside_a_sender_but_beside_a_worker_that_waits(
    tmp_path, postgresql_server
):
    async with planned(tmp_path, postgresql_server) as (scene, worker):
        services, person = worker.services, "guest1@example.com"
        scene.write_roster([panelist(7)])
        scene.clock.pass_time(days=90)
        rosters = await read_all_rosters(services)
        async with sender(worker):
            with pytest.raises(TryLater, match="A run is at work"):
                await forget_person(services, person, rosters)
        assert (await forget_person(services, person, rosters)).removed.deliveries == 1
