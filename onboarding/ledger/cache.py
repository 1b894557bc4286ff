"""The company's colleagues as RingCentral last listed them, so that a run that meets no new one need not ask.

A cache and nothing more: who counts as a colleague was decided by `ringcentral/`, who is who by `plan`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger.schema import directory
from onboarding.model.people import Colleague, LinkedUser


def keep_colleagues(connection: sa.Connection, server: str, colleagues: Collection[Colleague], now: datetime) -> None:
    """Remember a server's whole directory in the place of what was known of it."""
    connection.execute(directory.delete().where(directory.c.server == server))
    # By ids: a listing whose pages shifted while they were read names somebody twice.
    rows = {one.linked_user: {"server": server, **_columns(one), "fetched_at": now} for one in colleagues}
    if rows:
        connection.execute(directory.insert(), list(rows.values()))


def colleagues(connection: sa.Connection, server: str) -> Sequence[Colleague]:
    """Everybody in a server's directory when it was last listed; empty where it never was."""
    rows = connection.execute(sa.select(directory).where(directory.c.server == server)).mappings()
    return [
        Colleague(
            LinkedUser(row["account_id"], row["user_id"], row["domain"]),
            email=row["email"],
            first_name=row["first_name"],
            last_name=row["last_name"],
            job_title=row["job_title"],
        )
        for row in rows
    ]


def _columns(colleague: Colleague) -> dict[str, str]:
    return {
        "account_id": colleague.linked_user.account_id,
        "user_id": colleague.linked_user.user_id,
        "domain": colleague.linked_user.domain,
        "email": colleague.email,
        "first_name": colleague.first_name,
        "last_name": colleague.last_name,
        "job_title": colleague.job_title,
    }
