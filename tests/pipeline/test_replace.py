"""One person in place of another: the roster's row, RingCentral, and both mailboxes."""

import asyncio

import pytest

from onboarding.errors import ConfigurationError, OnboardingError, TryLater
from onboarding.model.people import Role
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.forget import forget_person, read_all_rosters
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.replace import (
    NotReplaced,
    Replacement,
    execute_replacement,
    prepare_replacement,
)
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on, started
from tests.stage import (
    COHOST,
    HOST,
    NAME,
    PANELIST,
    ROOMY,
    SESSION,
    WEBINAR,
    Stage,
    panelist,
    stage,
)

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]
LIN = ("Lin", "Example", "lin@example.com")
NEW = dict(zip(("first_name", "last_name", "email"), LIN, strict=True)) | {"role": "Panelist"}
PEOPLE = [HOST, PANELIST, panelist(1)]


async def replaced(scene: Stage, old: str = JOERG, new: tuple[str, ...] = LIN) -> Replacement:
    async with scene.rooms() as opened:
        target = find_target(opened.config, NAME)
        async with webinar_lease(opened, target) as lease:
            prepared = await prepare_replacement(opened, target, old, new)
            return await execute_replacement(opened, prepared, lease, "Mia")


def registered(scene: Stage) -> set[str]:
    records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
    return {record.email for record in records if record.role is not Role.HOST}


def roster_of(scene: Stage) -> bytes:
    return (scene.folder / "invitees.csv").read_bytes()


async def test_old_is_removed_and_cancelled_and_new_is_added_and_invited(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        before = roster_of(scene)
        done = await replaced(scene)

        assert (done.result.sent, done.result.exit_code) == (2, 0)
        assert registered(scene) == {LIN[2], "guest1@example.com"}
        assert sorted(scene.told()[3:]) == sorted([JOERG, LIN[2]])
        assert done.backup.read_bytes() == before
        row = f"{','.join(LIN)},Panelist,,,,,".encode()
        assert roster_of(scene).splitlines()[2] == row
        assert (await scene.run()).sent == 0


async def test_others_who_need_something_are_left_for_their_run(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        scene.write_roster([*PEOPLE, panelist(2)])
        await replaced(scene)
        assert "guest2@example.com" not in scene.told()
        assert (await scene.run()).sent == 1


async def test_running_session_keeps_the_old_link_and_serves_the_new_person(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.ACTIVE)
        done = await replaced(scene)
        assert registered(scene) == {JOERG, LIN[2], "guest1@example.com"}
        assert (scene.told()[3:], done.result.exit_code) == ([LIN[2]], 1)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ("nobody@example.com", LIN, ConfigurationError, "is not on the roster"),
        (JOERG, ("G", "Example", "guest1@example.com"), NotReplaced, "is on the roster .* already"),
        (JOERG, ("J", "M", JOERG), NotReplaced, "is on the roster .* already"),
        (HANNA, LIN, NotReplaced, "is the host, and a webinar keeps its host"),
        (JOERG, ("Lin", "Example", "no address"), ConfigurationError, "email"),
        (JOERG, (*LIN, "Speaker"), ConfigurationError, "Speaker"),
        (JOERG, (*LIN, "CoHost"), NotReplaced, "a co-host has to be a colleague"),
        (JOERG, (*LIN, "Host"), NotReplaced, "is not this webinar's host"),
    ],
)
async def test_replacement_that_can_not_be_made_changes_nothing(tmp_path, old, new, error, message):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        before = roster_of(scene), registered(scene)
        with pytest.raises(error, match=message):
            await replaced(scene, old, new)
        assert (roster_of(scene), registered(scene)) == before
        assert len(scene.told()) == 3
        assert [file.name for file in scene.folder.glob("*.bak")] == []


@pytest.mark.parametrize(
    ("old", "second"),
    [
        (JOERG, PANELIST | {"first_name": "Georg", "email": JOERG.upper()}),
        (JOERG, PANELIST | {"role": "Speaker"}),
        (COHOST["email"], COHOST | {"email": "c.ortega@brightwater.example"}),
    ],
    ids=["another spelling", "a row with a fault", "the same colleague by ids"],
)
async def test_person_with_a_second_row_is_not_replaced(tmp_path, old, second):
    async with stage(tmp_path, [*PEOPLE, COHOST, second]) as scene:
        await scene.run()
        before = roster_of(scene), registered(scene), len(scene.told())
        with pytest.raises(NotReplaced, match=rf"{old} is also in row 6 of the roster"):
            await replaced(scene, old)
        assert (roster_of(scene), registered(scene), len(scene.told())) == before


