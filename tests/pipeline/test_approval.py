"""With approval, a run does what an approved page shows, and holds back the rest by person."""

from datetime import timedelta

import pytest

from onboarding.errors import ConfigurationError
from onboarding.model.kinds import Kind
from onboarding.model.reviews import ApprovalMode
from onboarding.pipeline.target import find_target
from onboarding.plan import Options, SkipCode
from tests.pipeline.approving import approval_stage, approve, approve_all, see_page, see_plan
from tests.samples import HANNA, JOERG
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"
PEOPLE = [HOST, PANELIST, panelist(1)]
EVERYBODY = sorted([HANNA.email, JOERG.email, GUEST])
PANELISTS = sorted([JOERG.email, GUEST])
HOUR = timedelta(hours=1)


def write_invitation(scene, words="Hello {{ invitee.first_name }}", kind="invitation"):
    templates = scene.folder / "templates"
    templates.mkdir(exist_ok=True)
    (templates / f"{kind}.html.j2").write_text(
        "<html><head><title>Welcome</title></head><body>"
        f"<p>{words}, {{{{ session.start }}}}</p><p>{{{{ join_link }}}}</p></body></html>",
        encoding="utf-8",
    )


def skipped(plan_or_result):
    items = plan_or_result.skipped
    return sorted(item.invitee.email for item in items if item.skip is SkipCode.NOT_APPROVED)


@pytest.mark.parametrize("value", ["true", '"strict"'])
async def test_nothing_is_done_before_the_first_approval(tmp_path, value):
    async with approval_stage(tmp_path, PEOPLE, value) as scene:
        result = await scene.run()

        assert (result.exit_code, result.sent, result.registered) == (1, 0, 0)
        assert skipped(result) == EVERYBODY
        assert scene.ringcentral.requests.select("PATCH") == []
        assert await scene.states() == {}
        problems = (await scene.status()).problems
        assert all(problem.waits_for_approval for problem in problems)
        messages = [problem.message for problem in problems]
        assert "held back until it is approved: registering them; invitation" in messages


@pytest.mark.parametrize("value", ["true", '"strict"'])
async def test_an_approved_page_is_carried_out(tmp_path, value):
    async with approval_stage(tmp_path, PEOPLE, value) as scene:
        await approve_all(scene)

        result = await scene.run()

        assert (result.exit_code, result.sent) == (0, 3)
        assert scene.recipients() == EVERYBODY
        assert (await scene.run()).exit_code == 0
        assert (await see_page(scene)).changes == ()


