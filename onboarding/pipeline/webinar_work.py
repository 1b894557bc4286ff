"""Finds out whether a webinar has to be run by `run --all`, with the fewest calls.

Puts together what the ledger remembers, what the list of sessions shows, and what roster and
templates are now. `plan.call_budget` decides. `all_webinars` then runs the webinar, or leaves it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from onboarding.errors import EXIT_DONE, OnboardingError
from onboarding.files.stamps import Stamp
from onboarding.ledger import call_offs, looks
from onboarding.ledger.sessions import StoredSession
from onboarding.model.looks import Look
from onboarding.model.pauses import Pause
from onboarding.model.people import Roster
from onboarding.model.sessions import Session, SessionList
from onboarding.pipeline.finished import is_finished
from onboarding.pipeline.inputs import (
    RosterFile,
    digest_inputs,
    load_settled_roster,
    parse_settled_roster,
)
from onboarding.pipeline.pause import find_pause
from onboarding.pipeline.run_values import Prior
from onboarding.pipeline.schedule import Upcoming, load_upcoming
from onboarding.pipeline.services import Services
from onboarding.pipeline.session_lists import find_listed, read_session_list
from onboarding.pipeline.session_lookup import fetch_session
from onboarding.pipeline.status import find_seen_session
from onboarding.pipeline.target import Target, find_look_key
from onboarding.pipeline.template_files import stamp_templates, template_folders
from onboarding.plan import Options
from onboarding.plan.call_budget import (
    MOST_REGULAR,
    ListReason,
    Sight,
    find_reason,
    is_asked_for,
)
from onboarding.plan.entries_due import is_near
from onboarding.ringcentral.errors import NotThere

LAST = datetime.max.replace(tzinfo=UTC)
"""Where a webinar stands if its start is not known: behind all others."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a webinar when a pass begins. `seen` is its session as last seen.

    `upcoming` is what its schedule has from now on.
    """

    target: Target
    look: Look
    seen: StoredSession | None
    pause: Pause | None
    upcoming: Upcoming

    def is_open(self, now: datetime) -> bool:
        """Whether it is neither paused nor over for good: RingCentral has to be asked."""
        is_over = self.seen is not None and is_finished(
            self.seen,
            self.look,
            now,
            grace=self.target.schedule.end_grace,
            has_entries=self.upcoming.has_any,
        )
        return not (self.pause or is_over)

    def find_next_due(self, next_due: Mapping[int, datetime]) -> datetime | None:
        """Find when the next message is due, from the queue or by the schedule; None: none is.

        `next_due` has the earliest queued message of each session.
        """
        queued = next_due.get(self.seen.id) if self.seen else None
        moments = (queued, self.upcoming.next_moment)
        return min((moment for moment in moments if moment), default=None)


@dataclass(slots=True)
class SharedPass:
    """One pass over the webinars of one account: what they share.

    `started` is when the command began. `turn` is held by the webinar that is being planned; it is
    fair, so that they come in the order in which their tasks were started. `busy` keeps two
    configured names of one webinar apart. `regular_left` counts the lists without another reason.
    `next_due` has the earliest queued message of each session, `unfinished` the sessions with a
    change of which the ledger does not know the end. `stamps` has what templates are made of.
    """

    services: Services
    started: datetime
    session_list: SessionList
    next_due: Mapping[int, datetime]
    unfinished: frozenset[int]
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    busy: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    regular_left: int = MOST_REGULAR
    stamps: dict[tuple[object, ...], Stamp] = field(default_factory=dict)

    @property
    def list_every(self) -> timedelta:
        """How often invitees are listed although nothing has changed."""
        return self.services.config.ringcentral.list_every

    def stamp(self, target: Target) -> Stamp:
        """Stamp a webinar's templates, once in a pass: most webinars share them."""
        config = self.services_of(target).config
        folders = template_folders(config, target.templates)
        key = (config.brand.logo, *folders)
        if key not in self.stamps:
            self.stamps[key] = stamp_templates(config, folders)
        return self.stamps[key]

    def services_of(self, target: Target) -> Services:
        """Give the services of a webinar's company: within an account, brands may differ."""
        return self.services.of_company(target.company)


@dataclass(frozen=True, slots=True)
class Work:
    """A webinar that has to be run, with what is known of it."""

    prior: Prior
    options: Options


@dataclass(frozen=True, slots=True)
class NoWork:
    """A webinar that need not be run. `exit_code` is that of its last run.

    `error` is why it can't be run, `is_known` whether an earlier run has said so.
    """

    exit_code: int = EXIT_DONE
    error: OnboardingError | None = None
    is_known: bool = False


async def load_known(services: Services, target: Target) -> Known:
    """Load what the ledger knows of a webinar. The services may be another company's."""
    services = services.of_company(target.company)
    server = services.config.ringcentral.server
    look = await services.ledger.run(looks.load_look, find_look_key(server, target))
    seen = await find_seen_session(services, target)
    upcoming, now = Upcoming(), services.clock.now()
    # Most webinars are far from all their entries: then no one's messages have to be looked at.
    if seen and (target.schedule.send_after or is_near(target.schedule, seen.as_session(), now)):
        upcoming = await services.ledger.run(
            load_upcoming, target.schedule, seen, now, look.listed_at
        )
    return Known(target, look, seen, await find_pause(services, target), upcoming)


