"""Waits until a message may leave: the mail server's pace and daily cap, which all runs on a ledger share."""

from datetime import datetime, timedelta

from onboarding.errors import TryLater
from onboarding.ledger import pace
from onboarding.mail.settings import SmtpSettings
from onboarding.model.deliveries import Delivery
from onboarding.pipeline.forecast import in_words
from onboarding.pipeline.round import Round

LONGEST_WAIT = timedelta(minutes=10)
"""What takes longer is left to a later run."""

STAYS_QUEUED = "What is left stays queued: run again then."

ANY_PACE = pace.Pace()


async def may_leave(work: Round, delivery: Delivery) -> bool:
    """Wait for the pace that all runs share. False: the run ends, or the message has become too late meanwhile.

    Asked last of all, so that what was counted does leave. Raises TryLater where the next message has to wait for long:
    the day's messages are used up, or the rate is a slow one.
    """
    clock, smtp = work.rooms.clock, work.rooms.config.smtp
    allowed = _pace(smtp)
    if allowed == ANY_PACE:
        return work.going and clock.now() < delivery.expires_at
    async with work.pacing:  # one worker waits at a time
        while work.going and clock.now() < delivery.expires_at:
            wait = await work.rooms.ledger.run(pace.reserve, _account(smtp), allowed, clock.now())
            if not wait:
                return True
            if wait > LONGEST_WAIT:
                raise _too_long(smtp, allowed, wait, clock.now())
            await clock.sleep(wait.total_seconds())
    return False


def _pace(smtp: SmtpSettings) -> pace.Pace:
    """The pace that the settings allow."""
    return pace.Pace(timedelta(seconds=smtp.rate.interval if smtp.rate else 0), smtp.per_day)


def _account(smtp: SmtpSettings) -> str:
    """Whose pace it is: the account at the mail server."""
    return f"smtp {smtp.host}:{smtp.port} {smtp.username}"


def _too_long(smtp: SmtpSettings, allowed: pace.Pace, wait: timedelta, now: datetime) -> TryLater:
    """Say why nothing may leave for a while, and when it may again."""
    when = f"the next may leave at {(now + wait).astimezone():%Y-%m-%d %H:%M}, in {in_words(wait)}"
    if wait <= allowed.interval:
        return TryLater(f"the rate ([smtp] rate = {smtp.rate}) is a slow one; {when}", hint=STAYS_QUEUED)
    return TryLater(
        f"the day's messages ([smtp] per_day = {smtp.per_day}) are used up; {when}",
        hint=f"{STAYS_QUEUED} Or raise per_day if your provider allows more.",
    )
