"""`run --all`: every configured webinar that is not over, for cron.

Prints only what is worth a mail from cron. Which webinars are run, and in which order, is decided
in `pipeline.all_webinars`.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from onboarding.cli import options
from onboarding.cli.metrics import AccountFigures, RunFigures, format_metrics, write_metrics
from onboarding.cli.output import result_json
from onboarding.cli.run_options import InboxEnd, RunOptions
from onboarding.cli.streams import echo, echo_json
from onboarding.cli.summaries import attention_needed, describe_pause, print_result
from onboarding.cli.terminal import NoProgress, print_text
from onboarding.config import Config
from onboarding.errors import (
    EXIT_DONE,
    EXIT_NEEDS_A_PERSON,
    EXIT_TRY_LATER,
    EXIT_USAGE,
    Interrupted,
)
from onboarding.model.accounts import DEFAULT_ACCOUNT
from onboarding.model.alerts import MAILBOX_UNREADABLE
from onboarding.pipeline.all_webinars import AllOptions, list_passes, run_pass
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.lease import AlreadyRunning
from onboarding.pipeline.rate_limiter import LedgerRateLimiter, account_of
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.services import Services, open_services
from onboarding.pipeline.target import Target, all_targets
from onboarding.pipeline.webinar_end import WebinarEnd, read_idle_result

SEVERITY = (EXIT_DONE, EXIT_NEEDS_A_PERSON, EXIT_TRY_LATER, EXIT_USAGE)
"""With several webinars, the exit code that comes last here wins."""


async def run_all(
    config: Config, run_options: RunOptions, stop: asyncio.Event, clock: Clock | None = None
) -> int:
    """Run every configured webinar that needs it. Returns the worst exit code."""
    progress = NoProgress()
    how = AllOptions(run_options.strict, run_options.patience)
    targets = all_targets(config)
    ends: list[WebinarEnd] = []
    inbox = InboxEnd(EXIT_DONE)
    async with open_services(
        config, progress, clock or options.clock_for(stop, progress), stop
    ) as services:
        began = services.clock.now()
        async for this in list_passes(services, targets, run_options.linger):
            # First: what came back may stop what would be mailed again.
            inbox = await _read_inbox(services, run_options)
            async for end in run_pass(services, this, how):
                print_end(end, quiet=run_options.quiet)
                ends.append(end)
        results = await _collect_results(services, ends, run_options)
        await _send_alerts(services, ends, inbox)
        # A webinar that was served twice ended as it did the last time.
        codes = {end.target.name: end.exit_code for end in ends}
        # By the table, not by the number: 75 is more than 2, but 2 stays until a person corrects
        # something.
        worst = max([inbox.exit_code, *codes.values()], key=SEVERITY.index)
        if run_options.metrics:
            figures = await collect_figures(services, targets, results, began)
            worst = write_figures(run_options.metrics, figures, worst)
    _print_results(config, results, run_options)
    return worst


async def collect_figures(
    services: Services, targets: Sequence[Target], results: Sequence[Result], began: datetime
) -> RunFigures:
    """Collect the figures of this run, and of the webinars that it left alone."""
    served = {result.name: result for result in results}
    # One after the other: each reads the ledger, which does one thing at a time.
    known = [
        served.get(target.name) or await read_idle_result(services, target) for target in targets
    ]
    ended_at = services.clock.now()
    companies = [target.company for target in targets] or [services.config.company]
    accounts = {company.account: company for company in companies}
    return RunFigures(
        ended_at=ended_at,
        seconds=(ended_at - began).total_seconds(),
        exit_code=EXIT_DONE,
        accounts=[
            await _count_calls(services.of_company(company)) for company in accounts.values()
        ],
        results=[result for result in known if result],
    )


async def _count_calls(services: Services) -> AccountFigures:
    """Count the webinar calls of these services' account, and those that it has left."""
    clock, config = services.clock, services.config
    limiter = LedgerRateLimiter(
        services.ledger,
        account_of(config.ringcentral),
        services.progress,
        clock.now,
        clock.sleep,
    )
    calls = services.ringcentral.calls.get("Heavy", 0)
    return AccountFigures(config.company.account, calls, await limiter.count_left("Heavy"))


