"""RingCentral mails our people itself (*Send now*, or although added silently): what follows."""

from datetime import timedelta

import pytest

from onboarding.cli.output import status_json
from onboarding.plan import Options
from onboarding.simulator.rules import Rules
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

PEOPLE = [HOST, PANELIST, panelist(1)]
OURS = sorted([PANELIST["email"], "guest1@example.com"])
INCLUDE = Options(include_already_mailed=True)
ADVICE = "Don't click Send now"


def send_now(scene: Stage) -> None:
    scene.ringcentral.account.send_now(WEBINAR, SESSION, scene.clock.now())


async def test_the_run_that_first_sees_it_names_them_and_updates_go_on(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        send_now(scene)

        first, second = await scene.run(), await scene.run()

        assert (
            first.exit_code,
            first.sent,
            sorted(problem.email for problem in first.problems),
        ) == (
            1,
            0,
            OURS,
        )
        assert (second.exit_code, second.has_changes) == (0, False)
        assert status_json(await scene.status())["mailed_by_ringcentral"] == OURS

        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=2))
        moved = await scene.run()
        assert (moved.exit_code, moved.sent) == (0, 3)
        scene.write_roster([HOST, PANELIST])
        removed = await scene.run(Options(remove=True))
        assert (removed.exit_code, removed.sent, scene.told()[-1]) == (0, 1, "guest1@example.com")


async def test_changing_their_records_stays_on_request(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        send_now(scene)
        await scene.run()
        mailed = list(scene.ringcentral.account.mailed)
        scene.write_roster([HOST, {**PANELIST, "last_name": "Other"}])

        result = await scene.run()
        assert (result.exit_code, result.has_changes, scene.ringcentral.account.mailed) == (
            0,
            False,
            mailed,
        )

        await scene.run(INCLUDE)
        assert scene.ringcentral.account.mailed == [*mailed, PANELIST["email"]]


async def test_who_was_added_silently_and_mailed_all_the_same_waits_for_a_person(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        scene.ringcentral.account.rules = Rules(silent_additions_stay_silent=False)

        for _ in range(3):
            result = await scene.run()
            assert (result.exit_code, sorted(problem.email for problem in result.problems)) == (
                1,
                OURS,
            )
        assert scene.told() == [HOST["email"]]
        assert status_json(await scene.status())["mailed_by_ringcentral"] == OURS

        scene.write_roster([HOST, PANELIST])
        gone = await scene.run()
        assert [problem.email for problem in gone.problems] == [PANELIST["email"]]

        asked = await scene.run(INCLUDE)
        assert (asked.exit_code, scene.told()) == (0, [HOST["email"], PANELIST["email"]])
        assert (await scene.run()).exit_code == 0


async def test_message_put_off_before_the_click_does_not_leave_after_it(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        assert (await scene.run()).exit_code == 75
        send_now(scene)
        held = await scene.run()
        assert (held.exit_code, [problem.email for problem in held.problems]) == (
            1,
            [PANELIST["email"]],
        )
        scene.clock.pass_time(hours=1)
        assert (await scene.run()).sent == 0

        assert (await scene.run(INCLUDE)).sent == 1


async def test_message_asked_for_and_put_off_leaves_in_a_later_run(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules) as scene:
        scene.ringcentral.account.rules = Rules(silent_additions_stay_silent=False)
        assert (await scene.run(INCLUDE)).exit_code == 75
        scene.clock.pass_time(hours=1)

        later = await scene.run()

        assert (later.exit_code, later.sent) == (0, 1)


async def test_who_was_removed_and_added_silently_again_is_named_again(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        send_now(scene)
        await scene.run()
        scene.write_roster([HOST])
        await scene.run(Options(remove=True))
        scene.write_roster([HOST, PANELIST])
        assert (await scene.run()).exit_code == 0
        assert status_json(await scene.status())["mailed_by_ringcentral"] == []
        send_now(scene)
        assert [problem.email for problem in (await scene.run()).problems] == [PANELIST["email"]]


async def test_cron_names_them_once_even_where_the_first_run_breaks_off(tmp_path, capsys):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        send_now(scene)
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        assert await scene.cron() == 75
        scene.variables["ONBOARDING_SMTP__PORT"] = str(scene.mail.port)

        codes = []
        for _ in range(2):
            capsys.readouterr()
            codes.append((await scene.cron(), PANELIST["email"] in capsys.readouterr().out))

        assert codes == [(1, True), (0, False)]


async def test_plan_and_run_end_with_advice_while_there_is_something_to_send(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        before = await on(scene, "plan", NAME)
        ran = await on(scene, "run", NAME, "--yes")
        after = await on(scene, "plan", NAME)
        quiet = await on(scene, "run", NAME, "--yes", "--quiet")
        as_json = await on(scene, "run", NAME, "--yes", "--json")
        everything = await on(scene, "run", "--all")
        send_now(scene)
        named = await on(scene, "run", NAME, "--yes")
        status = await on(scene, "status", NAME)

    assert [ADVICE in person.out for person in (before, quiet, as_json, everything, named)] == [
        False
    ] * 5
    assert ran.out.splitlines()[-1].startswith(ADVICE)
    assert after.out.splitlines()[-1].startswith(ADVICE)
    assert (named.code, PANELIST["email"] in named.out) == (1, True)
    assert f"RingCentral has mailed these people itself: {PANELIST['email']}." in status.out
