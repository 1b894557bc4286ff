"""What a preview shows and a test mail is made from: the roster's people with made-up links, in the last known session.

Asks neither RingCentral nor the mail server, and works without a ledger: what nobody knows yet is a
sample, and a note says so. `send_test_message` is the one thing here that sends: to the address it is
given, and nothing is recorded.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from pydantic import SecretStr

from onboarding.config import Config
from onboarding.ledger import cache, sessions
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.sessions import StoredSession
from onboarding.ledger.settings import ledger_path
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.deliveries import Outcome, Rejected, message_id
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Colleague, Invitee, Role, Roster
from onboarding.model.ports import Progress
from onboarding.model.sessions import (
    Facts,
    Registration,
    Session,
    SessionKey,
    SessionStatus,
    link_digest,
)
from onboarding.pipeline.mailer import load_templates, template_folders
from onboarding.pipeline.refresh import WEBINAR
from onboarding.pipeline.target import Target
from onboarding.plan.identity import Directory
from onboarding.reports.preview import Preview
from onboarding.smtp.pool import Pool
from onboarding.smtp.transaction import EnvelopeAccepted

LINKS = "https://join.example/made-up-link/"
"""Where made-up join links lie: `.example` belongs to nobody, now and for ever (RFC 2606)."""

PHONE_CODE = "123 456 789"
LEAD = timedelta(minutes=15)
"""How long before the start the panel is asked to be there; the ledger doesn't keep RingCentral's own figure."""

TUESDAY = 1
"""Of the sample session: `weekday` counts from Monday, 0."""

SAMPLE_PEOPLE = (
    Invitee(2, "harriet@sample.example", Role.HOST, "Harriet", "Host", "Head of Events"),
    Invitee(3, "colin@sample.example", Role.COHOST, "Colin", "Cohost", "Producer"),
    Invitee(4, "paula@sample.example", Role.PANELIST, "Paula", "Panelist", "Engineer"),
)


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """What the ledger knows of a webinar. `dial_in` is None where nobody has asked RingCentral yet."""

    seen: StoredSession | None = None
    dial_in: bool | None = None
    colleagues: Sequence[Colleague] = ()


def read_known_facts(config: Config, target: Target, progress: Progress) -> KnownFacts:
    """Read what the last run saw; all unknown where there is no ledger yet (none is made).

    Raises what `ledger.read_only.read_ledger` raises.
    """
    facts = partial(_load_facts, server=config.ringcentral.server, target=target)
    return read_ledger(ledger_path(config.ledger), facts, progress) or KnownFacts()


def _load_facts(connection: sa.Connection, server: str, target: Target) -> KnownFacts:
    seen = sessions.find(connection, server, target.webinar_id, target.session_id or None)
    facts = cache.find_webinar_facts(connection, server, target.webinar_id)
    dial_in = None if facts is None else WEBINAR.validate_python(facts).dial_in
    return KnownFacts(seen, dial_in, cache.load_colleagues(connection, server))


def build_preview(
    config: Config, target: Target, roster: Roster, facts: KnownFacts, now: datetime
) -> Preview:
    """Put a preview together: each person's letter of every kind."""
    people = _preview_people(roster, facts.colleagues)
    session = _preview_session(target, facts.seen, now)
    phone_code = "" if facts.dial_in is False else PHONE_CODE
    domain = config.brand.sender_address.rpartition("@")[2]
    letters = {
        (one.row, kind): _build_request(one, kind, session, people, phone_code, domain, now)
        for one in people
        for kind in Kind
    }
    return Preview(
        name=target.name,
        people=people,
        requests=letters,
        protected=ProtectedValues.of(
            [_made_up_link(one) for one in people], [one.email for one in people]
        ),
        folders=template_folders(config.folder, target),
        brand=config.brand,
        notes=tuple(_preview_notes(roster, facts)),
    )


