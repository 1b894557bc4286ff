"""Makes the hand-off for marketing operations: the values that `reports.report` renders.

Apart from `status`, because the report loads page templates and calendars, which a run does not
need.
"""

from datetime import datetime

from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.addresses import address_key
from onboarding.model.kinds import RULES
from onboarding.pipeline.status import Status, no_run_yet
from onboarding.reports.report import Report, ReportRow


def make_report(found: Status, made_at: datetime) -> Report:
    """Make the hand-off: the latest message of each person.

    Raises ConfigurationError before the first run.
    """
    if found.seen is None or found.is_empty:
        raise no_run_yet(found.name)
    latest = {address_key(record.delivery.email): record for record in found.current}
    return Report(
        webinar_name=found.name,
        title=found.seen.title,
        key=found.seen.key,
        start=found.seen.start,
        time_zone=found.seen.time_zone,
        made_at=made_at,
        rows=tuple(_report_row(record) for record in latest.values()),
        problems=tuple(found.problems),
    )


def _report_row(record: DeliveryRecord) -> ReportRow:
    delivery = record.delivery
    return ReportRow(
        email=delivery.email,
        name=record.name,
        role=delivery.facts.role,
        kind=delivery.kind,
        state=delivery.state,
        at=record.at,
        attempts=delivery.attempt,
        message_id=delivery.message_id,
        reply=record.reply,
        reason=record.reason,
        link_fingerprint=delivery.facts.link if RULES[delivery.kind].holds_join_link else "",
    )
