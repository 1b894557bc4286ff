"""RingCentral says things that can't be right: one message, and no traceback or long wait."""

import pytest

from tests.cli.command import Seen, command
from tests.ringcentral.scripted import Reply, scripted
from tests.stage import CONFIG

pytestmark = pytest.mark.anyio

LIST = {"records": []}
FOR_EVER = "1000000000000000000"


async def webinars(folder, *replies: Reply, url: str = "") -> Seen:
    (folder / "config.toml").write_text(CONFIG)
    async with scripted() as server:
        server.script = list(replies)
        return await command(
            folder,
            "webinars",
            variables={
                "RC_SERVER_URL": url or server.url,
                "RC_APP_CLIENT_ID": "client",
                "RC_APP_CLIENT_SECRET": "hush-secret",
                "RC_USER_JWT": "hush-jwt",
            },
        )


@pytest.mark.parametrize("asked", ["1e18", FOR_EVER, "Fri, 31 Dec 9999 23:59:59 GMT"])
@pytest.mark.parametrize("status", [429, 503])
async def test_server_that_asks_to_be_left_alone_for_ever_is_left_until_later(
    tmp_path, status, asked
):
    seen = await webinars(tmp_path, Reply(status=status, headers={"Retry-After": asked}))

    assert (seen.code, " until 2" in seen.err, "Traceback" in seen.all) == (75, True, False)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Rate-Limit-Window", "1e18"),
        ("X-Rate-Limit-Window", FOR_EVER),
        ("X-Rate-Limit-Window", "NaN"),
        ("X-Rate-Limit-Window", "-60"),
        ("X-Rate-Limit-Limit", "2000000"),
    ],
)
async def test_limit_that_can_not_be_right_stops_nothing_and_is_said(tmp_path, header, value):
    seen = await webinars(
        tmp_path, Reply(LIST, headers={header: value, "X-Rate-Limit-Remaining": "5"})
    )

    assert (
        seen.code,
        f"RingCentral's header {header} is" in seen.err,
        "Traceback" in seen.all,
    ) == (0, True, False)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"records": ' + b"[" * 100_000, "is nested too deeply"),
        (b'{"records": [], "records": []}', "gives one name twice"),
        (b'{"records": [{"id": 1e400}]}', "holds a number that is too large"),
        (b'{"records": [{"id": ' + b"9" * 10_000 + b"}]}", "holds a number that is too large"),
        (b'{"records": "\xff"}', "is not in UTF-8"),
        (b"<html>Log in</html>", "no JSON"),
    ],
)
async def test_answer_that_is_not_sound_is_one_message(tmp_path, body, why):
    seen = await webinars(tmp_path, Reply(body=body, headers={"Content-Type": "text/html"}))

    assert (seen.code, why in seen.err or "RC_SERVER_URL" in seen.err, "Traceback" in seen.all) == (
        2,
        True,
        False,
    )


@pytest.mark.parametrize(
    "url", ["https://host.example:abc", "https://", "https://plat form.example"]
)
async def test_server_that_is_no_address_is_named_by_its_variable(tmp_path, url):
    seen = await webinars(tmp_path, url=url)

    assert (seen.code, "RC_SERVER_URL" in seen.err, "Traceback" in seen.all) == (2, True, False)
