"""What the producer is told of what came back by mail."""

import secrets

from onboarding.config import Config
from onboarding.model.alerts import Alert, AlertKind
from onboarding.model.answers import Answer
from onboarding.pipeline.alerts import store_alert_events
from onboarding.pipeline.inbox import InboxNews, InboxReading, read_replies
from onboarding.pipeline.services import Services

TOLD = frozenset({Answer.DECLINED, Answer.FORWARDED, Answer.COUNTER, Answer.DELEGATED})
"""Answers that the producer is told. A message that came back is told while it needs a person."""


async def read_news(services: Services) -> InboxReading:
    """Read the mailbox, and store what the producer is to be told: the next alerts have it.

    At once, and also where the reading ended early: no later one tells it again.
    """
    reading = await read_replies(services)
    await store_alert_events(services, find_news_alerts(services.config, reading))
    return reading


def find_news_alerts(config: Config, reading: InboxReading) -> tuple[Alert, ...]:
    """Find what the producer should know of what came back, once."""
    return tuple(
        Alert(
            # At random: each is told once by the inbox already, and a digest would name the person.
            f"answer {secrets.token_hex(16)}",
            AlertKind(news.what),
            name_webinar(config, news),
            is_event=True,
        )
        for news in reading.news
        if news.what in TOLD
    )


def name_webinar(config: Config, news: InboxNews) -> str:
    """Name the webinar as in config.toml, else by its ids."""
    key = news.session
    for name, webinar in config.webinars.items():
        if webinar.webinar == key.webinar_id and webinar.session in {None, key.session_id}:
            return name
    return str(key)
