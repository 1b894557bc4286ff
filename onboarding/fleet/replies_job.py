"""The job that reads what came back by mail, where a mailbox is configured."""

from onboarding.errors import Interrupted
from onboarding.fleet.outcome import send_found_alerts
from onboarding.fleet.values import JobReport
from onboarding.model.alerts import MAILBOX_UNREADABLE
from onboarding.pipeline.inbox import note_fault
from onboarding.pipeline.inbox_alerts import read_news
from onboarding.pipeline.services import Services


async def read_mailbox(services: Services) -> JobReport:
    """Read the mailbox. One that can't be read is said once, until it can."""
    if not services.config.replies.is_configured:
        return JobReport()
    # Of what came back the next tick tells, and not this job: it may be doing so at this moment.
    reading = await read_news(services)
    error = reading.error
    if isinstance(error, Interrupted):
        raise error
    is_news = await note_fault(services, error.message if error else "")
    if error is None:
        return JobReport(reading=reading)
    said = await send_found_alerts(services, [MAILBOX_UNREADABLE])
    sentences = (*([f"replies: {error}"] if is_news else []), *said)
    return JobReport(sentences=sentences, reading=reading)
