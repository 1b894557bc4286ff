"""What the producer was told, so that each thing is told once, and again only after a while."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import alerts
from onboarding.model.alerts import Alert, AlertKind

ALERTS_KEPT_FOR = timedelta(days=90)
"""How long the ledger remembers what it told."""

RETURNS = "returned"
"""In place of a channel: the rows of alerts that came back, each named by its report."""

FAULT = ""
"""The thing of the row that has a channel's last fault."""


def list_due(
    connection: sa.Connection,
    channel: str,
    found: Sequence[Alert],
    now: datetime,
    repeat: timedelta,
) -> list[Alert]:
    """List what is to be told now: what is new, what still lasts after `repeat`, and old events.

    What has happened is stored at once: it is told by a later run if this one fails.
    """
    store_events(connection, channel, found, now)
    here = alerts.c.channel == channel
    rows = connection.execute(sa.select(alerts).where(here, alerts.c.thing != FAULT)).all()
    told = {row.thing: row.told_at for row in rows}
    lasting = [
        alert
        for alert in found
        if not alert.is_event and _is_due(told.get(alert.thing), now, repeat)
    ]
    events = [
        Alert(row.thing, AlertKind(row.kind), row.webinar, row.detail, is_event=True)
        for row in rows
        if row.is_event and row.told_at is None
    ]
    return [*lasting, *events]


def _is_due(told_at: datetime | None, now: datetime, repeat: timedelta) -> bool:
    # A moment in the future is from before the clock was set back, and says nothing.
    return told_at is None or not told_at <= now < told_at + repeat


def store_events(
    connection: sa.Connection, channel: str, found: Sequence[Alert], now: datetime
) -> None:
    """Store the events among these that are new."""
    for alert in found:
        if alert.is_event:
            row = sql.insert(alerts).values(_build_alert_row(channel, alert, now))
            connection.execute(row.on_conflict_do_nothing())


def record_told_alerts(
    connection: sa.Connection, channel: str, told: Sequence[Alert], now: datetime
) -> None:
    """Record that these were told, and forget what was told long ago."""
    for alert in told:
        row = sql.insert(alerts).values({**_build_alert_row(channel, alert, now), "told_at": now})
        keys = ["channel", "thing"]
        connection.execute(row.on_conflict_do_update(index_elements=keys, set_={"told_at": now}))
    connection.execute(alerts.delete().where(alerts.c.told_at < now - ALERTS_KEPT_FOR))


def store_channel_fault(connection: sa.Connection, channel: str, fault: str, now: datetime) -> bool:
    """Store why a channel can't be used; empty if it can. Returns whether that is news."""
    here = (alerts.c.channel == channel, alerts.c.thing == FAULT)
    known = connection.execute(sa.select(alerts.c.detail).where(*here)).scalar() or ""
    if known == fault:
        return False
    connection.execute(alerts.delete().where(*here))
    values = {"kind": "", "webinar": "", "detail": fault, "is_event": False, "at": now}
    connection.execute(alerts.insert().values(channel=channel, thing=FAULT, **values))
    return True


def record_return(connection: sa.Connection, digest: str, now: datetime) -> bool:
    """Record that an alert's mail came back; `digest` names the report. False: known already.

    A mailbox may be read twice, and a maildir is on purpose.
    """
    values = {"kind": "", "webinar": "", "detail": "", "is_event": False, "at": now, "told_at": now}
    row = {"channel": RETURNS, "thing": digest, **values}
    stored = sql.insert(alerts).values(row).on_conflict_do_nothing()
    return connection.execute(stored.returning(alerts.c.thing)).scalar() is not None


def _build_alert_row(channel: str, alert: Alert, now: datetime) -> dict[str, object]:
    return {
        "channel": channel,
        "thing": alert.thing,
        "kind": alert.kind.value,
        "webinar": alert.webinar,
        "detail": alert.detail,
        "is_event": alert.is_event,
        "at": now,
    }