async def send_test_message(
    config: Config,
    target: Target,
    letter: MessageRequest,
    guarded: ProtectedValues,
    to: str,
    now: datetime,
) -> Outcome:
    """Send one letter of a preview to an address through the real mail server; nothing is recorded.

    Raises what a run raises where the templates can't be used, or the server refuses us or is away.
    """
    domain = config.brand.sender_address.rpartition("@")[2]
    name = message_id(
        letter.session.key, letter.invitee.email, letter.kind, letter.number, domain, f"{now} {to}"
    )
    addressed = replace(letter, recipient=to, message_id=name, date=now)
    message = load_templates(config, target).compose(addressed, guarded)
    if isinstance(message, Rejected):
        return message
    async with Pool(config.smtp) as pool, pool.connection() as connection:
        offered = await connection.send_envelope(message)
        return (
            await connection.send_body(message)
            if isinstance(offered, EnvelopeAccepted)
            else offered
        )


def _preview_people(roster: Roster, colleagues: Sequence[Colleague]) -> tuple[Invitee, ...]:
    listed = Directory.of(colleagues)
    return (
        tuple(_add_sample_address(listed.complete(one)) for one in roster.invitees) or SAMPLE_PEOPLE
    )


def _add_sample_address(invitee: Invitee) -> Invitee:
    """Give a colleague whose address only RingCentral's directory knows a sample address."""
    return (
        invitee
        if invitee.email
        else replace(invitee, email=f"colleague-{invitee.row}@sample.example")
    )


def _preview_session(target: Target, seen: StoredSession | None, now: datetime) -> Session:
    """The session as last seen, else a sample one. Its key is the preview's own.

    So a test mail's calendar entry never is taken for an earlier version of the real one.
    """
    days = 14 + (TUESDAY - now.weekday()) % 7
    in_two_weeks = now.replace(hour=13, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return Session(
        key=SessionKey("preview", target.webinar_id, target.session_id or "preview"),
        title=seen.title if seen else target.name.replace("-", " ").replace("_", " ").title(),
        start=seen.start if seen else in_two_weeks,
        duration=seen.duration if seen else timedelta(hours=1),
        time_zone=seen.time_zone if seen else "Europe/London",
        status=SessionStatus.SCHEDULED,
        join_offset=LEAD,
    )


def _build_request(
    person: Invitee,
    kind: Kind,
    session: Session,
    panel: tuple[Invitee, ...],
    phone_code: str,
    domain: str,
    now: datetime,
) -> MessageRequest:
    number = 1 if RULES[kind].comes_first else 2
    record = Registration(
        id="preview", role=person.role, join_uri=_made_up_link(person), phone_code=phone_code
    )
    earlier = Facts(
        link_digest(_made_up_link(person)),
        person.role,
        session.start - timedelta(days=1),
        session.duration,
    )
    return MessageRequest(
        kind=kind,
        invitee=person,
        session=session,
        registration=record if RULES[kind].needs_registration else None,
        number=number,
        message_id=message_id(session.key, person.email, kind, number, domain, "preview"),
        date=now,
        recipient=person.email,
        panel=panel,
        previous=earlier if RULES[kind].shows_previous else None,
    )


def _made_up_link(person: Invitee) -> SecretStr:
    """Make a join link up: as long as a real one, each person's own, always the same, and leading nowhere."""
    return SecretStr(LINKS + hashlib.sha256(person.key.encode()).hexdigest()[:40])


def _preview_notes(roster: Roster, facts: KnownFacts) -> Iterator[str]:
    """Say what of a preview is not the real thing."""
    yield "Join links are made up. They open nothing."
    if facts.seen is None:
        yield "No run has looked at this webinar yet: title, date, time, time zone and duration are samples."
    yield f"Arriving {LEAD.seconds // 60} minutes before the start is a sample, as is the time that an update replaces."
    if facts.dial_in is None:
        yield "Whether the webinar has dial-in codes is not known yet: the one shown is a sample."
    elif facts.dial_in:
        yield "The dial-in code is a sample."
    if not roster.invitees:
        yield "The roster names nobody who can be mailed: these are sample people."
    for one in roster.problems:
        yield f"Roster row {one.row}, {one.column or 'whole row'}: {one.message}"
