"""Acts in two steps: what is proposed is done, and nothing else, however things changed between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.errors import ConfigurationError, OnboardingError
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.proposals.approve import Approve
from onboarding.pipeline.proposals.copy_link import CopyLink
from onboarding.pipeline.proposals.decide import Decide, Decision
from onboarding.pipeline.proposals.proposal import (
    Act,
    ActEnd,
    ActOutcome,
    Proposal,
    find_outcome,
)
from onboarding.pipeline.proposals.resend import Resend
from onboarding.pipeline.proposals.send_now import SendNow
from onboarding.pipeline.services import Services, open_act_services
from onboarding.pipeline.status import read_history
from onboarding.pipeline.target import Target, find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.pipeline.approving import approval_stage, see_page
from tests.pipeline.test_schedule import go_to, start_of, write_schedule
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]
GUEST = panelist(1)["email"]


def target_of(scene: Stage) -> Target:
    return find_target(scene.config, NAME)


@asynccontextmanager
async def act_services(scene: Stage) -> AsyncIterator[Services]:
    """The services of an act, beside those of a server that goes on."""
    async with (
        scene.rooms() as shared,
        open_act_services(shared, NoProgress(), asyncio.Event()) as services,
    ):
        yield services


async def propose(scene: Stage, act: Act) -> Proposal:
    async with act_services(scene) as services:
        return await act.propose(services)


async def execute(scene: Stage, act: Act, digest: str, by: str = "Dana") -> ActOutcome | Proposal:
    async with act_services(scene) as services:
        return await act.execute(services, digest, by)


async def agree(scene: Stage, act: Act) -> ActOutcome | Proposal:
    """Say yes to what is proposed, with nothing happening in between."""
    return await execute(scene, act, (await propose(scene, act)).digest)


def send_now(scene: Stage) -> SendNow:
    return SendNow(target_of(scene), retry_window=timedelta())


async def test_send_now_proposes_names_and_duration_and_then_does_it(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        proposal = await propose(scene, send_now(scene))
        assert proposal.sentence == "Register 1, send 2 mails."
        assert {person.email: person.what for person in proposal.people} == {
            HANNA: "mail: invitation",
            JOERG: "add, mail: invitation",
        }
        assert "2 emails will be sent at once" in proposal.remarks[0]
        assert scene.told() == []

        outcome = await execute(scene, send_now(scene), proposal.digest)
        assert outcome == ActOutcome(
            ActEnd.DONE, "1 registered, 2 mails sent, no problems.", outcome.lines
        )
        assert scene.recipients() == sorted([HANNA, JOERG])


async def test_send_now_calls_no_one_up_to_date_that_a_run_leaves_alone(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        await scene.cron()
        assert (await propose(scene, send_now(scene))).sentence == (
            "All people are up to date: nothing to do."
        )
        scene.write_roster([HOST, PANELIST])

        assert (await propose(scene, send_now(scene))).sentence == (
            "Nothing to do: 1 person is left alone, all others are up to date."
            " `onboarding plan` says why."
        )


async def test_send_now_asks_again_where_the_plan_has_changed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        before = await propose(scene, send_now(scene))
        scene.write_roster([HOST, PANELIST, panelist(1)])

        again = await execute(scene, send_now(scene), before.digest)
        assert isinstance(again, Proposal)
        assert (again.sentence, scene.told()) == ("Register 2, send 3 mails.", [])
        done = await execute(scene, send_now(scene), again.digest)
        assert isinstance(done, ActOutcome)
        assert (done.ending, len(scene.told())) == (ActEnd.DONE, 3)


async def test_what_another_run_has_done_meanwhile_is_not_done_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        proposal = await propose(scene, send_now(scene))
        await scene.cron()

        outcome = await execute(scene, send_now(scene), proposal.digest)
        assert isinstance(outcome, ActOutcome)
        assert outcome.ending is ActEnd.NOTHING
        assert scene.recipients() == sorted([HANNA, JOERG])


async def test_send_now_says_what_needs_a_person(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 no such user"})
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        outcome = await agree(scene, send_now(scene))
        assert isinstance(outcome, ActOutcome)
        assert outcome.ending is ActEnd.NEEDS_A_PERSON
        assert outcome.sentence == "1 registered, 1 mail sent, 1 rejected."


async def test_an_act_is_refused_while_another_run_holds_the_webinar(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        target = target_of(scene)
        acts = (
            send_now(scene),
            Resend(target, (JOERG,)),
            *(Decide(target, decision, None) for decision in Decision),
        )
        async with scene.rooms() as other, webinar_lease(other, target):
            for act in acts:
                with pytest.raises(AlreadyRunning, match="process") as found:
                    await propose(scene, act)
                assert find_outcome(found.value).ending is ActEnd.HELD
                with pytest.raises(AlreadyRunning, match="since"):
                    await execute(scene, act, "digest")
        assert len(scene.told()) == 2


async def test_resend_sends_a_second_copy_and_says_whose_wish_it_was(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        act = Resend(target_of(scene), (JOERG,), "asked by phone")
        proposal = await propose(scene, act)
        assert proposal.sentence == "Send 1 mail again."
        assert proposal.people[0].what == "mail: invitation"

        outcome = await execute(scene, act, proposal.digest)
        assert isinstance(outcome, ActOutcome)
        assert (outcome.ending, scene.told().count(JOERG)) == (ActEnd.DONE, 2)
        details = [event.detail for event in read_history(scene.config, JOERG, NoProgress())]
        assert "by Dana: asked by phone" in details


async def test_a_resend_that_was_answered_before_is_asked_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        act = Resend(target_of(scene), (JOERG,))
        proposal = await propose(scene, act)
        await execute(scene, act, proposal.digest)

        # The copy is their latest message now, so this would be a third.
        assert isinstance(await execute(scene, act, proposal.digest), Proposal)
        assert scene.told().count(JOERG) == 2


async def test_nothing_to_resend_is_said_with_the_reason(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        proposal = await propose(scene, Resend(target_of(scene), ("who@example.com",)))
        assert (bool(proposal), proposal.sentence) == (False, "No message can be sent again.")
        assert "neither on the roster" in proposal.warnings[0]


@pytest.mark.parametrize(
    ("decision", "state"), [(Decision.WAS_SENT, "sent"), (Decision.SEND_AGAIN, "queued")]
)
async def test_a_doubt_is_resolved_as_the_person_says(tmp_path, decision, state):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        act = Decide(target_of(scene), decision, (JOERG,))
        proposal = await propose(scene, act)
        (message,) = scene.messages()
        assert f"Message-ID for {JOERG}: {message['Message-ID']}" in proposal.remarks

        outcome = await execute(scene, act, proposal.digest)
        assert isinstance(outcome, ActOutcome)
        assert outcome.ending is ActEnd.DONE
        assert await scene.states() == {JOERG: state}


async def test_retry_and_cancel_are_about_what_was_shown_alone(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 no such user", GUEST: "550 5.1.1 no such user"})
    async with stage(tmp_path, [PANELIST, panelist(1)], mail_rules=rules) as scene:
        await scene.run()
        retry = Decide(target_of(scene), Decision.RETRY, None)
        proposal = await propose(scene, retry)
        assert {person.email for person in proposal.people} == {JOERG, GUEST}
        await agree(scene, Decide(target_of(scene), Decision.RETRY, (GUEST,)))

        again = await execute(scene, retry, proposal.digest)
        assert isinstance(again, Proposal)
        assert [person.email for person in again.people] == [JOERG]
        assert await scene.states() == {JOERG: "rejected", GUEST: "queued"}
        await agree(scene, Decide(target_of(scene), Decision.CANCEL, None))
        assert await scene.states() == {JOERG: "rejected", GUEST: "cancelled"}


@pytest.mark.parametrize("decision", Decision)
async def test_a_decision_about_nothing_is_nothing_to_do(tmp_path, decision):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        assert not await propose(scene, Decide(target_of(scene), decision, None))
        outcome = await execute(scene, Decide(target_of(scene), decision, None), "old")
        assert isinstance(outcome, ActOutcome)
        assert outcome.ending is ActEnd.NOTHING


async def test_approve_says_what_the_page_showed_and_is_done_once(tmp_path):
    async with approval_stage(tmp_path, [PANELIST]) as scene:
        review = await see_page(scene)
        act = Approve(target_of(scene), review.digest[:12])
        proposal = await propose(scene, act)
        assert "1 change at RingCentral" in proposal.sentence
        (person,) = proposal.people
        assert person.what == "add at RingCentral, mail: invitation"
        assert person.name == "Jörg Müller"

        first = await execute(scene, act, proposal.digest)
        second = await execute(scene, act, proposal.digest)
        assert isinstance(first, ActOutcome)
        assert isinstance(second, ActOutcome)
        assert (first.ending, second.ending) == (ActEnd.DONE, ActEnd.NOTHING)
        assert (await scene.run()).sent == 1


async def test_approve_counts_messages_of_the_schedule_apart_as_the_page_does(tmp_path):
    async with approval_stage(tmp_path, [PANELIST]) as scene:
        with (tmp_path / "config.toml").open("a", encoding="utf-8") as file:
            file.write('[messages]\nreminder = ["-1d", "-1h"]\n')
        review = await see_page(scene)
        proposal = await propose(scene, Approve(target_of(scene), review.digest[:12]))
    assert "1 message, 2 on the schedule, 1 change at RingCentral" in proposal.sentence


async def test_a_link_is_given_once_asked_and_history_says_to_whom(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        before = scene.heavy_calls()
        async with act_services(scene) as services:
            link = await CopyLink(target_of(scene), JOERG).reveal(services, "Dana")
        records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
        (uri,) = [record.join_uri for record in records if record.email == JOERG]
        assert link.get_secret_value() == uri.get_secret_value()
        assert scene.heavy_calls() == before + 1
        last = read_history(scene.config, JOERG, NoProgress())[-1]
        assert (last.what, last.detail) == ("links", "by Dana")


async def test_a_link_of_a_person_who_is_not_registered_is_refused(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        async with act_services(scene) as services:
            with pytest.raises(ConfigurationError, match="not registered") as found:
                await CopyLink(target_of(scene), "who@example.com").reveal(services, "Dana")
        assert find_outcome(found.value).ending is ActEnd.REFUSED


async def test_acts_of_one_server_share_its_log_in(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene, scene.rooms() as shared:
        for _number in range(3):
            async with open_act_services(shared, NoProgress(), asyncio.Event()) as services:
                await send_now(scene).propose(services)
        groups = scene.ringcentral.requests.count_groups()
        assert groups["Auth"] == 1


async def test_the_stop_of_one_act_ends_that_act_alone(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene, scene.rooms() as shared:
        stop = asyncio.Event()
        stop.set()
        async with open_act_services(shared, NoProgress(), stop) as services:
            with pytest.raises(OnboardingError) as found:
                await send_now(scene).propose(services)
        assert find_outcome(found.value).ending is ActEnd.LATER
        async with open_act_services(shared, NoProgress(), asyncio.Event()) as services:
            assert await send_now(scene).propose(services)


async def test_a_message_of_the_schedule_is_named_and_sent(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        write_schedule(scene, 'reminder = ["-1d 09:00"]')
        await scene.run()
        go_to(scene, start_of(scene) - timedelta(hours=12))
        proposal = await propose(scene, send_now(scene))
        assert proposal.sentence == "Send 1 mail."
        (person,) = proposal.people
        assert (person.email, person.what.split()[1]) == (JOERG, "scheduled")
        assert "1 email will be sent at once" in proposal.remarks[0]
        await execute(scene, send_now(scene), proposal.digest)
        assert scene.told() == [JOERG, JOERG]
