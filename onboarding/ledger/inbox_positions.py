"""How far each mailbox was read, and whether a person knows that it can't be.

Losing a row costs no more than reading again: what was dealt with is known by itself
(`bounces.record_handled`).
"""

from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import inbox_positions


def load_position(connection: sa.Connection, mailbox: str) -> tuple[int, int] | None:
    """Load the position: validity and last, as `inbox.mailboxes.Position` has them; None if new."""
    columns = (inbox_positions.c.validity, inbox_positions.c.last)
    query = sa.select(*columns).where(inbox_positions.c.mailbox == mailbox)
    row = connection.execute(query).first()
    # Without a validity only its fault is known.
    return None if row is None or row.validity is None else (row.validity, row.last)


def store_position(
    connection: sa.Connection, mailbox: str, validity: int, last: int, now: datetime
) -> None:
    """Store how far a mailbox was read."""
    _store_values(connection, mailbox, {"validity": validity, "last": last, "at": now})


def store_mailbox_fault(connection: sa.Connection, mailbox: str, fault: str, now: datetime) -> bool:
    """Store why a mailbox can't be read; empty if it can. Returns whether that is news."""
    # Of two processes that find a fault, one tells it.
    sql.lock(connection, f"mailbox {mailbox}")
    query = sa.select(inbox_positions.c.fault).where(inbox_positions.c.mailbox == mailbox)
    if (connection.execute(query).scalar() or "") == fault:
        return False
    _store_values(connection, mailbox, {"fault": fault, "at": now})
    return True


def _store_values(connection: sa.Connection, mailbox: str, values: dict[str, object]) -> None:
    stored = sql.insert(inbox_positions).values({"mailbox": mailbox, **values})
    connection.execute(stored.on_conflict_do_update(index_elements=["mailbox"], set_=values))
