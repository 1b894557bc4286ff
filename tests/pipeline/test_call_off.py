"""A webinar that does not take place: every person with a link is told, and nothing follows."""

import re
from contextlib import asynccontextmanager

import pytest

from onboarding.errors import ConfigurationError, TryLater
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.call_off import (
    execute_call_off,
    list_doubts,
    prepare_call_off,
    undo_call_off,
)
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.pipeline.test_resend import outcomes, resend
from tests.stage import COHOST, HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA, CARLOS = PANELIST["email"], HOST["email"], COHOST["email"]
PEOPLE = [HOST, COHOST, PANELIST]
ALL = sorted([JOERG, HANNA, CARLOS])


@asynccontextmanager
async def locked(scene: Stage):
    async with scene.rooms() as opened:
        target = find_target(opened.config, NAME)
        async with webinar_lease(opened, target) as lease:
            yield opened, target, lease


async def call_off(scene: Stage) -> tuple[Result, list[str]]:
    async with locked(scene) as (opened, target, lease):
        prepared = await prepare_call_off(opened, target, "Mia")
        result = await execute_call_off(opened, prepared, lease, "Mia")
        return result, list(list_doubts(prepared.plan))


async def undo(scene: Stage) -> bool:
    async with locked(scene) as (opened, target, _lease):
        return await undo_call_off(opened, target, "Mia")


def methods(scene: Stage, since: int) -> list[str]:
    """The METHOD of each message's calendar entry."""
    return [
        str(part.get_param("method"))
        for mail in scene.messages()[since:]
        for part in mail.walk()
        if part.get_content_type() == "text/calendar"
    ]


async def test_every_person_with_a_link_gets_a_cancellation_and_no_run_sends_more(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        result, doubts = await call_off(scene)
        assert (result.sent, result.exit_code, doubts) == (3, 0, [])
        assert sorted(scene.told()[3:]) == ALL
        assert {method.upper() for method in methods(scene, 3)} == {"CANCEL"}

        scene.write_roster([*PEOPLE, panelist(1)])
        after = await scene.run()
        assert (after.sent, after.exit_code, await scene.cron()) == (0, 0, 0)
        assert len(scene.told()) == 6


def texts(scene: Stage, since: int, part: str = "plain") -> dict[str, str]:
    """The text or HTML part of each person's message."""
    return {
        mail["To"].addresses[0].addr_spec: mail.get_body((part,)).get_content()
        for mail in scene.messages()[since:]
    }


async def test_cancellation_says_that_the_webinar_does_not_take_place(tmp_path):
    """And not that its reader was removed: nobody is, and their links still work."""
    people = [*PEOPLE, panelist(2, language="de")]
    async with stage(tmp_path, [*people, panelist(1)]) as scene:
        await scene.run()
        scene.write_roster(people)
        await scene.run(Options(remove=True))
        (removed,) = texts(scene, 5).values()
        await call_off(scene)
        told, pages = texts(scene, 6), texts(scene, 6, "html")

    assert "You are no longer on the panel" in removed
    assert "Your join link no longer works." in removed
    assert "Dieses Webinar findet nicht statt." in told["guest2@example.com"]
    for email in ALL:
        assert "This webinar does not take place" in told[email]
    for email, text in told.items():
        assert not re.search("no longer|gehören nicht mehr|zurückgezogen", text + pages[email])
        assert re.search("does not take place|findet nicht statt", pages[email])


async def test_nobody_is_removed_or_added_at_ringcentral(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        changes = len(scene.ringcentral.requests.select("PATCH"))
        scene.write_roster([HOST, panelist(1)])
        await call_off(scene)
        await scene.run()
        assert len(scene.ringcentral.requests.select("PATCH")) == changes
        assert sorted(scene.told()[3:]) == ALL


async def test_session_that_is_gone_at_ringcentral_is_called_off_from_the_ledger(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        del scene.ringcentral.account.sessions[WEBINAR, SESSION]
        with pytest.raises(ConfigurationError):
            await scene.run()
        result, _ = await call_off(scene)
        assert (result.sent, sorted(scene.told()[3:])) == (3, ALL)
        assert (await scene.run()).exit_code == 0


async def test_roster_that_is_gone_is_replaced_by_the_last_runs(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        (scene.folder / "invitees.csv").unlink()
        result, _ = await call_off(scene)
        assert (result.sent, sorted(scene.told()[3:])) == (3, ALL)


async def test_message_that_waits_never_leaves_and_one_in_doubt_is_listed(tmp_path):
    rules = MailRules(defer_once=frozenset({JOERG}), lose_reply=frozenset({CARLOS}))
    async with stage(tmp_path, PEOPLE, mail_rules=rules) as scene:
        await scene.run()
        result, doubts = await call_off(scene)
        assert (result.sent, result.exit_code, doubts) == (1, 1, [CARLOS])
        scene.clock.pass_time(hours=2)
        await scene.run()
        assert scene.told().count(JOERG) == 0
        assert await scene.states() == {HANNA: "sent", CARLOS: "in_doubt"}


async def test_call_off_again_tells_those_about_whom_a_person_has_decided(tmp_path):
    rules = MailRules(lose_reply=frozenset({CARLOS}))
    async with stage(tmp_path, PEOPLE, mail_rules=rules) as scene:
        await scene.run()
        await call_off(scene)
        await scene.decide(LockedWebinar.resolve_sent, [CARLOS])
        result, doubts = await call_off(scene)
        assert (result.attention.people, doubts) == (1, [])
        assert scene.told().count(CARLOS) == 2
        assert scene.told().count(HANNA) == 2


async def test_cancellation_that_was_deferred_is_sent_by_the_next_run(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(TryLater):
            await call_off(scene)
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        assert (await scene.run()).sent == 1
        assert methods(scene, 1)[0].upper() == "CANCEL"
        assert "This webinar does not take place" in texts(scene, 1)[HANNA]


async def test_retry_and_resend_send_no_invitation_any_more(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 No such user"})
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        await scene.run()
        await call_off(scene)
        assert await scene.decide(LockedWebinar.retry, [JOERG]) == []
        results, _ = await resend(scene, JOERG, HANNA)
        assert outcomes(results) == {JOERG: "the webinar is called off", HANNA: "sent"}


async def test_undo_invites_people_again_with_the_next_run(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        await call_off(scene)
        assert await undo(scene)
        assert not await undo(scene)
        after = await scene.run()
        assert (after.sent, sorted(scene.told()[6:])) == (3, ALL)


async def test_undo_before_a_cancellation_left_leaves_people_what_they_have(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(TryLater):
            await call_off(scene)
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        await undo(scene)
        assert (await scene.run()).sent == 0
        assert scene.told() == [JOERG]


async def test_session_that_is_over_is_not_called_off(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        scene.clock.time = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.clock.pass_time(hours=3)
        with pytest.raises(ConfigurationError, match="is over: there is nothing to call off"):
            await call_off(scene)


async def test_status_says_who_called_it_off(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        assert (await scene.status()).call_off is None
        await call_off(scene)
        found = (await scene.status()).call_off
        assert found is not None
        assert (found.by, found.at) == ("Mia", scene.clock.now())
