"""Tests credentials, roster, templates and mail server, for `onboarding check`. Changes nothing.

A check that fails stops only the checks that need its result.
"""

from collections.abc import AsyncIterator, Awaitable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from onboarding.config import Config
from onboarding.config.companies import Company, rename_sections
from onboarding.config.company_faults import list_unused
from onboarding.errors import Interrupted, OnboardingError
from onboarding.files.modes import build_chmod_command, describe_exposed, find_exposed
from onboarding.model.accounts import DEFAULT_ACCOUNT
from onboarding.model.checks import CheckResult
from onboarding.model.entries import READ_ANSWERS, find_unread_answers
from onboarding.model.people import Roster, format_problem, shorten_problems
from onboarding.model.time_zones import format_with_zone
from onboarding.pipeline.cron_interval import find_cron_interval, list_too_fine
from onboarding.pipeline.evidence import check_evidence
from onboarding.pipeline.log_in_ends import find_ending_log_ins
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.refresh import read_roster, refresh
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.trial_messages import list_rejected
from onboarding.plan import Options, Snapshot, make_plan
from onboarding.plan.make import list_schedule_notes
from onboarding.smtp.connection_check import check_connection

NEEDED_PERMISSIONS = {
    "ReadWebinars": "sessions and invitees can't be seen without it",
    "EditWebinars": "people can't be registered without it",
    "ReadAccounts": "colleagues can't be looked up in the directory without it",
}
"""The app permissions that the program uses (`docs/ringcentral.md`, "Log in")."""


async def run_checks(services: Services, targets: Sequence[Target]) -> AsyncIterator[CheckResult]:
    """Check everything, in the order in which a run would need it."""
    for result in _check_settings(services.config, services.clock.now()):
        yield result
    # Without a webinar, the plain sections.
    companies = [target.company for target in targets] or [services.config.company]
    async for result in _check_accounts(services, companies, targets):
        yield result
    if services.config.replies.is_configured:
        yield await _check_replies(services)
    # Last, and also after failures: it needs nothing from RingCentral.
    async for result in _check_senders(services, companies):
        yield result


def _check_settings(config: Config, now: datetime) -> Iterator[CheckResult]:
    """Check what needs no server: the configuration has been read, so it is no longer faulty."""
    yield CheckResult("configuration", ok=True, detail=str(config.file))
    if config.private_paths:
        yield _check_secrets(config.private_paths)
    # Said even though it is no fault: with a fence that was forgotten, most people get nothing.
    if allowed := config.rehearsal.allow_domains:
        yield _warn_of_fence(allowed)
    for end in find_ending_log_ins(config, now):
        detail = f"{end.subject} ends on {end.day}"
        yield CheckResult("log-in", ok=True, detail=detail, hint=end.hint)
    for unused in list_unused(config):
        yield CheckResult(unused, ok=True, detail="no webinar names it", hint="Is it still needed?")


async def _check_accounts(
    services: Services, companies: Iterable[Company], targets: Sequence[Target]
) -> AsyncIterator[CheckResult]:
    for company in {company.account: company for company in companies}.values():
        own = [target for target in targets if target.company.account == company.account]
        async for result in _check_account(services, company, own):
            yield result


async def _check_senders(
    services: Services, companies: Iterable[Company]
) -> AsyncIterator[CheckResult]:
    """Check each mail server with each sender: a server may refuse one of them."""
    for company in {(company.smtp, company.brand): company for company in companies}.values():
        async for result in _check_mail(services.of_company(company)):
            yield _name_own(result, company)


async def _check_account(
    services: Services, company: Company, targets: Sequence[Target]
) -> AsyncIterator[CheckResult]:
    """Check an account and its webinars: what one account refuses says nothing of the others."""
    logged_in = True
    async for result in _check_ringcentral(services.of_company(company)):
        # A missing permission counts, too: the session's check would mostly fail for it as well.
        logged_in = logged_in and result.ok
        yield _name_own(result, company)
    for target in targets:
        own = services.of_company(target.company)
        async for result in _check_webinar(own, target, logged_in=logged_in):
            yield _name_own(result, target.company)


