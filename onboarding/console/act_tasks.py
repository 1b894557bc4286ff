"""Acts at work in this process: one for each webinar, beside the requests that asked for them.

A browser that goes away ends none of them. Each has a stop of its own; when the console stops, all
get it, as a command gets the first signal: messages in flight are finished, the rest stays queued.
What came of the last act on a webinar is kept until the next one, in memory only.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from onboarding.errors import OnboardingError, TryLater, describe_crash
from onboarding.interrupt import stop_error, wait_unless_stopped
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.ledger_watch import LedgerWatch
from onboarding.pipeline.proposals.approve import Approve
from onboarding.pipeline.proposals.proposal import (
    Act,
    ActEnd,
    ActOutcome,
    Proposal,
    find_outcome,
)
from onboarding.pipeline.services import Services, open_act_services

MOST_AT_WORK = 8
"""Acts at work at once: each has mail connections of its own. More wait for their turn."""

MOST_PROPOSALS = 16
"""Questions that are worked out at once: each may wait for RingCentral."""

CRASHED = ActOutcome(
    ActEnd.NEEDS_A_PERSON,
    "An error in this program itself.",
    hint="Nothing is lost: ask again. If it happens again, tell who runs this console.",
)


@dataclass(slots=True)
class ActProgress:
    """How far an act is, in one line for the page: its stage, or what it waits for."""

    stage: str = ""
    wait: str = ""
    total: int = 0
    done: int = 0

    @property
    def text(self) -> str:
        """The line; empty where there is nothing to say."""
        if self.wait:
            return self.wait
        return f"{self.stage}: {self.done} of {self.total}" if self.stage else ""

    def say(self, line: str) -> None:
        """Something happened: until the next stage that is how far it is."""
        self.stage, self.wait, self.total = "", line, 0

    def begin(self, what: str, total: int) -> None:
        """A stage starts."""
        self.stage, self.wait, self.total, self.done = what, "", total, 0

    def advance(self) -> None:
        """One step of the stage is done."""
        self.wait = ""
        self.done += 1

    def end(self) -> None:
        """The stage, or the wait, is over."""
        self.stage = self.wait = ""

    def waiting(self, reason: str, seconds: float) -> None:
        """It waits for so many seconds."""
        self.wait = f"{reason}: waiting {seconds:.0f} s"


@dataclass(slots=True)
class ActTask:
    """One act at work, or the last one on its webinar: what, by which person, since when.

    `outcome` is None while it is at work, and a new proposal where the person has to be asked
    again.
    """

    webinar: str
    title: str
    by: str
    began_at: datetime
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    progress: ActProgress = field(default_factory=ActProgress)
    outcome: ActOutcome | Proposal | None = None
    work: asyncio.Task[None] | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether it has not ended yet."""
        return self.outcome is None


class ActTasks:
    """The acts of one console: at most one at work on a webinar, and a proposal beside none."""

    def __init__(self, services: Services, watch: LedgerWatch) -> None:
        self._services = services
        self._watch = watch
        self._tasks: dict[str, ActTask] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._steps = asyncio.Semaphore(MOST_PROPOSALS)
        self._turns = asyncio.Semaphore(MOST_AT_WORK)

    def find(self, webinar: str) -> ActTask | None:
        """Find the act at work on a webinar, or the last one; None before the first."""
        return self._tasks.get(webinar)

    def find_at_work(self, webinar: str) -> ActTask | None:
        """Find the act at work on a webinar."""
        task = self._tasks.get(webinar)
        return task if task and task.is_at_work else None

    @asynccontextmanager
    async def take_step(self, webinar: str, stop: asyncio.Event) -> AsyncIterator[None]:
        """Let a proposal be worked out, beside no other step on the webinar; `stop` ends the wait.

        Raises TryLater where many are worked out already.
        """
        if self._steps.locked():
            raise TryLater("Many questions are worked out just now.", hint="Ask again in a minute.")
        async with self._steps:
            lock = self.lock(webinar)
            await wait_unless_stopped(stop, lock.acquire())
            try:
                yield
            finally:
                lock.release()

    def lock(self, webinar: str) -> asyncio.Lock:
        """Give what keeps two of this console's steps on one webinar apart.

        The lease would do it, too; but it refuses where waiting a moment is enough.
        """
        return self._locks.setdefault(webinar, asyncio.Lock())

    def start(self, webinar: str, title: str, act: Act, digest: str, by: str) -> ActTask:
        """Start an act, to do what was proposed with this digest.

        Where another is at work, the task has ended at once, refused. An approval has a lane of its
        own: it needs no lease, and is no act on the webinar's messages.
        """
        task = ActTask(webinar, title, by, self._services.clock.now())
        lane = f"{webinar}/approve" if isinstance(act, Approve) else webinar
        if other := self.find_at_work(lane):
            task.outcome = describe_other(other)
            return task
        # No await between the look and this line, so two can't start together.
        self._tasks[lane] = task
        task.work = asyncio.create_task(self._run(task, lane, act, digest))
        return task

    async def aclose(self) -> None:
        """Stop all acts, and wait until each has finished what must be finished."""
        for task in self._tasks.values():
            task.stop.set()
        await self.wait()

    async def wait(self) -> None:
        """Wait until no act is at work."""
        works = [task.work for task in self._tasks.values() if task.work]
        await asyncio.gather(*works)

    async def _run(self, task: ActTask, lane: str, act: Act, digest: str) -> None:
        say = self._services.progress.say
        say(f"{task.webinar}: {task.title}, by {task.by}.")
        try:
            task.outcome = await self._execute(task, lane, act, digest)
        except OnboardingError as error:
            task.outcome = find_outcome(error)
        # Like the entry point of a command: the console goes on, and its other acts with it.
        except Exception as error:  # noqa: BLE001
            say(describe_crash(error))
            task.outcome = CRASHED
        # The lease was given back before the outcome was known: pages that looked then look again.
        await self._watch.announce()
        if isinstance(task.outcome, ActOutcome):
            say(f"{task.webinar}: {task.title}: {task.outcome.sentence}")

    async def _execute(
        self, task: ActTask, lane: str, act: Act, digest: str
    ) -> ActOutcome | Proposal:
        async with self._turns, self.lock(lane):
            if task.stop.is_set() or self._services.stop.is_set():
                raise stop_error()
            company = act.target.company
            async with open_act_services(
                self._services, task.progress, task.stop, company
            ) as services:
                return await act.execute(services, digest, task.by)


def describe_other(task: ActTask) -> ActOutcome:
    """Refuse because of an act of this console, in the words for another run."""
    since = format_machine_time(task.began_at)
    return ActOutcome(
        ActEnd.HELD,
        f"{task.by} is at work on {task.webinar} since {since}, from this console: {task.title}.",
        hint="Nothing was done. Ask again when that has ended.",
    )
