"""Sets the stage for a rehearsal: an account that holds the webinars of a configuration and their rosters' colleagues.

Rosters and the time come in, a `SimulatedAccount` comes out. What a real account would know already is made up so that
the rehearsal can play: the host, colleagues, ids, a start two weeks ahead.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from onboarding.model.addresses import address_key
from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.state import HOME_ACCOUNT, AccountState, ColleagueState, SessionState, WebinarState

NOTICE = timedelta(days=14)
THURSDAY = 3
START = time(14, 0, tzinfo=UTC)
"""Afternoon in Europe, morning in America, late evening in Japan."""

HOST = Invitee(row=0, email="host@example.com", role=Role.HOST, first_name="Harper", last_name="Host")
"""Who hosts a webinar whose roster names nobody."""


@dataclass(frozen=True, slots=True)
class WebinarSeed:
    """A webinar to be held ready. A blank `session_id` means: whichever; `invitees` are the rows of its roster."""

    webinar_id: str
    session_id: str = ""
    invitees: tuple[Invitee, ...] = ()
    title: str = ""


def seed_account(staged: Iterable[WebinarSeed], now: datetime) -> SimulatedAccount:
    """Make an account that takes any credentials and holds these webinars, nobody yet invited.

    The host is the roster's, where it names one. Linked users, and co-hosts of whom only the address is known, are
    colleagues in the directory. The same roster makes the same ids, so a rehearsal can be gone on with tomorrow.
    """
    webinars = tuple(staged)
    hosts = [_host(one) for one in webinars] or [HOST]
    directory = _directory([*hosts, *(invitee for one in webinars for invitee in one.invitees)])
    state = AccountState(
        owner=_known(hosts[0], directory).user_id,
        directory=tuple(directory),
        webinars=tuple(
            _webinar(one, _known(host, directory), now) for one, host in zip(webinars, hosts, strict=len(webinars) > 0)
        ),
    )
    return SimulatedAccount(state, now)


def _host(staged: WebinarSeed) -> Invitee:
    return next((invitee for invitee in staged.invitees if invitee.role is Role.HOST), HOST)


def _directory(people: Iterable[Invitee]) -> list[ColleagueState]:
    """Make the directory: those whose ids a roster gives first, for they are known by nothing else."""
    entries: list[ColleagueState] = []
    for person in sorted(people, key=lambda person: person.linked_user is None):
        is_colleague = person.linked_user or person.role is not Role.PANELIST
        if is_colleague and not any(_is_of(entry, person) for entry in entries):
            entries.append(_entry(person))
    return entries


def _known(person: Invitee, directory: Iterable[ColleagueState]) -> ColleagueState:
    return next(entry for entry in directory if _is_of(entry, person))


def _is_of(entry: ColleagueState, person: Invitee) -> bool:
    ids = _ids(person)
    return (entry.account_id, entry.user_id) == (ids.account_id, ids.user_id) or address_key(entry.email) == person.key


def _entry(person: Invitee) -> ColleagueState:
    ids = _ids(person)
    return ColleagueState(
        user_id=ids.user_id,
        account_id=ids.account_id,
        email=person.email or f"colleague-{ids.user_id}@example.com",
        first_name=person.first_name,
        last_name=person.last_name,
        job_title=person.job_title,
    )


def _ids(person: Invitee) -> LinkedUser:
    """The ids that the roster gives, or made-up ones that stay the same."""
    if person.linked_user:
        return person.linked_user
    digest = hashlib.sha256(person.key.encode()).hexdigest()
    return LinkedUser(HOME_ACCOUNT, f"8{int(digest[:12], 16) % 10**9:09d}")


def _webinar(staged: WebinarSeed, host: ColleagueState, now: datetime) -> WebinarState:
    session = SessionState(id=staged.session_id or f"{staged.webinar_id[:18]}01", start=_start(now))
    title = staged.title or f"Webinar {staged.webinar_id}"
    return WebinarState(id=staged.webinar_id, host=host.user_id, title=title, sessions=(session,))


def _start(now: datetime) -> datetime:
    """A Thursday two to three weeks ahead: it moves once a week, so that a rehearsal lasts some days."""
    earliest = (now.astimezone(UTC) + NOTICE).date()
    return datetime.combine(earliest + timedelta(days=(THURSDAY - earliest.weekday()) % 7), START)
