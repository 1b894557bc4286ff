"""Reads the mailbox of `[replies]`, finds what each message is about, and records it.

Comes before the webinars of `run --all`, and is what `onboarding replies` does. A message that is
read again, late, or from two places changes nothing: each is dealt with once, and every move is a
guarded write. Nothing is ever mailed because of a message that came in, but a bounce may stop what
would have been mailed.
"""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

import sqlalchemy as sa

from onboarding.errors import OnboardingError
from onboarding.inbox.answers import CalendarAnswer
from onboarding.inbox.bounces import MailReport, ReportKind, suppresses
from onboarding.inbox.files import Maildir, Mbox
from onboarding.inbox.imap import open_imap
from onboarding.inbox.incoming import IncomingMessage, read_incoming
from onboarding.inbox.mailboxes import MailSource, MessageBatch, Position, StoredMessage
from onboarding.inbox.parts import MAX_BYTES
from onboarding.inbox.settings import RepliesSettings
from onboarding.ledger import alerts, answers, bounces, inbox_positions
from onboarding.ledger.answers import AnsweredEntry
from onboarding.ledger.bounces import BounceTokens, ReportedDelivery
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.addresses import address_key
from onboarding.model.alerts import is_alert_id
from onboarding.model.answers import (
    STANDING_ANSWERS,
    Answer,
    PersonAnswer,
    classify_answer,
    replaces,
)
from onboarding.model.foreign_text import clean
from onboarding.model.known_secrets import Secrets
from onboarding.model.sessions import SessionKey
from onboarding.pipeline.services import Services
from onboarding.smtp.settings import TOKEN_MARK

MAX_WORDS = 300
"""Characters of a server's words that are kept."""

CAME_BACK = "returned"
"""What history calls a bounce that moves no message: a rehearsal's, or of one that has moved on."""


@dataclass(frozen=True, slots=True)
class InboxNews:
    """What a person should know once: of which session, about which person, and what came back.

    `what` is the state `bounced`, or an answer; `detail` is in words, fit to be shown.
    """

    session: SessionKey
    email: str
    name: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class InboxReading:
    """What a reading brought: the news, how many messages were ours, how many found no message.

    `unmatched` are bounces and answers that no message of this ledger belongs to, and
    `returned_alerts` those of alerts, which are told on the terminal only. `error` has ended the
    reading: what came before it is recorded, and is told only here.
    """

    news: tuple[InboxNews, ...] = ()
    handled: int = 0
    unmatched: int = 0
    returned_alerts: int = 0
    error: OnboardingError | None = None

    def __add__(self, other: "InboxReading") -> "InboxReading":
        return InboxReading(
            (*self.news, *other.news),
            self.handled + other.handled,
            self.unmatched + other.unmatched,
            self.returned_alerts + other.returned_alerts,
            self.error or other.error,
        )


@dataclass(frozen=True, slots=True)
class _Handled:
    """What became of one message: whether it was ours, and what it tells."""

    is_ours: bool
    is_unmatched: bool = False
    is_alert: bool = False
    news: InboxNews | None = None


_NOT_OURS = _Handled(is_ours=False)
_UNMATCHED = _Handled(is_ours=False, is_unmatched=True)
_RETURNED_ALERT = _Handled(is_ours=True, is_alert=True)
_NOTHING_NEW = _Handled(is_ours=True)


@dataclass(frozen=True, slots=True)
class _Context:
    """What the recording of a message needs besides the message."""

    envelope_senders: frozenset[str]
    secrets: Secrets
    now: datetime


async def read_replies(services: Services) -> InboxReading:
    """Read what came since the last reading. Says in `error` why it could not go on."""
    settings = services.config.replies
    try:
        mailbox = await open_replies(settings, services.clock.now(), services.stop)
    except OnboardingError as error:
        return InboxReading(error=error)
    try:
        return await _read_mailbox(services, mailbox, name_mailbox(settings))
    finally:
        await asyncio.to_thread(mailbox.close)


async def read_one(services: Services, content: bytes) -> InboxReading:
    """Deal with one message that a mail server hands over."""
    incoming = await asyncio.to_thread(read_incoming, StoredMessage("-", content))
    found, _ = await services.ledger.run(_record_batch, [incoming], _build_context(services))
    return found


async def check_mailbox(services: Services) -> None:
    """Make sure that the mailbox can be read. Raises OnboardingError where it can't."""
    mailbox = await open_replies(services.config.replies, services.clock.now(), services.stop)
    try:
        await asyncio.to_thread(mailbox.check)
    finally:
        await asyncio.to_thread(mailbox.close)


async def note_fault(services: Services, fault: str) -> bool:
    """Note why the mailbox can't be read; empty if it can. Returns whether that is news."""
    name, now = name_mailbox(services.config.replies), services.clock.now()
    return await services.ledger.run(inbox_positions.store_mailbox_fault, name, fault, now)


