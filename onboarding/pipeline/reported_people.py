"""Makes the people of the report: who each is, what they hold, and what came of their messages.

Takes what the ledger holds (`hand_off` loads it) and returns the values that `reports` shows. What
comes from the roster is cleaned here; what servers said is clean already (`status`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import SecretStr

from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.ledger.sessions import StoredSession
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import Mailbox, State
from onboarding.model.foreign_text import clean, printable
from onboarding.model.kinds import RULES
from onboarding.model.known_secrets import Secrets
from onboarding.model.people import Invitee, Problem
from onboarding.model.registrations import ManagedRegistration, Standing
from onboarding.model.sessions import link_digest
from onboarding.pipeline.status import Status
from onboarding.reports.report import ReportedMessage, ReportedPerson, format_masked_link

COMPANY_COLUMNS = ("company", "organisation", "organization", "firma", "unternehmen")
"""What a roster calls a person's company, as templates write it."""

JOB_TITLE = "job_title"
"""The roster's own column that a report shows among the further ones."""

REMOVED_FROM_BOARD = "the registration was removed"
"""What is out of date for a person who was removed and had no cancellation yet."""


@dataclass(frozen=True, slots=True)
class HandOff:
    """What the ledger holds of one session for the report, by `registration_key`.

    `links` are the fingerprints of all join links that were mailed. `is_over`: the session has
    ended, so that no update will follow.
    """

    status: Status
    seen: StoredSession
    roster: Mapping[str, Invitee]
    managed: Mapping[str, ManagedRegistration]
    registered_at: Mapping[str, datetime]
    mailboxes: Mapping[str, Mailbox]
    links: frozenset[str]
    is_over: bool
    secrets: Secrets


def make_people(found: HandOff, notes: Iterable[Problem]) -> tuple[ReportedPerson, ...]:
    """Make the roster's people in its order, then all others who had a message.

    `notes` say why people have none.
    """
    records: dict[str, list[DeliveryRecord]] = {}
    # Not those that a later message replaced: the reader of a report would take both for true.
    for record in found.status.current:
        records.setdefault(address_key(record.delivery.email), []).append(record)
    reasons = {address_key(note.email): note.message for note in notes}
    # People who had a message and left the roster are reported, too: they may still hold a link.
    keys = dict.fromkeys([*found.roster, *records])
    return tuple(
        _make_person(found, key, records.get(key, []), reasons.get(key, "")) for key in keys
    )


def _make_person(
    found: HandOff, key: str, records: Sequence[DeliveryRecord], note: str
) -> ReportedPerson:
    person = _clean_person(_find_person(found, key, records), found)
    # What the mailbox holds, not what was sent last: a message that was rejected gave no link.
    mailbox = found.mailboxes.get(key, Mailbox())
    came = found.status.attendance.get(key)
    company = next((name for name in COMPANY_COLUMNS if name in person.extra), "")
    return ReportedPerson(
        email=person.email,
        name=person.name or key,
        role=person.role,
        first_name=person.first_name,
        last_name=person.last_name,
        company=person.extra.get(company, ""),
        extra=_list_further(person, company),
        registered_at=found.registered_at.get(key),
        link_fingerprint=mailbox.facts.link if mailbox.facts else "",
        outdated=_find_outdated(found, key, mailbox),
        messages=tuple(map(_make_message, records)),
        note=note,
        answer=found.status.answers[key].answer if key in found.status.answers else "",
        attendance=came.attendance if came else "",
        joined_at=came.joined_at if came else None,
        wrong_door=came.wrong_door if came else False,
    )


def _list_further(person: Invitee, company: str) -> dict[str, str]:
    """List a person's further columns, the job title first. That of the company is not repeated."""
    title = {JOB_TITLE: person.job_title} if person.job_title else {}
    return title | {name: value for name, value in person.extra.items() if name != company}


def _find_person(found: HandOff, key: str, records: Sequence[DeliveryRecord]) -> Invitee:
    """Find who a person is: by the roster, else by what was registered, else by their messages."""
    if key in found.roster:
        return found.roster[key]
    if key in found.managed:
        return found.managed[key].invitee
    latest = records[-1]
    # A message has one name; which part of it is the last name can't be known.
    return Invitee(0, latest.delivery.email, latest.delivery.facts.role, last_name=latest.name)


def _make_message(record: DeliveryRecord) -> ReportedMessage:
    delivery = record.delivery
    return ReportedMessage(
        kind=delivery.kind,
        state=delivery.state,
        at=record.at,
        attempts=delivery.attempt,
        message_id=delivery.message_id,
        reply=record.reply,
        reason=record.reason,
        link_fingerprint=delivery.facts.link if RULES[delivery.kind].holds_join_link else "",
        entry=delivery.entry,
        id=delivery.id,
        due_at=delivery.due_at if delivery.state is State.QUEUED else None,
    )


def _find_outdated(found: HandOff, key: str, mailbox: Mailbox) -> tuple[str, ...]:
    """Name what is no longer true of what a mailbox holds, as far as the last run saw it.

    The newest message says which link and role were given last, whether it was sent or not.
    """
    held, last = mailbox.facts, mailbox.last
    if held is None or last is None or found.is_over:
        return ()
    if key in found.managed and found.managed[key].standing is Standing.REMOVED:
        # Nothing else is compared for a person who is gone: their link opens nothing now.
        return (REMOVED_FROM_BOARD,)
    # The facts of a kind without a link say nothing about it, so a link is not compared then.
    has_link = RULES[last.kind].holds_join_link
    now = replace(last.facts, start=found.seen.start, duration=found.seen.duration)
    names = ("link", "role", "start", "duration") if has_link else ("role", "start", "duration")
    return tuple(name for name in names if getattr(held, name) != getattr(now, name))


def _clean_person(person: Invitee, found: HandOff) -> Invitee:
    """Make what the roster says fit to be handed on: no control characters, no secret, no link."""
    return replace(
        person,
        email=_clean_cell(person.email, found),
        first_name=_clean_cell(person.first_name, found),
        last_name=_clean_cell(person.last_name, found),
        job_title=_clean_cell(person.job_title, found),
        extra={name: _clean_cell(value, found) for name, value in person.extra.items()},
    )


def _clean_cell(text: str, found: HandOff) -> str:
    """Clean one cell.

    A web address stays, because it is the roster's own. Only a join link that was mailed is masked:
    a person has pasted it into the roster.
    """
    # `clean` takes every web address out, so it is used only where a secret may be in the cell.
    shown = clean(text, found.secrets) if found.secrets.may_be_in(text) else printable(text)
    if "://" not in shown:
        return shown
    # By fingerprint, since the ledger has no links to compare with; so only a link that stands
    # alone between spaces is found.
    return " ".join(_mask_word(word, found.links) for word in shown.split(" "))


def _mask_word(word: str, links: frozenset[str]) -> str:
    digest = link_digest(SecretStr(word))
    return format_masked_link(digest) if digest in links else word
