"""A person's own act goes without a page, is recorded as theirs, and needs one under `strict`."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from onboarding.model.kinds import Kind
from onboarding.pipeline.acts import NotApproved, approve_act
from onboarding.pipeline.refresh import plan_approved, read_roster, refresh
from onboarding.pipeline.target import find_target
from onboarding.plan import Action, Options, make_plan
from tests.pipeline.approving import approval_stage, approve_all
from tests.samples import HANNA, JOERG
from tests.stage import HOST, NAME, PANELIST, panelist, stage

pytestmark = pytest.mark.anyio

BY = "Dana Brooks"


@asynccontextmanager
async def opened(scene):
    """The rooms, the webinar, what a run would see of it, and its plan if all were approved."""
    async with scene.rooms() as services:
        target = find_target(services.config, NAME)
        state = await refresh(services, target, await read_roster(target, services.stop))
        yield services, target, state, make_plan(state.snapshot, Options())


def cancellations(plan):
    return [replace(item, mail=Kind.CANCELLATION, action=Action.NONE) for item in plan.items]


async def test_an_act_lets_later_runs_go_on_with_it_and_with_nothing_else(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        async with opened(scene) as (services, target, state, plan):
            acted = [item for item in plan.items if item.invitee.email == JOERG.email]
            await approve_act(services, target, state, acted, BY, "replace")
            held = await plan_approved(services, target, state, Options())
            assert [item.invitee.email for item in held.mail] == [JOERG.email]

        assert (await scene.run()).sent == 1
        assert scene.recipients() == [JOERG.email]


@pytest.mark.parametrize(
    ("act", "way"),
    [("resend", "Approve a page that shows it."), ("replace", "--remove --page FILE")],
)
async def test_under_strict_an_act_needs_a_page_that_showed_it(tmp_path, act, way):
    async with approval_stage(tmp_path, [HOST, PANELIST], '"strict"') as scene:
        async with opened(scene) as (services, target, state, plan):
            with pytest.raises(NotApproved, match=HANNA.email) as refused:
                await approve_act(services, target, state, plan.items, BY, act)
            assert (refused.value.exit_code, way in refused.value.hint) == (1, True)
        assert (await scene.run()).sent == 0


async def test_under_strict_a_cancellation_goes_that_a_page_showed_as_one_that_would_follow(
    tmp_path,
):
    async with approval_stage(tmp_path, [HOST, PANELIST], '"strict"') as scene:
        await approve_all(scene)
        await scene.run()
        async with opened(scene) as (services, target, state, plan):
            await approve_act(services, target, state, cancellations(plan), BY, "call-off")
        templates = scene.folder / "templates"
        templates.mkdir()
        for ending in ("html", "txt"):
            (templates / f"cancellation.{ending}.j2").write_text(
                "<html><head><title>Off</title></head><body>Off</body></html>", encoding="utf-8"
            )
        async with opened(scene) as (services, target, state, plan):
            with pytest.raises(NotApproved):
                await approve_act(services, target, state, cancellations(plan), BY, "call-off")


async def test_without_approval_an_act_leaves_no_trace(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        opened(scene) as (services, target, state, plan),
    ):
        await approve_act(services, target, state, plan.items, BY, "resend")
        assert (await plan_approved(services, target, state, Options())).mail == plan.mail
