"""Who this ledger has had to do with at RingCentral: whom it added, adopted or removed, and what it was about to do.

`intend` is committed before a PATCH leaves, so that after a crash the tool still knows whom it added (and may mail)
and whom it removed (and owes a cancellation).
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from onboarding.ledger import events
from onboarding.ledger.schema import registrations
from onboarding.model.changes import Acquaintance, Standing, wish
from onboarding.model.people import Invitee, LinkedUser, Role


def acquaintances(connection: sa.Connection, session: int) -> Mapping[str, Acquaintance]:
    """Everybody whom this ledger had to do with in a session, by address key."""
    rows = connection.execute(sa.select(registrations).where(registrations.c.session == session)).mappings()
    return {row["key"]: Acquaintance(_invitee(row), Standing(row["standing"]), row["asked"]) for row in rows}


def stand(
    connection: sa.Connection, session: int, invitees: Collection[Invitee], standing: Standing, now: datetime
) -> None:
    """Write down what was done, or is about to be done, about these people."""
    if not invitees:
        return
    places = [{"session": session, "key": invitee.key} for invitee in invitees]
    rows = [
        {**place, **_columns(invitee), "standing": standing, "at": now}
        for place, invitee in zip(places, invitees, strict=True)
    ]
    connection.execute(_STAND, rows)
    events.extend(
        connection, [{**place, "what": standing, "at": now, "delivery": None, "detail": ""} for place in places]
    )


def ask(connection: sa.Connection, session: int, invitees: Collection[Invitee], now: datetime) -> None:
    """Write down which update RingCentral was sent for these people and did not carry out."""
    for invitee in invitees:
        place = (registrations.c.session == session, registrations.c.key == invitee.key)
        if not connection.execute(registrations.update().where(*place).values(asked=wish(invitee))).rowcount:
            stand(connection, session, [invitee], Standing.UPDATED, now)
            connection.execute(registrations.update().where(*place).values(asked=wish(invitee)))
        events.append(connection, session, invitee.key, "not updated", now)


def restore(
    connection: sa.Connection,
    session: int,
    invitees: Collection[Invitee],
    before: Mapping[str, Acquaintance],
    now: datetime,
) -> None:
    """Take back an intention that RingCentral did not carry out: these people stand as they stood `before`."""
    for invitee in invitees:
        known = before.get(invitee.key)
        if known:
            stand(connection, session, [known.invitee], known.standing, now)
            continue
        connection.execute(
            registrations.delete().where(registrations.c.session == session, registrations.c.key == invitee.key)
        )
        events.append(connection, session, invitee.key, "not added", now)


def granted(connection: sa.Connection, session: int, invitees: Collection[Invitee]) -> None:
    """Forget an update that was carried out, so that it may be asked for again should the record change back."""
    keys = [invitee.key for invitee in invitees]
    connection.execute(
        registrations.update().where(registrations.c.session == session, registrations.c.key.in_(keys)).values(asked="")
    )


def _columns(invitee: Invitee) -> dict[str, str]:
    """What is kept of a person."""
    user = invitee.linked_user or LinkedUser("", "", "")
    return {
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
    """Ids that are not known this time are left as they were: an address may change."""
    return sa.case((_NEW.user_id != "", _NEW[column]), else_=registrations.c[column])


_STAND = _INSERT.on_conflict_do_update(
    index_elements=["session", "key"],
    set_={
        **{name: _if_known(name) for name in ("account_id", "user_id", "domain")},
        **{name: _NEW[name] for name in ("email", "first_name", "last_name", "language", "time_zone", "role")},
        **{name: _NEW[name] for name in ("standing", "at")},
    },
)


def _invitee(row: sa.RowMapping) -> Invitee:
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
