"""Which person a person wants replaced by which: the intention, before the roster is written.

So after a crash between roster and RingCentral, the next run still knows that the old person is to
be removed. What follows from it is decided in `plan.removals`.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from types import MappingProxyType

import sqlalchemy as sa

from onboarding.ledger.events import record_act
from onboarding.ledger.schema import replacements
from onboarding.ledger.sql import insert

REPLACE = "replace"


def record_replacement(
    connection: sa.Connection, session: int, old: str, new: str, by: str, now: datetime
) -> None:
    """Record that a person wants one address key replaced by another: before anything is done."""
    row = {"session": session, "old": old, "new": new, "at": now}
    stored = insert(replacements).values(row)
    # A person who types another successor means that one: the latest counts.
    latest = {"new": stored.excluded.new, "at": stored.excluded.at}
    connection.execute(stored.on_conflict_do_update(index_elements=["session", "old"], set_=latest))
    # Neither event names the other person: the history of one is forgotten without the other's.
    record_act(connection, session, [old], REPLACE, by, now, "another person takes their place")
    record_act(connection, session, [new], REPLACE, by, now, "takes another person's place")


def load_replacements(connection: sa.Connection, session: int) -> Mapping[str, str]:
    """Load what is not done yet: the address key of the old person -> that of the new one."""
    columns = sa.select(replacements.c.old, replacements.c.new)
    rows = connection.execute(columns.where(replacements.c.session == session))
    return MappingProxyType({row.old: row.new for row in rows})


def remove_replacements(connection: sa.Connection, session: int, olds: Collection[str]) -> None:
    """Forget intentions that are done, so that no later run removes the person again."""
    done = (replacements.c.session == session, replacements.c.old.in_(olds))
    connection.execute(replacements.delete().where(*done))
