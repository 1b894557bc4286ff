"""All webinars at a glance, for the console: when each starts, its panel in numbers, what needs us.

One snapshot of the ledger, and a number of statements that does not grow with the webinars; the
panels are counted only for the page that is shown. Changes nothing, and asks only the ledger.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.config.companies import Company
from onboarding.ledger import leases, overview, pauses
from onboarding.ledger.leases import Lease
from onboarding.ledger.overview import Panel, ProblemPlace
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import find_place
from onboarding.model.accounts import AccountKey
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.model.foreign_text import printable
from onboarding.model.pauses import Pause, find_longest
from onboarding.model.ports import Progress
from onboarding.model.sessions import has_ended
from onboarding.pipeline.lease import lease_name
from onboarding.pipeline.target import Target

WEBINARS_ON_A_PAGE = 25
"""Webinars on one page: a page of cards that a phone still scrolls through."""


WebinarPanel = Panel
"""How the people of a webinar's panel are (`ledger.overview.Panel`)."""


class Show(StrEnum):
    """Which webinars to list."""

    ALL = ""
    ATTENTION = "attention"
    AHEAD = "ahead"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class OverviewQuery:
    """What a person looks for: words of title, name or id; which webinars; the page, from 1."""

    words: str = ""
    show: Show = Show.ALL
    page: int = 1


@dataclass(frozen=True, slots=True)
class RunAtWork:
    """A run that holds a webinar: since when, and the process and machine that it runs on.

    `since` is None where an older version of this program took the lease.
    """

    since: datetime | None
    process: int
    host: str

    @classmethod
    def of(cls, lease: Lease) -> "RunAtWork":
        """Take from a lease what people may know of it."""
        return cls(lease.taken_at, lease.holder.pid, lease.holder.host)


@dataclass(frozen=True, slots=True)
class WebinarLine:
    """One webinar of the list. `seen` is None where no run has looked at it yet.

    `attention` counts the people who need a person. `panel` is counted only for the page shown.
    """

    target: Target
    seen: StoredSession | None = None
    is_over: bool = False
    attention: int = 0
    at_work: RunAtWork | None = None
    pause: Pause | None = None
    is_called_off: bool = False
    panel: Panel = field(default_factory=Panel)

    @property
    def title(self) -> str:
        """The webinar's title, or its name in config.toml before the first run."""
        return (self.seen.title if self.seen else "") or self.target.name


@dataclass(frozen=True, slots=True)
class Overview:
    """One page of the list, and how many webinars there are of each sort."""

    lines: Sequence[WebinarLine]
    counts: Mapping[Show, int]
    page: int
    pages: int


def read_overview(
    config: Config,
    targets: Sequence[Target],
    query: OverviewQuery,
    now: datetime,
    progress: Progress,
) -> Overview:
    """Read one page of the list of these webinars, those that start soonest first.

    Those that are over come last. Raises what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_overview, config=config, targets=targets, query=query, now=now)
    found = read_ledger(find_place(config.ledger), load, progress)
    return found or _select_page([WebinarLine(target) for target in targets], query)


def _load_overview(
    connection: sa.Connection,
    config: Config,
    targets: Sequence[Target],
    query: OverviewQuery,
    now: datetime,
) -> Overview:
    lines = _load_lines(connection, config, targets, now)
    chosen = _select_page(lines, query)
    numbers = [line.seen.id for line in chosen.lines if line.seen]
    panels = overview.count_panels(connection, numbers)
    return replace(chosen, lines=[_add_panel(line, panels) for line in chosen.lines])


def _load_lines(
    connection: sa.Connection, config: Config, targets: Sequence[Target], now: datetime
) -> list[WebinarLine]:
    accounts = {target.company: config.of_company(target.company).account for target in targets}
    seen = _match_sessions(overview.list_stored_sessions(connection), targets, accounts)
    numbers = [session.id for session in seen.values()]
    known = _Known(
        accounts,
        now,
        seen,
        leases.list_held(connection, now),
        {
            server: pauses.list_pauses(connection, server, now)
            for server in {account.server for account in accounts.values()}
        },
        overview.list_called_off(connection, numbers),
    )
    living = {lease.holder.name for lease in known.held.values()}
    return _add_attention(connection, [known.make_line(target) for target in targets], living)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ledger holds of all webinars, each part read by one statement.

    `seen` are the sessions by the target's name, `held` the leases of living runs, `on_pause` the
    pauses of each server.
    """

    accounts: Mapping[Company, AccountKey]
    now: datetime
    seen: Mapping[str, StoredSession]
    held: Mapping[str, Lease]
    on_pause: Mapping[str, Mapping[tuple[str, str], Pause]]
    called_off: Collection[int]

    def make_line(self, target: Target) -> WebinarLine:
        """Make a target's line, without what needs a person."""
        session = self.seen.get(target.name)
        server = self.accounts[target.company].server
        lease = self.held.get(lease_name(server, target.webinar_id))
        line = WebinarLine(
            target,
            at_work=RunAtWork.of(lease) if lease else None,
            pause=_find_pause(self.on_pause[server], target),
        )
        if session is None:
            return line
        return replace(
            line,
            seen=replace(session, title=printable(session.title)),
            is_over=has_ended(session.status, session.end, self.now),
            is_called_off=session.id in self.called_off,
        )


