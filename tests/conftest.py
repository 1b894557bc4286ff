"""Fixtures that every test may use; a room's own stand beside its tests."""

from datetime import timedelta

import pytest
from hypothesis import settings

from tests import postgresql
from tests.stage import STAGE_LEDGER

settings.register_profile("onboarding", deadline=timedelta(seconds=10))
"""A deadline for one example that finds a hang, and that a busy machine doesn't miss."""

settings.load_profile("onboarding")


@pytest.fixture
def anyio_backend() -> str:
    """The program runs on asyncio (aiosmtplib and uvicorn do), so its tests do too."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql_server():
    """A PostgreSQL server of our own, for all tests of one process."""
    if missing := postgresql.find_missing():
        pytest.skip(missing)
    with postgresql.run_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def each_ledger(request: pytest.FixtureRequest):
    """Let every stage of a test keep its ledger in a file, then in a database of our server."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql_server")
        STAGE_LEDGER.make_setting = lambda: str(server.make_ledger())
    yield request.param
    STAGE_LEDGER.make_setting = None
