"""A running simulator with a client that is logged in, both over real sockets."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.limits import Limits
from onboarding.simulator.server import RunningRingCentral, serve_ringcentral
from onboarding.simulator.tokens import JWT_BEARER
from tests.simulator.accounts import Clock, world

Served = Callable[..., AbstractAsyncContextManager["Visit"]]
TLS = ssl.create_default_context()
"""Made once: it takes 20 ms, and every client that is not given one makes its own."""

NO_LIMITS = Limits(heavy=10**6, medium=10**6, light=10**6, auth=10**6)


def code(answer: httpx.Response) -> tuple[int, str]:
    """An error's status and code."""
    return answer.status_code, answer.json()["errors"][0]["errorCode"]


class Visit:
    """A client at a running simulator."""

    def __init__(self, server: RunningRingCentral, client: httpx.AsyncClient, clock: Clock) -> None:
        self.server = server
        self.client = client
        self.clock = clock
        self.get = client.get
        self.patch = client.patch
        self.request = client.request

    @property
    def account(self) -> SimulatedAccount:
        return self.server.account

    async def log_in(self) -> httpx.Response:
        answer = await self.client.post(
            "/restapi/oauth/token",
            data={"grant_type": JWT_BEARER, "assertion": "a.b.c"},
            auth=("app", "secret"),
        )
        if answer.is_success:
            self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer


@pytest.fixture
def visit() -> Served:
    """Return a context: `async with visit(...) as there`, logged in unless told otherwise."""

    @asynccontextmanager
    async def visiting(
        held: SimulatedAccount | None = None, *, log_in: bool = True, **options: Any
    ) -> AsyncIterator[Visit]:
        clock = Clock()
        options = {"limits": NO_LIMITS, "clock": clock, **options}
        faults = options.pop("faults", ())
        async with (
            serve_ringcentral(held or world(), **options) as server,
            httpx.AsyncClient(base_url=server.url, verify=TLS) as client,
        ):
            there = Visit(server, client, clock)
            if log_in:
                await there.log_in()
                server.requests.clear()
            server.faults.add(*faults)
            yield there

    return visiting