def _name_own(result: CheckResult, company: Company) -> CheckResult:
    """Name a company's own sections and variables in a result."""
    return replace(
        result,
        detail=rename_sections(result.detail, company),
        hint=rename_sections(result.hint, company),
    )


async def _check_replies(services: Services) -> CheckResult:
    # A late import: reading mail loads much that most commands do without.
    from onboarding.pipeline.inbox import check_mailbox, name_mailbox  # noqa: PLC0415

    place = name_mailbox(services.config.replies)
    return await _try_place("replies", place, check_mailbox(services))


async def _check_mail(services: Services) -> AsyncIterator[CheckResult]:
    """Check a mail server, and the place that shows what it has taken, if one is configured."""
    config = services.config
    name, sent = config.company.smtp, config.smtp.sent
    if sent.is_configured:
        place = str(sent.log or f"{sent.folder} at {sent.host_and_port}")
        look = check_evidence(sent, services.clock.now(), services.stop)
        yield await _try_place(f"sent messages {name}".rstrip(), place, look)
    sender = config.brand.sender_address
    for result in await check_connection(config.smtp, sender, services.stop):
        yield replace(result, what=f"{f'mail server {name}'.rstrip()}: {result.what}")


async def _try_place(what: str, place: str, look: Awaitable[None]) -> CheckResult:
    try:
        await look
    except Interrupted:
        raise
    except OnboardingError as error:
        return _failure(what, error)
    return CheckResult(what, ok=True, detail=f"{place} can be read")


def _check_secrets(paths: Collection[Path]) -> CheckResult:
    exposed = find_exposed(paths)
    if not exposed:
        return CheckResult("secrets", ok=True, detail="closed to other users of this machine")
    hint = f"Type: {build_chmod_command(exposed)}"
    return CheckResult("secrets", ok=False, detail=describe_exposed(exposed), hint=hint)


def _warn_of_fence(allowed: Collection[str]) -> CheckResult:
    """Warn of a setting that is right for a rehearsal, and wrong on the day."""
    return CheckResult(
        "rehearsal",
        ok=True,
        detail=f"only people at {', '.join(allowed)} are registered and mailed",
        hint="Delete [rehearsal] allow_domains before the real run.",
    )


async def _check_ringcentral(services: Services) -> AsyncIterator[CheckResult]:
    account = services.config.company.account
    what = "RingCentral" if account == DEFAULT_ACCOUNT else f"RingCentral {account}"
    try:
        permissions = await services.ringcentral.permissions()
    except OnboardingError as error:
        yield _failure(f"{what}: log-in", error)
        return
    yield CheckResult(f"{what}: log-in", ok=True, detail=services.config.ringcentral.server)
    yield _check_app_permissions(f"{what}: app permissions", permissions)


def _check_app_permissions(what: str, permissions: Collection[str]) -> CheckResult:
    missing = [
        f"{name}: {reason}"
        for name, reason in NEEDED_PERMISSIONS.items()
        if name not in permissions
    ]
    if not missing:
        return CheckResult(what, ok=True, detail=", ".join(NEEDED_PERMISSIONS))
    detail = f"the app lacks {'; '.join(missing)}"
    hint = "Add it to the app in RingCentral's developer console, then make a new JWT."
    return CheckResult(what, ok=False, detail=detail, hint=hint)


async def _check_webinar(
    services: Services, target: Target, *, logged_in: bool
) -> AsyncIterator[CheckResult]:
    """Check roster and templates; after a log-in also the session and what a run would report."""
    try:
        roster = await read_roster(target, services.stop)
    except OnboardingError as error:
        # A plan needs a roster, so the session is not asked for: that would cost calls for half an
        # answer.
        yield _failure(f"{target.name}: roster", error)
        return
    yield _check_roster(target, roster)
    for result in _check_templates(services, target, roster):
        yield result
    if target.schedule or target.schedule.faults:
        for result in _check_schedule(services, target):
            yield result
    if warning := await _warn_of_cron(services, target):
        yield warning
    if logged_in:
        async for result in _check_session(services, target, roster):
            yield result


