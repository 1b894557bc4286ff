"""Messages that were kept: stored as they leave, shown, and removed when their time is over.

`transitions` stores a copy in the transaction that writes `sending`, so a message in doubt has one
too. What a copy may hold is decided in `messages.copies`; for how long it stays, in
`pipeline.prune`.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.deliveries import DeliveryRecord, build_record, select_deliveries
from onboarding.ledger.schema import deliveries, kept_messages, kept_parts
from onboarding.ledger.sessions import list_ended
from onboarding.model.copies import CopyTexts, KeptFile, MessageCopy, SharedPart, restore_texts
from onboarding.model.deliveries import State

LEFT = (State.SENDING, State.SENT, State.IN_DOUBT, State.BOUNCED)
"""States of a message that has left, or may have."""


# In the order of the table's columns: the INSERT names none.
class KeptRow(NamedTuple):
    """A copy as a row of the table, its time as it is stored."""

    delivery: int
    at: str
    sha256: str
    sender: str
    recipient: str
    headers: str
    html: str
    lines: str
    own: str
    files: str

    @classmethod
    def of(cls, delivery: int, at: str, copy: MessageCopy) -> "KeptRow":
        """Build the row of a delivery's copy."""
        return cls(
            delivery=delivery,
            at=at,
            sha256=copy.sha256,
            sender=copy.sender,
            recipient=copy.recipient,
            headers=copy.headers,
            html=copy.html.digest,
            lines=copy.lines.digest if copy.lines else "",
            own=copy.own,
            files=json.dumps(copy.files, ensure_ascii=False) if copy.files else "",
        )


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A kept message with its delivery as it is now. `html` is whole, `calendar` is unfolded.

    `files` were attached; their contents are not kept.
    """

    record: DeliveryRecord
    at: datetime
    sha256: str
    sender: str
    recipient: str
    headers: str
    text: str
    html: str
    calendar: str
    files: tuple[KeptFile, ...] = ()


_ENVELOPE = ("at", "sha256", "sender", "recipient", "headers", "files")


def store_copies(
    connection: sa.Connection, rows: Sequence[KeptRow], parts: Collection[SharedPart]
) -> None:
    """Store copies, each in place of the one of an earlier attempt. Call it in a transaction."""
    if not rows:
        return
    driver = sql.driver(connection)
    digests = [part.digest for part in parts]
    # Asked each time: another process may have removed the parts that no message had.
    mark = sql.mark(connection.dialect)
    find = _find_statement(connection.dialect, len(digests))
    known = {row[0] for row in driver.execute(find, digests)}
    new = [part for part in parts if part.digest not in known]
    if new:
        driver.execute(_insert_statement(kept_parts, mark, len(new)), list(chain(*new)))
    driver.execute(_insert_statement(kept_messages, mark, len(rows)), list(chain(*rows)))


@lru_cache(maxsize=64)
def _find_statement(dialect: sa.Dialect, count: int) -> str:
    marks: list[sa.BindParameter[str]] = [
        sa.bindparam(f"digest_{number}") for number in range(count)
    ]
    found = sa.select(kept_parts.c.digest).where(kept_parts.c.digest.in_(marks))
    # Locked, so that `remove_unused_parts` waits until the message that needs the part is there.
    return str(found.with_for_update(read=True, key_share=True).compile(dialect=dialect))


@lru_cache(maxsize=64)
def _insert_statement(table: sa.Table, mark: str, rows: int) -> str:
    """Write the statement that inserts so many rows, each in place of the one with its key.

    With a parameter for each value: as one JSON text (`sql.pack`) SQLite would read through each
    long message once for every column.
    """
    # At most `store.GROUP` rows come at once: far below SQLite's default of 32,766 parameters.
    marks = ", ".join([mark] * len(table.columns))
    values = ", ".join([f"({marks})"] * rows)
    (key,) = table.primary_key
    names = [column.name for column in table.columns if column is not key]
    latest = ", ".join(f"{name} = excluded.{name}" for name in names)
    into = f"{table.name} VALUES {values} ON CONFLICT ({key.name})"
    return f"INSERT INTO {into} DO UPDATE SET {latest}"


def list_kept(connection: sa.Connection, session: int, key: str) -> Sequence[KeptMessage]:
    """List the messages kept for a person in a session, the latest last, rehearsals included."""
    query = (
        select_deliveries(deliveries.c.session == session, deliveries.c.key == key)
        .join(kept_messages, kept_messages.c.delivery == deliveries.c.id)
        .add_columns(*(kept_messages.c[name].label(f"kept_{name}") for name in _ENVELOPE))
        .order_by(None)
        .order_by(kept_messages.c.at, deliveries.c.id)
    )
    return [_build_kept(row) for row in connection.execute(with_texts(query)).mappings()]


def with_texts(query: sa.Select[Any]) -> sa.Select[Any]:
    """Add to a query of kept messages what `build_texts` reads."""
    html, lines = kept_parts.alias(), kept_parts.alias()
    return (
        query.add_columns(
            html.c.content.label("html_content"),
            lines.c.content.label("lines_content"),
            kept_messages.c.own,
        )
        .join(html, html.c.digest == kept_messages.c.html)
        # A message that shares no lines has none.
        .outerjoin(lines, lines.c.digest == kept_messages.c.lines)
    )


def build_texts(row: sa.RowMapping) -> CopyTexts:
    """Put a kept message's texts together again."""
    return restore_texts(row["html_content"], row["lines_content"], row["own"])


def count_sent(connection: sa.Connection, session: int, key: str) -> int:
    """Count the messages of a person that left, or may have left, kept or not."""
    return connection.execute(
        sa.select(sa.func.count()).where(
            deliveries.c.session == session,
            deliveries.c.key == key,
            deliveries.c.state.in_(LEFT),
        )
    ).scalar_one()


def remove_kept(connection: sa.Connection, before: datetime) -> int:
    """Remove the messages of sessions that ended before a time. Returns how many."""
    ended = list_ended(connection, before)
    of_ended = sa.select(deliveries.c.id).where(deliveries.c.session.in_(ended))
    removed = connection.execute(
        kept_messages.delete().where(kept_messages.c.delivery.in_(of_ended))
    )
    if removed.rowcount:
        remove_unused_parts(connection)
    return removed.rowcount


def remove_all_kept(connection: sa.Connection) -> int:
    """Remove every kept message. Returns how many there were."""
    removed = connection.execute(kept_messages.delete())
    if removed.rowcount:
        remove_unused_parts(connection)
    return removed.rowcount


def remove_unused_parts(connection: sa.Connection) -> None:
    """Remove the parts that no message has any more. Reads through all messages."""
    # A message that is just being stored with a part is waited for, and then seen.
    sql.lock_table(connection, kept_parts)
    used = sa.union(sa.select(kept_messages.c.html), sa.select(kept_messages.c.lines))
    connection.execute(kept_parts.delete().where(kept_parts.c.digest.not_in(used)))


def _build_kept(row: sa.RowMapping) -> KeptMessage:
    texts = build_texts(row)
    return KeptMessage(
        record=build_record(row),
        at=row["kept_at"],
        sha256=row["kept_sha256"],
        sender=row["kept_sender"],
        recipient=row["kept_recipient"],
        headers=row["kept_headers"],
        text=texts.text,
        html=texts.html,
        calendar=texts.calendar,
        files=tuple(KeptFile(*file) for file in json.loads(row["kept_files"] or "[]")),
    )
