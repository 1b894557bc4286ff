"""What the ledger knows of a schedule: when an entry was first seen, and who has missed which.

Which entries were queued for which people is in `deliveries`. What is due is decided in `plan`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger.events import record_events
from onboarding.ledger.schema import entries_seen, skipped_entries
from onboarding.ledger.sql import insert

SKIPPED = "skipped"
"""The event of an entry that a person does not get, because it was missed."""

Seen = Mapping[str, Mapping[datetime, datetime]]
"""Entry id -> start of the session -> when a run first saw the entry with that start."""


@dataclass(frozen=True, slots=True)
class SkippedEntry:
    """An entry that a person (`key`) does not get for this start of the session, and why."""

    key: str
    entry: str
    start: datetime
    reason: str


def record_seen(
    connection: sa.Connection, session: int, ids: Collection[str], start: datetime, now: datetime
) -> None:
    """Record that a run has seen these entries with this start, unless one has before."""
    rows = [{"session": session, "entry": id_, "start": start, "at": now} for id_ in ids]
    if rows:
        connection.execute(insert(entries_seen).on_conflict_do_nothing(), rows)


def load_seen(connection: sa.Connection, session: int) -> Seen:
    """Load when each entry was first seen."""
    seen: dict[str, dict[datetime, datetime]] = {}
    rows = connection.execute(entries_seen.select().where(entries_seen.c.session == session))
    for row in rows.mappings():
        seen.setdefault(row["entry"], {})[row["start"]] = row["at"]
    return seen


def record_skipped(
    connection: sa.Connection, session: int, skipped: Collection[SkippedEntry], now: datetime
) -> None:
    """Record missed entries, each with an event that names it. Each once."""
    fresh = [entry for entry in skipped if _is_new(connection, session, entry, now)]
    record_events(
        connection,
        [
            {
                "session": session,
                "key": entry.key,
                "what": SKIPPED,
                "at": now,
                "delivery": None,
                "detail": f"{entry.entry}: {entry.reason}",
            }
            for entry in fresh
        ],
    )


def _is_new(connection: sa.Connection, session: int, entry: SkippedEntry, now: datetime) -> bool:
    row = {
        "session": session,
        "key": entry.key,
        "entry": entry.entry,
        "start": entry.start,
        "at": now,
    }
    # One from a clock that was ahead (`load_mailboxes` leaves it out) is missed only now.
    stored = insert(skipped_entries).values(row)
    stored = stored.on_conflict_do_update(
        index_elements=["session", "key", "entry", "start"],
        set_={"at": now},
        where=skipped_entries.c.at > now,
    )
    return connection.execute(stored.returning(skipped_entries.c.key)).scalar() is not None
