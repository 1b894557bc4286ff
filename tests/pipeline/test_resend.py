"""A second copy for a person who asks: at once, with what is true now, and never by itself."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.errors import OnboardingError
from onboarding.model.people import Role
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.resend import ResendResult, execute_resend, prepare_resend
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]


async def resend(
    scene: Stage, *emails: str, roles: Collection[Role] = ()
) -> tuple[Sequence[ResendResult], OnboardingError | None]:
    async with scene.rooms() as opened:
        target = find_target(opened.config, NAME)
        async with webinar_lease(opened, target) as lease:
            prepared = await prepare_resend(opened, target, emails, roles)
            return await execute_resend(opened, prepared, lease, "Mia", "asked by phone")


def outcomes(results: Sequence[ResendResult]) -> dict[str, str]:
    return {
        result.email: result.record.delivery.state if result.record else result.reason
        for result in results
    }


def put_in_doubt(connection: sa.Connection) -> None:
    connection.exec_driver_sql("UPDATE deliveries SET state = 'in_doubt'")


async def test_second_copy_has_a_new_message_id_and_the_same_link(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        results, error = await resend(scene, JOERG)

        assert (outcomes(results), error) == ({JOERG: "sent"}, None)
        first, second = (mail for mail in scene.messages() if JOERG in mail["To"])
        assert first["Message-ID"] != second["Message-ID"]
        assert first["Subject"] == second["Subject"]
        assert first.get_body(("plain",)).get_content() == second.get_body(("plain",)).get_content()
        assert scene.told().count(HANNA) == 1


async def test_no_run_sends_the_second_copy_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        await resend(scene, JOERG)
        after = await scene.run()
        assert (after.sent, after.exit_code, scene.told().count(JOERG)) == (0, 0, 2)


async def test_second_copy_says_what_is_true_now_so_that_no_update_follows(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start + timedelta(days=1))
        await resend(scene, JOERG)
        assert (await scene.run()).sent == 0
        first, second = (mail.get_body(("plain",)).get_content() for mail in scene.messages())
        assert first != second


async def test_all_people_of_a_role_get_theirs(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        await scene.run()
        results, _ = await resend(scene, roles=[Role.PANELIST])
        assert outcomes(results) == {JOERG: "sent", "guest1@example.com": "sent"}
        assert scene.told().count(HANNA) == 1


async def test_person_in_doubt_is_refused_and_the_others_get_theirs(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        await scene.run()
        mistyped = JOERG.replace("lind", "lnid")
        results, _ = await resend(scene, JOERG, HANNA, "42@7.test", mistyped)
        assert outcomes(results) == {
            JOERG: "the last message may have arrived; onboarding resolve decides",
            "42@7.test": "neither on the roster nor known to the ledger",
            mistyped: f"neither on the roster nor known to the ledger (did you mean {JOERG}?)",
            HANNA: "sent",
        }
        assert scene.told().count(JOERG) == 1


async def test_message_that_was_deferred_is_released_and_sent_once(tmp_path):
    rules = MailRules(defer_once=frozenset({JOERG}))
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        results, _ = await resend(scene, JOERG)
        (mail,) = scene.messages()
        (result,) = results
        assert outcomes(results) == {JOERG: "sent"}
        assert result.record.delivery.message_id == mail["Message-ID"]


async def test_rejected_message_is_sent_again(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 No such user"})
    async with stage(tmp_path, [PANELIST], mail_rules=rules) as scene:
        await scene.run()
        results, _ = await resend(scene, JOERG)
        assert outcomes(results) == {JOERG: "rejected"}


async def test_person_who_was_removed_gets_the_cancellation_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.write_roster([HOST])
        await scene.run(Options(remove=True))
        results, _ = await resend(scene, JOERG)
        assert outcomes(results) == {JOERG: "sent"}
        first, second = scene.messages()[-2:]
        assert (first["Subject"], first["To"]) == (second["Subject"], second["To"])
        assert first["Message-ID"] != second["Message-ID"]


async def test_only_the_persons_own_message_leaves_the_queue(tmp_path):
    rules = MailRules(defer_once=frozenset({HANNA}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        await scene.run()
        scene.clock.pass_time(minutes=5)
        await resend(scene, JOERG)
        assert (scene.told().count(HANNA), scene.told().count(JOERG)) == (0, 2)
        assert await scene.states() == {HANNA: "queued", JOERG: "sent"}


async def test_mail_server_that_is_away_leaves_the_copy_queued_for_the_next_run(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        results, error = await resend(scene, JOERG)
        assert (outcomes(results), error is not None) == ({JOERG: "queued"}, True)
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        assert (await scene.run()).sent == 1


async def test_second_copy_waits_for_no_run_that_is_at_work(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        async with scene.rooms() as opened, webinar_lease(opened, find_target(opened.config, NAME)):
            with pytest.raises(AlreadyRunning):
                await resend(scene, JOERG)


async def test_of_two_who_look_at_once_only_one_sends_a_copy(tmp_path):
    """The lease keeps them apart; should it be lost, the write itself does."""
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        async with scene.rooms() as opened:
            target = find_target(opened.config, NAME)
            async with webinar_lease(opened, target) as lease:
                both = [await prepare_resend(opened, target, [JOERG]) for _ in range(2)]
                ends = [
                    await execute_resend(opened, prepared, lease, "Mia", "") for prepared in both
                ]
        assert [outcomes(results) for results, _ in ends] == [
            {JOERG: "sent"},
            {JOERG: "something else was queued for them meanwhile; look at their history"},
        ]
        assert scene.told().count(JOERG) == 2


async def test_doubt_that_arose_meanwhile_holds_the_copy_back(tmp_path):
    async with stage(tmp_path, [PANELIST]) as scene:
        await scene.run()
        async with scene.rooms() as opened:
            target = find_target(opened.config, NAME)
            async with webinar_lease(opened, target) as lease:
                prepared = await prepare_resend(opened, target, [JOERG])
                await opened.ledger.run(put_in_doubt)
                results, _ = await execute_resend(opened, prepared, lease, "Mia", "")
        assert outcomes(results)[JOERG].startswith("something else")
        assert scene.told().count(JOERG) == 1
