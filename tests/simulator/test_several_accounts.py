"""Two accounts on one simulated server: told apart by client and token, limited one by one."""

import base64

import httpx
import pytest
from pydantic import SecretStr

from onboarding.simulator.limits import Limits
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.tokens import JWT_BEARER, Credentials
from tests.clock import Clock

pytestmark = pytest.mark.anyio

ACME = Credentials(client_id="acme", client_secret=SecretStr("s"), jwt=SecretStr("acme-jwt"))
FIRST, SECOND = "111", "222"


async def log_in(client: httpx.AsyncClient, client_id: str, jwt: str) -> dict[str, str]:
    basic = base64.b64encode(f"{client_id}:s".encode()).decode()
    answer = await client.post(
        "/restapi/oauth/token",
        data={"grant_type": JWT_BEARER, "assertion": jwt},
        headers={"Authorization": f"Basic {basic}"},
    )
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_each_account_has_its_own_webinars_and_limits():
    clock = Clock()
    first = seed_account([WebinarSeed(FIRST)], clock.now())
    second = seed_account([WebinarSeed(SECOND)], clock.now(), ACME)
    async with (
        serve_ringcentral(
            first, others=[second], limits=Limits(heavy=2), clock=clock.now
        ) as running,
        httpx.AsyncClient(base_url=running.url, trust_env=False) as client,
    ):
        ours = await log_in(client, "anyone", "any")
        theirs = await log_in(client, "acme", "acme-jwt")
        path = "/webinar/configuration/v1/webinars/"

        codes = [
            (await client.get(path + webinar, headers=token)).status_code
            for token in (ours, theirs)
            for webinar in (FIRST, SECOND, FIRST)
        ]

    assert codes == [200, 404, 429, 404, 200, 429]