def write_figures(file: Path, figures: RunFigures, exit_code: int) -> int:
    """Write the figures; a file that can't be written is said, and makes the exit code 2."""
    try:
        write_metrics(file, format_metrics(replace(figures, exit_code=exit_code)))
    except OSError as error:
        echo(f"{file} can't be written: {error.strerror}. Choose another file.", err=True)
        return EXIT_USAGE
    return exit_code


async def _send_alerts(services: Services, ends: Sequence[WebinarEnd], inbox: InboxEnd) -> None:
    """Tell the producer what needs a person, where `[alerts]` says how."""
    if not services.config.alerts.is_configured:
        return
    # A late import: without [alerts] a run does not need it.
    from onboarding.pipeline.alerts import find_alerts, send_alerts  # noqa: PLC0415

    found = await find_alerts(services, ends)
    if inbox.has_fault:
        found.append(MAILBOX_UNREADABLE)
    for sentence in await send_alerts(services, found):
        echo(sentence, err=True)


async def _read_inbox(services: Services, run_options: RunOptions) -> InboxEnd:
    """Read what came back, where a mailbox is configured."""
    if not services.config.replies.is_configured:
        return InboxEnd(EXIT_DONE)
    # A late import: what reads mail and calendars takes longer to load than an idle run takes.
    from onboarding.cli.replies import read_inbox  # noqa: PLC0415

    return await read_inbox(services, quiet=run_options.quiet or run_options.as_json)


def print_end(end: WebinarEnd, *, quiet: bool = False) -> None:
    """Print what stopped a webinar's run, what needs a person besides, and a pause."""
    if end.pause and not quiet:
        echo(describe_pause(end.target.name, end.pause.until, end.time_zone), err=True)
    # A person who is at the terminal asks now: that an earlier run has said it is no answer.
    is_known = end.is_known and not sys.stderr.isatty()
    if not (is_known or end.is_repeated):
        _print_trouble(end)


def _print_trouble(end: WebinarEnd) -> None:
    name = end.target.name
    if end.attention and (sentence := attention_needed(name, end.attention)):
        echo(f"{name}: {sentence}", err=True)
    # A signal ends all webinars, and is said once, at the very end.
    if end.error and not isinstance(end.error, Interrupted):
        named = isinstance(end.error, AlreadyRunning)
        echo(str(end.error) if named else f"{_name_subject(end)}: {end.error}", err=True)


def _name_subject(end: WebinarEnd) -> str:
    """Name what an error is about: a webinar, an account, or all there is."""
    if not end.account:
        return end.target.name
    return "onboarding" if end.account == DEFAULT_ACCOUNT else f"account {end.account}"


async def _collect_results(
    services: Services, ends: Sequence[WebinarEnd], run_options: RunOptions
) -> list[Result]:
    """Collect how the runs ended; for programs also how webinars stand that needed none."""
    results = [end.result for end in ends if end.result]
    if not run_options.as_json:
        return results
    idle = {end.target.name: end.target for end in ends if end.is_idle}
    served = {result.name for result in results}
    waiting = [target for name, target in idle.items() if name not in served]
    found = [await read_idle_result(services, target) for target in waiting]
    return [*results, *filter(None, found)]


def _print_results(config: Config, results: Sequence[Result], run_options: RunOptions) -> None:
    """Print what is worth a mail from cron."""
    # Warned only where mail may have left: cron would mail the same warning at every run.
    changed = [result.name for result in results if result.has_changes]
    options.warn_about_plaintext_servers(config, changed)
    if run_options.as_json:
        echo_json([result_json(result) for result in results])
    elif not run_options.quiet:
        for result in results:
            if result.has_changes or result.has_news:
                print_with_notes(result)


def print_with_notes(result: Result) -> None:
    """Print the end of a webinar's run, and what is worth knowing of it."""
    print_result(result)
    # A run by hand has shown them with its plan.
    for note in result.new_notes:
        print_text(note)
