"""Fixtures of the room's tests."""

from collections.abc import AsyncIterator

import pytest

from onboarding.ringcentral.client import RingCentral
from tests.ringcentral.response_faults import Surroundings
from tests.ringcentral.scripted import Scripted, scripted


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """A server that does what the test's script says."""
    async with scripted() as served:
        yield served


@pytest.fixture
def around() -> Surroundings:
    """The gate, the progress and the clock of the client."""
    return Surroundings()


@pytest.fixture
async def client(server: Scripted, around: Surroundings) -> AsyncIterator[RingCentral]:
    """A client of the scripted server."""
    async with around.client(server.url) as opened:
        yield opened
