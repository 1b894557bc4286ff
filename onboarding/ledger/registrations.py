"""The people of a session that this program has added, adopted or removed at RingCentral.

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

from onboarding.ledger import events
from onboarding.ledger.schema import events as history
from onboarding.ledger.schema import registrations
from onboarding.ledger.sql import insert
from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.registrations import ManagedRegistration, Standing, registration_key


def load_managed(connection: sa.Connection, session: int) -> Mapping[str, ManagedRegistration]:
    """Load what this program has dealt with in a session, by `registration_key`."""
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
            _keep_one_row(connection, session, invitee, invitee.linked_user)
    rows = [
        {"session": session, **_person_columns(invitee), "standing": standing, "at": now}
        for invitee in invitees
    ]
    connection.execute(_UPSERT, rows)
    # In the same transaction as the standing: neither is ever there without the other.
    event = {"session": session, "what": standing, "at": now, "delivery": None, "detail": ""}
    events.record_events(connection, [{**event, "key": row["key"]} for row in rows])


def _keep_one_row(
    connection: sa.Connection, session: int, invitee: Invitee, user: LinkedUser
) -> None:
    """Keep a linked user in one row: under their address, or by ids if another user has that now.

    With two rows for one user, a removal would change one of them, and the other would add the user
    again.
    """
    if invitee.email:
        _keep_former_user(connection, session, invitee)
        _remove_row_by_ids(connection, session, invitee)
        return
    ours = (registrations.c.session == session, _is_user(user), registrations.c.email != "")
    no_ids = {"account_id": "", "user_id": "", "domain": ""}
    connection.execute(registrations.update().where(*ours).values(no_ids))


def _keep_former_user(connection: sa.Connection, session: int, invitee: Invitee) -> None:
    """If the address belonged to another user before, keep that user by their ids."""
    this_row = sa.select(registrations).where(*_is_person(session, invitee))
    row = connection.execute(this_row).mappings().one_or_none()
    # A removed user needs no row by ids: there is nothing left to do about them.
    if row is None or row["standing"] == Standing.REMOVED:
        return
    former = _build_stored_invitee(row)
    if former.linked_user in {None, invitee.linked_user}:
        return
    by_ids = {**row, **_person_columns(replace(former, email="")), "asked": ""}
    # Nothing on conflict: a row by ids that is there already is that user's own.
    connection.execute(insert(registrations).values(by_ids).on_conflict_do_nothing())


def _remove_row_by_ids(connection: sa.Connection, session: int, invitee: Invitee) -> None:
    by_ids = _is_person(session, replace(invitee, email=""))
    connection.execute(registrations.delete().where(*by_ids))


def record_unfulfilled(
    connection: sa.Connection,
    session: int,
    invitee: Invitee,
    fields: Mapping[str, str],
    now: datetime,
) -> None:
    """Record what RingCentral was asked to change about a person and did not: field -> value."""
    this_row = registrations.update().where(*_is_person(session, invitee))
    updated = this_row.values(asked=json.dumps(dict(fields)))
    if not connection.execute(updated).rowcount:
        # The person was found registered, so there is no row yet.
        set_standing(connection, session, [invitee], Standing.UPDATED, now)
        connection.execute(updated)
    names = ", ".join(fields)
    key = registration_key(invitee)
    events.record_event(connection, session, key, "not updated", now, detail=names)


def clear_unfulfilled(
    connection: sa.Connection, session: int, invitees: Collection[Invitee]
) -> None:
    """Forget requests that are fulfilled now: they may be made again if the value changes back."""
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
    """Take back an intention that RingCentral refused: these people are as they were `before`."""
    for invitee in invitees:
        key = registration_key(invitee)
        this_row = _is_person(session, invitee)
        standing = sa.select(registrations.c.standing).where(*this_row)
        # Asked before the row changes: the event says which intention is taken back.
        was_removing = connection.execute(standing).scalar() == Standing.REMOVING
        if known := before.get(key):
            former = {**_person_columns(known.invitee), "standing": known.standing, "at": now}
            connection.execute(registrations.update().where(*this_row).values(former))
            if _has_address_back(known.invitee, before):
                _remove_row_by_ids(connection, session, known.invitee)
        else:
            # Not known before the intention: a row that stayed would count as ours at the next run.
            connection.execute(registrations.delete().where(*this_row))
        what = "not removed" if was_removing else "not added"
        events.record_event(connection, session, key, what, now)


def _has_address_back(invitee: Invitee, before: Mapping[str, ManagedRegistration]) -> bool:
    """Whether a user's row by ids was only made by the intention that is taken back."""
    by_ids = registration_key(replace(invitee, email=""))
    return bool(invitee.email and invitee.linked_user) and by_ids not in before


