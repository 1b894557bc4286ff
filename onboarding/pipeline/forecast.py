"""How long sending will take at the pace that the settings allow, and whether that is before the panel joins.

Pure. It knows the configured rate and daily cap, not how fast the mail server is, nor what others
have sent today: the ledger keeps those when it comes to it (`ledger.rate_limits`).
"""

from datetime import datetime, timedelta

from onboarding.model.sessions import Session
from onboarding.smtp.settings import SmtpSettings

CAP_LASTS = timedelta(hours=25)
"""How long a message weighs on the daily cap at the most (`ledger.rate_limits.reserve_send`)."""


def sending_takes(messages: int, interval: timedelta, per_day: int | None) -> timedelta:
    """The time from the first message to the last: evenly paced, and never more than `per_day` in a day."""
    last = max(messages - 1, 0)
    evenly = last * interval
    if per_day is None:
        return evenly
    days, of_the_day = divmod(last, per_day)
    return max(evenly, days * CAP_LASTS + of_the_day * interval)


def forecast(messages: int, smtp: SmtpSettings, session: Session, now: datetime) -> str:
    """One sentence for the person who is about to send so many messages; empty where there are none."""
    if not messages:
        return ""
    interval = timedelta(seconds=smtp.rate.interval if smtp.rate else 0)
    takes = sending_takes(messages, interval, smtp.per_day)
    limits = [f"{smtp.rate}"] if smtp.rate else []
    limits += [f"{smtp.per_day} a day"] if smtp.per_day else []
    how = (
        f"takes {in_words(takes)} at {' and '.join(limits)}"
        if limits
        else "goes as fast as the mail server takes it"
    )
    left = session.arrive_by - now - takes
    when = "before the panel joins" if left > timedelta() else "NOT before the panel joins"
    return f"Sending {messages} {'mail' if messages == 1 else 'mails'} {how}: done {when}{_to_spare(left)}."


def _to_spare(left: timedelta) -> str:
    return (
        f", {in_words(left)} to spare"
        if left > timedelta()
        else f", but {in_words(-left)} too late"
    )


def in_words(span: timedelta) -> str:
    """A length of time as people say it, in its two greatest units at most."""
    seconds = round(span.total_seconds())
    units = (
        ("day", seconds // 86400),
        ("hour", seconds // 3600 % 24),
        ("minute", seconds // 60 % 60),
    )
    told = [f"{count} {unit}{'' if count == 1 else 's'}" for unit, count in units if count]
    return " ".join(told[:2]) if told else f"{seconds} second{'' if seconds == 1 else 's'}"