async def find_work(this: SharedPass, webinar: Known) -> Work | NoWork:
    """Find out whether a webinar has to be run.

    Raises RosterNotReady, and what asking for a session raises that no list has.
    """
    target, now = webinar.target, this.services.clock.now()
    services = this.services_of(target)
    file = await load_settled_roster(services, target)
    # Loaded again: another process may have run this webinar while it waited for its turn.
    key = find_look_key(services.config.ringcentral.server, target)
    look = await services.ledger.run(looks.load_look, key)
    inputs = digest_inputs(services.config, target, Options(), file, this.stamp(target))
    found = await _find_session(this, webinar, look, inputs)
    if isinstance(found, NoWork):
        return found
    reason = find_reason(look, _see(this, webinar, found, inputs), now, this.list_every)
    if reason is None or not _has_budget(this, reason):
        return NoWork(look.exit_code or EXIT_DONE)
    # Only now: reading the rows of fifty rosters takes longer than all the rest.
    roster = parse_settled_roster(file, target)
    options = _select_options(this, target, look, file, roster)
    # Who has left the roster is to be looked at again once it has stayed as it is for a run.
    is_open = bool(target.remove_at_most) and not options.remove
    return Work(Prior(file, roster, found, "" if is_open else inputs), options)


async def _find_session(
    this: SharedPass, webinar: Known, look: Look, inputs: str
) -> Session | NoWork | None:
    """Find the session in the list, else ask for it if it is time to.

    None as in `_fetch_unlisted`.
    """
    now = this.services.clock.now()
    listed = find_listed(this.session_list, webinar.target, webinar.seen, now)
    if listed:
        return listed
    sight = _see(this, webinar, None, inputs)
    reason = find_reason(look, sight, now, this.list_every)
    is_time = is_asked_for(look, sight.start, now)
    # Work is not left for an hour, but there is none for a session that is gone.
    if not is_time and (reason is None or look.gone_at):
        return NoWork(look.exit_code or EXIT_DONE)
    return await _fetch_unlisted(this, webinar, look, reason)


async def _fetch_unlisted(
    this: SharedPass, webinar: Known, look: Look, reason: ListReason | None
) -> Session | NoWork | None:
    """Ask for a session that no list has.

    None: it is gone, but called off, so a run has to send what the ledger knows.
    """
    services, now = this.services_of(webinar.target), this.services.clock.now()
    key = find_look_key(services.config.ringcentral.server, webinar.target)
    await services.ledger.run(looks.record_asked, key, now)
    try:
        return await fetch_session(services, webinar.target)
    except NotThere as error:
        if await _is_called_off(services, webinar.seen):
            return None if reason else NoWork()
        await services.ledger.run(looks.record_gone, key, error.exit_code, now)
        message = f"{error.message} Nothing more is sent for it, and this is said only once."
        gone = NotThere(message, hint=error.hint)
        return NoWork(error.exit_code, gone, is_known=look.gone_at is not None)


async def _is_called_off(services: Services, seen: StoredSession | None) -> bool:
    if seen is None:
        return False
    return await services.ledger.run(call_offs.load_call_off, seen.id) is not None


def _see(this: SharedPass, webinar: Known, listed: Session | None, inputs: str) -> Sight:
    """Put together what is true of a webinar now."""
    seen = webinar.seen
    due = webinar.find_next_due(this.next_due)
    session = listed or seen
    return Sight(
        digest=listed.digest if listed else "",
        inputs=inputs,
        message_due=due is not None and due <= this.services.clock.now(),
        is_unfinished=seen is not None and seen.id in this.unfinished,
        start=session.start if session else None,
        end=session.end if session else None,
    )


def _has_budget(this: SharedPass, reason: ListReason) -> bool:
    """Whether this pass may list a webinar: only a few for no other reason than time."""
    if reason is not ListReason.REGULAR:
        return True
    this.regular_left -= 1
    return this.regular_left >= 0


def _select_options(
    this: SharedPass, target: Target, look: Look, file: RosterFile, roster: Roster
) -> Options:
    """Choose whether people who have left the roster may be removed without a person's word.

    Only where config.toml says so, and the whole roster was read, twice, by two runs.
    """
    is_seen_before = look.listed_at is not None and look.listed_at < this.started
    is_steady = is_seen_before and look.roster == file.digest and not roster.problems
    if not (target.remove_at_most and is_steady):
        return Options()
    return Options(remove=True, remove_at_most=target.remove_at_most)


def split_by_account(webinars: Iterable[Known]) -> list[list[Known]]:
    """Put the webinars of each account together."""
    found: dict[str, list[Known]] = {}
    for webinar in webinars:
        found.setdefault(webinar.target.company.account, []).append(webinar)
    return list(found.values())


async def begin_pass(
    services: Services,
    webinars: Sequence[Known],
    started: datetime,
    next_due: Mapping[int, datetime],
) -> tuple[SharedPass, list[Known]]:
    """Begin a pass over one account's webinars: the one that starts first comes first.

    `next_due` has the earliest queued message of each session that a run is to send. Raises what
    RingCentral's client raises.
    """
    session_list = await read_session_list(services, _find_look_back(webinars))
    account = looks.find_account_key(services.config.company.account)
    await services.ledger.run(looks.record_recovery, account)
    unfinished = await services.ledger.run(looks.list_unfinished)
    this = SharedPass(services, started, session_list, next_due, unfinished)
    return this, sorted(webinars, key=lambda webinar: _find_start(this, webinar))


def _find_look_back(webinars: Sequence[Known]) -> timedelta:
    """Find how far back the list of sessions has to go, so that no entry is forgotten."""
    return max(webinar.target.schedule.end_grace for webinar in webinars)


def _find_start(this: SharedPass, webinar: Known) -> datetime:
    listed = find_listed(this.session_list, webinar.target, webinar.seen, this.services.clock.now())
    session = listed or webinar.seen
    return session.start if session else LAST
