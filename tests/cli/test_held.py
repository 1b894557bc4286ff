"""A webinar that another run holds: cron passes it over in silence, until the other run hangs."""

import os
import socket
from datetime import timedelta

import pytest

from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.lease import TOO_LONG, webinar_lease
from onboarding.pipeline.target import find_target
from tests.stage import HOST, NAME, stage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("after", "code", "lines"),
    [
        pytest.param(timedelta(), 0, 0, id="just begun"),
        pytest.param(TOO_LONG, 0, 0, id="two hours"),
        pytest.param(TOO_LONG + timedelta(seconds=1), 1, 2, id="more than two hours"),
    ],
)
async def test_webinar_that_another_run_holds(tmp_path, capsys, after, code, lines):
    async with (
        stage(tmp_path, [HOST]) as scene,
        scene.rooms() as opened,
        webinar_lease(opened, find_target(opened.config, NAME)),
    ):
        since = format_machine_time(scene.clock.now())
        scene.clock.time += after

        assert await scene.cron() == code

        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", lines)
        if lines:
            who = f"(process {os.getpid()} on {socket.gethostname()})"
            assert err.startswith(f"Another run is at work on {NAME} since {since} {who}.\n")


async def test_webinar_that_is_held_for_too_long_keeps_no_other_from_being_served(tmp_path, capsys):
    async with stage(tmp_path, [HOST], more=1) as scene:
        async with scene.rooms() as opened, webinar_lease(opened, find_target(opened.config, NAME)):
            scene.clock.time += 2 * TOO_LONG
            assert await scene.cron() == 1
        assert scene.recipients() == [HOST["email"]]
        assert capsys.readouterr().err.count("Another run") == 1

        assert await scene.cron() == 0
        assert scene.recipients() == [HOST["email"]] * 2
