"""What a preview shows and a test mail is made from: the roster's people, with made-up links.

The session is the one that the last run saw. Asks neither RingCentral nor the mail server, and
works without a ledger: what isn't known yet is a sample, and a note says so. Only
`send_trial` sends: to the address that it gets, and nothing is recorded.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa
from pydantic import SecretStr

from onboarding.config import Config
from onboarding.ledger import cache, sessions
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import find_place
from onboarding.messages.composer import Composer
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.accounts import AccountKey
from onboarding.model.deliveries import Message, Outcome, Rejected, calendar_uid, message_id
from onboarding.model.entries import Entry, Schedule
from onboarding.model.kinds import RULES, Kind, clears_facts
from onboarding.model.people import Colleague, Invitee, Role, Roster, format_problem
from onboarding.model.ports import Progress
from onboarding.model.sessions import (
    Facts,
    Registration,
    Session,
    SessionKey,
    SessionStatus,
    link_digest,
)
from onboarding.pipeline.mailer import list_scheduled_templates, load_files, load_templates
from onboarding.pipeline.session_lookup import WEBINAR
from onboarding.pipeline.target import Target
from onboarding.pipeline.template_files import template_folders
from onboarding.plan.identity import Directory
from onboarding.reports.preview import Preview
from onboarding.smtp.pool import Pool
from onboarding.smtp.transaction import EnvelopeAccepted

LINKS = "https://join.example/made-up-link/"
"""Where made-up join links lead: no domain will ever end in `.example` (RFC 2606)."""

PHONE_CODE = "123 456 789"
LEAD = timedelta(minutes=15)
"""How long before the start the panel arrives; the ledger doesn't keep RingCentral's figure."""

CALL_OFF_NAME = "call-off"
"""Names the files of the cancellation for a session that does not take place."""

TUESDAY = 1
"""The sample session's day of the week, as `weekday` counts: Monday is 0."""

SAMPLE_PEOPLE = (
    Invitee(2, "harriet@sample.example", Role.HOST, "Harriet", "Host", "Head of Events"),
    Invitee(3, "colin@sample.example", Role.COHOST, "Colin", "Cohost", "Producer"),
    Invitee(4, "paula@sample.example", Role.PANELIST, "Paula", "Panelist", "Engineer"),
)


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What the ledger knows of a webinar. `dial_in` is None while RingCentral was not asked."""

    seen: StoredSession | None = None
    dial_in: bool | None = None
    colleagues: Sequence[Colleague] = ()


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all messages of a preview share. `domain` is the sender's."""

    session: Session
    panel: tuple[Invitee, ...]
    phone_code: str
    domain: str
    now: datetime


def read_known_facts(config: Config, target: Target, progress: Progress) -> KnownFacts:
    """Read what the last run saw; all unknown while there is no ledger (none is made).

    Raises what `ledger.read_only.read_ledger` raises.
    """
    load = partial(_load_facts, account=config.account, target=target)
    return read_ledger(find_place(config.ledger), load, progress) or KnownFacts()


def _load_facts(connection: sa.Connection, account: AccountKey, target: Target) -> KnownFacts:
    seen = sessions.find(connection, account, target.webinar_id, target.session_id or None)
    facts = cache.find_webinar_facts(connection, account, target.webinar_id)
    # Facts that were never stored are unknown, and not false: the notes must say which it is.
    dial_in = None if facts is None else WEBINAR.validate_python(facts).dial_in
    return KnownFacts(seen, dial_in, cache.load_colleagues(connection, account))