def _match_sessions(
    sessions: Iterable[StoredSession],
    targets: Iterable[Target],
    accounts: Mapping[Company, AccountKey],
) -> dict[str, StoredSession]:
    """Find each target's session, by its name: the one it names, or the one that starts last."""
    by_ids: dict[tuple[AccountKey, str, str], StoredSession] = {}
    # The last one stays for a webinar without a session, as `ledger.sessions.find` finds it: it
    # starts last, and is gone only where all are.
    for session in sessions:
        account = AccountKey(session.key.server, session.account)
        by_ids[account, session.key.webinar_id, session.key.session_id] = session
        by_ids[account, session.key.webinar_id, ""] = session
    found = {
        target.name: by_ids.get((accounts[target.company], target.webinar_id, target.session_id))
        for target in targets
    }
    return {name: session for name, session in found.items() if session}


def _find_pause(on_pause: Mapping[tuple[str, str], Pause], target: Target) -> Pause | None:
    """Find the pause that holds for a target, as `ledger.pauses.load_pause` does."""
    return find_longest(pause for ids, pause in on_pause.items() if _holds_for(ids, target))


def _holds_for(ids: tuple[str, str], target: Target) -> bool:
    webinar_id, session_id = ids
    is_same = not (session_id and target.session_id) or session_id == target.session_id
    return webinar_id == target.webinar_id and is_same


def _add_attention(
    connection: sa.Connection, lines: Sequence[WebinarLine], living: Collection[str]
) -> list[WebinarLine]:
    """Count for each webinar the people who need a person, each once."""
    lines_seen = {line.seen.id: line for line in lines if line.seen}
    people: dict[int, set[str]] = {number: set() for number in lines_seen}
    for message in overview.list_troubled(connection, lines_seen):
        # While its run lives, a message that is being sent is no trouble; after it, it is in doubt.
        if message.state is not State.SENDING or message.holder not in living:
            people[message.session].add(message.key)
    for place in overview.list_problem_places(connection, lines_seen):
        people[place.session].add(_name_place(place))
    return [replace(line, attention=_count_people(line, people)) for line in lines]


def _name_place(place: ProblemPlace) -> str:
    """Name the person that a problem is about, so that they count once with all their problems."""
    # A row without an address is a person, too. A problem with neither is the webinar's.
    return address_key(place.email) or (f"row {place.row}" if place.row else "")


def _count_people(line: WebinarLine, people: Mapping[int, set[str]]) -> int:
    return len(people[line.seen.id]) if line.seen else 0


def _add_panel(line: WebinarLine, panels: Mapping[int, Panel]) -> WebinarLine:
    panel = panels.get(line.seen.id) if line.seen else None
    return replace(line, panel=panel) if panel else line


def _select_page(lines: Iterable[WebinarLine], query: OverviewQuery) -> Overview:
    """Choose what is shown of all webinars: those that fit the words, in order, one page."""
    matching = [line for line in lines if _matches(line, query.words)]
    shown = {show: [line for line in matching if _is_shown(line, show)] for show in Show}
    chosen = sorted(shown[query.show], key=_by_time)
    pages = max(1, -(-len(chosen) // WEBINARS_ON_A_PAGE))
    # A page that is too high is the last one: the list may have become shorter meanwhile.
    page = min(max(1, query.page), pages)
    first = (page - 1) * WEBINARS_ON_A_PAGE
    counts = {show: len(found) for show, found in shown.items()}
    return Overview(chosen[first : first + WEBINARS_ON_A_PAGE], counts, page, pages)


def _matches(line: WebinarLine, words: str) -> bool:
    """Whether every word is a part of the webinar's title, name or id."""
    text = f"{line.title} {line.target.name} {line.target.webinar_id}".casefold()
    return all(word in text for word in words.casefold().split())


def _is_shown(line: WebinarLine, show: Show) -> bool:
    match show:
        case Show.ALL:
            return True
        case Show.ATTENTION:
            return line.attention > 0
        case Show.AHEAD:
            return not line.is_over
        case Show.OVER:
            return line.is_over


def _by_time(line: WebinarLine) -> tuple[int, float, str]:
    """Order webinars: those ahead by start, those never seen, then those over, the latest first."""
    if line.seen is None:
        return 1, 0, line.target.name
    start = line.seen.start.timestamp()
    return (2, -start, line.title) if line.is_over else (0, start, line.title)
