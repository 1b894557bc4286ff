"""What RingCentral last said of its directory and of a webinar, so that a run need not ask again.

Everything in it can be deleted at any time, and then costs a few calls. Who counts as a colleague
is decided in `ringcentral`; which invitee is which colleague, in `plan`.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import cached_colleagues, cached_webinars
from onboarding.model.accounts import AccountKey
from onboarding.model.people import Colleague, LinkedUser


def store_colleagues(
    connection: sa.Connection,
    account: AccountKey,
    colleagues: Collection[Colleague],
    now: datetime,
) -> None:
    """Replace what is known of an account's directory."""
    sql.lock(connection, f"directory {account.server} {account.name}")
    # Replaced as a whole: a colleague who has left the company must not be found again.
    connection.execute(cached_colleagues.delete().where(*_is_account(cached_colleagues, account)))
    # By ids: if a page shifts while the directory is read, the same colleague comes twice.
    rows = {
        colleague.linked_user: {
            **_account_columns(account),
            **_colleague_columns(colleague),
            "fetched_at": now,
        }
        for colleague in colleagues
    }
    if rows:
        connection.execute(cached_colleagues.insert(), list(rows.values()))


def load_colleagues(connection: sa.Connection, account: AccountKey) -> Sequence[Colleague]:
    """Load an account's directory as it was last listed; empty if it never was."""
    rows = connection.execute(
        sa.select(cached_colleagues).where(*_is_account(cached_colleagues, account))
    ).mappings()
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


def find_webinar_facts(
    connection: sa.Connection, account: AccountKey, webinar_id: str
) -> Mapping[str, Any] | None:
    """Find what was last known of a webinar; None if RingCentral was never asked about it."""
    facts: Mapping[str, Any] | None = connection.execute(
        sa.select(cached_webinars.c.facts).where(
            *_is_account(cached_webinars, account), cached_webinars.c.webinar_id == webinar_id
        )
    ).scalar()
    return facts


def store_webinar_facts(
    connection: sa.Connection,
    account: AccountKey,
    webinar_id: str,
    facts: Mapping[str, Any],
    now: datetime,
) -> None:
    """Replace what is known of a webinar."""
    key = {**_account_columns(account), "webinar_id": webinar_id}
    values = {"facts": dict(facts), "fetched_at": now}
    stored = sql.insert(cached_webinars).values(**key, **values)
    connection.execute(stored.on_conflict_do_update(index_elements=list(key), set_=values))


def remove_outdated(connection: sa.Connection, before: datetime) -> None:
    """Remove colleagues last listed before a time: they are kept no longer than other people."""
    connection.execute(cached_colleagues.delete().where(cached_colleagues.c.fetched_at < before))


def _account_columns(account: AccountKey) -> dict[str, str]:
    return {"server": account.server, "account": account.name}


def _is_account(table: sa.Table, account: AccountKey) -> tuple[sa.ColumnElement[bool], ...]:
    # Two companies may have accounts on one server, with the same colleague in both directories.
    return tuple(table.c[column] == value for column, value in _account_columns(account).items())


def _colleague_columns(colleague: Colleague) -> dict[str, str]:
    return {
        "account_id": colleague.linked_user.account_id,
        "user_id": colleague.linked_user.user_id,
        "domain": colleague.linked_user.domain,
        "email": colleague.email,
        "first_name": colleague.first_name,
        "last_name": colleague.last_name,
        "job_title": colleague.job_title,
    }
