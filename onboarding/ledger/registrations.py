"""The people of a session whom this program has added, adopted or removed at RingCentral, or is about to.

An intention (`adding`, `removing`) is committed before a PATCH leaves. So after a crash we still
know who was added (and may be mailed) and who was removed (and must get a cancellation). A row
disappears only by `revert`, or when a linked user moves to another key. What follows from a
standing is decided in `plan`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from onboarding.ledger import events
from onboarding.ledger.schema import registrations
from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.registrations import ManagedRegistration, Standing, registration_key


def load_managed(connection: sa.Connection, session: int) -> Mapping[str, ManagedRegistration]:
    """Load the registrations of a session that this program has dealt with, by `registration_key`."""
    rows = connection.execute(
        sa.select(registrations).where(registrations.c.session == session)
    ).mappings()
    return {row["key"]: _build_registration(row) for row in rows}


def set_standing(
    connection: sa.Connection,
    session: int,
    invitees: Collection[Invitee],
    standing: Standing,
    now: datetime,
) -> None:
    """Record what was done about these people, or is about to be done."""
    if not invitees:
        return
    for invitee in invitees:
        if invitee.linked_user:
            _separate_keys(connection, session, invitee)
    rows = [
        {"session": session, **_person_columns(invitee), "standing": standing, "at": now}
        for invitee in invitees
    ]
    connection.execute(_STAND, rows)
    places = [{"session": session, "key": row["key"]} for row in rows]
    events.record_events(
        connection,
        [
            {**place, "what": standing, "at": now, "delivery": None, "detail": ""}
            for place in places
        ],
    )


def _separate_keys(connection: sa.Connection, session: int, invitee: Invitee) -> None:
    """Keep each linked user in one row: under their address, or by ids once the address belongs to another user.

    With two rows for one user, a removal would change one of them, and the other would add the user
    again.
    """
    by_ids = replace(invitee, email="")
    if not invitee.email:
        ids = registrations.c.account_id == _person_columns(by_ids)["account_id"]
        same = (
            ids,
            registrations.c.user_id == _person_columns(by_ids)["user_id"],
            registrations.c.email != "",
        )
        empty = {"account_id": "", "user_id": "", "domain": ""}
        connection.execute(
            registrations.update().where(registrations.c.session == session, *same).values(empty)
        )
        return
    row = (
        connection.execute(sa.select(registrations).where(*_is_person(session, invitee)))
        .mappings()
        .one_or_none()
    )
    before = _build_stored_invitee(row).linked_user if row else None
    if row and before not in {None, invitee.linked_user} and row["standing"] != Standing.REMOVED:
        # The address now belongs to another user; the former one stays known by ids.
        former = {
            **row,
            **_person_columns(replace(_build_stored_invitee(row), email="")),
            "asked": "",
        }
        connection.execute(insert(registrations).values(former).on_conflict_do_nothing())
    connection.execute(registrations.delete().where(*_is_person(session, by_ids)))


def record_unfulfilled(
    connection: sa.Connection,
    session: int,
    invitee: Invitee,
    fields: Mapping[str, str],
    now: datetime,
) -> None:
    """Record what RingCentral was asked to change about a person and did not change: field -> value."""
    asked = {"asked": json.dumps(dict(fields))}
    if not connection.execute(
        registrations.update().where(*_is_person(session, invitee)).values(asked)
    ).rowcount:
        set_standing(connection, session, [invitee], Standing.UPDATED, now)
        connection.execute(
            registrations.update().where(*_is_person(session, invitee)).values(asked)
        )
    events.record_event(
        connection, session, registration_key(invitee), "not updated", now, detail=", ".join(fields)
    )


def clear_unfulfilled(
    connection: sa.Connection, session: int, invitees: Collection[Invitee]
) -> None:
    """Forget requests that are fulfilled by now, so that they may be made again if the value changes back."""
    keys = [registration_key(invitee) for invitee in invitees]
    connection.execute(
        registrations.update()
        .where(registrations.c.session == session, registrations.c.key.in_(keys))
        .values(asked="")
    )


def revert(
    connection: sa.Connection,
    session: int,
    invitees: Collection[Invitee],
    before: Mapping[str, ManagedRegistration],
    now: datetime,
) -> None:
    """Take back an intention that RingCentral refused: these people are again as they were `before`."""
    for invitee in invitees:
        row = _is_person(session, invitee)
        intended = connection.execute(sa.select(registrations.c.standing).where(*row)).scalar()
        known = before.get(registration_key(invitee))
        if known:
            columns = {**_person_columns(known.invitee), "standing": known.standing, "at": now}
            connection.execute(registrations.update().where(*row).values(columns))
            _forget_former(connection, session, known.invitee, before)
        else:
            connection.execute(registrations.delete().where(*row))
        what = "not removed" if intended == Standing.REMOVING else "not added"
        events.record_event(connection, session, registration_key(invitee), what, now)


def _forget_former(
    connection: sa.Connection,
    session: int,
    invitee: Invitee,
    before: Mapping[str, ManagedRegistration],
) -> None:
    """Remove the row by ids of a user who has their address back."""
    by_ids = replace(invitee, email="")
    if invitee.email and invitee.linked_user and registration_key(by_ids) not in before:
        connection.execute(registrations.delete().where(*_is_person(session, by_ids)))


def record_mailed(
    connection: sa.Connection, session: int, invitees: Collection[Invitee], now: datetime
) -> None:
    """Record that a run has reported whom RingCentral has mailed itself (docs/ringcentral.md, "Send now")."""
    for invitee in invitees:
        names = [registrations.c.key == registration_key(invitee)]
        if user := invitee.linked_user:
            ids = (
                registrations.c.account_id == user.account_id,
                registrations.c.user_id == user.user_id,
            )
            names.append(sa.and_(*ids))
        new = (
            registrations.c.session == session,
            registrations.c.mailed_by_ringcentral.is_(None),
            sa.or_(*names),
        )
        noted = (
            registrations.update()
            .where(*new)
            .values(mailed_by_ringcentral=now)
            .returning(registrations.c.key)
        )
        for key in connection.execute(noted).scalars().all():
            events.record_event(connection, session, key, "mailed by RingCentral", now)


def list_mailed_by_ringcentral(connection: sa.Connection, session: int) -> Sequence[str]:
    """List our people whom RingCentral has mailed itself, by address (by ids if they have none), in order."""
    noted = (registrations.c.session == session, registrations.c.mailed_by_ringcentral.is_not(None))
    rows = connection.execute(sa.select(registrations.c.email, registrations.c.key).where(*noted))
    return sorted(row.email or row.key for row in rows)


def _is_person(session: int, invitee: Invitee) -> tuple[sa.ColumnElement[bool], ...]:
    return registrations.c.session == session, registrations.c.key == registration_key(invitee)


def _person_columns(invitee: Invitee) -> dict[str, Any]:
    """Build the columns that are kept of a person."""
    user = invitee.linked_user or LinkedUser("", "", "")
    return {
        "key": registration_key(invitee),
        "account_id": user.account_id,
        "user_id": user.user_id,
        "domain": user.domain,
        "email": invitee.email,
        "first_name": invitee.first_name,
        "last_name": invitee.last_name,
        "language": invitee.language,
        "time_zone": invitee.time_zone,
        "role": invitee.role,
    }


_INSERT = insert(registrations)
_NEW = _INSERT.excluded


def _if_known(column: str) -> sa.ColumnElement[str]:
    """Keep the stored ids if none are known this time: an address may change, ids don't."""
    return sa.case((_NEW.user_id != "", _NEW[column]), else_=registrations.c[column])