def name_mailbox(settings: RepliesSettings) -> str:
    """Name a mailbox for its position: another account or folder begins from the start."""
    if path := settings.maildir or settings.mbox:
        return str(path)
    return f"imap://{settings.username}@{settings.host_and_port}/{settings.folder}"


async def open_replies(
    settings: RepliesSettings, now: datetime, stop: asyncio.Event, limit: int = MAX_BYTES
) -> MailSource:
    """Open the mailbox, to read so many bytes of each message. Raises OnboardingError."""
    if settings.maildir:
        return Maildir(settings.maildir, settings.done, now, limit)
    if settings.mbox:
        return Mbox(settings.mbox, limit)
    return await open_imap(settings, settings.done, now, stop, limit)


async def _read_mailbox(services: Services, mailbox: MailSource, name: str) -> InboxReading:
    stored = await services.ledger.run(inbox_positions.load_position, name)
    batches = mailbox.read(Position(*stored) if stored else None)
    total = InboxReading()
    try:
        while batch := await asyncio.to_thread(next, batches, None):
            total += await _handle_batch(services, mailbox, batch)
            if total.error:
                return total
            # After the messages: a crash before this reads them again, which changes nothing.
            position = (batch.position.validity, batch.position.last)
            await services.ledger.run(
                inbox_positions.store_position, name, *position, services.clock.now()
            )
            services.raise_if_stopped()
    except OnboardingError as error:
        return replace(total, error=error)
    return total


async def _handle_batch(
    services: Services, mailbox: MailSource, batch: MessageBatch
) -> InboxReading:
    if not batch.messages:
        return InboxReading()
    # In the thread too: a hostile message may take its time to be parsed.
    incoming = await asyncio.to_thread(lambda: [read_incoming(stored) for stored in batch.messages])
    found, ours = await services.ledger.run(_record_batch, incoming, _build_context(services))
    try:
        if ours:
            await asyncio.to_thread(mailbox.mark_done, ours)
    except OnboardingError as error:
        return replace(found, error=error)
    return found


def _build_context(services: Services) -> _Context:
    config = services.config
    return _Context(config.envelope_senders, config.secrets, services.clock.now())


def _record_batch(
    connection: sa.Connection, incoming: Sequence[IncomingMessage], context: _Context
) -> tuple[InboxReading, list[str]]:
    """Record what messages say. Returns the news, and the names of those that are ours."""
    handled = [_record_message(connection, message, context) for message in incoming]
    ours = [message.name for message, done in zip(incoming, handled, strict=True) if done.is_ours]
    news = tuple(done.news for done in handled if done.news)
    unmatched = sum(done.is_unmatched for done in handled)
    returned_alerts = sum(done.is_alert for done in handled)
    return InboxReading(news, len(ours), unmatched, returned_alerts), ours


def _record_message(
    connection: sa.Connection, message: IncomingMessage, context: _Context
) -> _Handled:
    match message.said:
        case MailReport() as report:
            return _record_report(connection, message.identity, report, context)
        case CalendarAnswer() as answer:
            return _record_answer(connection, message.identity, answer, context)
        case None:
            return _NOT_OURS


def _record_report(
    connection: sa.Connection, identity: str, report: MailReport, context: _Context
) -> _Handled:
    """Record a report once, if it is about a message of ours."""
    found = _find_delivery(connection, report, context)
    if found is None and _is_about_alert(report):
        return _record_returned_alert(connection, identity, report, context)
    if found is None:
        # An absence notice to other mail of this mailbox is nothing that was lost.
        return _NOT_OURS if report.kind is ReportKind.AUTO_REPLY else _UNMATCHED
    digest = _make_digest(identity, report.kind, str(found.record.delivery.id))
    if not bounces.record_handled(connection, found.session, digest, context.now):
        return _NOTHING_NEW
    words = _clean_words(report, context)
    detail = " | ".join(filter(None, (_describe_recipient(report, found), words)))
    if report.kind is ReportKind.BOUNCED:
        return _record_bounce(connection, report, found, detail, context)
    bounces.record_report(connection, found, report.kind, detail, context.now)
    return _NOTHING_NEW


def _record_returned_alert(
    connection: sa.Connection, identity: str, report: MailReport, context: _Context
) -> _Handled:
    """Record an alert that came back, once. An absence notice about it tells nothing."""
    is_bounce = report.kind is ReportKind.BOUNCED
    digest = _make_digest(identity, report.kind)
    if is_bounce and alerts.record_return(connection, digest, context.now):
        return _RETURNED_ALERT
    return _NOTHING_NEW


def _is_about_alert(report: MailReport) -> bool:
    return any(map(is_alert_id, report.clues.message_ids))


def _find_delivery(
    connection: sa.Connection, report: MailReport, context: _Context
) -> ReportedDelivery | None:
    clues, tokens = report.clues, BounceTokens.load(connection)
    return bounces.find_reported(
        connection,
        numbers=[
            *chain.from_iterable(
                find_token_numbers(clues.addresses, sender, tokens)
                for sender in context.envelope_senders
            )
        ],
        envelope_ids=clues.envelope_ids,
        message_ids=clues.message_ids,
        # An alert's queue id may be one that a message to the same address had before.
        queue_ids=() if _is_about_alert(report) else clues.queue_ids,
        recipients=clues.recipients,
    )


