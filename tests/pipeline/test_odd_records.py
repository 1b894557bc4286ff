"""Records that come back other than they were sent: requested once, reported, never again."""

from dataclasses import replace

import pytest

from onboarding.model.people import LinkedUser
from onboarding.plan import Options
from onboarding.simulator.rules import Rules
from tests.stage import COHOST, HOST, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

LINKED = {**COHOST, "role": "Panelist"}
NOT_LINKED = "RingCentral was asked to change the linked user and did not. Change it there by hand."


def patches(scene: Stage) -> int:
    return sum(request.method == "PATCH" for request in scene.ringcentral.requests)


@pytest.mark.parametrize("first", [LINKED, {**LINKED, "account_id": "", "user_id": ""}])
async def test_linked_panelist_without_ids_in_the_record_is_replaced_once_at_most(tmp_path, first):
    async with stage(tmp_path, [HOST, LINKED]) as scene:
        scene.ringcentral.account.rules = Rules(linked_users_show_ids=False)
        scene.write_roster([HOST, first])
        await scene.run()
        scene.write_roster([HOST, LINKED])
        await scene.run()
        sent, changes = len(scene.told()), patches(scene)

        last = [await scene.run(), await scene.run()]

        assert (len(scene.told()), patches(scene)) == (sent, changes)
        assert sent <= 3
        assert [
            (result.exit_code, [problem.message for problem in result.problems]) for result in last
        ] == [(1, [NOT_LINKED])] * 2


async def test_linked_user_whose_domain_comes_back_otherwise_is_left_alone(tmp_path):
    async with stage(tmp_path, [HOST, LINKED]) as scene:
        await scene.run()
        people = scene.ringcentral.account.invitees[WEBINAR, SESSION]
        scene.ringcentral.account.invitees[WEBINAR, SESSION] = {
            key: replace(
                record,
                linked_user=record.linked_user
                and LinkedUser(record.linked_user.account_id, record.linked_user.user_id, "ilm"),
            )
            for key, record in people.items()
        }

        again = await scene.run()

        assert (again.exit_code, again.has_changes) == (0, False)


async def test_title_that_never_shows_is_sent_once_and_is_no_problem(tmp_path):
    titled = {**PANELIST, "job_title": "Poet"}
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.write_roster([HOST, titled])
        scene.ringcentral.faults.add(
            "PATCH:missing-field=jobTitle*all", "GET /invitees:missing-field=jobTitle*all"
        )
        before = patches(scene)

        codes = [(await scene.run()).exit_code for _ in range(3)]

        assert (codes, patches(scene) - before) == ([0, 0, 0], 1)
        (guest,) = [
            record
            for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)
            if record.email
        ]
        assert guest.job_title == "Poet"
        scene.ringcentral.faults.clear()
        scene.write_roster([HOST, PANELIST])
        assert (await scene.run()).has_changes is False


async def test_title_that_an_addition_brought_is_not_sent_again(tmp_path):
    titled = {**PANELIST, "job_title": "Poet"}
    async with stage(tmp_path, [HOST, titled], faults=["missing-field=jobTitle*all"]) as scene:
        await scene.run()
        again = await scene.run()
        assert (again.has_changes, patches(scene)) == (False, 1)


async def test_record_that_became_as_wanted_by_other_hands_may_be_changed_again(tmp_path):
    titled = {**PANELIST, "job_title": "Poet"}
    async with stage(tmp_path, [HOST, titled], faults=["missing-field=jobTitle*2"]) as scene:
        await scene.run()
        await scene.run()
        people = scene.ringcentral.account.invitees[WEBINAR, SESSION]
        for key, record in people.items():
            if record.email:
                scene.ringcentral.account.invitees[WEBINAR, SESSION] = {
                    **people,
                    key: replace(record, job_title="Bard"),
                }

        changed = await scene.run()

        assert (changed.exit_code, patches(scene)) == (0, 2)


async def test_run_status_and_report_tell_every_problem_of_a_row_once(tmp_path):
    twice_wrong = panelist(1, role="Speaker", time_zone="Mars/Olympus", language="??")
    async with stage(tmp_path, [HOST, twice_wrong]) as scene:
        result = await scene.run()
        known = await scene.status()

    columns = [problem.column for problem in result.problems]
    assert sorted(columns) == ["language", "role", "time_zone"]
    assert [problem.column for problem in known.problems] == columns


async def test_adding_two_colleagues_without_ids_in_their_records_mails_both(tmp_path):
    async with stage(tmp_path, [HOST, LINKED]) as scene:
        scene.ringcentral.account.rules = Rules(linked_users_show_ids=False)
        result = await scene.run(Options())
        assert (result.exit_code, result.sent) == (1, 2)
