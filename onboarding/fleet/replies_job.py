"""The job that reads what came back by mail, where a mailbox is configured."""

from onboarding.errors import Interrupted, OnboardingError
from onboarding.fleet.values import JobReport
from onboarding.model.alerts import Alert, AlertKind
from onboarding.pipeline.alerts import send_alerts, store_alert_events
from onboarding.pipeline.inbox import note_fault, read_replies
from onboarding.pipeline.inbox_alerts import find_news_alerts
from onboarding.pipeline.services import Services


async def read_mailbox(services: Services) -> JobReport:
    """Read the mailbox. One that can't be read is said once, until it can."""
    if not services.config.replies.is_configured:
        return JobReport()
    try:
        reading = await read_replies(services)
        await note_fault(services, "")
    except Interrupted:
        raise
    except OnboardingError as error:
        is_new = await note_fault(services, error.message)
        said = await send_alerts(services, [Alert("mailbox", AlertKind.MAILBOX)])
        return JobReport(sentences=(*([f"replies: {error}"] if is_new else []), *said))
    # Sent by the next tick, and not here: it may be doing so at this moment.
    await store_alert_events(services, find_news_alerts(services.config, reading))
    return JobReport(reading=reading)