_STAND = _INSERT.on_conflict_do_update(
    index_elements=["session", "key"],
    set_={
        **{name: _if_known(name) for name in ("account_id", "user_id", "domain")},
        **{
            name: _NEW[name]
            for name in ("email", "first_name", "last_name", "language", "time_zone", "role")
        },
        **{name: _NEW[name] for name in ("standing", "at")},
        # A new registration at RingCentral has not been mailed by it.
        "mailed_by_ringcentral": sa.case(
            (_NEW.standing == Standing.ADDED, sa.null()),
            else_=registrations.c.mailed_by_ringcentral,
        ),
    },
)


def _build_registration(row: sa.RowMapping) -> ManagedRegistration:
    return ManagedRegistration(
        invitee=_build_stored_invitee(row),
        standing=Standing(row["standing"]),
        last_requested=MappingProxyType(json.loads(row["asked"] or "{}")),
        mailed_by_ringcentral=row["mailed_by_ringcentral"] is not None,
    )


def _build_stored_invitee(row: sa.RowMapping) -> Invitee:
    known = row["user_id"] != ""
    return Invitee(
        row=0,
        email=row["email"],
        role=Role(row["role"]),
        first_name=row["first_name"],
        last_name=row["last_name"],
        language=row["language"],
        time_zone=row["time_zone"],
        linked_user=LinkedUser(row["account_id"], row["user_id"], row["domain"]) if known else None,
    )
