"""What a plan page shows of one webinar: every message as it will be sent, and every change.

A page covers what a run would do if all of it were approved. It is stored in the ledger once it is
written, so that an approval can name it by its digest. Asks RingCentral nothing, sends nothing.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from onboarding.ledger import reviews
from onboarding.messages.logo import LOGO_CID
from onboarding.messages.request import ProtectedValues
from onboarding.messages.templates import TemplateSet
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee
from onboarding.model.registrations import registration_key
from onboarding.model.reviews import (
    ApprovalMode,
    Approved,
    InlinePicture,
    PlannedChange,
    PlannedMessage,
    Review,
    ReviewedMessage,
    page_digest,
)
from onboarding.model.sessions import SessionKey
from onboarding.model.time_zones import format_in_zone
from onboarding.pipeline.forecast import forecast, is_late
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.planned_messages import STAND_IN_LINK, PlannedMessages, RealPanel
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target
from onboarding.plan import Action, Options, Plan, PlanItem, Snapshot, make_plan
from onboarding.plan.approval import (
    CHANGES,
    describe_difference,
    has_other_panel,
    is_act_covered,
    is_message_covered,
)
from onboarding.plan.entries_due import DueEntry, plan_entries
from onboarding.smtp.settings import SmtpSettings

IF_MOVED = "if the session moves, or the link or the role changes"
IF_REMOVED = "if the person is removed"
IF_CALLED_OFF = "if the session is called off"


async def make_review(
    services: Services, target: Target, state: RunState, options: Options
) -> Review:
    """Make the page of what a run would do with these options, if all of it were approved.

    A message that can't be composed has a fault. Raises ConfigurationError for a template that
    can't be used.
    """
    approved = await services.ledger.run(reviews.load_approved, state.session_row)
    # Without a gate: what is held back now has to be on the page, or it could never be approved.
    plan = make_plan(state.snapshot, options)
    panel = RealPanel(_find_panel(plan), _protect_addresses(state.snapshot))
    config = services.config

    def build() -> Review:
        templates = load_templates(config, target)
        planned = PlannedMessages(templates, state.snapshot, state.webinar.dial_in, panel)
        review = _build_review(target, plan, planned, approved)
        return _sum_up(review, config.smtp, state.snapshot.panel_joins_at)

    # In a thread, as in `run.load_mailer`: ninety-nine people's messages take seconds.
    return await asyncio.to_thread(build)


def _build_review(
    target: Target, plan: Plan, planned: PlannedMessages, approved: Approved
) -> Review:
    """Put together what a page shows, but for what is computed from all of it."""
    compare = partial(_compare, approved=approved, mode=target.approval, planned=planned)
    follow = partial(_compare_conditional, approved=approved)
    due = [planned.plan_item(item) for item in plan.mail]
    due += [
        replace(
            planned.plan_entry(item, entry.entry), reason=_describe_time(entry, planned.snapshot)
        )
        for item, entry in plan.scheduled
    ]
    messages = tuple(map(compare, due))
    snapshot = planned.snapshot
    return Review(
        name=target.name,
        session=snapshot.session,
        made_at=snapshot.now,
        messages=messages,
        changes=tuple(list_changes(plan.items, approved)),
        problems=plan.problems,
        notes=(*plan.notes, *_list_panel_notes(messages, approved)),
        forecast="",
        digest="",
        conditional=tuple(follow(message) for message in _plan_conditional(planned, plan)),
        scheduled=tuple(compare(message) for message in _plan_ahead(planned, plan)),
        approval=target.approval,
        pictures=_list_pictures(planned.templates),
    )


def _sum_up(review: Review, smtp: SmtpSettings, panel_joins_at: datetime | None) -> Review:
    """Add what follows from the messages: the digest, and how long sending takes."""
    count, now = len(review.messages), review.made_at
    # What may follow is a part of the digest: a later move is then covered by the same approval.
    shown = review.all_messages
    return replace(
        review,
        forecast=forecast(count, smtp, panel_joins_at, now),
        is_late=is_late(count, smtp, panel_joins_at, now),
        digest=find_page_digest(review.session.key, shown, name_changes(review.changes)),
    )


async def store_review(services: Services, state: RunState, review: Review) -> None:
    """Store what a page showed, so that it can be approved. Call it once the page is written."""
    # A message with a fault is not stored, so the approval does not cover it once the fault is
    # gone.
    # One for each kind and entry: both cancellations of a person have one wording.
    shown = {
        (message.invitee.key, message.kind, message.entry): message
        for message in reversed(review.all_messages)
        if message.shown
    }
    await services.ledger.run(
        reviews.add_review,
        state.session_row,
        review.digest,
        [as_reviewed(message) for message in shown.values()],
        name_changes(review.changes),
        review.made_at,
    )


def _compare(
    message: PlannedMessage, approved: Approved, mode: ApprovalMode, planned: PlannedMessages
) -> PlannedMessage:
    """Mark a message that needs no further approval, or say how it differs from before."""
    # Compared without a need for approval, too: otherwise all of it would look approved.
    asked = ApprovalMode.REQUIRED if mode is ApprovalMode.NONE else mode
    if is_message_covered(message, approved, asked, planned.find_wording):
        return replace(message, covered=True)
    return replace(message, difference=describe_difference(message, approved))


def _compare_conditional(message: PlannedMessage, approved: Approved) -> PlannedMessage:
    if is_act_covered(message, approved):
        return replace(message, covered=True)
    # What is stored of a person's cancellations is the other one's text.
    if message.called_off:
        return message
    return replace(message, difference=describe_difference(message, approved))


def _find_panel(plan: Plan) -> tuple[Invitee, ...]:
    """Who will be on board after the run, as the messages list them."""
    return tuple(replace(item.invitee, role=item.role) for item in plan.items if _is_on_board(item))


def _is_on_board(item: PlanItem) -> bool:
    """Whether a person will be on the roster and registered, so that mail reaches them."""
    # As after the run: who is still to be added will be on board when the messages are read.
    is_registered = item.registration is not None or item.action in {Action.ADD, Action.REPLACE}
    return bool(item.invitee.row and item.invitee.email) and is_registered


def _protect_addresses(snapshot: Snapshot) -> ProtectedValues:
    """Guard the addresses of all people. No message holds a real link yet."""
    addresses = [record.email for record in snapshot.registrations]
    # Also of records that are left alone: they are people, and may be shown to no one else.
    addresses += [record.email for record in snapshot.untouched]
    addresses += [invitee.email for invitee in snapshot.roster.invitees]
    return ProtectedValues.of([STAND_IN_LINK], addresses)


def _plan_conditional(planned: PlannedMessages, plan: Plan) -> Iterator[PlannedMessage]:
    """Render what may follow for each person, but for the kind that they are due anyway."""
    for item in plan.items:
        for kind, invitee, reason in _list_conditional(item, planned.snapshot):
            if kind is not item.mail:
                is_called_off = reason == IF_CALLED_OFF
                yield planned.plan_conditional(invitee, kind, reason, called_off=is_called_off)


def _plan_ahead(planned: PlannedMessages, plan: Plan) -> Iterator[PlannedMessage]:
    """Render what the schedule has for each person later, also for who is still to be added."""
    snapshot = planned.snapshot
    if snapshot.call_off:
        return
    for item in plan.items:
        for entry in _list_upcoming(item, snapshot):
            message = planned.plan_entry(item, entry.entry)
            yield replace(message, reason=_describe_time(entry, snapshot), due_at=entry.due_at)


def _list_upcoming(item: PlanItem, snapshot: Snapshot) -> Sequence[DueEntry]:
    if not _is_on_board(item):
        return ()
    # Computed again for all: who is added by this run has no entries in the plan yet.
    return plan_entries(snapshot.reader(item.invitee, item.role), snapshot.timetable).upcoming


def _describe_time(due: DueEntry, snapshot: Snapshot) -> str:
    return f"{due.entry.id}, {format_in_zone(due.due_at, snapshot.session.time_zone)}"


def _list_conditional(item: PlanItem, snapshot: Snapshot) -> Iterator[tuple[Kind, Invitee, str]]:
    """List what may follow for a person: the kind, the person as it names them, and when."""
    is_on_board = _is_on_board(item)
    if is_on_board:
        yield Kind.UPDATE, replace(item.invitee, role=item.role), IF_MOVED
    # A mailbox without a link has nothing that a cancellation could take back.
    if is_on_board or snapshot.mailbox(item.invitee.key).facts is not None:
        yield Kind.CANCELLATION, _find_remembered(item, snapshot), IF_REMOVED
        yield Kind.CANCELLATION, _find_remembered(item, snapshot), IF_CALLED_OFF


def _find_remembered(item: PlanItem, snapshot: Snapshot) -> Invitee:
    """Find the person as the ledger remembers them: a cancellation is written from that."""
    remembered = snapshot.find_managed(item.invitee, item.registration)
    # A removed person is on no roster. So the page shows the words that the run will have for them.
    known = next((managed.invitee for managed in remembered), item.invitee)
    return replace(known, role=item.role, email=known.email or item.invitee.email)


def _list_panel_notes(messages: Iterable[PlannedMessage], approved: Approved) -> list[str]:
    """Say that a list of the panel has changed: it holds nothing back, so it has to be shown."""
    others = sum(has_other_panel(message, approved) for message in messages if message.covered)
    if not others:
        return []
    count = "1 approved message lists" if others == 1 else f"{others} approved messages list"
    return [f"{count} the panel, which has changed since. It is sent with the list of today."]


def list_changes(items: Iterable[PlanItem], approved: Approved) -> Iterator[PlannedChange]:
    """List what happens at RingCentral, each with whether an approved page shows it."""
    for item in items:
        if item.action in CHANGES:
            is_covered = (item.action.value, registration_key(item.invitee)) in approved.changes
            yield PlannedChange(item.invitee, item.action.value, item.reason, is_covered)


def _list_pictures(templates: TemplateSet) -> tuple[InlinePicture, ...]:
    logo = templates.logo
    if logo is None:
        return ()
    return (InlinePicture(LOGO_CID, f"image/{logo.subtype}", logo.content),)


def name_changes(changes: Iterable[PlannedChange]) -> list[tuple[str, str]]:
    """Name changes as the ledger keeps them: pairs of action and address key."""
    return [(change.action, registration_key(change.invitee)) for change in changes]


def find_page_digest(
    key: SessionKey, messages: Iterable[PlannedMessage], changes: Iterable[tuple[str, str]]
) -> str:
    """Compute the page digest of these messages and changes (action, key), 64 hex digits."""
    # Without the panel: a new colleague must not make an approved page look like another one.
    digests = [digest for message in messages for digest in (message.digest, message.wording)]
    shown = [digest for digest in digests if digest]
    return page_digest(key.webinar_id, key.session_id, shown, changes)


def as_reviewed(message: PlannedMessage) -> ReviewedMessage:
    """Take what the ledger keeps of a message that a page shows."""
    return ReviewedMessage(
        key=message.invitee.key,
        kind=message.kind,
        entry=message.entry,
        digest=message.digest,
        panel=message.panel,
        facts=message.facts,
        text=message.text,
        wording=message.wording,
    )
