"""What `run --all` costs at RingCentral, and what makes it look: over real sockets, by the hour."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.sessions import SessionStatus
from onboarding.simulator.limits import LimitGroup
from tests.pipeline.approving import approval_stage, approve, see_page
from tests.pipeline.test_schedule import write_schedule
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
COMPANY, OWN = "company/sessions", "sessions"
WEBINAR_ITSELF = f"webinars/{WEBINAR}"
SESSION_ITSELF = f"webinars/{WEBINAR}/sessions/{SESSION}"
INVITEES = f"{SESSION_ITSELF}/invitees"
API = "/webinar/configuration/v1/"


async def calls_of_cron(scene: Stage, code: int = 0, **later: float) -> list[str]:
    """The webinar calls that the next `run --all` makes, some time later."""
    scene.clock.pass_time(**later)
    before = len(scene.ringcentral.requests)
    assert await scene.cron() == code
    made = scene.ringcentral.requests[before:]
    heavy = [request for request in made if request.group is LimitGroup.HEAVY]
    return [f"{request.path.removeprefix(API)}" for request in heavy]


def shown_sessions(scene: Stage) -> list[str]:
    """The webinars whose invitees were listed, in order, each as often as it was."""
    lists = scene.ringcentral.requests.select("GET", "/invitees")
    return [request.path.removeprefix(API).split("/")[1] for request in lists]


async def test_first_run_makes_four_calls_and_the_next_ones_make_one(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        assert await calls_of_cron(scene) == [COMPANY, WEBINAR_ITSELF, INVITEES, INVITEES]

        for _ in range(3):
            assert await calls_of_cron(scene, minutes=5) == [COMPANY]

        assert len(scene.messages()) == 2


async def test_fifty_webinars_with_nothing_to_do_cost_one_call(tmp_path):
    async with stage(tmp_path, [HOST], more=49, limits=ROOMY) as scene:
        await scene.cron()

        assert await calls_of_cron(scene, minutes=5) == [COMPANY]
        assert len(scene.messages()) == 50


async def test_changed_roster_is_picked_up_by_the_next_run(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.cron()
        scene.write_roster([HOST, panelist(1)])

        made = await calls_of_cron(scene, minutes=5)

        assert made == [COMPANY, INVITEES, WEBINAR_ITSELF, INVITEES]
        assert scene.told() == [HOST["email"], "guest1@example.com"]
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]


async def test_session_that_moves_costs_each_person_one_update(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.cron()
        scene.ringcentral.account.move_session(WEBINAR, SESSION, HOUR)

        assert await calls_of_cron(scene, minutes=5) == [COMPANY, INVITEES, WEBINAR_ITSELF]
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]
        assert len(scene.messages()) == 4


async def test_changed_template_is_looked_at_and_mails_no_person(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.cron()
        (scene.folder / "templates").mkdir()
        (scene.folder / "templates" / "note.txt.j2").write_text("Hello", encoding="utf-8")

        assert await calls_of_cron(scene, minutes=5) == [COMPANY, INVITEES]
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]
        assert len(scene.messages()) == 1


@pytest.mark.parametrize(
    ("before_start", "minutes"),
    [(timedelta(days=3), 24 * 60), (timedelta(hours=20), 60), (timedelta(hours=1), 15)],
)
async def test_what_only_the_list_of_invitees_shows_is_seen_in_time(
    tmp_path, before_start, minutes
):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        start = scene.ringcentral.account.find_session(WEBINAR, SESSION).start
        scene.clock.time = start - before_start
        await scene.cron()
        (record,) = (
            record
            for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)
            if record.email == PANELIST["email"]
        )
        scene.ringcentral.account.remove_invitee(WEBINAR, SESSION, record.id, scene.clock.now())

        assert await calls_of_cron(scene, minutes=minutes - 1) == [COMPANY]
        made = await calls_of_cron(scene, minutes=1)

        assert made == [COMPANY, INVITEES, WEBINAR_ITSELF, INVITEES]
        assert scene.told()[2:] == [PANELIST["email"]]


async def test_regular_lists_are_spread_over_the_runs_soonest_webinar_first(tmp_path):
    async with stage(tmp_path, [HOST], more=4, limits=ROOMY) as scene:
        account = scene.ringcentral.account
        # Nearer and nearer, so that the order is not that of config.toml.
        for nearer, key in enumerate(sorted(account.sessions)):
            account.move_session(*key, -nearer * HOUR)
        await scene.cron()
        soonest_first = shown_sessions(scene)
        assert soonest_first == [webinar for webinar, _ in sorted(account.sessions)[::-1]]
        assert len(await calls_of_cron(scene, hours=24)) == 4
        assert len(await calls_of_cron(scene, minutes=5)) == 3
        assert len(await calls_of_cron(scene, minutes=5)) == 1

        assert shown_sessions(scene) == soonest_first * 2


async def test_who_waits_for_calls_is_never_one_that_starts_earlier(tmp_path):
    async with stage(tmp_path, [HOST], more=4) as scene:
        account = scene.ringcentral.account
        # The one that config.toml names last starts first.
        for nearer, key in enumerate(sorted(account.sessions)):
            account.move_session(*key, -nearer * HOUR)
        began = scene.clock.now()

        await scene.cron()

        assert scene.clock.now() - began >= timedelta(seconds=60)
        served = list(dict.fromkeys(shown_sessions(scene)))
        assert served == [webinar for webinar, _ in sorted(account.sessions)[::-1]]


async def test_list_that_is_refused_is_asked_for_again_after_a_day(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        scene.ringcentral.account.user_permissions.clear()

        first = await calls_of_cron(scene)
        assert first == [COMPANY, OWN, WEBINAR_ITSELF, INVITEES]
        assert await calls_of_cron(scene, minutes=5) == [OWN]
        assert (await calls_of_cron(scene, hours=24))[:2] == [COMPANY, OWN]


async def test_session_that_no_list_has_is_asked_for_by_itself_each_hour(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        hide_from_the_lists(scene)
        first = await calls_of_cron(scene)
        assert first == [COMPANY, OWN, WEBINAR_ITSELF, SESSION_ITSELF, INVITEES, WEBINAR_ITSELF]

        assert await calls_of_cron(scene, minutes=5) == [OWN]
        assert await calls_of_cron(scene, minutes=55) == [OWN, SESSION_ITSELF]
        scene.write_roster([HOST, panelist(1)])
        made = await calls_of_cron(scene, minutes=5)
        assert made == [OWN, SESSION_ITSELF, INVITEES, WEBINAR_ITSELF, INVITEES]
        assert len(scene.messages()) == 2


def hide_from_the_lists(scene: Stage) -> None:
    """Let the webinar be a colleague's, whose sessions the user may not list."""
    account = scene.ringcentral.account
    account.user_permissions.clear()
    account.owner = replace(account.owner, user_id="another")


