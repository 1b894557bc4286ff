"""Slots: how many connections to a mail server are open, in all processes on all machines.

A slot is a row that stands for one open connection, or for one that waits to be opened. It is
counted as long as its holder renews it, and no longer than its process lives: on the same machine
that is known, as with `leases`. `pipeline.connection_slots` waits and renews.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.leases import TERM, Holder, is_alive
from onboarding.ledger.schema import slots


class NewSlot(NamedTuple):
    """A slot that was added; `is_open`: the connection may be opened now."""

    number: int
    is_open: bool


class _SlotRow(NamedTuple):
    """A slot as the ledger stores it."""

    number: int
    holder: Holder
    until: datetime


def add_slot(
    connection: sa.Connection,
    name: str,
    most: int,
    holder: Holder,
    now: datetime,
    *,
    may_wait: bool,
) -> NewSlot | None:
    """Add a slot for a connection to an account at a mail server, of `most` that may be open.

    Returns None if all are taken, unless the connection may wait behind the others.
    """
    # Or two that count one less than `most` would both be the last.
    sql.lock(connection, f"slots {name}")
    is_open = len(_list_living(connection, name, now)) < most
    if not is_open and not may_wait:
        return None
    new = slots.insert().values(
        name=name,
        holder=holder.name,
        machine=holder.machine,
        pid=holder.pid,
        started=holder.started,
        until=now + TERM,
    )
    return NewSlot(connection.execute(new.returning(slots.c.id)).scalar_one(), is_open)


def may_open(connection: sa.Connection, name: str, most: int, number: int, now: datetime) -> bool:
    """Tell whether a connection that waits may be opened now."""
    sql.lock(connection, f"slots {name}")
    numbers = [row.number for row in _list_living(connection, name, now)]
    # New rows get higher numbers. So one that is open stays open, and each comes in its turn.
    return number in numbers[:most]


def list_slot_holders(connection: sa.Connection, name: str, now: datetime) -> list[Holder]:
    """List who holds the slots of an account, the oldest first; a holder comes once for each."""
    return [row.holder for row in _list_living(connection, name, now)]


def renew_slots(
    connection: sa.Connection, numbers: Collection[int], holder: Holder, now: datetime
) -> frozenset[int]:
    """Renew slots of a holder. Returns the numbers of those that it still has."""
    own = slots.c.id.in_(numbers) & (slots.c.holder == holder.name)
    renewed = slots.update().where(own).values(until=now + TERM)
    return frozenset(connection.execute(renewed.returning(slots.c.id)).scalars())


def remove_slot(connection: sa.Connection, number: int, holder: Holder) -> None:
    """Remove a slot once its connection is closed."""
    # SQLite gives the highest number again once its row is gone, so the number alone is not enough.
    own = (slots.c.id == number) & (slots.c.holder == holder.name)
    connection.execute(slots.delete().where(own))


def _list_living(connection: sa.Connection, name: str, now: datetime) -> list[_SlotRow]:
    """List the slots whose holders live, in their order; those of the dead are removed."""
    query = sa.select(slots).where(slots.c.name == name).order_by(slots.c.id)
    rows = [
        _SlotRow(row.id, Holder(row.holder, row.machine, row.pid, row.started), row.until)
        for row in connection.execute(query)
    ]
    # The term counts on the same machine, too: a process may have closed a connection at a time
    # when the ledger could not be written, and a suspended one costs a connection too many at most.
    living = [row for row in rows if now < row.until and is_alive(row.holder, row.until, now)]
    if dead := {row.number for row in rows} - {row.number for row in living}:
        connection.execute(slots.delete().where(slots.c.id.in_(dead)))
    return living
