"""The clock of a ledger on a server, by which several machines agree on the time."""

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa


def measure_offset(connection: sa.Connection, now: Callable[[], datetime]) -> timedelta:
    """Measure how far the database's clock is ahead of ours; `now` gives aware UTC time."""
    # Read here and not by the caller: a wait for other statements is no difference of clocks.
    before = now()
    # Not `now()` of PostgreSQL, which is the beginning of the transaction.
    at_server: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    after = now()
    return at_server - (before + (after - before) / 2)
