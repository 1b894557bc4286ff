"""Differences between roster, RingCentral and mailboxes: a run removes them all."""

from datetime import timedelta

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.errors import TryLater
from onboarding.model.people import Role
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Options
from onboarding.simulator.limits import LimitGroup
from tests.stage import COHOST, HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio


def roles(scene: Stage) -> list[Role]:
    return [record.role for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)]


async def settled(scene: Stage) -> None:
    """The next run finds nothing to do."""
    again = await scene.run()
    assert (again.has_changes, again.sent, again.heavy_calls) == (False, 0, 2)


async def test_session_that_moved_gets_all_people_an_update(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=2))
        moved = await scene.run()
        assert moved.sent == 2
        assert sorted(scene.told()[2:]) == [HOST["email"], PANELIST["email"]]
        entries = (await scene.status()).records
        assert [
            (colleague.delivery.kind, colleague.delivery.number) for colleague in entries[2:]
        ] == [
            ("update", 2),
            ("update", 2),
        ]
        await settled(scene)


async def test_new_name_is_updated_at_ringcentral_without_a_mail(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.write_roster([HOST, {**PANELIST, "last_name": "Müller-Groß"}])
        changed = await scene.run()
        names = [
            record.last_name
            for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)
            if record.role is Role.PANELIST
        ]
        assert (changed.sent, names) == (0, ["Müller-Groß"])
        await settled(scene)


async def test_guest_who_becomes_cohost_is_registered_again_and_mailed_the_new_link(tmp_path):
    colleague = {**COHOST, "role": "Panelist", "account_id": "", "user_id": ""}
    async with stage(tmp_path, [HOST, COHOST]) as scene:
        scene.write_roster([HOST, colleague])
        await scene.run()
        links = scene.join_links()
        scene.write_roster([HOST, COHOST])
        await scene.run()
        assert roles(scene) == [Role.HOST, Role.COHOST]
        assert len(scene.join_links() - links) == 1
        assert scene.told()[2:] == [COHOST["email"]]
        assert scene.ringcentral.account.mailed == []
        await settled(scene)


async def test_person_off_the_roster_stays_until_removal_is_requested_and_is_then_mailed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        await scene.run()
        links = scene.join_links()
        scene.write_roster([HOST, PANELIST])
        kept = await scene.run()
        assert (kept.has_changes, len(roles(scene))) == (False, 3)

        removed = await scene.run(Options(remove=True))

        assert (removed.sent, len(roles(scene))) == (1, 2)
        farewell = scene.messages()[-1]
        assert farewell["To"].addresses[0].addr_spec == "guest1@example.com"
        text = "".join(
            str(part.get_content())
            for part in farewell.walk()
            if part.get_content_maintype() == "text"
        )
        assert [link for link in links if link in text] == []
        await settled(scene)


async def test_person_removed_by_a_run_that_died_before_its_mails_is_still_mailed(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        scene.write_roster([HOST])
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(TryLater):
            await scene.run(Options(remove=True))
        scene.variables["ONBOARDING_SMTP__PORT"] = str(scene.mail.port)
        later = await scene.run()
        assert later.sent == 1
        assert scene.messages()[-1]["To"].addresses[0].addr_spec == "guest1@example.com"
        await settled(scene)


class Begins(NoProgress):
    """Lets the session begin just before the change is sent."""

    def __init__(self, scene: Stage) -> None:
        self.scene = scene

    def say(self, line: str) -> None:
        if line.startswith("Telling RingCentral"):
            self.scene.ringcentral.account.update_session(
                WEBINAR, SESSION, status=SessionStatus.ACTIVE
            )


async def test_person_who_could_not_be_removed_is_mailed_nothing(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        scene.write_roster([HOST])

        refused = await scene.run(Options(remove=True), progress=Begins(scene))

        assert (refused.exit_code, refused.sent, len(roles(scene))) == (1, 0, 2)
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.SCHEDULED)
        assert (await scene.run()).sent == 0
        assert (await scene.run(Options(remove=True))).sent == 1


async def test_a_cohost_by_address_alone_is_found_in_the_directory_once(tmp_path):
    async with stage(tmp_path, [HOST, {**COHOST, "account_id": "", "user_id": ""}]) as scene:
        first = await scene.run()
        assert (first.exit_code, roles(scene)) == (0, [Role.HOST, Role.COHOST])
        assert scene.ringcentral.requests.count_groups()[LimitGroup.MEDIUM] == 1
        await settled(scene)
        assert scene.ringcentral.requests.count_groups()[LimitGroup.MEDIUM] == 1


@pytest.mark.parametrize("count", [1, 98])
async def test_a_first_run_makes_four_heavy_calls_however_many_people(tmp_path, count):
    async with stage(tmp_path, [HOST, *(panelist(number) for number in range(count))]) as scene:
        result = await scene.run()
        assert (result.sent, result.heavy_calls, scene.heavy_calls()) == (count + 1, 4, 4)
        assert [
            request.status for request in scene.ringcentral.requests if request.status == 429
        ] == []


async def test_three_webinars_wait_for_the_limit_instead_of_failing(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], more=2) as scene:
        results = [await scene.run(name=name) for name in (NAME, f"{NAME}2", f"{NAME}3")]
        assert [result.sent for result in results] == [2, 2, 2]
        assert sum(scene.clock.slept) == pytest.approx(60, abs=1)
        assert [
            request.status for request in scene.ringcentral.requests if request.status == 429
        ] == []


async def test_a_session_that_is_not_given_costs_no_call_more(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], more=1) as scene:
        first = await scene.run(name=f"{NAME}2")
        again = await scene.run(name=f"{NAME}2")
        assert (first.heavy_calls, again.heavy_calls, again.has_changes) == (4, 2, False)
