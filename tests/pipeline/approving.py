"""A stage whose webinar asks for approval, and what people do there: look at a page, approve."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from onboarding.model.reviews import Review
from onboarding.pipeline.approve import Approval, approve_page
from onboarding.pipeline.refresh import plan_fresh, read_roster, refresh
from onboarding.pipeline.review import make_review, store_review
from onboarding.pipeline.target import find_target
from onboarding.plan import Options, Plan
from tests.stage import NAME, Stage, stage


@asynccontextmanager
async def approval_stage(folder, people, value: str = "true", **more) -> AsyncIterator[Stage]:
    """Set a stage whose webinar has `approval = value`."""
    async with stage(folder, people, **more) as scene:
        config = folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        asked = text.replace(f"[webinars.{NAME}]\n", f"[webinars.{NAME}]\napproval = {value}\n")
        config.write_text(asked, encoding="utf-8")
        yield scene


async def see_plan(scene: Stage, options: Options | None = None) -> Plan:
    """What `plan` shows."""
    async with scene.rooms() as services:
        target = find_target(services.config, NAME)
        state = await refresh(services, target, await read_roster(target, services.stop))
        _state, plan = await plan_fresh(services, target, state, options or Options())
        return plan


async def see_page(scene: Stage, options: Options | None = None) -> Review:
    """What `plan --page` shows, and stores."""
    async with scene.rooms() as services:
        target = find_target(services.config, NAME)
        state = await refresh(services, target, await read_roster(target, services.stop))
        state, _plan = await plan_fresh(services, target, state, options or Options())
        review = await make_review(services, target, state, options or Options())
        await store_review(services, state, review)
        return review


async def approve(scene: Stage, digest: str, by: str = "Dana Brooks", name: str = NAME) -> Approval:
    """One `onboarding approve NAME DIGEST --by "Dana Brooks"`."""
    async with scene.rooms() as services:
        return await approve_page(services, find_target(services.config, name), digest, by, "")


async def approve_all(scene: Stage, options: Options | None = None) -> Review:
    """Look at the page as it is now, and approve it."""
    review = await see_page(scene, options)
    await approve(scene, review.digest)
    return review
