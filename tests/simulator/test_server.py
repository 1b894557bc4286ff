"""The simulated RingCentral over real sockets: limits, permissions, tokens, log, start and stop."""

import anyio
import pytest

from onboarding.simulator.limits import LimitGroup, Limits
from onboarding.simulator.tokens import JWT_BEARER
from tests.simulator.accounts import (
    ADA,
    API,
    DIRECTORY,
    INVITEES_PATH,
    SESSION_PATH,
    SINCE,
    WEBINAR,
    world,
)
from tests.simulator.conftest import Served, code

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "group"),
    [
        ("GET", f"{API}/webinars/{WEBINAR}", "Heavy"),
        ("PATCH", INVITEES_PATH, "Heavy"),
        ("GET", f"{API}/webinars/404", "Heavy"),
        ("POST", f"{DIRECTORY}/search", "Heavy"),
        ("GET", DIRECTORY, "Medium"),
        ("GET", "/restapi/v1.0/account/~/extension/~", "Light"),
        ("POST", "/restapi/oauth/token", "Auth"),
    ],
)
async def test_every_answer_tells_its_rate_limit(visit: Served, method, path, group):
    async with visit(limits=Limits(window=30)) as there:
        headers = (await there.request(method, path)).headers

    assert (headers["X-Rate-Limit-Group"], headers["X-Rate-Limit-Window"]) == (group, "30")
    assert int(headers["X-Rate-Limit-Remaining"]) < int(headers["X-Rate-Limit-Limit"])


async def test_one_call_too_many_is_punished_until_the_penalty_is_over(visit: Served):
    async with visit(limits=Limits(heavy=1, penalty=30)) as there:
        statuses = [(await there.get(SESSION_PATH)).status_code]
        refused = await there.get(SESSION_PATH)
        there.clock.advance(29)
        statuses.append((await there.get(SESSION_PATH)).status_code)
        there.clock.advance(29)
        statuses.append((await there.get(SESSION_PATH)).status_code)
        there.clock.advance(30)
        statuses.append((await there.get(SESSION_PATH)).status_code)

    assert statuses == [200, 429, 429, 200]
    assert (
        code(refused),
        refused.headers["Retry-After"],
        refused.headers["X-Rate-Limit-Remaining"],
    ) == (
        (429, "CMN-301"),
        "30",
        "0",
    )


async def test_sixth_log_in_within_a_minute_is_refused(visit: Served):
    async with visit(log_in=False, limits=Limits()) as there:
        statuses = [(await there.log_in()).status_code for _ in range(6)]

    assert statuses == [200, 200, 200, 200, 200, 429]


@pytest.mark.parametrize(
    ("permissions", "path", "expected"),
    [
        ({"app_permissions": ["EditWebinars"]}, SESSION_PATH, (403, "CMN-401")),
        ({"app_permissions": ["ReadWebinars"]}, DIRECTORY, (403, "CMN-401")),
        ({"user_permissions": []}, f"{API}/company/sessions", (403, "CMN-408")),
    ],
)
async def test_missing_permission_is_answered_with_its_code(
    visit: Served, permissions, path, expected
):
    async with visit(world(**permissions)) as there:
        answer = await there.get(path, params=SINCE)

    assert code(answer) == expected


async def test_call_without_log_in_is_refused_and_counted(visit: Served):
    async with visit(log_in=False, limits=Limits(heavy=10)) as there:
        answer = await there.get(SESSION_PATH)

    assert code(answer) == (401, "OAU-129")
    assert answer.headers["X-Rate-Limit-Remaining"] == "9"


async def test_token_expires_by_the_clock_that_was_passed_in(visit: Served):
    async with visit() as there:
        before = await there.get(SESSION_PATH)
        there.clock.advance(7200)
        after = await there.get(SESSION_PATH)

    assert (before.status_code, code(after)) == (200, (401, "OAU-128"))


async def test_signing_out_ends_the_token(visit: Served):
    async with visit() as there:
        token = there.client.headers["Authorization"].removeprefix("Bearer ")
        done = await there.request("POST", "/restapi/oauth/revoke", data={"token": token})
        after = await there.get(SESSION_PATH)

    assert (done.status_code, code(after)) == (200, (401, "OAU-129"))


async def test_log_in_that_is_no_form_is_refused(visit: Served):
    async with visit(log_in=False) as there:
        answer = await there.request(
            "POST", "/restapi/oauth/token", json={"grant_type": JWT_BEARER}
        )

    assert code(answer) == (415, "CMN-101")


async def test_every_request_is_recorded_without_secrets(visit: Served):
    async with visit(log_in=False) as there:
        await there.log_in()
        await there.patch(INVITEES_PATH, json={"addedInvitees": [ADA]})
        await there.patch(INVITEES_PATH, content=b"{")
        await there.get(INVITEES_PATH, params={"perPage": 1})
        requests = there.server.requests

    assert [
        (request.method, request.path, request.group, request.status) for request in requests
    ] == [
        ("POST", "/restapi/oauth/token", LimitGroup.AUTH, 200),
        ("PATCH", INVITEES_PATH, LimitGroup.HEAVY, 200),
        ("PATCH", INVITEES_PATH, LimitGroup.HEAVY, 400),
        ("GET", INVITEES_PATH, LimitGroup.HEAVY, 200),
    ]
    assert [request.body for request in requests] == [
        {"grant_type": JWT_BEARER, "assertion": "***"},
        {"addedInvitees": [ADA]},
        None,
        None,
    ]
    assert requests[3].query == {"perPage": ["1"]}
    assert requests.count_groups() == {LimitGroup.AUTH: 1, LimitGroup.HEAVY: 3}
    assert requests.select("PATCH", "/invitees") == requests[1:3]


async def test_port_that_is_taken_is_an_error(visit: Served):
    async with visit() as there:
        port = int(there.server.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            async with visit(port=port):
                pass


async def test_server_is_gone_after_its_block(visit: Served):
    async with visit() as there:
        url = there.server.url

    with pytest.raises(OSError, match="onnect"):
        await anyio.connect_tcp("127.0.0.1", int(url.rpartition(":")[2]))


async def test_server_listens_on_loopback_alone(visit: Served):
    async with visit() as there:
        assert there.server.url.startswith("http://127.0.0.1:")
