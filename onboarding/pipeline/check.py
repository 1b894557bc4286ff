"""Everything that can be known before the day, found out without changing anything: for `onboarding check`.

Goes through configuration, roster, templates, RingCentral and mail server, and collects findings;
one that fails keeps no other from being made, unless it rests on it.
"""

from collections.abc import AsyncIterator, Sequence

from onboarding.errors import Interrupted, OnboardingError
from onboarding.files.modes import build_chmod_command, describe_exposed, find_exposed
from onboarding.model.checks import CheckResult
from onboarding.model.people import Roster
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.refresh import read_roster, refresh
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Snapshot, make_plan
from onboarding.smtp.connection_check import check_connection

NEEDED = {
    "ReadWebinars": "sessions and invitees can't be seen without it",
    "EditWebinars": "people can't be registered without it",
    "ReadAccounts": "colleagues can't be looked up in the directory without it",
}
"""The app permissions that the program uses (`docs/ringcentral.md`, "Log in")."""


async def run_checks(services: Services, targets: Sequence[Target]) -> AsyncIterator[CheckResult]:
    """Look at everything, in the order in which a run would meet it."""
    yield CheckResult("configuration", ok=True, detail=str(services.config.file))
    if paths := services.config.private_paths:
        found = find_exposed(paths)
        detail = describe_exposed(found) if found else "closed to other users of this machine"
        yield CheckResult(
            "secrets",
            ok=not found,
            detail=detail,
            hint=f"Type: {build_chmod_command(found)}" if found else "",
        )
    logged_in = True
    async for result in _check_ringcentral(services):
        logged_in = logged_in and result.ok
        yield result
    for target in targets:
        async for result in _check_webinar(services, target, logged_in=logged_in):
            yield result
    for item in await check_connection(
        services.config.smtp, services.config.brand.sender_address, services.stop
    ):
        yield CheckResult(f"mail server: {item.what}", item.ok, item.detail, item.hint)


async def _check_ringcentral(services: Services) -> AsyncIterator[CheckResult]:
    try:
        permissions = await services.ringcentral.permissions()
    except OnboardingError as error:
        yield _failure("RingCentral: log-in", error)
        return
    yield CheckResult("RingCentral: log-in", ok=True, detail=services.config.ringcentral.server)
    missing = [name for name in NEEDED if name not in permissions]
    if missing:
        lacks = "; ".join(f"{name}: {NEEDED[name]}" for name in missing)
        hint = "Add it to the app in RingCentral's developer console, then make a new JWT."
        yield CheckResult(
            "RingCentral: app permissions", ok=False, detail=f"the app lacks {lacks}", hint=hint
        )
    else:
        yield CheckResult("RingCentral: app permissions", ok=True, detail=", ".join(NEEDED))


async def _check_webinar(
    services: Services, target: Target, *, logged_in: bool
) -> AsyncIterator[CheckResult]:
    """Check roster and templates, and if the log-in works, also the session and what a run would find wrong."""
    try:
        roster = await read_roster(target, services.stop)
    except OnboardingError as error:
        yield _failure(f"{target.name}: roster", error)
        return
    yield _check_roster(target, roster)
    yield _check_templates(services, target)
    if not logged_in:
        return
    try:
        state = await refresh(services, target, roster)
    except OnboardingError as error:
        yield _failure(f"{target.name}: session", error)
        return
    yield _check_session(target, state.snapshot)
    for problem in make_plan(state.snapshot, Options()).problems:
        if problem not in roster.problems:
            who = problem.email or "everybody"
            yield CheckResult(f"{target.name}: {who}", ok=False, detail=problem.message)


def _check_roster(target: Target, roster: Roster) -> CheckResult:
    what = f"{target.name}: roster"
    if not roster.problems:
        return CheckResult(what, ok=True, detail=f"{len(roster.invitees)} people")
    detail = "; ".join(f"row {problem.row}: {problem.message}" for problem in roster.problems)
    return CheckResult(what, ok=False, detail=detail, hint="Fix these rows.")


def _check_session(target: Target, snapshot: Snapshot) -> CheckResult:
    session = snapshot.session
    detail = (
        f"{session.title}, {session.start.astimezone():%Y-%m-%d %H:%M} local time, {session.status}"
    )
    hint = "It is over: `onboarding webinars` lists those to come; name one in config.toml."
    is_over = snapshot.is_over
    return CheckResult(
        f"{target.name}: session", ok=not is_over, detail=detail, hint=hint if is_over else ""
    )


def _check_templates(services: Services, target: Target) -> CheckResult:
    what = f"{target.name}: templates"
    try:
        templates = load_templates(services.config, target)
    except OnboardingError as error:
        return _failure(what, error)
    return CheckResult(
        what,
        ok=True,
        detail=f"{len(templates.templates)} templates compile and render for every role",
    )


def _failure(what: str, error: OnboardingError) -> CheckResult:
    """Make a result of an error. A signal is no result, and ends the check."""
    if isinstance(error, Interrupted):
        raise error
    return CheckResult(what, ok=False, detail=error.message, hint=error.hint)
