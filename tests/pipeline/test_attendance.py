"""Who has joined, over real sockets: `missing` and `thanks` go to whom they are for, once each."""

from datetime import datetime, timedelta

import pytest

from onboarding.model.entries import Attendance
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.attendance import NEITHER_HOST_NOR_COHOST, NO_HISTORY
from onboarding.plan import Options
from onboarding.simulator.records import ATTENDEE_ROLE
from onboarding.simulator.rules import History
from tests.cli.command import on
from tests.pipeline.test_schedule import go_to, sent, start_of, write_schedule
from tests.stage import COHOST, HOST, NAME, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

ONE, TWO, THREE = (panelist(number) for number in (1, 2, 3))
PANEL = [HOST, COHOST, ONE, TWO, THREE]
ENTRIES = (
    'missing = { when = "start-5m", to = "missing" }',
    'thanks = { when = "end+1h", to = "joined" }',
)
HISTORY = "/webinar/history/v1/"


async def invite(scene: Stage, *, entries: tuple[str, ...] = ENTRIES) -> datetime:
    """Invite the panel three days ahead; returns the session's start."""
    write_schedule(scene, *entries)
    start = start_of(scene)
    go_to(scene, start - timedelta(days=3))
    assert await scene.cron() == 0
    return start


def begin(scene: Stage, status: SessionStatus = SessionStatus.ACTIVE) -> None:
    scene.ringcentral.account.update_session(WEBINAR, SESSION, status=status)


def join(scene: Stage, person: dict[str, str], at: datetime, **how) -> None:
    scene.ringcentral.account.join(WEBINAR, SESSION, person["email"], at, **how)


def questions(scene: Stage) -> int:
    """How often RingCentral was asked who has joined."""
    return sum(HISTORY in request.path for request in scene.ringcentral.requests.select("GET"))


def change_rules(scene: Stage, **switches: object) -> None:
    account = scene.ringcentral.account
    account.rules = account.rules.model_copy(update=switches)


async def attendance(scene: Stage) -> dict[str, str]:
    return {key: came.attendance.value for key, came in (await scene.status()).attendance.items()}


async def test_who_is_missing_gets_the_link_again_and_who_joined_gets_thanks(tmp_path):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        begin(scene)
        for person in (HOST, COHOST, ONE):
            join(scene, person, start - timedelta(minutes=14))
        join(scene, TWO, start + timedelta(minutes=3))

        go_to(scene, start - timedelta(minutes=4))
        await scene.cron()
        assert await attendance(scene) == {
            HOST["email"]: "joined",
            COHOST["email"]: "joined",
            ONE["email"]: "joined",
            TWO["email"]: "missing",
            THREE["email"]: "missing",
        }
        assert [await sent(scene, who["email"]) for who in (ONE, TWO, THREE)] == [
            ["invitation"],
            ["invitation", "missing"],
            ["invitation", "missing"],
        ]

        begin(scene, SessionStatus.FINISHED)
        go_to(scene, start + timedelta(minutes=61))
        await scene.cron()
        known_for_good = questions(scene)
        go_to(scene, start + timedelta(hours=2))
        await scene.cron()
        assert [await sent(scene, who["email"]) for who in (ONE, TWO, THREE)] == [
            ["invitation", "thanks"],
            ["invitation", "missing", "thanks"],
            ["invitation", "missing"],
        ]
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        # Known for good: RingCentral is not asked again.
        assert questions(scene) == known_for_good == 2


async def test_a_run_asks_once_from_the_arrival_on_and_only_in_a_session_that_began(tmp_path):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene, entries=())
        join(scene, ONE, start - timedelta(minutes=20))
        for minutes, status, expected in (
            (-10, SessionStatus.SCHEDULED, 0),
            (-16, SessionStatus.ACTIVE, 0),
            (-15, SessionStatus.ACTIVE, 1),
            (5, SessionStatus.ACTIVE, 1),
        ):
            before = questions(scene)
            begin(scene, status)
            go_to(scene, start + timedelta(minutes=minutes))
            # With work to do, the webinar's facts are read again; not who has joined.
            scene.write_roster([*PANEL, panelist(abs(minutes) + 10)])
            result = await scene.run(Options())
            assert questions(scene) - before == expected
            assert result.heavy_calls == 4 + expected


