"""A ledger moves from a file to a server: whole, once, and never beside a run."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from onboarding.errors import ConfigurationError, TryLater
from onboarding.ledger import deliveries, leases, registrations, roster_rows
from onboarding.ledger.schema import metadata
from onboarding.ledger.server_copy import OF_SERVER, ROWS_AT_ONCE, copy_to_server
from onboarding.ledger.store import Ledger
from onboarding.model.deliveries import Transition
from onboarding.model.registrations import Standing
from tests.ledger.making import NOW, RUN, claimed, invitee, order, queue, record, seen, sending

pytestmark = pytest.mark.anyio

PEOPLE = ROWS_AT_ONCE + 5


def fill(connection: sa.Connection) -> int:
    session_row = seen(connection)
    person = invitee("jürgen@example.com", extra={"note": "Zoë \U0001f600"})
    roster_rows.store_roster(connection, session_row, [person])
    registrations.set_standing(connection, session_row, [person], Standing.ADDED, NOW)
    queue(connection, session_row, *(order(f"p{n}@example.com") for n in range(PEOPLE)))
    delivery = claimed(connection, session_row)
    sending(connection, delivery, RUN, NOW)
    record(connection, delivery, RUN, Transition(deliveries.State.SENT), NOW)
    return session_row


def rows(connection: sa.Connection) -> dict[str, list[str]]:
    """Every row of every table that belongs to the ledger, in an order of their texts."""
    return {
        table.name: sorted(
            repr(dict(row)) for row in connection.execute(sa.select(table)).mappings()
        )
        for table in metadata.sorted_tables
        if table.name not in OF_SERVER
    }


# Jobs' tables that `db upgrade` has made already are in no one's way.
@pytest.mark.parametrize("is_upgraded", [False, True], ids=["empty", "upgraded"])
async def test_everything_arrives_and_new_rows_follow(is_upgraded, tmp_path, postgresql_server):
    path = tmp_path / "ledger.db"
    place = postgresql_server.make_ledger() if is_upgraded else postgresql_server.make_empty()
    async with Ledger(path) as ledger:
        session_row = await ledger.run(fill)
        before = await ledger.run(rows)

    counts = copy_to_server(path, place, NOW)

    assert (counts["deliveries"], counts["events"]) == (PEOPLE, PEOPLE + 3)
    async with Ledger(place) as ledger:
        assert await ledger.run(rows) == before
        await ledger.run(queue, session_row, order("new@example.com"))
        assert await ledger.run(deliveries.count_queued, session_row) == PEOPLE
        history = await ledger.run(rows)
    assert len(history["events"]) == PEOPLE + 4


async def test_database_that_is_not_empty_is_left_as_it_is(tmp_path, postgresql_server):
    path, place = tmp_path / "ledger.db", postgresql_server.make_ledger()
    for where in (path, place):
        async with Ledger(where) as ledger:
            await ledger.run(seen)
            before = await ledger.run(rows)

    with pytest.raises(ConfigurationError, match="is not empty: sessions has rows"):
        copy_to_server(path, place, NOW)

    async with Ledger(place) as ledger:
        assert await ledger.run(rows) == before


async def test_ledger_with_a_run_at_work_is_not_copied(tmp_path, postgresql_server):
    path, place = tmp_path / "ledger.db", postgresql_server.make_empty()
    async with Ledger(path) as ledger:
        holder = leases.new_holder()
        await ledger.run(leases.acquire, "webinar", holder, NOW)

        with pytest.raises(TryLater, match="A run is at work"):
            copy_to_server(path, place, NOW)

        await ledger.run(leases.release, "webinar", holder)
    assert copy_to_server(path, place, NOW + timedelta(minutes=1))["leases"] == 0
