"""What a plan's messages will say, known before any person is registered: contents and digests.

Every message is rendered with one made-up link, phone code and panel for all people, so that its
digest is the same before and after they are registered. `review` puts the messages on a page. A
run compares them with what was approved. Sends and stores nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product

from pydantic import SecretStr

from onboarding.messages.composer import Composer
from onboarding.messages.content import render_content
from onboarding.messages.context import SessionWords
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.sample_people import PANEL
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Rejected
from onboarding.model.entries import Entry
from onboarding.model.kinds import RULES, Kind, clears_facts
from onboarding.model.people import Invitee, Role
from onboarding.model.reviews import (
    MessageContent,
    PlannedMessage,
    SessionFacts,
    content_digest,
    panel_digest,
    wording_digest,
)
from onboarding.model.sessions import Facts, Registration, Session, link_digest
from onboarding.plan import Action, PlanItem, Snapshot
from onboarding.plan.approval import FOLLOWS_FACTS

STAND_IN_LINK = SecretStr("https://join.example/each-reader-has-their-own-link")
"""Stands for every reader's join link. `.example` belongs to no person (RFC 2606)."""

STAND_IN_CODE = "000 000 000"
"""Stands for every reader's code, where the webinar has dial-in."""

MESSAGE_ID = "<planned@join.example>"
UID = "planned@join.example"
"""Stands for the UID of every reader's calendar entry."""

OTHER_LINK = "another link"
"""Stands for the digest of a link that has changed since."""

EARLIER = timedelta(days=1)
"""How far a made-up update says that the session has moved."""


@dataclass(frozen=True, slots=True)
class RealPanel:
    """Who is on board, and what no other person's message may hold: needed to show a message."""

    people: tuple[Invitee, ...]
    protected: ProtectedValues


@dataclass(frozen=True, slots=True)
class MessageForm:
    """What gives a message of one kind other words: what the reader knew before, or a call-off."""

    previous: Facts | None = None
    called_off: bool = False


