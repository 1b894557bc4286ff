"""A row's linked user changes and its address stays: the old person is known, and is removed."""

from dataclasses import replace

import pytest

from onboarding.errors import TryLater
from onboarding.plan import Options
from onboarding.simulator.records import CompanyDirectory, DirectoryEntry, make_link
from onboarding.simulator.rules import Rules
from tests.stage import COHOST, HOST, SESSION, WEBINAR, Stage, stage

pytestmark = pytest.mark.anyio

REMOVE = Options(remove=True)
OLD = {**COHOST, "user_id": "800100202"}
NEW = {**COHOST, "user_id": "800100203"}
ADDRESS = COHOST["email"]


def company(scene: Stage, address_of_old: str) -> None:
    """Make two colleagues: RingCentral has the old one at this address, the new one at another."""
    world = scene.ringcentral.account
    others = [
        colleague
        for colleague in world.directory.entries
        if colleague.user_id not in {OLD["user_id"], NEW["user_id"]}
    ]
    world.directory = CompanyDirectory(
        [
            *others,
            DirectoryEntry(OLD["user_id"], OLD["account_id"], address_of_old, "Carlos", "Ortega"),
            DirectoryEntry(
                NEW["user_id"], NEW["account_id"], "new@brightwater.example", "Carla", "Ortega"
            ),
        ]
    )


def on_stage(scene: Stage) -> list[str]:
    records = scene.ringcentral.account.list_records(WEBINAR, SESSION)[1:]
    return [record.linked_user.user_id for record in records if record.linked_user]


async def test_record_that_shows_the_address_is_replaced_without_remove(tmp_path):
    async with stage(tmp_path, [HOST, OLD]) as scene:
        company(scene, ADDRESS)
        await scene.run()
        scene.write_roster([HOST, NEW])

        changed = await scene.run()

        assert (changed.exit_code, on_stage(scene)) == (0, [NEW["user_id"]])
        assert scene.told()[2:] == [ADDRESS]
        assert (await scene.run(REMOVE)).has_changes is False


@pytest.mark.parametrize(
    "old_address", ["", "old@brightwater.example"], ids=["nobody's", "another"]
)
@pytest.mark.parametrize("show_email", [False, True])
async def test_record_that_does_not_show_it_stays_until_remove_and_goes_then(
    tmp_path, old_address, show_email
):
    async with stage(tmp_path, [HOST, OLD]) as scene:
        company(scene, old_address)
        scene.ringcentral.account.rules = Rules(linked_users_show_email=show_email)
        await scene.run()
        scene.write_roster([HOST, NEW])

        changed, again = await scene.run(), await scene.run()
        assert (changed.exit_code, sorted(on_stage(scene))) == (0, [OLD["user_id"], NEW["user_id"]])
        assert (again.exit_code, again.has_changes, scene.told()[2:]) == (0, False, [ADDRESS])

        removed = await scene.run(REMOVE)
        assert (removed.exit_code, removed.sent, on_stage(scene)) == (0, 0, [NEW["user_id"]])
        assert (await scene.run(REMOVE)).has_changes is False


async def test_run_that_dies_in_between_forgets_the_old_person_neither(tmp_path):
    async with stage(tmp_path, [HOST, OLD]) as scene:
        company(scene, "old@brightwater.example")
        await scene.run()
        scene.write_roster([HOST, NEW])
        scene.ringcentral.faults.add("PATCH:500*9")
        with pytest.raises(TryLater):
            await scene.run()
        scene.ringcentral.faults.clear()

        await scene.run(REMOVE)

        assert on_stage(scene) == [NEW["user_id"]]


async def test_row_that_changes_back_keeps_the_first_and_removes_the_second(tmp_path):
    async with stage(tmp_path, [HOST, OLD]) as scene:
        company(scene, "old@brightwater.example")
        await scene.run()
        scene.write_roster([HOST, NEW])
        await scene.run()
        scene.write_roster([HOST, OLD])

        back = await scene.run()
        removed = await scene.run(REMOVE)

        assert (back.exit_code, removed.exit_code, on_stage(scene)) == (0, 0, [OLD["user_id"]])
        assert scene.told()[2:] == [ADDRESS, ADDRESS]


async def test_new_person_whom_another_has_registered_is_not_ours(tmp_path):
    async with stage(tmp_path, [HOST, OLD]) as scene:
        company(scene, "old@brightwater.example")
        await scene.run()
        people = dict(scene.ringcentral.account.invitees[WEBINAR, SESSION])
        (theirs,) = [
            record
            for record in people.values()
            if record.linked_user and record.linked_user.user_id == OLD["user_id"]
        ]
        other = replace(
            theirs,
            id="1",
            join_uri=make_link(),
            linked_user=replace(theirs.linked_user, user_id=NEW["user_id"]),
        )
        scene.ringcentral.account.invitees[WEBINAR, SESSION] = {**people, "1": other}
        scene.write_roster([HOST, NEW])

        result = await scene.run()

        assert (result.exit_code, result.sent) == (1, 0)
