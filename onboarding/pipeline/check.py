"""Everything that can be known before the day, found out without changing anything: for `onboarding check`.

Goes through configuration, roster, templates, RingCentral and mail server, and collects findings; one that fails
keeps no other from being made, unless it rests on it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from onboarding.errors import Interrupted, OnboardingError
from onboarding.files.modes import cure, exposed, in_words
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


async def run_checks(rooms: Services, targets: Sequence[Target]) -> AsyncIterator[CheckResult]:
    """Look at everything, in the order in which a run would meet it."""
    yield CheckResult("configuration", ok=True, detail=str(rooms.config.file))
    if paths := rooms.config.private_paths:
        found = exposed(paths)
        detail = in_words(found) if found else "closed to other users of this machine"
        yield CheckResult("secrets", ok=not found, detail=detail, hint=f"Type: {cure(found)}" if found else "")
    logged_in = True
    async for finding in _ringcentral(rooms):
        logged_in = logged_in and finding.ok
        yield finding
    for target in targets:
        async for finding in _webinar(rooms, target, logged_in=logged_in):
            yield finding
    for step in await check_connection(rooms.config.smtp, rooms.config.brand.sender_address, rooms.stop):
        yield CheckResult(f"mail server: {step.what}", step.ok, step.detail, step.hint)


async def _ringcentral(rooms: Services) -> AsyncIterator[CheckResult]:
    try:
        permissions = await rooms.ringcentral.permissions()
    except OnboardingError as error:
        yield _failed("RingCentral: log-in", error)
        return
    yield CheckResult("RingCentral: log-in", ok=True, detail=rooms.config.ringcentral.server)
    missing = [name for name in NEEDED if name not in permissions]
    if missing:
        lacks = "; ".join(f"{name}: {NEEDED[name]}" for name in missing)
        hint = "Add it to the app in RingCentral's developer console, then make a new JWT."
        yield CheckResult("RingCentral: app permissions", ok=False, detail=f"the app lacks {lacks}", hint=hint)
    else:
        yield CheckResult("RingCentral: app permissions", ok=True, detail=", ".join(NEEDED))


async def _webinar(rooms: Services, target: Target, *, logged_in: bool) -> AsyncIterator[CheckResult]:
    name = target.name
    try:
        roster = await read_roster(target, rooms.stop)
    except OnboardingError as error:
        yield _failed(f"{name}: roster", error)
        return
    told = "; ".join(f"row {one.row}: {one.message}" for one in roster.problems)
    people = f"{len(roster.invitees)} people"
    yield CheckResult(f"{name}: roster", ok=not told, detail=told or people, hint="Mend these rows." if told else "")
    yield _templates(rooms, target)
    if logged_in:
        try:
            view = await refresh(rooms, target, roster)
        except OnboardingError as error:
            yield _failed(f"{name}: session", error)
            return
        session, over = view.snapshot.session, view.snapshot.is_over
        detail = f"{session.title}, {session.start.astimezone():%Y-%m-%d %H:%M} local time, {session.status}"
        hint = "It is over: `onboarding webinars` lists those to come; name one in config.toml." if over else ""
        yield CheckResult(f"{name}: session", ok=not over, detail=detail, hint=hint)
        refused = [one for one in make_plan(view.snapshot, Options()).problems if one not in roster.problems]
        for one in refused:
            yield CheckResult(f"{name}: {one.email or 'everybody'}", ok=False, detail=one.message)


def _templates(rooms: Services, target: Target) -> CheckResult:
    what = f"{target.name}: templates"
    try:
        letters = load_templates(rooms.config, target)
    except OnboardingError as error:
        return _failed(what, error)
    return CheckResult(what, ok=True, detail=f"{len(letters.templates)} templates compile and render for every role")


def _failed(what: str, error: OnboardingError) -> CheckResult:
    """Make a finding of an error; a signal is none, and ends the check."""
    if isinstance(error, Interrupted):
        raise error
    return CheckResult(what, ok=False, detail=error.message, hint=error.hint)
