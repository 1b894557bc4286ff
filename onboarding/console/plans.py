"""Plans that were made for the console, in memory: the newest few, and those being made.

A plan asks RingCentral, whose calls are scarce, so it is made when a person asks for it, once for
all who look. What it showed is stored as `plan --page` stores it, so that it can be approved. After
a restart a person asks again.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from onboarding.console.act_tasks import CRASHED
from onboarding.errors import OnboardingError, describe_crash
from onboarding.model.reviews import Review
from onboarding.pipeline.refresh import plan_fresh, read_roster, refresh
from onboarding.pipeline.review import make_review, store_review
from onboarding.pipeline.services import Services, open_act_services
from onboarding.pipeline.target import Target
from onboarding.plan import Options
from onboarding.reports.plan_page import PlanContent, arrange

MOST_PLANS = 10
"""Plans that are kept: one for a panel of 99 has some megabytes."""

NEW_ENOUGH = timedelta(seconds=5)
"""A younger plan is not made again: a second click spends no calls."""

PLAN_WAIT = 20.0
"""Seconds that a request waits for its plan; after it the page says that it is being made."""


@dataclass(frozen=True, slots=True)
class AskedPlan:
    """A plan that a person (`by`) asked for at `asked_at`.

    Without `content` and `error` it is being made. `error` says why it could not be.
    """

    by: str
    asked_at: datetime
    content: PlanContent | None = None
    error: OnboardingError | None = None


class PlanShelf:
    """The plans of one console, by the webinar's name: the last one that was made, or failed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = asyncio.Event()
        self._plans: dict[str, AskedPlan] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def find(self, webinar: str) -> AskedPlan | None:
        """Find the plan of a webinar, made or being made; None before anybody asked."""
        return self._plans.get(webinar)

    async def ask(self, target: Target, by: str) -> None:
        """Have a plan made, unless one is being made or is new; wait for it a short while."""
        if target.name not in self._tasks and not self._is_new(target.name):
            asked = AskedPlan(by, self._services.clock.now())
            self._put(target.name, asked)
            self._tasks[target.name] = asyncio.create_task(self._make(target, asked))
        if task := self._tasks.get(target.name):
            # Not cancelled when the wait is over: others may wait, and the calls are spent.
            await asyncio.wait({task}, timeout=PLAN_WAIT)

    async def aclose(self) -> None:
        """Stop what is being made, and wait for it: it uses what the console closes next."""
        self._stop.set()
        await asyncio.gather(*self._tasks.values())

    def _is_new(self, webinar: str) -> bool:
        plan = self._plans.get(webinar)
        now = self._services.clock.now()
        return plan is not None and plan.error is None and now - plan.asked_at < NEW_ENOUGH

    async def _make(self, target: Target, asked: AskedPlan) -> None:
        try:
            review = await _make_review(self._services, target, self._stop)
            # Put in order once, and not for each page of it: all frames are built there.
            content = await asyncio.to_thread(arrange, review)
            self._put(target.name, replace(asked, content=content))
        except OnboardingError as error:
            self._put(target.name, replace(asked, error=error))
        # As for acts: else the page would say for ever that the plan is being made.
        except Exception as error:  # noqa: BLE001
            self._services.progress.say(describe_crash(error))
            crash = OnboardingError(CRASHED.sentence, hint=CRASHED.hint)
            self._put(target.name, replace(asked, error=crash))
        finally:
            del self._tasks[target.name]

    def _put(self, webinar: str, plan: AskedPlan) -> None:
        # Put at the end: the first one is the plan that was asked for longest ago.
        self._plans.pop(webinar, None)
        self._plans[webinar] = plan
        if len(self._plans) > MOST_PLANS:
            del self._plans[next(iter(self._plans))]


async def _make_review(services: Services, target: Target, stop: asyncio.Event) -> Review:
    """Make and store what a run would do now, as `onboarding plan NAME --page` does."""
    company = target.company
    async with open_act_services(services, services.progress, stop, company) as opened:
        options = Options()
        state = await refresh(opened, target, await read_roster(target, opened.stop))
        state, _ = await plan_fresh(opened, target, state, options)
        review = await make_review(opened, target, state, options)
        # Every page of it is rendered from this value, so it can be read from now on.
        await store_review(opened, state, review)
    return review
