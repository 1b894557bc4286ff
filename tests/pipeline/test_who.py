"""History says who agreed to a run and who decided about a message; a cron job is no person."""

import asyncio

import pytest

from onboarding.cli.run import run_webinar
from onboarding.cli.run_options import RunOptions
from onboarding.cli.terminal import NoProgress
from onboarding.ledger.events import WHOLE_SESSION, list_events
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import find_place
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.status import read_history
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, NAME, PANELIST, Stage, stage

pytestmark = pytest.mark.anyio

JOERG = PANELIST["email"]


async def run_as(scene: Stage, by: str) -> int:
    options = RunOptions(by=by, quiet=True)
    return await run_webinar(scene.config, NAME, None, Options(), options, asyncio.Event())


def acts(scene: Stage) -> list[tuple[str, str]]:
    """What was done about the whole session: act and detail."""
    path = find_place(scene.config.ledger)
    found = read_ledger(path, lambda c: list_events(c, WHOLE_SESSION), NoProgress()) or []
    return [(event.what, event.detail) for event in found]


async def test_a_run_says_who_agreed_to_it_and_to_what(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        assert await run_as(scene, "Mia") == 0
        assert acts(scene) == [("run", "by Mia: Register 1, send 2 mails")]


async def test_a_run_with_nothing_to_do_and_one_of_cron_are_no_persons_acts(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.cron()
        assert await run_as(scene, "Mia") == 0
        assert acts(scene) == []


async def test_a_decision_about_a_message_says_whose_it_was(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        await scene.decide(LockedWebinar.resolve_resend)
        await scene.decide(LockedWebinar.cancel)
        told = [event.detail for event in read_history(scene.config, JOERG, NoProgress())]
        assert told[-2:] == [
            "by Mia: a person asked to send it again",
            "by Mia: cancelled by a person",
        ]