def record_mailed(
    connection: sa.Connection, session: int, invitees: Collection[Invitee], now: datetime
) -> None:
    """Record that a run has reported that RingCentral has mailed these people itself.

    How it comes to that: docs/ringcentral.md, "Send now".
    """
    for invitee in invitees:
        is_them = registrations.c.key == registration_key(invitee)
        if invitee.linked_user:
            is_them |= _is_user(invitee.linked_user)
        # Once only: each run sees it again, and history would fill with it.
        is_new = registrations.c.mailed_by_ringcentral.is_(None)
        new = registrations.update().where(registrations.c.session == session, is_new, is_them)
        noted = new.values(mailed_by_ringcentral=now).returning(registrations.c.key)
        for key in connection.execute(noted).scalars().all():
            events.record_event(connection, session, key, "mailed by RingCentral", now)


def list_mailed_by_ringcentral(connection: sa.Connection, session: int) -> Sequence[str]:
    """List our people that RingCentral has mailed itself, in order.

    Each is an address, or ids where the person has none.
    """
    noted = (registrations.c.session == session, registrations.c.mailed_by_ringcentral.is_not(None))
    rows = connection.execute(sa.select(registrations.c.email, registrations.c.key).where(*noted))
    return sorted(row.email or row.key for row in rows)


def list_registered_at(connection: sa.Connection, session: int) -> Mapping[str, datetime]:
    """List when this program registered the people of a session who are registered, by key."""
    gone = registrations.c.standing.in_([Standing.REMOVING, Standing.REMOVED])
    # From history: `at` of the row moves with each later standing.
    latest = sa.func.max(history.c.at, type_=history.c.at.type).label("at")
    is_same_person = (history.c.session == registrations.c.session) & (
        history.c.key == registrations.c.key
    )
    query = (
        sa.select(history.c.key, latest)
        .join(registrations, is_same_person)
        .where(registrations.c.session == session, ~gone, history.c.what == Standing.ADDED)
        .group_by(history.c.key)
    )
    return {row.key: row.at for row in connection.execute(query)}


def _is_person(session: int, invitee: Invitee) -> tuple[sa.ColumnElement[bool], ...]:
    return registrations.c.session == session, registrations.c.key == registration_key(invitee)


def _is_user(user: LinkedUser) -> sa.ColumnElement[bool]:
    # Without the domain: RingCentral may give it in another form (`LinkedUser`).
    columns = registrations.c
    return sa.and_(columns.account_id == user.account_id, columns.user_id == user.user_id)


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


_IDS = ("account_id", "user_id", "domain")
_ALWAYS_NEW = (
    "email",
    "first_name",
    "last_name",
    "language",
    "time_zone",
    "role",
    "standing",
    "at",
)
# `asked` is not set here: a request that RingCentral did not fulfil is not made again only because
# the person's standing changes.
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=["session", "key"],
    set_={
        **{name: _if_known(name) for name in _IDS},
        **{name: _NEW[name] for name in _ALWAYS_NEW},
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
        # No row of a roster: the person may not be on it any more.
        row=0,
        email=row["email"],
        role=Role(row["role"]),
        first_name=row["first_name"],
        last_name=row["last_name"],
        language=row["language"],
        time_zone=row["time_zone"],
        linked_user=LinkedUser(row["account_id"], row["user_id"], row["domain"]) if known else None,
    )
