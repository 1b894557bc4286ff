"""`replies`: read what came back by mail; also the first step of `run --all`.

Reads the mailbox of `[replies]`, or one message that a mail server hands over. Sends nothing.
"""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from onboarding.cli import options
from onboarding.cli.run_options import InboxEnd
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.terminal import print_text, run_until_stopped
from onboarding.config import Config
from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    EXIT_TRY_LATER,
    ConfigurationError,
    Interrupted,
    OnboardingError,
)
from onboarding.inbox.parts import MAX_BYTES
from onboarding.model.answers import WORDS, Answer
from onboarding.model.deliveries import State
from onboarding.pipeline.alerts import store_alert_events
from onboarding.pipeline.inbox import InboxNews, InboxReading, note_fault, read_one
from onboarding.pipeline.inbox_alerts import find_news_alerts, name_webinar, read_news
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import find_target

MOST_DRAINED = 200
"""Times `MAX_BYTES` of a message that are taken from a mail server, and not looked at."""

RepliesName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A webinar of config.toml; - reads one message from standard input.",
    ),
]


def replies_command(
    name: RepliesName, *, as_json: options.AsJson = False, config_file: options.ConfigFile = None
) -> None:
    """Read what came back by mail: bounces and calendar answers.

    Reads the mailbox of `[replies]` now, as `run --all` does each time. The mailbox is that of all
    webinars, and so is what is shown.
    """
    if name == "-":
        raise typer.Exit(_take_message(config_file))
    config = options.load_config(config_file)
    find_target(config, name)
    if not config.replies.is_configured:
        raise ConfigurationError(
            "No mailbox is configured for what comes back.",
            hint="Add [replies] to config.toml: the one of `onboarding init` shows how.",
        )

    async def work(stop: asyncio.Event) -> InboxReading:
        async with options.open_command_services(config, stop, quiet=as_json) as services:
            reading = await read_news(services)
            if reading.error is None:
                await note_fault(services, "")
            return reading

    reading = run_until_stopped(work)
    if as_json:
        echo_json(reading_json(config, reading))
    else:
        print_news(config, reading)
        if reading.error is None:
            print_text(_describe_count(reading))
    if reading.error:
        raise reading.error
    has_bounces = any(news.what == State.BOUNCED for news in reading.news)
    raise typer.Exit(EXIT_NEEDS_A_PERSON if has_bounces else EXIT_DONE)


async def read_inbox(services: Services, *, quiet: bool) -> InboxEnd:
    """Read the mailbox before the webinars of `run --all`.

    Prints what is new, each once. A mailbox that can't be read stops no webinar, and is said once.
    """
    reading = await read_news(services)
    if not quiet:
        print_news(services.config, reading)
    error = reading.error
    if isinstance(error, Interrupted):
        raise error
    # Each run would say a fault again, and cron would mail it each time.
    if await note_fault(services, error.message if error else "") and error:
        echo(f"replies: {error}", err=True)
    return InboxEnd(error.exit_code if error else EXIT_DONE, has_fault=error is not None)


def _take_message(config_file: Path | None) -> int:
    """Take one message from a mail server. If anything fails, the mail server may try again.

    With any other exit code than 75 it would return the message to its sender, which is no one.
    """
    content = sys.stdin.buffer.read(MAX_BYTES)
    # To the end: a mail server that can't write all of it takes that for a failure.
    for _ in range(MOST_DRAINED):
        if not sys.stdin.buffer.read(MAX_BYTES):
            break

    try:
        config = options.load_config(config_file)
        print_news(config, run_until_stopped(partial(_record_piped_message, config, content)))
    except OnboardingError as error:
        # A mistake in config.toml too: the message waits until a person has corrected it.
        echo(f"onboarding: {error}", err=True)
        return EXIT_TRY_LATER
    return EXIT_DONE


async def _record_piped_message(
    config: Config, content: bytes, stop: asyncio.Event
) -> InboxReading:
    async with options.open_command_services(config, stop, quiet=True) as services:
        reading = await read_one(services, content)
        # The mail server reads what is printed, so the producer hears of it from the next run.
        await store_alert_events(services, find_news_alerts(config, reading))
        return reading


def print_news(config: Config, reading: InboxReading) -> None:
    """Print what came back, a line for each."""
    for news in reading.news:
        print_text(f"{name_webinar(config, news)}: {describe_news(news)}")
    if reading.returned_alerts:
        print_text("An alert came back: correct [alerts] to.")


def describe_news(news: InboxNews) -> str:
    """Say in a sentence what came back, and about which person."""
    person = f"{news.name} ({news.email})" if news.name else news.email
    detail = f": {news.detail}" if news.detail else ""
    if news.what == State.BOUNCED:
        return f"the message to {person} came back{detail}."
    return f"{person} {WORDS[Answer(news.what)]}{detail}."


def reading_json(config: Config, reading: InboxReading) -> dict[str, Any]:
    """`replies --json`: what came back since the last reading."""
    return {
        "news": [
            {
                "webinar": name_webinar(config, news),
                "email": news.email,
                "name": news.name,
                "what": news.what,
                "detail": news.detail,
            }
            for news in reading.news
        ],
        "handled": reading.handled,
        "unmatched": reading.unmatched,
    }


def _describe_count(reading: InboxReading) -> str:
    ours = "1 message" if reading.handled == 1 else f"{reading.handled} messages"
    others = f", {reading.unmatched} about mail that is not from here" if reading.unmatched else ""
    return f"{ours} about ours{others}."
