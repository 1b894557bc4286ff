"""A ledger for tests of statements alone, and a place for tests of the store: on both databases."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from onboarding.ledger.postgresql import _open_engine
from onboarding.ledger.schema import metadata
from onboarding.ledger.sqlite import open_engine
from tests.ledger.making import seen

BOTH = ["sqlite", "postgresql"]


@pytest.fixture(scope="session", params=BOTH)
def memory(request: pytest.FixtureRequest):
    """One engine for all tests: statements are compiled once. Each test has its transaction."""
    if request.param == "postgresql":
        engine = _open_engine(request.getfixturevalue("postgresql_server").make_ledger(), 1.0)
    else:
        engine = open_engine(Path(":memory:"), 1.0)
        with engine.begin() as connection:
            metadata.create_all(connection)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(memory: sa.Engine):
    with memory.connect() as opened, opened.begin() as transaction:
        yield opened
        transaction.rollback()


@pytest.fixture
def session_row(connection: sa.Connection) -> int:
    """The number of a session that the ledger has seen."""
    return seen(connection)


@pytest.fixture
def database(tmp_path) -> Path:
    """The place of a ledger that is not there yet, as a file."""
    return tmp_path / "ledger.db"


@pytest.fixture(params=BOTH)
def place(request: pytest.FixtureRequest, tmp_path):
    """The place of a ledger without rows, on each database."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_server").make_ledger()
    return tmp_path / "ledger.db"
