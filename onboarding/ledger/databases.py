"""The one place that chooses between an SQLite file and a PostgreSQL server.

All other modules know a `Database`, or only a connection.
"""

from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from onboarding.ledger.places import LedgerPlace
from onboarding.ledger.postgresql import PostgresqlServer
from onboarding.ledger.sqlite import SqliteFile

BUSY_SECONDS = 30.0
"""How long to wait for another process's commit before giving up."""


class Database(Protocol):
    """What `store` needs of a database."""

    engine: sa.Engine

    def prepare(self) -> None:
        """Make the ledger ready to be written. Raises ConfigurationError or TryLater."""

    def is_in_the_way(self, error: BaseException) -> bool:
        """Whether an error would meet every other statement just now, too."""

    def is_connection_lost(self, error: BaseException) -> bool:
        """Whether the connection has ended, so that it is not known what was committed."""

    def as_write_error(self, error: BaseException) -> BaseException:
        """Turn an error while writing into the error of the run; a bug stays as it is."""


def find_database(place: LedgerPlace, patience: float) -> Database:
    """Find the database at a place. Opens nothing; waits `patience` seconds for others' locks."""
    if isinstance(place, Path):
        return SqliteFile(place, patience)
    return PostgresqlServer(place, patience)
