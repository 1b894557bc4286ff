"""Everything that can be known before the day, found out without changing anything: for `onboarding check`.

Goes through configuration, roster, templates, RingCentral and mail server, and collects findings; one that fails
keeps no other from being made, unless it rests on it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from onboarding.errors import Interrupted, OnboardingError
from onboarding.file_modes import cure, exposed, in_words
from onboarding.mail.probe import probe
from onboarding.pipeline.looking import look, read_roster
from onboarding.pipeline.rooms import Rooms
from onboarding.pipeline.target import Target
from onboarding.pipeline.writing import stationery
from onboarding.plan import Options, make

NEEDED = {
    "ReadWebinars": "sessions and invitees can't be seen without it",
    "EditWebinars": "nobody can be registered without it",
    "ReadAccounts": "colleagues can't be looked up in the directory without it",
}
"""The app permissions that the program uses (`docs/ringcentral.md`, "Log in")."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `detail` says what was found, `hint` what to do where it is not `ok`."""

    what: str
    ok: bool
    detail: str
    hint: str = ""


async def findings(rooms: Rooms, targets: Sequence[Target]) -> AsyncIterator[Finding]:
    """Look at everything, in the order in which a run would meet it."""
    yield Finding("configuration", ok=True, detail=str(rooms.config.file))
    if paths := rooms.config.private_paths:
        found = exposed(paths)
        detail = in_words(found) if found else "closed to other users of this machine"
        yield Finding("secrets", ok=not found, detail=detail, hint=f"Type: {cure(found)}" if found else "")
    logged_in = True
    async for finding in _ringcentral(rooms):
        logged_in = logged_in and finding.ok
        yield finding
    for target in targets:
        async for finding in _webinar(rooms, target, logged_in=logged_in):
            yield finding
    for step in await probe(rooms.config.smtp, rooms.config.brand.sender_address, rooms.stop):
        yield Finding(f"mail server: {step.what}", step.ok, step.detail, step.hint)


async def _ringcentral(rooms: Rooms) -> AsyncIterator[Finding]:
    try:
        permissions = await rooms.ringcentral.permissions()
    except OnboardingError as error:
        yield _failed("RingCentral: log-in", error)
        return
    yield Finding("RingCentral: log-in", ok=True, detail=rooms.config.ringcentral.server)
    missing = [name for name in NEEDED if name not in permissions]
    if missing:
        lacks = "; ".join(f"{name}: {NEEDED[name]}" for name in missing)
        hint = "Add it to the app in RingCentral's developer console, then make a new JWT."
        yield Finding("RingCentral: app permissions", ok=False, detail=f"the app lacks {lacks}", hint=hint)
    else:
        yield Finding("RingCentral: app permissions", ok=True, detail=", ".join(NEEDED))


async def _webinar(rooms: Rooms, target: Target, *, logged_in: bool) -> AsyncIterator[Finding]:
    name = target.name
    try:
        roster = await read_roster(target, rooms.stop)
    except OnboardingError as error:
        yield _failed(f"{name}: roster", error)
        return
    told = "; ".join(f"row {one.row}: {one.message}" for one in roster.problems)
    people = f"{len(roster.invitees)} people"
    yield Finding(f"{name}: roster", ok=not told, detail=told or people, hint="Mend these rows." if told else "")
    yield _templates(rooms, target)
    if logged_in:
        try:
            view = await look(rooms, target, roster)
        except OnboardingError as error:
            yield _failed(f"{name}: session", error)
            return
        session, over = view.picture.session, view.picture.is_over
        detail = f"{session.title}, {session.start.astimezone():%Y-%m-%d %H:%M} local time, {session.status}"
        hint = "It is over: `onboarding webinars` lists those to come; name one in config.toml." if over else ""
        yield Finding(f"{name}: session", ok=not over, detail=detail, hint=hint)
        refused = [one for one in make(view.picture, Options()).problems if one not in roster.problems]
        for one in refused:
            yield Finding(f"{name}: {one.email or 'everybody'}", ok=False, detail=one.message)


def _templates(rooms: Rooms, target: Target) -> Finding:
    what = f"{target.name}: templates"
    try:
        letters = stationery(rooms.config, target)
    except OnboardingError as error:
        return _failed(what, error)
    return Finding(what, ok=True, detail=f"{len(letters.templates)} templates compile and render for every role")


def _failed(what: str, error: OnboardingError) -> Finding:
    """Make a finding of an error; a signal is none, and ends the check."""
    if isinstance(error, Interrupted):
        raise error
    return Finding(what, ok=False, detail=error.message, hint=error.hint)