def build_preview(
    config: Config, target: Target, roster: Roster, facts: KnownFacts, now: datetime
) -> Preview:
    """Put a preview together: each person's message of every kind, and of every entry."""
    # The real people with made-up links: a preview may be shown or sent on, and opens nothing.
    people = _preview_people(roster, facts.colleagues)
    setting = _Setting(
        session=_preview_session(target, facts.seen, now),
        panel=people,
        # Shown while unknown: a preview is for looking at the whole layout.
        phone_code="" if facts.dial_in is False else PHONE_CODE,
        domain=_sender_domain(config),
        now=now,
    )
    messages = [*_list_messages(target.schedule)]
    links, addresses = map(_make_trial_link, people), [person.email for person in people]
    return Preview(
        name=target.name,
        people=people,
        names={shown.name: shown.label for shown in messages},
        requests={
            (person.row, shown.name): _build_request(person, shown, setting)
            for person in people
            for shown in messages
        },
        protected=ProtectedValues.of(list(links), addresses),
        folders=template_folders(config, target.templates),
        brand=config.brand,
        notes=tuple(_preview_notes(roster, facts)),
        reads_answers=config.replies.is_configured,
        scheduled=list_scheduled_templates(target),
        files=load_files(target.schedule, config.folder),
    )


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """One message of a preview that is to be sent to an address."""

    config: Config
    target: Target
    request: MessageRequest
    protected: ProtectedValues
    to: str


def compose_trial(trial: TrialMessage, now: datetime) -> Message | Rejected:
    """Compose a message of a preview for an address; `Rejected` where a run would refuse it.

    Raises what a run raises if the templates can't be used.
    """
    # With the moment in it, each test mail gets a Message-ID of its own: a mailbox may show only
    # one of two messages with the same.
    request, config = trial.request, trial.config
    purpose = f"{now} {trial.to}"
    test_id = message_id(
        request.session.key,
        request.invitee.email,
        request.kind,
        1,
        _sender_domain(config),
        purpose,
    )
    test_request = replace(request, recipient=trial.to, message_id=test_id, date=now)
    # Checked as a run checks it: a template that a run would refuse must not pass its test mail.
    return Composer(load_templates(config, trial.target), trial.protected).compose(test_request)


async def send_trial(config: Config, message: Message) -> Outcome:
    """Send a composed message through the real mail server.

    Raises what a run raises if the server refuses us or is away.
    """
    # No lease, queue or rate: one message that a person waits for, and no delivery to be recorded.
    async with Pool(config.smtp) as pool, pool.connection() as connection:
        answer = await connection.send_envelope(message)
        if isinstance(answer, EnvelopeAccepted):
            return await connection.send_body(message)
        return answer


def _sender_domain(config: Config) -> str:
    return config.brand.sender_address.rpartition("@")[2]


def _preview_people(roster: Roster, colleagues: Sequence[Colleague]) -> tuple[Invitee, ...]:
    directory = Directory.of(colleagues)
    people = [directory.complete(invitee) for invitee in roster.invitees]
    return tuple(_add_sample_address(person) for person in people) or SAMPLE_PEOPLE


def _add_sample_address(invitee: Invitee) -> Invitee:
    """Give a sample address to a colleague if only RingCentral's directory knows the real one."""
    if invitee.email:
        return invitee
    # By row, so that no two share one: each message is checked for the addresses of the others.
    return replace(invitee, email=f"colleague-{invitee.row}@sample.example")


def _preview_session(target: Target, seen: StoredSession | None, now: datetime) -> Session:
    """Make the session as last seen, else a sample."""
    # Under a key of its own, so that a calendar program does not take a test mail's entry for an
    # earlier version of the real one.
    key = SessionKey("preview", target.webinar_id, target.session_id or "preview")
    if seen:
        title, start, duration, zone = seen.title, seen.start, seen.duration, seen.time_zone
    else:
        title = target.name.replace("-", " ").replace("_", " ").title()
        start, duration, zone = _sample_start(now), timedelta(hours=1), "Europe/London"
    return Session(
        key=key,
        title=title,
        start=start,
        duration=duration,
        time_zone=zone,
        status=SessionStatus.SCHEDULED,
        join_offset=LEAD,
    )