def _record_bounce(
    connection: sa.Connection,
    report: MailReport,
    found: ReportedDelivery,
    detail: str,
    context: _Context,
) -> _Handled:
    """Move the message to `bounced`, and suppress the address if no message can reach it."""
    words, reason = _clean_words(report, context), _describe_recipient(report, found)
    if not bounces.record_bounce(connection, found, words, reason, context.now):
        # A rehearsal's, or of a message that a person has sent again meanwhile.
        rehearsal = found.record.delivery.rehearsal_to
        told = " | ".join(filter(None, (rehearsal and f"rehearsal to {rehearsal}", detail)))
        bounces.record_report(connection, found, CAME_BACK, told, context.now)
        return _NOTHING_NEW
    if suppresses(report.status):
        email = found.record.delivery.email
        bounces.suppress(connection, found.session, email, words, context.now)
    return _Handled(is_ours=True, news=_make_news(found.record, "bounced", detail))


def _record_answer(
    connection: sa.Connection, identity: str, said: CalendarAnswer, context: _Context
) -> _Handled:
    """Record an answer once, if it is about an entry of ours, and counts."""
    entry = answers.find_entry(connection, said.uid)
    if entry is None:
        return _UNMATCHED
    delivery = entry.record.delivery
    judged = classify_answer(said.answer, said.attendee, said.senders, delivery.email)
    # Of another person each is told once, however often they answer.
    own = said.attendee if judged is Answer.FORWARDED else identity
    digest = _make_digest(own, judged, said.uid)
    if not bounces.record_handled(connection, entry.session, digest, context.now):
        return _NOTHING_NEW
    if judged in STANDING_ANSWERS and not _store_standing(connection, entry, judged, said, context):
        return _NOTHING_NEW
    detail = clean(_describe_answer(judged, said), context.secrets)[:MAX_WORDS]
    key = address_key(delivery.email)
    answers.record_answer_event(connection, entry, key, judged, detail, context.now)
    return _Handled(is_ours=True, news=_make_news(entry.record, judged, detail))


def _store_standing(
    connection: sa.Connection,
    entry: AnsweredEntry,
    answer: Answer,
    said: CalendarAnswer,
    context: _Context,
) -> bool:
    """Store an answer that holds from now on. False: an older one, or the same again."""
    key = address_key(entry.record.delivery.email)
    held = answers.load_answers(connection, entry.session).get(key)
    new = PersonAnswer(answer, said.stamp, said.sequence)
    if not replaces(new, held, entry.sequence, context.now):
        return False
    answers.store_answer(connection, entry.session, key, new, context.now)
    return held is None or held.answer is not answer


def find_token_numbers(
    addresses: Sequence[str], envelope_sender: str, tokens: BounceTokens
) -> list[int]:
    """Find the deliveries that are named by tokens in addresses. Forged ones name none."""
    if TOKEN_MARK not in envelope_sender:
        return []
    before, _, after = envelope_sender.partition(TOKEN_MARK)
    pattern = re.compile(rf"{re.escape(before)}([0-9a-f]{{1,64}}){re.escape(after)}", re.IGNORECASE)
    found = [match[1] for match in map(pattern.fullmatch, addresses) if match]
    return [number for number in map(tokens.read, found) if number is not None]


def _clean_words(report: MailReport, context: _Context) -> str:
    """The status code and the server's words, without links and secrets."""
    text = clean(report.text, context.secrets)[:MAX_WORDS]
    return text if report.status and report.status in text else f"{report.status} {text}".strip()


def _describe_recipient(report: MailReport, found: ReportedDelivery) -> str:
    """Say so where a report is about another address than the one that was mailed."""
    delivery = found.record.delivery
    mailed = {address_key(delivery.email), address_key(delivery.rehearsal_to)}
    others = [other for other in report.clues.recipients if address_key(other) not in mailed]
    if not others or report.kind is ReportKind.AUTO_REPLY:
        return ""
    return f"the report is about {others[0]}"


def _describe_answer(answer: Answer, said: CalendarAnswer) -> str:
    """Say what an answer adds to its word."""
    if answer is Answer.FORWARDED:
        return f"{said.attendee} answered ({said.answer})"
    if answer is Answer.COUNTER and said.start:
        return f"proposes {said.start:%Y-%m-%d %H:%M} UTC"
    if answer is Answer.DELEGATED and said.delegates:
        return f"names {', '.join(said.delegates)}"
    return ""


def _make_news(record: DeliveryRecord, what: str, detail: str) -> InboxNews:
    delivery = record.delivery
    return InboxNews(delivery.session, delivery.email, record.name, what, detail)


def _make_digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
