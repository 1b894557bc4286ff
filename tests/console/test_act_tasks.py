"""Acts at work in the console's process: one for each webinar, and what ends them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from onboarding.console.act_tasks import (
    CRASHED,
    MOST_AT_WORK,
    MOST_PROPOSALS,
    ActProgress,
    ActTasks,
)
from onboarding.errors import ConfigurationError, Interrupted, TryLater
from onboarding.pipeline.ledger_watch import LedgerWatch
from onboarding.pipeline.proposals.proposal import ActEnd, ActOutcome, Proposal
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from tests.console.acting import Lines, ask, poll, say_yes
from tests.console.serving import serve_on
from tests.stage import HOST, NAME, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

DONE = ActOutcome(ActEnd.DONE, "It is done.")


@dataclass
class Slow:
    """An act that says when it has begun, and ends when it may, or when it is stopped."""

    target: Target = field(default_factory=lambda: Target(NAME, WEBINAR))
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    async def propose(self, _services: Services) -> Proposal:
        return Proposal("Wait.", digest="d1")

    async def execute(self, services: Services, _digest: str, _by: str) -> ActOutcome:
        self.begun.set()
        waits = [asyncio.ensure_future(event.wait()) for event in (self.may_end, services.stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        services.raise_if_stopped()
        if self.error:
            raise self.error
        return DONE


@asynccontextmanager
async def tasks_on(folder, lines: Lines | None = None) -> AsyncIterator[ActTasks]:
    async with stage(folder, [HOST]) as scene, scene.rooms(progress=lines) as services:
        tasks = ActTasks(services, LedgerWatch(services.config))
        yield tasks
        await tasks.aclose()


async def test_one_act_at_a_time_on_a_webinar_and_several_webinars_at_once(tmp_path):
    async with tasks_on(tmp_path) as tasks:
        first, second = Slow(), Slow()
        at_work = tasks.start("launch", "Send now", first, "d1", "Dana")
        refused = tasks.start("launch", "Retry", Slow(), "d1", "Mia")
        elsewhere = tasks.start("lunch", "Send now", second, "d1", "Mia")
        await asyncio.gather(first.begun.wait(), second.begun.wait())

        assert isinstance(refused.outcome, ActOutcome)
        assert refused.outcome.ending is ActEnd.HELD
        assert refused.outcome.sentence.startswith("Dana is at work on launch since 2027-03-01")
        assert (tasks.find_at_work("launch"), tasks.find("lunch")) == (at_work, elsewhere)
        for act in (first, second):
            act.may_end.set()
        await tasks.wait()
        assert (at_work.outcome, elsewhere.outcome) == (DONE, DONE)
        assert tasks.find_at_work("launch") is None
        assert tasks.find("launch") is at_work


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (ConfigurationError("The roster is gone."), ActEnd.REFUSED),
        (TryLater("RingCentral is away."), ActEnd.LATER),
    ],
)
async def test_an_error_is_an_answer_in_words(tmp_path, error, ending):
    async with tasks_on(tmp_path) as tasks:
        act = Slow(error=error)
        act.may_end.set()
        task = tasks.start("launch", "Send now", act, "d1", "Dana")
        await tasks.wait()
        assert task.outcome == ActOutcome(ending, error.message)


async def test_a_crash_ends_its_act_alone_and_tells_no_value(tmp_path):
    lines = Lines()
    async with tasks_on(tmp_path, lines) as tasks:
        crashing, well = Slow(error=RuntimeError("https://secret.example/j/1")), Slow()
        for act in (crashing, well):
            act.may_end.set()
        broken = tasks.start("launch", "Send now", crashing, "d1", "Dana")
        whole = tasks.start("lunch", "Send now", well, "d1", "Dana")
        await tasks.wait()
        assert (broken.outcome, whole.outcome) == (CRASHED, DONE)
        (told,) = [line for line in lines.said if "RuntimeError" in line]
        assert "RuntimeError at" in told
        assert "secret" not in " ".join(lines.said)


async def test_the_end_of_the_console_stops_acts_and_waits_for_them(tmp_path):
    async with tasks_on(tmp_path) as tasks:
        act = Slow()
        task = tasks.start("launch", "Send now", act, "d1", "Dana")
        await act.begun.wait()
        await tasks.aclose()
        assert isinstance(task.outcome, ActOutcome)
        assert task.outcome.ending is ActEnd.LATER


async def test_only_so_many_acts_are_at_work_and_the_others_wait(tmp_path):
    async with tasks_on(tmp_path) as tasks:
        acts = [Slow() for _ in range(MOST_AT_WORK + 1)]
        for number, act in enumerate(acts):
            tasks.start(f"webinar{number}", "Send now", act, "d1", "Dana")
        await asyncio.gather(*(act.begun.wait() for act in acts[:-1]))
        assert not acts[-1].begun.is_set()
        acts[0].may_end.set()
        await acts[-1].begun.wait()


async def test_only_so_many_questions_are_worked_out(tmp_path):
    async with tasks_on(tmp_path) as tasks:
        stop = asyncio.Event()
        steps = [tasks.take_step(f"webinar{number}", stop) for number in range(MOST_PROPOSALS)]
        for step in steps:
            await step.__aenter__()
        with pytest.raises(TryLater, match="Many questions"):
            async with tasks.take_step("one more", stop):
                pytest.fail("It was let in.")
        for step in steps:
            await step.__aexit__(None, None, None)
        async with tasks.take_step("one more", stop):
            pass


async def test_a_question_waits_for_another_on_its_webinar_until_its_stop(tmp_path):
    async with tasks_on(tmp_path) as tasks:
        stop = asyncio.Event()
        stop.set()
        async with tasks.take_step("launch", asyncio.Event()):
            with pytest.raises(Interrupted):
                async with tasks.take_step("launch", stop):
                    pytest.fail("Two at once.")


async def test_stopping_the_console_in_a_run_loses_nothing_and_sends_nothing_twice(tmp_path):
    people = [panelist(number) for number in range(1, 41)]
    async with stage(tmp_path, people) as scene:
        async with serve_on(scene) as served, served.client() as browser:
            await say_yes(browser, await ask(browser, "send-now"))
            await poll(lambda: browser.get(f"/webinars/{NAME}"), lambda _page: bool(scene.told()))
        states = await scene.states()
        assert set(states.values()) <= {"sent", "queued"}
        assert list(states.values()).count("sent") == len(scene.told())
        await scene.run()
        assert scene.recipients() == sorted(person["email"] for person in people)


def test_progress_is_one_line():
    progress = ActProgress()
    assert progress.text == ""
    progress.begin("Sending", 3)
    progress.advance()
    assert progress.text == "Sending: 1 of 3"
    progress.waiting("RingCentral allows no more webinar calls just now", 41.6)
    assert progress.text == "RingCentral allows no more webinar calls just now: waiting 42 s"
    progress.advance()
    assert progress.text == "Sending: 2 of 3"
    progress.say("The session is gone at RingCentral.")
    assert progress.text == "The session is gone at RingCentral."
    progress.end()
    assert progress.text == ""