def _sample_start(now: datetime) -> datetime:
    """Choose a Tuesday in two weeks or a little later."""
    days = 14 + (TUESDAY - now.weekday()) % 7
    return now.replace(hour=13, minute=0, second=0, microsecond=0) + timedelta(days=days)


class _Shown(NamedTuple):
    """A message of a preview: name of files, name for people, and what it is."""

    name: str
    label: str
    kind: Kind
    entry: Entry | None = None
    called_off: bool = False


def _list_messages(schedule: Schedule) -> Iterator[_Shown]:
    """List the messages that each person of a preview gets."""
    for kind in Kind:
        if not RULES[kind].template:
            yield _Shown(kind.value, kind.value, kind)
        if clears_facts(kind):
            yield _Shown(CALL_OFF_NAME, f"{kind.value} (called off)", kind, called_off=True)
    taken = {CALL_OFF_NAME, *(kind.value for kind in Kind)}
    scheduled = next(kind for kind in Kind if RULES[kind].template)
    for entry in schedule.entries:
        # An entry's id may hold spaces and colons, which no file's name should.
        name = re.sub(r"[^a-z0-9_]+", "-", entry.id.lower()).strip("-")
        while name in taken:
            name += "-"
        taken.add(name)
        yield _Shown(name, entry.id, scheduled, entry)


def _build_request(person: Invitee, shown: _Shown, setting: _Setting) -> MessageRequest:
    kind, entry = shown.kind, shown.entry
    session, rules = setting.session, RULES[kind]
    link = _make_trial_link(person)
    registration = Registration(
        id="preview", role=person.role, join_uri=link, phone_code=setting.phone_code
    )
    # An update needs something that has changed: another day shows most of its words.
    day_before = session.start - timedelta(days=1)
    previous = Facts(link_digest(link), person.role, day_before, session.duration)
    return MessageRequest(
        kind=kind,
        invitee=person,
        session=session,
        registration=registration if rules.needs_registration else None,
        message_id=message_id(session.key, person.email, kind, 1, setting.domain, "preview"),
        # Under a word of its own, so that a calendar program does not take a test mail's entry for
        # an earlier version of the real one.
        uid=calendar_uid("preview", session.key, person.email, setting.domain),
        # It takes an update's entry only with a higher SEQUENCE than the invitation's.
        sequence=0 if rules.comes_first else 1,
        date=setting.now,
        counted_from=_find_moment(person, setting, entry) if entry else None,
        recipient=person.email,
        panel=setting.panel,
        previous=previous if rules.shows_previous else None,
        called_off=shown.called_off,
        entry=entry.id if entry else "",
        template=entry.template if entry else "",
    )


def _find_moment(person: Invitee, setting: _Setting, entry: Entry) -> datetime:
    """The time of an entry: its message says how far away the session is then, not now."""
    session = setting.session
    return entry.when.moment(session.start, session.end, person.time_zone or session.time_zone)


def _make_trial_link(person: Invitee) -> SecretStr:
    """Make a link as long as a real one: each person's own, always the same, leading nowhere."""
    return SecretStr(LINKS + hashlib.sha256(person.key.encode()).hexdigest()[:40])


def _preview_notes(roster: Roster, facts: KnownFacts) -> Iterator[str]:
    """Say what in a preview is not real."""
    yield "Join links are made up. They open nothing."
    if facts.seen is None:
        yield (
            "No run has looked at this webinar yet: "
            "title, date, time, time zone and duration are samples."
        )
    yield (
        f"Arriving {LEAD.seconds // 60} minutes before the start is a sample, "
        "as is the time that an update replaces."
    )
    if facts.dial_in is None:
        yield "Whether the webinar has dial-in codes is not known yet: this one is a sample."
    elif facts.dial_in:
        yield "The dial-in code is a sample."
    if not roster.invitees:
        yield "The roster has no person who can be mailed: these are sample people."
    for problem in roster.problems:
        yield f"Roster {format_problem(problem)}"
