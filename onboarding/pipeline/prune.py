"""Removes from the ledger what has been over for long: sessions with all their people, and copies.

Each run does this (`pipeline.run`), and so does `onboarding prune`. How long things stay is in
`[ledger]`; what one person wants removed is `pipeline.forget`'s.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import kept, looks, sessions
from onboarding.ledger.settings import LedgerSettings
from onboarding.pipeline.services import Services


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed. `counted_from` is when the days were counted from, None before any run.

    `messages` counts copies of messages, without those of removed sessions.
    """

    sessions: int
    messages: int
    counted_from: datetime | None


async def prune(services: Services, *, spare: int | None = None) -> Pruned:
    """Apply `[ledger] keep` and `keep_messages` now. `spare` is a session that stays.

    A run spares its own: it is at work on it.
    """
    settings, now = services.config.ledger, services.clock.now()
    return await services.ledger.run(_prune, settings, now, spare)


def _prune(
    connection: sa.Connection, settings: LedgerSettings, now: datetime, spare: int | None
) -> Pruned:
    """Count the days from the last run where the clock says that more time has passed.

    A clock that is set far ahead would otherwise take every session for over, and a session that is
    forgotten is mailed a second time.
    """
    latest = sessions.find_latest_run(connection)
    # Without any run there is nothing to count from, and only plans could have left a session.
    if latest is None:
        return Pruned(0, 0, None)
    moment = min(now, latest)
    removed = 0
    if settings.keep:
        removed = sessions.remove_ended(connection, moment - timedelta(days=settings.keep), spare)
    if removed:
        looks.remove_orphans(connection)
        kept.remove_unused_parts(connection)
    if settings.keep_messages:
        before = moment - timedelta(days=settings.keep_messages)
        return Pruned(removed, kept.remove_kept(connection, before), moment)
    # `keep_messages = 0` also means the copies that an earlier setting has kept.
    return Pruned(removed, kept.remove_all_kept(connection), moment)