def _check_roster(target: Target, roster: Roster) -> CheckResult:
    what = f"{target.name}: roster"
    if not roster.problems:
        return CheckResult(what, ok=True, detail=f"{len(roster.invitees)} people")
    shown, rest = shorten_problems(roster.problems)
    detail = "; ".join(filter(None, (*map(format_problem, shown), rest)))
    return CheckResult(what, ok=False, detail=detail, hint="Fix these rows.")


def _check_templates(services: Services, target: Target, roster: Roster) -> Iterator[CheckResult]:
    what, config = f"{target.name}: templates", services.config
    try:
        templates = load_templates(config, target)
        rejected = [*list_rejected(config, target, roster, templates, services.clock.now())]
    except OnboardingError as error:
        yield _failure(what, error)
        return
    for sentence in rejected:
        hint = "A run rejects it. Correct roster or template; `onboarding preview` shows it."
        yield CheckResult(what, ok=False, detail=sentence, hint=hint)
    count = len(templates.templates)
    detail = f"{count} templates compile and render for every role"
    yield CheckResult(what, ok=True, detail=detail)


async def _warn_of_cron(services: Services, target: Target) -> CheckResult | None:
    """Warn of messages on a schedule that are finer than the time between two runs."""
    interval = await find_cron_interval(services)
    fine = list_too_fine(target.schedule, interval) if interval else []
    if not (interval and fine):
        return None
    minutes = int(interval.total_seconds() // 60)
    names = ", ".join(entry.id for entry in fine)
    return CheckResult(
        f"{target.name}: schedule",
        ok=True,
        detail=f"too fine for cron: {names}; cron starts `run --all` every {minutes} minutes",
        hint="`onboarding schedule cron` prints a line that starts it every 5 minutes.",
    )


def _check_schedule(services: Services, target: Target) -> Iterator[CheckResult]:
    """List what is on the schedule, and each entry that can't be used by itself."""
    what, schedule = f"{target.name}: messages", target.schedule
    for fault in schedule.faults:
        yield CheckResult(what, ok=False, detail=fault, hint="It is not sent; all else is.")
    if schedule.entries:
        ids = ", ".join(entry.id for entry in schedule.entries)
        yield CheckResult(what, ok=True, detail=f"on the schedule: {ids}")
    if warning := find_unread_answers(schedule, is_read=services.config.replies.is_configured):
        yield CheckResult(what, ok=True, detail=warning, hint=READ_ANSWERS)


async def _check_session(
    services: Services, target: Target, roster: Roster
) -> AsyncIterator[CheckResult]:
    what = f"{target.name}: session"
    try:
        state = await refresh(services, target, roster)
    except OnboardingError as error:
        yield _failure(what, error)
        return
    yield _check_session_time(what, state.snapshot)
    plan = make_plan(state.snapshot, Options())
    for note in list_schedule_notes(state.snapshot):
        # No fault: a schedule for all webinars may begin before one of them was added.
        yield CheckResult(f"{target.name}: schedule", ok=True, detail=note)
    for problem in plan.problems:
        # A plan repeats what is wrong with roster and schedule, which was shown already.
        if problem not in roster.problems and problem.message not in target.schedule.faults:
            yield CheckResult(f"{target.name}: plan", ok=False, detail=format_problem(problem))


def _check_session_time(what: str, snapshot: Snapshot) -> CheckResult:
    session = snapshot.session
    start = format_with_zone(session.start, session.time_zone)
    detail = f"{session.title}, {start}, {session.status}"
    if not snapshot.is_over:
        return CheckResult(what, ok=True, detail=detail)
    # A fault, although nothing is broken: a run would do nothing, and would be believed to have
    # worked.
    hint = "It is over: `onboarding webinars` lists those to come; name one in config.toml."
    return CheckResult(what, ok=False, detail=detail, hint=hint)


def _failure(what: str, error: OnboardingError) -> CheckResult:
    """Make a result of an error. A signal is no result: it ends the check."""
    # A signal is an OnboardingError as well, and would else be shown as a fault of the server.
    if isinstance(error, Interrupted):
        raise error
    return CheckResult(what, ok=False, detail=error.message, hint=error.hint)
