"""A list that lags behind a change makes the ledger forget no person; only a refusal does."""

import pytest

from onboarding.ledger import registrations, sessions
from onboarding.model.registrations import Standing
from onboarding.plan import Options
from onboarding.simulator.parse import ChangeRequest, parse_value
from tests.stage import HOST, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

REMOVE = Options(remove=True)
PEOPLE = [HOST, PANELIST, panelist(1)]
EVERYBODY = sorted(person["email"] for person in PEOPLE)


def registered(scene: Stage) -> int:
    return len(scene.ringcentral.account.list_records(WEBINAR, SESSION))


async def standings(scene: Stage) -> dict[str, Standing]:
    async with scene.rooms() as opened:
        seen = await opened.ledger.run(sessions.find, opened.config.account, WEBINAR, SESSION)
        assert seen is not None
        known = await opened.ledger.run(registrations.load_managed, seen.id)
    return {key: record.standing for key, record in known.items()}


@pytest.mark.parametrize("patch", ["PATCH:timeout-after", "PATCH:500-after"])
async def test_who_was_added_by_a_lost_call_is_mailed_once_the_list_shows_them(tmp_path, patch):
    async with stage(tmp_path, PEOPLE, faults=[patch, "GET /invitees:lagging*4"]) as scene:
        first = await scene.run()
        assert (first.exit_code, scene.told()) == (1, [HOST["email"]])
        assert await standings(scene) == {
            PANELIST["email"]: Standing.ADDING,
            "guest1@example.com": Standing.ADDING,
        }

        scene.ringcentral.faults.clear()
        second = await scene.run()

        assert (second.exit_code, sorted(scene.told())) == (0, EVERYBODY)
        assert registered(scene) == len(PEOPLE)


async def test_who_is_in_the_answer_is_mailed_at_once_though_the_list_lags(tmp_path):
    faults = ["PATCH:missing-person=guest1@example.com", "GET /invitees:lagging*2"]
    async with stage(tmp_path, PEOPLE, faults=faults) as scene:
        first = await scene.run()
        assert (first.exit_code, sorted(scene.told())) == (
            1,
            sorted([HOST["email"], PANELIST["email"]]),
        )

        second = await scene.run()

        assert (second.exit_code, sorted(scene.told())) == (0, EVERYBODY)


async def test_who_was_removed_by_a_lost_call_gets_a_cancellation_once_the_list_shows_it(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        scene.write_roster([HOST, PANELIST])
        scene.ringcentral.faults.add(
            "PATCH:timeout-after", "GET /invitees:shuffled", "GET /invitees:lagging*2"
        )
        first = await scene.run(REMOVE)
        assert (first.exit_code, first.sent, registered(scene)) == (1, 0, 2)

        scene.ringcentral.faults.clear()
        second = await scene.run()

        assert (second.exit_code, second.sent, scene.told()[-1]) == (0, 1, "guest1@example.com")


async def test_list_that_shows_a_person_late_leads_to_no_second_registration_and_no_second_mail(
    tmp_path,
):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        scene.ringcentral.faults.add("GET /invitees:lagging*2")

        await scene.run()
        last = await scene.run()

        assert (last.exit_code, last.has_changes, sorted(scene.told())) == (0, False, EVERYBODY)
        assert registered(scene) == len(PEOPLE)


async def test_who_was_registered_by_another_while_the_list_lagged_is_not_ours(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], faults=["GET /invitees:lagging"]) as scene:
        added = {
            "firstName": "Guest1",
            "lastName": "Example",
            "email": "guest1@example.com",
            "role": "Panelist",
        }
        theirs = parse_value(ChangeRequest, {"addedInvitees": [{**added, "sendInvite": False}]})
        scene.ringcentral.account.change_invitees(WEBINAR, SESSION, theirs, scene.clock.now())

        result = await scene.run()

        assert (result.exit_code, scene.told()) == (1, [HOST["email"]])
        assert [problem.message.split(",")[0] for problem in result.problems] == [
            "registered silently"
        ]
        assert await standings(scene) == {}