async def test_a_page_that_was_only_looked_at_approves_nothing(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        await see_page(scene)

        assert skipped(await scene.run()) == EVERYBODY


async def test_one_row_that_changed_is_held_back_and_the_rest_goes(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        write_invitation(scene)
        await approve_all(scene)
        scene.write_roster([HOST, PANELIST, panelist(1, first_name="Guinevere")])

        result = await scene.run()

        assert (result.exit_code, skipped(result)) == (1, [GUEST])
        assert scene.recipients() == sorted([HANNA.email, JOERG.email])
        (problem,) = result.problems
        assert problem.email == GUEST
        assert "-Hello Guest1, " in problem.message
        assert "+Hello Guinevere, " in problem.message
        assert "each-reader-has-their-own-link" not in problem.message


async def test_a_new_row_is_held_back_until_another_page_is_approved(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await approve_all(scene)
        scene.write_roster(PEOPLE)

        assert skipped(await scene.run()) == [GUEST]
        await approve_all(scene)
        assert (await scene.run()).exit_code == 0
        assert scene.recipients() == EVERYBODY


async def test_approvals_add_up(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        first = await see_page(scene)
        scene.write_roster(PEOPLE)
        second = await see_page(scene)
        for review in (second, first):
            await approve(scene, review.digest)
        scene.write_roster([HOST, PANELIST])

        assert (await scene.run()).exit_code == 0


async def test_a_list_of_the_panel_that_changed_holds_back_nobody_and_is_said(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await approve_all(scene)
        scene.write_roster(PEOPLE)

        page = await see_page(scene)

        assert page.messages[0].covered
        assert any("lists the panel, which has changed since" in note for note in page.notes)
        result = await scene.run()
        assert (scene.recipients(), skipped(result)) == (
            sorted([HANNA.email, JOERG.email]),
            [GUEST],
        )


async def test_one_character_of_a_template_holds_back_all_of_that_kind(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        write_invitation(scene)
        await approve_all(scene)
        write_invitation(scene, "Hello, {{ invitee.first_name }}")

        result = await scene.run()

        # The Host's own template is the shipped one.
        assert (scene.recipients(), skipped(result)) == ([HANNA.email], PANELISTS)
        write_invitation(scene)
        assert (await scene.run()).sent == 2


async def test_a_session_that_moved_holds_back_invitations_that_say_when(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        await approve_all(scene)
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        assert skipped(await scene.run()) == EVERYBODY


@pytest.mark.parametrize(("value", "sent", "held"), [("true", 3, []), ('"strict"', 0, EVERYBODY)])
async def test_an_hours_move_waits_for_a_signature_only_under_strict(tmp_path, value, sent, held):
    async with approval_stage(tmp_path, PEOPLE, value) as scene:
        await approve_all(scene)
        await scene.run()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        plan = await see_plan(scene)
        result = await scene.run()

        assert (result.sent, skipped(result), skipped(plan)) == (sent, held, held)
        await approve_all(scene)
        assert (await scene.run()).exit_code == 0
        assert len(scene.messages()) == 6


async def test_a_second_move_goes_too_after_an_update_was_approved(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await approve_all(scene)
        await scene.run()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)
        await approve_all(scene)
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        assert (await scene.run()).sent == 2


async def test_an_update_whose_template_changed_waits(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        write_invitation(
            scene, "It moved{% if previous and previous.role_changed %}!{% endif %}", "update"
        )
        await approve_all(scene)
        await scene.run()
        # A sentence that this very update doesn't show: another one would.
        write_invitation(
            scene, "It moved{% if previous and previous.role_changed %}?{% endif %}", "update"
        )
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        assert skipped(await scene.run()) == sorted([HANNA.email, JOERG.email])


async def test_a_title_that_changed_waits(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await approve_all(scene)
        await scene.run()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)
        scene.ringcentral.account.update_session(WEBINAR, SESSION, title="Another title")

        assert skipped(await scene.run()) == sorted([HANNA.email, JOERG.email])


async def test_a_removal_needs_its_own_approval(tmp_path):
    async with approval_stage(tmp_path, PEOPLE) as scene:
        await approve_all(scene)
        await scene.run()
        scene.write_roster([HOST, PANELIST])
        remove = Options(remove=True)

        held = await scene.run(remove)
        assert skipped(held) == [GUEST]
        assert held.problems[0].message == "held back until it is approved: removing them"
        page = await approve_all(scene, remove)
        assert [message.kind for message in page.messages] == [Kind.CANCELLATION]
        assert (await scene.run(remove)).exit_code == 0
        assert scene.told()[-1] == GUEST


async def test_a_change_of_the_record_is_held_and_the_move_is_told(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await approve_all(scene)
        await scene.run()
        scene.write_roster([HOST, {**PANELIST, "job_title": "Astronaut"}])
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        result = await scene.run()

        assert (result.exit_code, result.sent) == (1, 2)
        assert [problem.email for problem in result.problems] == [JOERG.email]
        assert "changing their record at RingCentral" in result.problems[0].message


async def test_a_queued_message_is_compared_again_before_it_leaves(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        write_invitation(scene)
        await approve_all(scene)
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(Exception, match="mail server"):
            await scene.run()
        assert set((await scene.states()).values()) == {"queued"}
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        write_invitation(scene, "Dear {{ invitee.first_name }}")

        held = await scene.run()

        assert (held.exit_code, scene.recipients()) == (1, [HANNA.email])
        assert await scene.states() == {HANNA.email: "sent"}
        write_invitation(scene)
        assert (await scene.run()).sent == 1
        assert len(scene.messages()) == 2


async def test_a_rehearsal_registers_nobody_without_approval(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        result = await scene.run(to="tester@example.com")

        assert (result.sent, result.registered) == (0, 0)


async def test_ids_are_no_way_round_an_approval(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        target = find_target(scene.config, WEBINAR, tmp_path / "invitees.csv")

        assert target.approval is find_target(scene.config, NAME).approval
        assert target.approval is not ApprovalMode.NONE


async def test_without_approval_a_run_asks_for_none(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        assert (await scene.run()).exit_code == 0


async def test_the_same_page_again_is_said_and_not_stored(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        review = await see_page(scene)

        assert (await approve(scene, review.digest[:12])).is_new
        assert not (await approve(scene, review.digest.upper())).is_new
        assert (await approve(scene, review.digest, by="Sam Green")).is_new


async def test_a_page_that_is_stale_is_approved_and_the_newer_one_is_named(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        stale = await see_page(scene)
        scene.clock.pass_time(minutes=1)
        scene.write_roster(PEOPLE)
        newer = await see_page(scene)

        assert (await approve(scene, stale.digest)).newer == newer.digest
        assert skipped(await scene.run()) == [GUEST]
        await approve(scene, newer.digest)
        assert (await approve(scene, stale.digest, by="Sam Green")).newer == ""


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0123456789ab", "No plan page of launch has the digest 0123456789ab"),
        ("0123456789a", "is not the digest of a plan page"),
        ("0123456789ax", "is not the digest of a plan page"),
        ("", "is not the digest of a plan page"),
        ("0" * 65, "is not the digest of a plan page"),
    ],
)
async def test_a_digest_that_is_wrong_is_refused(tmp_path, digits, words):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        await see_page(scene)

        with pytest.raises(ConfigurationError, match=words) as refused:
            await approve(scene, digits)
        assert refused.value.exit_code == 2


async def test_the_digest_of_another_webinar_is_refused_and_named(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST], more=1) as scene:
        review = await see_page(scene)

        with pytest.raises(ConfigurationError, match=f"It is of webinar {WEBINAR}/{SESSION}"):
            await approve(scene, review.digest, name=f"{NAME}2")


async def test_a_session_that_is_over_can_not_be_approved(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST]) as scene:
        review = await see_page(scene)
        scene.clock.pass_time(days=60)

        with pytest.raises(ConfigurationError, match="is over"):
            await approve(scene, review.digest)
