"""What a run starts from besides RingCentral and the ledger: roster, templates, options.

Their digest says whether anything has changed since the last run, without reading a row or
compiling a template. `all_webinars` compares it; a run records it at its end.
"""

import hashlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path

from onboarding import roster as rosters
from onboarding.config import Config
from onboarding.errors import ConfigurationError, Interrupted, OnboardingError, TryLater
from onboarding.files.stamps import Stamp, stamp_files
from onboarding.model.people import Roster, format_problem, shorten_problems
from onboarding.pipeline.refresh import fetch_roster
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Options

SETTLED_AFTER = timedelta(seconds=10)
"""How long a roster must not have changed before `run --all` reads it: it may be half written."""


@dataclass(frozen=True, slots=True)
class RosterFile:
    """A roster's bytes, and what messages call it."""

    content: bytes = field(repr=False)
    name: str

    @property
    def digest(self) -> str:
        """The bytes' SHA-256, hex."""
        return hashlib.sha256(self.content).hexdigest()

    def parse(self, target: Target) -> Roster:
        """Parse the rows. Raises ConfigurationError if there is none."""
        return rosters.read(self.content, self.name, target.columns)


class RosterNotReady(TryLater):
    """A roster that can't be read now, and perhaps can later. `ready_at` is when, if known."""

    def __init__(self, message: str, *, hint: str, ready_at: datetime | None = None) -> None:
        super().__init__(message, hint=hint)
        self.ready_at = ready_at


async def load_roster_file(services: Services, target: Target) -> RosterFile:
    """Load the target's roster. Raises ConfigurationError if there is none or it can't be read."""
    content, name = await fetch_roster(target, services.stop)
    return RosterFile(content, name)


async def load_settled_roster(services: Services, target: Target) -> RosterFile:
    """Load a roster for `run --all`, which starts while people save files.

    Raises RosterNotReady for one that has just changed or that can't be read: it must never be
    taken for an empty one.
    """
    before = _find_change(target)
    if before and abs(services.clock.now() - before) < SETTLED_AFTER:
        raise _just_changed(target, before)
    try:
        file = await load_roster_file(services, target)
    except Interrupted:
        raise
    except OnboardingError as error:
        raise RosterNotReady(error.message, hint=error.hint) from error
    # It may have been written while it was read.
    if (after := _find_change(target)) != before:
        raise _just_changed(target, after or services.clock.now())
    return file


def parse_settled_roster(file: RosterFile, target: Target) -> Roster:
    """Parse the rows of a roster for `run --all`. Raises RosterNotReady where none can be read."""
    try:
        return file.parse(target)
    except OnboardingError as error:
        raise RosterNotReady(error.message, hint=error.hint) from error


def _find_change(target: Target) -> datetime | None:
    """Find when a roster's file was last changed; None for a stream, or where there is no file."""
    if not isinstance(target.invitees, Path):
        return None
    try:
        changed = target.invitees.stat().st_mtime
    except OSError:
        # Reading it says why, with the next step.
        return None
    return datetime.fromtimestamp(changed).astimezone()


def _just_changed(target: Target, at: datetime) -> RosterNotReady:
    seconds = int(SETTLED_AFTER.total_seconds())
    return RosterNotReady(
        f"The roster {target.invitees} was changed less than {seconds} seconds ago.",
        hint="It may be half written, so the next run reads it.",
        ready_at=at + SETTLED_AFTER,
    )


def digest_inputs(
    config: Config, target: Target, options: Options, roster: RosterFile, stamp: Stamp
) -> str:
    """Make one digest (SHA-256, hex) of everything that a run starts from.

    `stamp` is that of the webinar's templates.
    """
    attached = stamp_files(path for entry in target.schedule.entries for path in entry.attach)
    brand = config.brand.model_dump_json()
    given = (target, options, config.rehearsal.allow_domains)
    parts = (roster.digest, stamp, attached, brand, *map(_normalize, given))
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _normalize(value: object) -> object:
    """Bring values into a form whose `repr` is the same in every process: sets have no order."""
    if isinstance(value, AbstractSet):
        return sorted(map(repr, value))
    if isinstance(value, Mapping):
        return [(key, _normalize(value[key])) for key in sorted(value)]
    if isinstance(value, tuple):
        return [_normalize(part) for part in value]
    if is_dataclass(value):
        return [(part.name, _normalize(getattr(value, part.name))) for part in fields(value)]
    return value


def strict_error(roster: Roster) -> ConfigurationError:
    """Say what is wrong with the rows, for `--strict`."""
    shown, rest = shorten_problems(roster.problems)
    problems = "\n".join(filter(None, (*map(format_problem, shown), rest)))
    hint = "Fix the roster, or leave --strict out to serve the other rows."
    return ConfigurationError(problems, hint=hint)