async def test_session_that_is_gone_is_told_once_and_asked_for_each_hour(tmp_path, capsys):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.cron()
        scene.ringcentral.account.sessions.pop((WEBINAR, SESSION))
        capsys.readouterr()

        assert await calls_of_cron(scene, 2, minutes=5) == [COMPANY, SESSION_ITSELF]
        told = capsys.readouterr().err
        assert told.startswith(f"{NAME}: RingCentral knows no session {SESSION}")
        assert "Nothing more is sent for it" in told

        assert await calls_of_cron(scene, 2, minutes=5) == [COMPANY]
        assert await calls_of_cron(scene, 2, minutes=55) == [COMPANY, SESSION_ITSELF]
        assert capsys.readouterr() == ("", "")
        assert len(scene.messages()) == 2


async def test_session_that_is_finished_costs_one_look_and_then_nothing(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.cron()
        account = scene.ringcentral.account
        account.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)

        assert await calls_of_cron(scene, minutes=5) == [COMPANY, INVITEES]
        assert await calls_of_cron(scene, minutes=5) == []
        assert len(scene.messages()) == 1


async def test_after_its_planned_end_a_session_is_not_listed_any_more(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.cron()
        scene.clock.time = scene.ringcentral.account.find_session(WEBINAR, SESSION).end

        assert await calls_of_cron(scene) == [COMPANY]
        assert await calls_of_cron(scene, hours=2) == [COMPANY]


async def test_run_by_name_always_lists_and_counts_for_the_next_run_of_all(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        calls = scene.heavy_calls()
        await scene.run()

        assert scene.heavy_calls() - calls == 2
        # The list is the first to show the webinar's host and its titles as the list has them.
        assert await calls_of_cron(scene, minutes=5) == [COMPANY]


async def test_rehearsal_is_no_run_that_counts(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run(to="producer@example.com")

        made = await calls_of_cron(scene, minutes=5)

        assert INVITEES in made
        assert scene.told() == ["producer@example.com", HOST["email"]]


async def test_what_only_a_person_can_correct_is_listed_twice_and_then_when_it_is_time(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        write_schedule(scene, 'reminder = "-1h 09:00"')
        await scene.cron()  # sends the invitations, so this run leaves something else

        calls = [await calls_of_cron(scene, code=1, minutes=5) for _ in range(4)]
        assert calls[-2:] == [[COMPANY], [COMPANY]]
        assert await calls_of_cron(scene, code=1, hours=24) == [COMPANY, INVITEES]

        write_schedule(scene, 'reminder = "-1h"')
        assert await calls_of_cron(scene, code=0, minutes=5) == [COMPANY, INVITEES]
        assert await calls_of_cron(scene, code=0, minutes=5) == [COMPANY]


async def test_page_that_is_approved_later_is_seen_by_the_next_run(tmp_path):
    async with approval_stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        for _ in range(3):
            await scene.cron()
            scene.clock.pass_time(minutes=5)
        assert await calls_of_cron(scene, code=1, minutes=5) == [COMPANY]
        review = await see_page(scene)
        await approve(scene, review.digest)

        assert await scene.cron() == 0
        assert scene.told() == [PANELIST["email"]]


async def test_roster_that_stays_unreadable_is_said_once_then_once_a_day(tmp_path, capsys):
    async def find_said(code: int, **later: float) -> int:
        scene.clock.pass_time(**later)
        assert await scene.cron() == code
        return capsys.readouterr().err.count("invitees.csv")

    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.cron()
        (tmp_path / "invitees.csv").rename(tmp_path / "away.csv")
        said = [await find_said(75, minutes=5) for _ in range(3)]
        later = await find_said(75, hours=24)
        (tmp_path / "away.csv").rename(tmp_path / "invitees.csv")
        good = await find_said(0, minutes=5)
        (tmp_path / "invitees.csv").rename(tmp_path / "away.csv")
        again = await find_said(75, minutes=5)

    assert (said, later, good, again) == ([1, 0, 0], 1, 0, 1)
