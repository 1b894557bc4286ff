"""Time zones of sessions and rows in a whole run: an unknown one is found before any change."""

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.pipeline.hand_off import read_report
from onboarding.pipeline.refresh import plan_fresh, read_roster, refresh
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.reports.report_page import render_html
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

IN_UTC = (
    "RingCentral names the time zone “Mars/Olympus”, which this machine does not know:"
    " a person who has none on the roster gets all times in UTC."
)


def text_of(scene: Stage, email: str) -> str:
    (message,) = [
        message for message in scene.messages() if message["To"].addresses[0].addr_spec == email
    ]
    return message.get_body(("plain",)).get_content()


async def test_unknown_zone_is_found_before_anybody_is_added_and_letters_say_utc(tmp_path):
    async with stage(
        tmp_path, [HOST, PANELIST, panelist(1, time_zone="America/New_York")]
    ) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, time_zone="Mars/Olympus")
        async with scene.rooms() as opened:
            goal = find_target(opened.config, NAME)
            view = await refresh(opened, goal, await read_roster(goal, opened.stop))
            _, plan = await plan_fresh(opened, goal, view, Options())

        result = await scene.run()

        assert (plan.notes, plan.problems) == ((IN_UTC,), ())
        assert (result.exit_code, result.sent) == (0, 3)
        assert "Coordinated Universal Time" in text_of(scene, PANELIST["email"])
        assert "Eastern" in text_of(scene, "guest1@example.com")
        status = await scene.status()
        assert ([note.message for note in status.notes], status.problems) == ([IN_UTC], [])
        report, _unknown = read_report(scene.config, [goal], scene.clock.now(), NoProgress())
        assert report.webinars[0].notes == (IN_UTC,)
        assert "Coordinated Universal Time" in render_html(report)


@pytest.mark.parametrize(
    ("of_session", "of_row", "shown"),
    [
        ("W. Europe Standard Time", "", "Central European"),
        ("UTC+2", "", "GMT+02:00"),
        ("Mars/Olympus", "GMT-05:30", "GMT-05:30"),
        ("UTC", "Tokyo Standard Time", "Japan Standard Time"),
    ],
)
async def test_names_of_windows_and_offsets_are_understood_in_messages(
    tmp_path, of_session, of_row, shown
):
    async with stage(tmp_path, [HOST, panelist(1, time_zone=of_row)]) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, time_zone=of_session)

        assert (await scene.run()).exit_code == 0
        assert shown in text_of(scene, "guest1@example.com")
