"""The roster as the last run read it: names, company and further columns, for the report.

A run writes only rows that differ from those stored, so a run with nothing to do writes nothing. A
person who has left the roster is forgotten here; what was mailed to them is in `deliveries`.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from onboarding.ledger.schema import roster_rows
from onboarding.model.people import Invitee, Role
from onboarding.model.registrations import registration_key


def store_roster(connection: sa.Connection, session: int, invitees: Iterable[Invitee]) -> None:
    """Store a session's roster in place of the one before."""
    before = {row["key"]: row for row in _select_rows(connection, session)}
    rows = [_roster_columns(session, person) for person in invitees]
    changed = [row for row in rows if before.get(row["key"]) != row]
    left = before.keys() - {row["key"] for row in rows}
    # A changed row is deleted and inserted: one way for what is new and what differs.
    outdated = [*left, *(row["key"] for row in changed)]
    if outdated:
        ours = roster_rows.c.session == session
        connection.execute(roster_rows.delete().where(ours, roster_rows.c.key.in_(outdated)))
    if changed:
        connection.execute(roster_rows.insert(), changed)


def load_roster(connection: sa.Connection, session: int) -> Mapping[str, Invitee]:
    """Load a session's roster by `registration_key`, in the roster's order."""
    return {row["key"]: _build_invitee(row) for row in _select_rows(connection, session)}


def _select_rows(connection: sa.Connection, session: int) -> Sequence[Mapping[str, Any]]:
    query = sa.select(roster_rows).where(roster_rows.c.session == session)
    in_order = query.order_by(roster_rows.c.row, roster_rows.c.key)
    return [dict(row) for row in connection.execute(in_order).mappings()]


def _roster_columns(session: int, person: Invitee) -> dict[str, Any]:
    return {
        "session": session,
        "key": registration_key(person),
        "row": person.row,
        "email": person.email,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "role": person.role.value,
        "job_title": person.job_title,
        "time_zone": person.time_zone,
        "extra": dict(person.extra),
    }


def _build_invitee(row: Mapping[str, Any]) -> Invitee:
    return Invitee(
        row=row["row"],
        email=row["email"],
        role=Role(row["role"]),
        first_name=row["first_name"],
        last_name=row["last_name"],
        job_title=row["job_title"],
        time_zone=row["time_zone"],
        extra=MappingProxyType(row["extra"]),
    )
