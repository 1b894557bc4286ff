"""Forgets one person: refused while they are needed, else nothing of them is left in our files.

Rosters are the user's own, so they are only read: a person who is on one would be back with the
next run. What is removed is decided in `ledger.forget`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from onboarding.errors import ConfigurationError, OnboardingError, TryLater
from onboarding.files.backups import list_copies
from onboarding.ledger import forget, leases
from onboarding.ledger.backups import list_backups
from onboarding.ledger.forget import Forgotten, KnownPerson
from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, Roster
from onboarding.model.sessions import SessionStatus, has_ended
from onboarding.pipeline.refresh import read_roster
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import ledger_file
from onboarding.pipeline.target import Target, find_target

OnRosters = Sequence[tuple[Target, Roster]]
"""Every configured webinar that has a roster, with what it says."""


@dataclass(frozen=True, slots=True)
class ForgottenPerson:
    """What was removed, and how many backups of the ledger and of rosters were deleted."""

    removed: Forgotten
    backups: int


async def read_all_rosters(services: Services) -> OnRosters:
    """Read the roster of every configured webinar.

    Raises ConfigurationError naming the one that can't be read: the person may be on it.
    """
    rosters = []
    for name in services.config.webinars:
        # Every webinar, not only those in which the ledger knows the person: the next run of any of
        # them would register them again.
        target = find_target(services.config, name)
        # A roster that is given with --invitees can't be looked at here.
        if target.invitees is None:
            continue
        try:
            rosters.append((target, await read_roster(target, services.stop)))
        except ConfigurationError as error:
            raise ConfigurationError(
                f"The roster of {name} can't be read, so nothing was forgotten: {error.message}",
                hint=f"The person may be on it. {error.hint or ''}".strip(),
            ) from None
    return rosters


async def forget_person(services: Services, email: str, rosters: OnRosters) -> ForgottenPerson:
    """Forget a person, and write the ledger's file again without them.

    Raises ConfigurationError while they are on a roster or in a session that is not over, and
    TryLater while a run is at work. Raised once the person is forgotten: TryLater while another
    process reads the ledger, and ConfigurationError naming a backup that can't be deleted.
    """
    # The rosters were read before: reading files would keep the ledger's one writer waiting.
    work = partial(_forget, email=email, rosters=rosters, now=services.clock.now())
    removed = await services.ledger.run(work)
    # All of them, without a look inside: any may hold the person. After the transaction, so that a
    # refusal deletes no backup.
    backups = _list_all_backups(services, rosters)
    left = _delete_files(backups)
    # SQLite leaves deleted rows readable in free pages and in the log. Outside of the removal's
    # transaction, because VACUUM can't run within one.
    if not await services.ledger.submit(forget.compact, None):
        raise TryLater(
            "The person is forgotten, but another process reads the ledger, and its log still "
            "holds them.",
            hint="Type the same command again when that process has ended.",
        )
    if left:
        raise ConfigurationError(
            f"The person is forgotten, but backups that may hold them can't be deleted: "
            f"{', '.join(left)}.",
            hint="Delete them yourself.",
        )
    return ForgottenPerson(removed, len(backups))


def _list_all_backups(services: Services, rosters: OnRosters) -> list[Path]:
    """List the backups of the ledger and of all rosters."""
    file = ledger_file(services.config)
    backups = list(list_backups(file)) if file else []
    for target, _roster in rosters:
        if isinstance(target.invitees, Path):
            backups += list_copies(target.invitees)
    return backups


def _delete_files(files: Iterable[Path]) -> list[str]:
    """Delete files. Returns those that can't be deleted, each with the reason."""
    left = []
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            # The others are deleted all the same: a roster's folder may be another user's.
            left.append(f"{file} ({error.strerror})")
    return left


def _forget(
    connection: sa.Connection, *, email: str, rosters: OnRosters, now: datetime
) -> Forgotten:
    """Forget a person in one transaction with the checks, so that no run begins between them."""
    leases.lock_leases(connection)
    person = forget.find_person(connection, email)
    obstacles = (
        _find_row(rosters, person, email),
        _find_open_session(connection, person, email, now),
        _find_run(connection, now),
    )
    for obstacle in obstacles:
        if obstacle:
            raise obstacle
    return forget.remove_person(connection, person)


def _find_row(rosters: OnRosters, person: KnownPerson, email: str) -> OnboardingError | None:
    for target, roster in rosters:
        rows = [invitee.row for invitee in roster.invitees if _is_same_person(invitee, person)]
        # A row that can't be used holds the person as well: once it is corrected, they are back.
        rows += [
            problem.row
            for problem in roster.problems
            if problem.row and address_key(problem.email) in person.keys
        ]
        if rows:
            return ConfigurationError(
                f"{email} is on the roster of {target.name} ({target.invitees}, row {rows[0]}).",
                hint="Remove the row first: the next run would register the person again.",
            )
    return None


def _is_same_person(invitee: Invitee, person: KnownPerson) -> bool:
    user = invitee.linked_user
    # A colleague's row may have ids and no address, or another address than the one typed.
    is_user = user is not None and (user.account_id, user.user_id) in person.users
    return is_user or (bool(invitee.key) and invitee.key in person.keys)


def _find_open_session(
    connection: sa.Connection, person: KnownPerson, email: str, now: datetime
) -> OnboardingError | None:
    for row in forget.find_unfinished(connection, person):
        end = row.start + timedelta(seconds=row.duration)
        # Until then a cancellation or an update may be owed to them, and only the ledger knows
        # that.
        if not has_ended(SessionStatus(row.status), end, now):
            return ConfigurationError(
                f"{email} is registered for {row.title}, or gets a message about it, "
                "and the session is not over.",
                hint="Remove the person first (`onboarding run NAME --remove`), "
                "or wait until the session is over.",
            )
    return None


def _find_run(connection: sa.Connection, now: datetime) -> OnboardingError | None:
    # Any webinar's run: it has its people in memory, and may write them back.
    lease = leases.find_held(connection, now)
    if lease is None:
        return None
    return TryLater(
        f"A run is at work (process {lease.holder.pid} on {lease.holder.host}), "
        "and it may be about this person.",
        hint="Nothing was forgotten. Type the command again when the run has ended.",
    )
