"""Getting in: the printed key on this machine, names and passwords elsewhere, and out again."""

import pytest

from onboarding.config.console import ConsoleRole
from tests.console.serving import BY, serve_on
from tests.stage import HOST, NAME, stage

pytestmark = pytest.mark.anyio


async def test_key_is_exchanged_for_a_cookie_and_leaves_the_address(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene) as served:
        key = served.console.keys.make()
        async with served.client(role=None) as browser:
            entered = await browser.get(f"/enter/{key}")
            shown = await browser.get("/")

    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert "SameSite=strict" in entered.headers["set-cookie"]
    assert key not in entered.headers["set-cookie"]
    assert shown.status_code == 200
    assert BY in shown.text
    assert NAME in shown.text
    assert key not in shown.text


async def test_key_works_once_and_says_how_to_get_another(tmp_path):
    async with stage(tmp_path, [HOST]) as scene, serve_on(scene) as served:
        key = served.console.keys.make()
        async with served.client(role=None) as first, served.client(role=None) as second:
            looked = await second.head(f"/enter/{key}")
            entered = await first.get(f"/enter/{key}")
            refused = await second.get(f"/enter/{key}")

    assert [looked.status_code, entered.status_code, refused.status_code] == [405, 303, 403]
    assert "Press Enter in the terminal" in refused.text
    assert "set-cookie" not in refused.headers


async def test_stranger_is_asked_to_log_in_and_comes_back(tmp_path):
    async with (
        stage(tmp_path, [HOST]) as scene,
        serve_on(scene) as served,
        served.client(role=None) as browser,
    ):
        asked = await browser.get("/?page=2")

    assert (asked.status_code, asked.headers["location"]) == (303, "/log-in?to=/%3Fpage%3D2")


async def test_viewer_sees_only_their_webinars(tmp_path):
    async with (
        stage(tmp_path, [HOST], more=1) as scene,
        serve_on(scene) as served,
        served.client(ConsoleRole.VIEWER, ("launch2",)) as browser,
    ):
        shown = await browser.get("/")

    assert "launch2" in shown.text
    assert ">launch<" not in shown.text