async def test_person_in_a_row_with_a_fault_is_not_called_missing(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        scene.write_roster([HOST, PANELIST | {"last_name": ""}])
        before = roster_of(scene)
        with pytest.raises(ConfigurationError, match=r"row 3, last_name, .* missing") as error:
            await replaced(scene)
        assert error.value.hint.startswith("Correct that row of the roster")
        assert (roster_of(scene), len(scene.told())) == (before, 3)


async def test_person_whom_the_fence_keeps_out_is_refused_with_that_reason(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        with (tmp_path / "config.toml").open("a", encoding="utf-8") as file:
            file.write('[rehearsal]\nallow_domains = ["lindenhof.example"]\n')
        before = (tmp_path / "invitees.csv").read_bytes()
        with pytest.raises(NotReplaced, match=r"\[rehearsal\] allow_domains does not list"):
            await replaced(scene)
        assert (tmp_path / "invitees.csv").read_bytes() == before


async def test_person_in_doubt_is_not_replaced(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, PEOPLE, mail_rules=rules) as scene:
        await scene.run()
        with pytest.raises(NotReplaced, match="in doubt: `onboarding resolve launch` first"):
            await replaced(scene)


async def test_roster_that_is_no_csv_names_the_row_to_change(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        people = ",".join(
            f'{{"first_name": "A", "last_name": "B", "email": "{email}", "role": "Panelist"}}'
            for email in (JOERG, "guest1@example.com")
        )
        (scene.folder / "invitees.csv").write_text(f"[{people}]")
        with pytest.raises(ConfigurationError, match="no CSV file") as refused:
            await replaced(scene)
        assert refused.value.hint.startswith(f"Change row 2 ({JOERG}) yourself to Lin, Example,")
        assert refused.value.hint.endswith(f"then `onboarding run {NAME} --remove`.")
        # No person is advised to write a fault into the roster.
        with pytest.raises(ConfigurationError, match=r"row 2, role, .* is no role"):
            await replaced(scene, JOERG, (*LIN, "Speaker"))


async def test_roster_with_a_second_name_is_not_replaced(tmp_path):
    """A rename would leave the other name with the old people."""
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        (scene.folder / "second.csv").hardlink_to(scene.folder / "invitees.csv")
        with pytest.raises(ConfigurationError, match="can't be written"):
            await replaced(scene)


async def test_roster_that_changed_while_the_person_decided_is_left_alone(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        async with scene.rooms() as opened:
            target = find_target(opened.config, NAME)
            async with webinar_lease(opened, target) as lease:
                prepared = await prepare_replacement(opened, target, JOERG, LIN)
                scene.write_roster([*PEOPLE, panelist(2)])
                before = roster_of(scene)
                with pytest.raises(TryLater, match="has changed meanwhile"):
                    await execute_replacement(opened, prepared, lease, "Mia")
        assert (roster_of(scene), len(scene.told())) == (before, 3)


@pytest.mark.parametrize("trouble", ["timeout-before", "timeout-after"])
async def test_killed_after_the_roster_was_written_the_next_run_goes_on(tmp_path, trouble):
    async with stage(tmp_path, PEOPLE, limits=ROOMY) as scene:
        await scene.run()
        asked = len(scene.ringcentral.requests.select("PATCH"))
        scene.ringcentral.faults.add(f"PATCH /invitees:{trouble}=60")
        words = ("replace", NAME, JOERG, "--with", ",".join(LIN), "--yes")
        process = await started(scene.folder, *words, variables=scene.variables)
        while len(scene.ringcentral.requests.select("PATCH")) == asked:
            await asyncio.wait_for(
                scene.ringcentral.requests.wait_for(len(scene.ringcentral.requests) + 1), 60
            )
        process.kill()
        await process.communicate()
        scene.ringcentral.faults.clear()
        assert (b"lin@example.com" in roster_of(scene), len(scene.told())) == (True, 3)

        after = await on(scene, "run", NAME, "--yes")
        again = await on(scene, "run", NAME, "--yes")

        assert (after.code, again.code) == (0, 0), after.all
        assert registered(scene) == {LIN[2], "guest1@example.com"}
        assert sorted(scene.told()[3:]) == sorted([JOERG, LIN[2]])


async def test_person_who_is_registered_again_later_is_not_removed_again(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        await replaced(scene)
        scene.write_roster([HOST, PANELIST, panelist(1), NEW])
        await scene.run()
        scene.write_roster([HOST, panelist(1), NEW])
        await scene.run()
        assert JOERG in registered(scene)


async def test_forgotten_person_is_in_no_copy_of_the_roster(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        done = await replaced(scene)
        kept = scene.folder / "invitees.csv.bak"
        kept.write_text("a copy of the user's own")
        async with scene.rooms() as opened:
            forgotten = await forget_person(opened, JOERG, await read_all_rosters(opened))
        assert (done.backup.exists(), kept.exists(), forgotten.backups) == (False, True, 1)
        written = [file.read_bytes() for file in scene.folder.rglob("*") if file.is_file()]
        assert [content for content in written if JOERG.encode() in content] == []


async def test_mail_server_that_is_away_loses_nothing(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        await scene.run()
        port = scene.variables["ONBOARDING_SMTP__PORT"]
        scene.variables["ONBOARDING_SMTP__PORT"] = "1"
        with pytest.raises(OnboardingError):
            await replaced(scene)
        scene.variables["ONBOARDING_SMTP__PORT"] = port
        assert (await scene.run()).sent == 2
        assert sorted(scene.told()[3:]) == sorted([JOERG, LIN[2]])
