"""Seeds an account for a rehearsal: configured webinars, and the colleagues of their rosters.

Rosters and the time come in, a `SimulatedAccount` comes out. What a real account would know already
is made up: the host, colleagues, ids, a start two weeks ahead.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.state import (
    HOME_ACCOUNT,
    AccountState,
    ColleagueState,
    SessionState,
    WebinarState,
)
from onboarding.simulator.tokens import Credentials

NOTICE = timedelta(days=14)
THURSDAY = 3
START_TIME = time(14, 0, tzinfo=UTC)
"""Afternoon in Europe, morning in America, late evening in Japan."""

DEFAULT_HOST = Invitee(
    row=0, email="host@example.com", role=Role.HOST, first_name="Harper", last_name="Host"
)
"""The host of a webinar if its roster has none."""


@dataclass(frozen=True, slots=True)
class WebinarSeed:
    """A webinar to simulate, with the rows of its roster. A blank `session_id` means any."""

    webinar_id: str
    session_id: str = ""
    invitees: tuple[Invitee, ...] = ()
    title: str = ""


def seed_account(
    seeds: Iterable[WebinarSeed], now: datetime, credentials: Credentials | None = None
) -> SimulatedAccount:
    """Build an account that holds these webinars, without invitees. It takes any credentials.

    With `credentials` it takes these only, so that a server can tell it from others.

    The host is the roster's, if it has one. Linked users, and co-hosts with nothing but an address,
    are colleagues in the directory. The same roster gives the same ids, so a rehearsal can be
    continued tomorrow.
    """
    # Read more than once below, and an iterator would be empty the second time.
    seeds = tuple(seeds)
    hosts = [_find_host(seed) for seed in seeds]
    owner = hosts[0] if hosts else DEFAULT_HOST
    invitees = [invitee for seed in seeds for invitee in seed.invitees]
    directory = _build_directory([owner, *hosts, *invitees])
    state = AccountState(
        owner=_find_entry(owner, directory).user_id,
        credentials=credentials,
        directory=tuple(directory),
        webinars=tuple(
            _build_webinar(seed, _find_entry(host, directory), now)
            for seed, host in zip(seeds, hosts, strict=True)
        ),
    )
    return SimulatedAccount(state, now)


def _find_host(seed: WebinarSeed) -> Invitee:
    return next((invitee for invitee in seed.invitees if invitee.role is Role.HOST), DEFAULT_HOST)


def _build_directory(people: Iterable[Invitee]) -> list[ColleagueState]:
    """Build the directory of hosts, co-hosts and linked users, each person once."""
    entries: list[ColleagueState] = []
    # People with ids come first, because their address may be that of a row without ids.
    for person in sorted(people, key=lambda person: person.linked_user is None):
        is_colleague = person.linked_user or person.role is not Role.PANELIST
        if is_colleague and not any(_is_entry_of(entry, person) for entry in entries):
            entries.append(_build_entry(person))
    return entries


def _find_entry(person: Invitee, directory: Iterable[ColleagueState]) -> ColleagueState:
    return next(entry for entry in directory if _is_entry_of(entry, person))


def _is_entry_of(entry: ColleagueState, person: Invitee) -> bool:
    ids = _select_ids(person)
    if (entry.account_id, entry.user_id) == (ids.account_id, ids.user_id):
        return True
    return address_key(entry.email) == person.key


def _build_entry(person: Invitee) -> ColleagueState:
    ids = _select_ids(person)
    return ColleagueState(
        user_id=ids.user_id,
        account_id=ids.account_id,
        email=person.email or f"colleague-{ids.user_id}@example.com",
        first_name=person.first_name,
        last_name=person.last_name,
        job_title=person.job_title,
    )


def _select_ids(person: Invitee) -> LinkedUser:
    """Choose the ids that the roster gives, or made-up ones that stay the same."""
    if person.linked_user:
        return person.linked_user
    # Made from the address and not counted: another order of rows must change no one's ids.
    digest = hashlib.sha256(person.key.encode()).hexdigest()
    return LinkedUser(HOME_ACCOUNT, f"8{int(digest[:12], 16) % 10**9:09d}")


def _build_webinar(seed: WebinarSeed, host: ColleagueState, now: datetime) -> WebinarState:
    # Cut, because an id has 20 characters at most.
    session_id = seed.session_id or f"{seed.webinar_id[:18]}01"
    session = SessionState(id=session_id, start=_select_start(now))
    title = seed.title or f"Webinar {seed.webinar_id}"
    return WebinarState(id=seed.webinar_id, host=host.user_id, title=title, sessions=(session,))


def _select_start(now: datetime) -> datetime:
    """Choose a Thursday two to three weeks ahead."""
    # It changes once a week only, so that a rehearsal can last some days.
    earliest = (now.astimezone(UTC) + NOTICE).date()
    thursday = earliest + timedelta(days=(THURSDAY - earliest.weekday()) % 7)
    return datetime.combine(thursday, START_TIME)
