"""Who this ledger has had to do with at RingCentral: whom it added, adopted or removed, and what it was about to do.

`intend` is committed before a PATCH leaves, so that after a crash the tool still knows whom it added (and may mail)
and whom it removed (and owes a cancellation).
"""

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa

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
    for invitee in invitees:
        values = {**_columns(invitee), "standing": standing, "at": now}
        changed = connection.execute(
            registrations.update()
            .where(registrations.c.session == session, registrations.c.key == invitee.key)
            .values(values)
        )
        if not changed.rowcount:
            connection.execute(registrations.insert().values(session=session, key=invitee.key, **values))
        events.append(connection, session, invitee.key, standing, now)


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
    """What is kept of a person. Ids that are not known this time are left as they were: an address may change."""
    user = invitee.linked_user
    ids = {"account_id": user.account_id, "user_id": user.user_id, "domain": user.domain} if user else {}
    return {
        **ids,
        "email": invitee.email,
        "first_name": invitee.first_name,
        "last_name": invitee.last_name,
        "language": invitee.language,
        "time_zone": invitee.time_zone,
        "role": invitee.role,
    }


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