@pytest.mark.parametrize("shows_ids", [True, False])
async def test_one_by_the_wrong_door_has_joined_and_is_shown_as_such(tmp_path, shows_ids):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        change_rules(scene, participants_show_ids=shows_ids)
        begin(scene)
        at = start - timedelta(minutes=6)
        join(scene, ONE, at, door=ATTENDEE_ROLE)
        join(scene, COHOST, at)
        go_to(scene, start - timedelta(minutes=5))
        await scene.cron()

        one = (await scene.status()).attendance[ONE["email"]]
        assert (one.attendance, one.joined_at, one.wrong_door) == (Attendance.JOINED, at, True)
        assert await sent(scene, ONE["email"]) == ["invitation"]
        assert await sent(scene, COHOST["email"]) == ["invitation"]
        assert await sent(scene, TWO["email"]) == ["invitation", "missing"]
        shown = await on(scene, "status", NAME)
        assert f"{ONE['email']} (since " in shown.out
        assert "by the attendees' door" in " ".join(shown.out.split())
        report = await on(scene, "report", NAME, "--json")
        assert '"wrong_door": true' in report.out
        assert scene.join_links().isdisjoint(report.out.split('"'))


async def test_a_stranger_on_the_panel_makes_their_role_unknown_and_no_one_of_it_is_mailed(
    tmp_path,
):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        begin(scene)
        join(scene, ONE, start - timedelta(minutes=9))
        join(scene, {"email": "stranger@example.com"}, start - timedelta(minutes=8))
        go_to(scene, start - timedelta(minutes=5))
        assert await scene.cron() == 0
        assert await attendance(scene) == {
            HOST["email"]: "missing",
            COHOST["email"]: "missing",
            ONE["email"]: "unknown",
            TWO["email"]: "unknown",
            THREE["email"]: "unknown",
        }
        assert await sent(scene, COHOST["email"]) == ["invitation", "missing"]
        assert await sent(scene, TWO["email"]) == ["invitation"]


@pytest.mark.parametrize("history", [History.MISSING, History.EMPTY])
async def test_no_history_is_said_and_no_one_is_mailed(tmp_path, history: History):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        begin(scene)
        go_to(scene, start - timedelta(minutes=5))
        join(scene, ONE, start - timedelta(minutes=9))
        change_rules(scene, history=history)
        assert await scene.cron() == 0
        assert set((await attendance(scene)).values()) == {"unknown"}
        assert NO_HISTORY in {note.message for note in (await scene.status()).notes}
        assert await sent(scene, TWO["email"]) == ["invitation"]

        # The next run asks again, and in the same minute there is an answer.
        change_rules(scene, history=History.KNOWN)
        go_to(scene, start - timedelta(minutes=1))
        assert await scene.cron() == 0
        assert await sent(scene, TWO["email"]) == ["invitation", "missing"]
        assert not (await scene.status()).notes


async def test_a_user_who_is_neither_host_nor_cohost_is_told_once_what_is_needed(tmp_path, capsys):
    async with stage(tmp_path, [HOST, ONE]) as scene:
        start = await invite(scene)
        account = scene.ringcentral.account
        begin(scene)
        host = account.list_records(WEBINAR, SESSION)[0]
        other = account.directory.entries[0].__class__("999", "800100200", "other@example.com")
        assert host.linked_user != other.linked_user
        account.owner = other
        go_to(scene, start - timedelta(minutes=5))
        capsys.readouterr()
        assert await scene.cron() == 0
        first = " ".join(capsys.readouterr().out.split())
        scene.clock.pass_time(minutes=2)
        assert await scene.cron() == 0
        again = capsys.readouterr()

        assert questions(scene) == 2
        assert (again.out, again.err) == ("", "")
        assert NEITHER_HOST_NOR_COHOST in {note.message for note in (await scene.status()).notes}
        assert first.count(NEITHER_HOST_NOR_COHOST) == 1
        assert await sent(scene, ONE["email"]) == ["invitation"]


async def test_who_had_joined_stays_so_when_ringcentral_goes_away(tmp_path):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        begin(scene)
        join(scene, ONE, start - timedelta(minutes=9))
        go_to(scene, start - timedelta(minutes=8))
        await scene.run()
        change_rules(scene, history=History.MISSING)
        go_to(scene, start - timedelta(minutes=5))
        await scene.cron()

        found = await attendance(scene)
        assert (found[ONE["email"]], found[TWO["email"]]) == ("joined", "unknown")
        assert await sent(scene, TWO["email"]) == ["invitation"]


async def test_after_the_end_cron_asks_ever_more_seldom(tmp_path):
    async with stage(tmp_path, PANEL) as scene:
        start = await invite(scene)
        change_rules(scene, history=History.MISSING)
        begin(scene, SessionStatus.FINISHED)
        asked = []
        end = start + timedelta(hours=1)
        for hours in range(24):
            before = questions(scene)
            go_to(scene, end + timedelta(hours=hours, minutes=1))
            await scene.cron()
            asked += [hours] * (questions(scene) - before)
        assert asked == [0, 1, 2, 4, 8, 16]
