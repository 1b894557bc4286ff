"""Which webinars `run --all` leaves alone, because a person has paused them.

A pause belongs to a webinar as config.toml or a person names it, so it may come before the first
run. A pause of a webinar holds for each of its sessions, and the other way round: leaving too much
alone is noticed, and mailing too early is not undone.
"""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger.schema import pauses
from onboarding.ledger.sql import insert
from onboarding.model.pauses import Pause, find_longest


def set_pause(
    connection: sa.Connection,
    server: str,
    webinar_id: str,
    session_id: str,
    until: datetime | None,
    now: datetime,
) -> None:
    """Pause a webinar; an earlier pause of it is replaced. `session_id` may be empty."""
    # `reported_at` starts over, so that `run --all` also says of the new pause that it is on.
    values = {"at": now, "until": until, "reported_at": None}
    keys = {"server": server, "webinar_id": webinar_id, "session_id": session_id}
    connection.execute(
        insert(pauses)
        .values(**keys, **values)
        .on_conflict_do_update(index_elements=list(keys), set_=values)
    )


def remove_pauses(connection: sa.Connection, server: str, webinar_id: str, session_id: str) -> int:
    """Remove the pauses that hold for a webinar. Returns how many there were, over or not."""
    held = pauses.delete().where(*_holds_for(server, webinar_id, session_id))
    return connection.execute(held).rowcount


def load_pause(
    connection: sa.Connection, server: str, webinar_id: str, session_id: str, now: datetime
) -> Pause | None:
    """Find the pause that holds for a webinar now; of several, the one that lasts longest."""
    query = sa.select(pauses.c.at, pauses.c.until, pauses.c.reported_at).where(
        *_holds_for(server, webinar_id, session_id)
    )
    found = [Pause(**row) for row in connection.execute(query).mappings()]
    return find_longest(pause for pause in found if pause.is_on(now))


def list_pauses(
    connection: sa.Connection, server: str, now: datetime
) -> Mapping[tuple[str, str], Pause]:
    """List the pauses that are on now, by webinar and session id (empty: any session)."""
    columns = (pauses.c.webinar_id, pauses.c.session_id)
    query = sa.select(*columns, pauses.c.at, pauses.c.until, pauses.c.reported_at)
    rows = connection.execute(query.where(pauses.c.server == server))
    found = {(row[0], row[1]): Pause(*row[2:]) for row in rows}
    return {ids: pause for ids, pause in found.items() if pause.is_on(now)}


def record_reported(
    connection: sa.Connection, server: str, webinar_id: str, session_id: str, now: datetime
) -> None:
    """Record that `run --all` has said that it leaves the webinar alone."""
    held = pauses.update().where(*_holds_for(server, webinar_id, session_id))
    connection.execute(held.values(reported_at=now))


def _holds_for(server: str, webinar_id: str, session_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    # Asked without a session, any pause of the webinar counts: its session isn't known yet.
    is_session = pauses.c.session_id.in_(["", session_id]) if session_id else sa.true()
    return (pauses.c.server == server, pauses.c.webinar_id == webinar_id, is_session)
