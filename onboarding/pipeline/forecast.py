"""How long sending will take at the pace that the settings allow, and whether that is early enough.

Pure. It knows the configured rate and daily limit. It doesn't know how fast the mail server is, nor
what other runs have sent today: `ledger.send_rate` counts that when a message is sent.
"""

from datetime import datetime, timedelta

from onboarding.smtp.settings import SmtpSettings

CAP_LASTS = timedelta(hours=25)
"""How long a message counts for the daily limit at most (`ledger.send_rate.reserve_sends`)."""

WEEK = timedelta(days=7)


def sending_time(messages: int, interval: timedelta, per_day: int | None) -> timedelta:
    """The time from the first message to the last, with at most `per_day` messages in a day."""
    # The first message leaves at once: only those after it wait.
    last = max(messages - 1, 0)
    paced = last * interval
    if per_day is None:
        return paced
    days, on_last_day = divmod(last, per_day)
    # The greater of the two: a slow rate may spread the messages so that the cap never bites.
    return max(paced, days * CAP_LASTS + on_last_day * interval)


def forecast(
    messages: int, smtp: SmtpSettings, panel_joins_at: datetime | None, now: datetime
) -> str:
    """Make the sentence for a person who is about to send messages; empty if there are none.

    `panel_joins_at` is None where no panel joins: the session is called off.
    """
    if not messages:
        return ""
    duration = _sending_time(messages, smtp)
    emails = "1 email" if messages == 1 else f"{messages} emails"
    sending = f"{emails} will be sent {_describe_pace(smtp, duration)}"
    if panel_joins_at is None:
        return f"{sending}."
    margin = panel_joins_at - now - duration
    # In capitals, since people read the beginning of a sentence and say yes.
    when = "before" if margin > timedelta() else "AFTER"
    return f"{sending}, {format_span(abs(margin))} {when} the panel joins."


def is_late(
    messages: int, smtp: SmtpSettings, panel_joins_at: datetime | None, now: datetime
) -> bool:
    """Whether sending ends only after the panel joins."""
    if not messages or panel_joins_at is None:
        return False
    # By the same margin as `forecast`, which calls a margin of nothing AFTER.
    return now + _sending_time(messages, smtp) >= panel_joins_at


def _sending_time(messages: int, smtp: SmtpSettings) -> timedelta:
    interval = timedelta(seconds=smtp.rate.interval if smtp.rate else 0)
    return sending_time(messages, interval, smtp.per_day)


def _describe_pace(smtp: SmtpSettings, duration: timedelta) -> str:
    if not duration:
        return "at once"
    limits = [f"{smtp.rate}"] if smtp.rate else []
    limits += [f"{smtp.per_day} a day"] if smtp.per_day else []
    return f"in {format_span(duration)} ({' and '.join(limits)})"


def format_span(span: timedelta) -> str:
    """Format a length of time in its two greatest units; from a week on in days alone."""
    if span >= WEEK:
        return f"{span.days} days"
    seconds = round(span.total_seconds())
    units = (
        ("day", seconds // 86400),
        ("hour", seconds // 3600 % 24),
        ("minute", seconds // 60 % 60),
    )
    parts = [_count_unit(count, unit) for unit, count in units if count]
    return " ".join(parts[:2]) or _count_unit(seconds, "second")


def _count_unit(count: int, unit: str) -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
