"""Everything that can be known before the day, found out without changing anything: for `onboarding check`.

Goes through configuration, roster, templates, RingCentral and mail server, and collects findings; one that fails
keeps no other from being made, unless it rests on it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from onboarding.errors import Interrupted, OnboardingError
from onboarding.files.modes import chmod_command, describe_exposed, find_exposed
from onboarding.pipeline.refresh import read_roster, refresh
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.pipeline.templates import load_templates
from onboarding.plan import Options, make_plan
from onboarding.smtp.connection_check import check_connection

NEEDED = {
    "ReadWebinars": "sessions and invitees can't be seen without it",
    "EditWebinars": "nobody can be registered without it",
    "ReadAccounts": "colleagues can't be looked up in the directory without it",
}
"""The app permissions that the program uses (`docs/ringcentral.md`, "Log in")."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing looked at: `detail` says what was found, `hint` what to do where it is not `ok`."""

    what: str
    ok: bool
    detail: str
    hint: str = ""


async def run_checks(services: Services, targets: Sequence[Target]) -> AsyncIterator[CheckResult]:
    """Look at everything, in the order in which a run would meet it."""
    yield CheckResult("configuration", ok=True, detail=str(services.config.file))
    if paths := services.config.private_paths:
        found = find_exposed(paths)
        detail = describe_exposed(found) if found else "closed to other users of this machine"
        yield CheckResult("secrets", ok=not found, detail=detail, hint=f"Type: {chmod_command(found)}" if found else "")
    logged_in = True
    async for finding in _ringcentral(services):
        logged_in = logged_in and finding.ok
        yield finding
    for target in targets:
        async for finding in _webinar(services, target, logged_in=logged_in):
            yield finding
    for item in await check_connection(services.config.smtp, services.config.brand.sender_address, services.stop):
        yield CheckResult(f"mail server: {item.what}", item.ok, item.detail, item.hint)


async def _ringcentral(services: Services) -> AsyncIterator[CheckResult]:
    try:
        permissions = await services.ringcentral.permissions()
    except OnboardingError as error:
        yield _failed("RingCentral: log-in", error)
        return
    yield CheckResult("RingCentral: log-in", ok=True, detail=services.config.ringcentral.server)
    missing = [name for name in NEEDED if name not in permissions]
    if missing:
        lacks = "; ".join(f"{name}: {NEEDED[name]}" for name in missing)
        hint = "Add it to the app in RingCentral's developer console, then make a new JWT."
        yield CheckResult("RingCentral: app permissions", ok=False, detail=f"the app lacks {lacks}", hint=hint)
    else:
        yield CheckResult("RingCentral: app permissions", ok=True, detail=", ".join(NEEDED))


async def _webinar(services: Services, target: Target, *, logged_in: bool) -> AsyncIterator[CheckResult]:
    name = target.name
    try:
        roster = await read_roster(target, services.stop)
    except OnboardingError as error:
        yield _failed(f"{name}: roster", error)
        return
    told = "; ".join(f"row {one.row}: {one.message}" for one in roster.problems)
    people = f"{len(roster.invitees)} people"
    yield CheckResult(f"{name}: roster", ok=not told, detail=told or people, hint="Mend these rows." if told else "")
    yield _templates(services, target)
    if logged_in:
        try:
            state = await refresh(services, target, roster)
        except OnboardingError as error:
            yield _failed(f"{name}: session", error)
            return
        session, over = state.snapshot.session, state.snapshot.is_over
        detail = f"{session.title}, {session.start.astimezone():%Y-%m-%d %H:%M} local time, {session.status}"
        hint = "It is over: `onboarding webinars` lists those to come; name one in config.toml." if over else ""
        yield CheckResult(f"{name}: session", ok=not over, detail=detail, hint=hint)
        refused = [one for one in make_plan(state.snapshot, Options()).problems if one not in roster.problems]
        for one in refused:
            yield CheckResult(f"{name}: {one.email or 'everybody'}", ok=False, detail=one.message)


def _templates(services: Services, target: Target) -> CheckResult:
    what = f"{target.name}: templates"
    try:
        letters = load_templates(services.config, target)
    except OnboardingError as error:
        return _failed(what, error)
    return CheckResult(what, ok=True, detail=f"{len(letters.templates)} templates compile and render for every role")


def _failed(what: str, error: OnboardingError) -> CheckResult:
    """Make a finding of an error; a signal is none, and ends the check."""
    if isinstance(error, Interrupted):
        raise error
    return CheckResult(what, ok=False, detail=error.message, hint=error.hint)
