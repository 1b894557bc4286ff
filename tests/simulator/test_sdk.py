"""The vendor's own Python SDK works with the simulator over a real socket, like our client."""

import pytest
from anyio.to_thread import run_sync
from ringcentral import SDK
from ringcentral.http import ApiException

from tests.simulator.accounts import ADA, INVITEES_PATH
from tests.simulator.conftest import Served

pytestmark = pytest.mark.anyio


def add_an_invitee(url: str) -> dict:
    platform = SDK("app", "secret", url).platform()
    platform.login(jwt="a.b.c")
    return platform.patch(INVITEES_PATH, body={"addedInvitees": [ADA]}).json_dict()


def live_a_session(url: str) -> list[bool]:
    """Log in, let the token expire, be renewed by the SDK itself, and sign out."""
    platform = SDK("app", "secret", url).platform()
    platform.login(jwt="a.b.c")
    logged_in = [platform.logged_in()]
    platform.auth().set_data({"expires_in": -1})
    platform.get("/account/~/extension/~")
    platform.logout()
    return [*logged_in, platform.logged_in()]


def log_in_without_a_secret(url: str) -> str:
    with pytest.raises(ApiException) as refused:
        SDK("app", "", url).platform().login(jwt="a.b.c")
    return refused.value.api_response().json_dict()["error"]


async def test_sdk_logs_in_and_adds_an_invitee(visit: Served):
    async with visit(log_in=False) as there:
        answer = await run_sync(add_an_invitee, there.server.url)
        (added,) = answer["addedInvitees"]
        record = there.account.list_records("1001", "2001")[1]

    assert (added["email"], added["sendInvite"]) == ("ada@example.com", False)
    assert added["joinUri"] == record.join_uri.get_secret_value()


async def test_sdk_renews_its_token_and_signs_out(visit: Served):
    async with visit(log_in=False) as there:
        states = await run_sync(live_a_session, there.server.url)
        calls = [
            (request.path.rpartition("/")[2], request.status) for request in there.server.requests
        ]

    assert states == [True, False]
    assert calls == [("token", 200), ("token", 200), ("~", 200), ("revoke", 200)]


async def test_sdk_understands_a_refusal(visit: Served):
    async with visit(log_in=False) as there:
        assert await run_sync(log_in_without_a_secret, there.server.url) == "invalid_client"