@dataclass(frozen=True, slots=True)
class PlannedMessages:
    """Renders the messages of one session's plan.

    `dial_in`: panelists may join by telephone. With `panel`, messages are also shown as they will
    be sent and checked as a run checks them. Without it they are only compared, and `shown` has the
    made-up panel.
    """

    templates: TemplateSet
    snapshot: Snapshot
    dial_in: bool
    panel: RealPanel | None = None
    _sessions: dict[tuple[datetime, timedelta], tuple[Session, SessionWords]] = field(
        default_factory=dict
    )

    def plan_item(self, item: PlanItem) -> PlannedMessage:
        """Render the message that is due for an item. Raises ValueError if none is."""
        if item.mail is None:
            raise ValueError("no message is due")
        # Who is still to be added has no link yet, and who is replaced gets another one.
        has_new_link = item.action in {Action.ADD, Action.REPLACE}
        record = None if has_new_link else item.registration
        # The role that the record will have after the run: the message will name that one.
        message = self.plan_kind(replace(item.invitee, role=item.role), item.mail, record)
        return replace(message, reason=item.mail_reason, due_at=self._find_later(item))

    def plan_kind(
        self, invitee: Invitee, kind: Kind, record: Registration | None
    ) -> PlannedMessage:
        """Render a message as it is due now. `record` is None while their link is still to come."""
        held = self.snapshot.mailbox(invitee.key).facts
        # The real last facts, but for the link: an update names each thing that has changed.
        form = MessageForm(
            _replace_link(held, record) if held else None, self.snapshot.says_called_off(kind)
        )
        message = self._plan(invitee, kind, form)
        if message.shown is None:
            return message
        wording = self.find_wording(message, message.facts) if kind in FOLLOWS_FACTS else ""
        return replace(message, wording=wording)

    def plan_entry(self, item: PlanItem, entry: Entry) -> PlannedMessage:
        """Render the message of an entry for an item, as it will be at the entry's time."""
        return self.plan_scheduled(replace(item.invitee, role=item.role), entry)

    def plan_scheduled(self, invitee: Invitee, entry: Entry) -> PlannedMessage:
        """Render the message of an entry for a person."""
        return self._plan(invitee, Kind.SCHEDULED, MessageForm(), entry)

    def plan_conditional(
        self, invitee: Invitee, kind: Kind, reason: str, *, called_off: bool = False
    ) -> PlannedMessage:
        """Render the message that follows if the session moves, or the person is removed.

        It tells today's facts. An update says that the session was a day earlier before, and the
        link another one. With `called_off` the session does not take place.
        """
        facts = self._find_facts(invitee)
        previous = Facts(OTHER_LINK, facts.role, facts.start - EARLIER, facts.duration)
        # No digest: this message is not due. An equal digest later would be taken for its approval.
        form = MessageForm(previous, called_off)
        message = replace(self._plan(invitee, kind, form), digest="", reason=reason)
        if message.shown is None:
            return message
        return replace(message, wording=self.find_wording(message, facts))

    def find_wording(self, message: PlannedMessage, facts: SessionFacts) -> str:
        """Compute what a message says beside its facts: its digest if it had these facts.

        A template may have other words for each thing that has changed, so that an update's wording
        is made of all of them, and a cancellation's of both reasons. Empty if one can't be made.
        """
        contents: list[MessageContent] = []
        for form in _list_forms(message.kind, facts):
            content = self._render(self._request(message.invitee, message.kind, facts, form))
            # Empty is never equal to a stored wording, so what can't be rendered is held back.
            if isinstance(content, Rejected):
                return ""
            contents.append(content)
        return wording_digest(contents)

    def _plan(
        self, invitee: Invitee, kind: Kind, form: MessageForm, entry: Entry | None = None
    ) -> PlannedMessage:
        facts = self._find_facts(invitee)
        id_ = entry.id if entry else ""
        message = PlannedMessage(
            invitee, kind, id_, "", "", facts, "", None, called_off=form.called_off
        )
        request = self._request(invitee, kind, facts, form, entry)
        content = self._render(request)
        if isinstance(content, Rejected):
            return replace(message, fault=content.reason)
        planned = replace(message, digest=content_digest(content), shown=content, text=content.text)
        return self._show(planned, request, self.panel) if self.panel else planned

    def _show(
        self, message: PlannedMessage, request: MessageRequest, panel: RealPanel
    ) -> PlannedMessage:
        """Put the real panel in, and check the message. What fails has a fault and no digest."""
        request = replace(request, panel=panel.people)
        # The whole message as a run makes it: what its checks would refuse must be seen on the
        # page, and not after the approval.
        checked = Composer(self.templates, panel.protected).compose(request)
        content = self._render(request)
        for result in (content, checked):
            if isinstance(result, Rejected):
                return replace(message, digest="", shown=None, fault=result.reason)
        if isinstance(content, Rejected) or content == message.shown:
            return message  # with another panel it says the same: it doesn't show the panel
        return replace(message, shown=content, panel=panel_digest(panel.people))

    def _render(self, request: MessageRequest) -> MessageContent | Rejected:
        session = request.session
        _session, words = self._sessions[session.start, session.duration]
        return render_content(self.templates, request, words)

    def _request(
        self,
        invitee: Invitee,
        kind: Kind,
        facts: SessionFacts,
        form: MessageForm,
        entry: Entry | None = None,
    ) -> MessageRequest:
        rules = RULES[kind]
        code = STAND_IN_CODE if self.dial_in else ""
        record = Registration("planned", facts.role, join_uri=STAND_IN_LINK, phone_code=code)
        # A cancellation is written from what the ledger remembers of a person who is gone.
        person = replace(invitee, job_title="", extra={}) if clears_facts(kind) else invitee
        return MessageRequest(
            kind=kind,
            invitee=replace(person, role=facts.role),
            session=self._find_session(facts),
            registration=record if rules.needs_registration else None,
            # Fixed, as the link is: a digest must not depend on which messages came before, or on
            # the day when the page was made.
            message_id=MESSAGE_ID,
            uid=UID,
            date=self._find_date(invitee, facts, entry),
            recipient=invitee.email,
            panel=PANEL,
            previous=form.previous if rules.shows_previous else None,
            called_off=form.called_off,
            entry=entry.id if entry else "",
            template=entry.template if entry else "",
        )

    def _find_date(self, invitee: Invitee, facts: SessionFacts, entry: Entry | None) -> datetime:
        """Give a message a date that stays the same: an entry's time, else the start."""
        if entry is None:
            return facts.start
        zone = invitee.time_zone or self.snapshot.session.time_zone
        # Without quiet hours, which depend on the day on which one looks.
        return entry.when.moment(facts.start, facts.start + facts.duration, zone)

    def _find_session(self, facts: SessionFacts) -> Session:
        """Give the session these facts. The same object each time, so that its words are kept."""
        key = (facts.start, facts.duration)
        if key not in self._sessions:
            session = replace(self.snapshot.session, start=facts.start, duration=facts.duration)
            self._sessions[key] = (session, SessionWords())
        return self._sessions[key][0]

    def _find_facts(self, invitee: Invitee) -> SessionFacts:
        session = self.snapshot.session
        return SessionFacts(invitee.role, session.start, session.duration)

    def _find_later(self, item: PlanItem) -> datetime | None:
        """When a deferred message is tried again, None for one that goes at once."""
        last = self.snapshot.mailbox(item.invitee.key).last
        is_later = item.queued and last is not None and last.due_at > self.snapshot.now
        return last.due_at if last and is_later else None


def _replace_link(held: Facts, record: Registration | None) -> Facts:
    """Keep whether the link has changed, while the message has a made-up one."""
    link = record.join_uri if record else None
    # Without a record the link is still to come, and so certainly another one.
    is_same = link is not None and held.link == link_digest(link)
    return replace(held, link=link_digest(STAND_IN_LINK) if is_same else OTHER_LINK)


def _list_forms(kind: Kind, facts: SessionFacts) -> Sequence[MessageForm]:
    """List the forms of a message: every choice of what has changed, or of why it is sent."""
    if clears_facts(kind):
        return (MessageForm(), MessageForm(called_off=True))
    if not RULES[kind].shows_previous:
        return (MessageForm(),)
    other_role = next(role for role in Role if role is not facts.role)
    choices = product(
        (link_digest(STAND_IN_LINK), OTHER_LINK), (facts.role, other_role), (timedelta(), EARLIER)
    )
    return [
        MessageForm(Facts(link, role, facts.start - earlier, facts.duration))
        for link, role, earlier in choices
    ]
