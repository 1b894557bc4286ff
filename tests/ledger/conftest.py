"""A ledger in memory for tests of statements alone, and a file for tests of the file."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from onboarding.ledger.schema import metadata
from onboarding.ledger.store import open_engine
from tests.ledger.making import seen


@pytest.fixture(scope="session")
def memory():
    """One engine for all tests: statements are compiled once. Each test has its transaction."""
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
    return tmp_path / "ledger.db"
