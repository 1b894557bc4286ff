"""One delivery of one session's queue: who gets what, and what its workers share.

What they share are values, counters and the rate of the mail server, for which all of them wait.
`deliver` claims the messages, `send` sends them.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from onboarding.errors import OnboardingError, TryLater
from onboarding.ledger import send_rate
from onboarding.ledger.bounces import BounceTokens
from onboarding.ledger.leases import Holder
from onboarding.messages.composer import Composer
from onboarding.messages.request import ProtectedValues
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Delivery
from onboarding.model.entries import Schedule
from onboarding.model.people import Invitee
from onboarding.model.sessions import Registration, UntouchedRecord
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.connection_slots import mail_account
from onboarding.pipeline.forecast import format_span
from onboarding.pipeline.hold_back import ApprovalGate
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Plan, PlanItem, Snapshot
from onboarding.smtp.settings import SmtpSettings
from onboarding.smtp.transaction import Connection

Recording = asyncio.Future[bool]
"""An outcome on its way into the ledger. It gets there even if the task that waits is cancelled."""

LONGEST_WAIT = timedelta(minutes=10)
"""A longer wait for the rate is left to a later run."""

STAYS_QUEUED = "What is left stays queued: run again then."
ANY_PACE = send_rate.SendRate()


@dataclass(frozen=True, slots=True)
class DeliveryRecipient:
    """One person as their message needs them; `record` is None once they are removed."""

    invitee: Invitee
    record: Registration | None

    @classmethod
    def of(cls, item: PlanItem) -> "DeliveryRecipient":
        """The person of a plan's item, in the role that RingCentral has given them."""
        invitee, record = item.invitee, item.registration
        # The link opens the door of the role at RingCentral. A message that names the roster's role
        # would send a panelist to look for a co-host's controls.
        if record and record.role is not invitee.role:
            invitee = replace(invitee, role=record.role)
        return cls(invitee, record)

    @property
    def may_have_link(self) -> bool:
        """Whether they are on the roster and registered, so that a link may be sent to them."""
        return bool(self.invitee.row) and self.record is not None


@dataclass(slots=True)
class DeliveryRun:
    """One delivery of one session's queue: what its workers share.

    - `recipients` by address key; `panel` are those of them who appear in messages.
    - `gate` lets only approved messages through; None for a webinar that asks for no approval.
    - `bounce_tokens` make each message's own return address; None where all have the same.
    - `only`: the address keys that `--limit` keeps this run to.
    - `failure`: the first error that stops all workers; they check it between messages only.
    - `claimed`: messages claimed and not yet begun; `all_claimed` once no more were due.
    - `put_back`: messages that met a refusal of us or of a connection; they come last.
    - `met_refusal`: the ids of all messages that ever did; `refusals` counts refusals in a row.
    - `rejections`: messages in a row that the server rejected.
    - `recordings`: the last outcome on each connection.
    """

    services: Services
    state: RunState
    composer: Composer
    lease: HeldLease
    recipients: Mapping[str, DeliveryRecipient]
    panel: tuple[Invitee, ...]
    rehearsal: bool
    only: frozenset[str] | None = None
    gate: ApprovalGate | None = None
    bounce_tokens: BounceTokens | None = None
    failure: OnboardingError | None = None
    claimed: deque[Delivery] = field(default_factory=deque)
    all_claimed: bool = False
    put_back: deque[Delivery] = field(default_factory=deque)
    met_refusal: set[int] = field(default_factory=set)
    refusals: int = 0
    rejections: int = 0
    recordings: dict[Connection, Recording] = field(default_factory=dict)
    sent: int = 0
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def schedule(self) -> Schedule:
        """The webinar's schedule: it says which templates an entry has."""
        return self.state.snapshot.schedule

    @property
    def holder(self) -> Holder:
        """The holder of the webinar's lease: messages are claimed under its name."""
        return self.lease.holder

    @property
    def is_going(self) -> bool:
        """Whether another message may be begun."""
        return self.failure is None and not self.services.stop.is_set()

    def fail(self, error: OnboardingError) -> None:
        """Stop all workers for this reason, unless something has stopped them before."""
        self.failure = self.failure or error


def prepare_delivery(
    services: Services,
    state: RunState,
    plan: Plan,
    templates: TemplateSet,
    lease: HeldLease,
    *,
    rehearsal: bool = False,
    limited: bool = False,
) -> DeliveryRun:
    """Put together what the delivery of one session's queue needs."""
    recipients = {
        item.invitee.key: DeliveryRecipient.of(item) for item in plan.items if item.invitee.email
    }
    # Only these are named in other people's messages: not who was removed, nor who is not on yet.
    listed = [recipient for recipient in recipients.values() if recipient.may_have_link]
    return DeliveryRun(
        services=services,
        state=state,
        composer=Composer(
            templates,
            _find_protected_values(state.snapshot),
            keeps_copies=bool(services.config.ledger.keep_messages),
        ),
        lease=lease,
        recipients=recipients,
        panel=tuple(recipient.invitee for recipient in listed),
        rehearsal=rehearsal,
        # The queue may hold more than the plan: messages of earlier runs to people not asked for
        # now.
        only=frozenset(_list_served(plan)) if limited else None,
    )


def _list_served(plan: Plan) -> Iterator[str]:
    """List the address keys of the people who are due a message."""
    return (item.invitee.key for item in plan.items if item.mail or item.entries)


def _find_protected_values(snapshot: Snapshot) -> ProtectedValues:
    """Collect the links and addresses of all people: a message may hold only its recipient's."""
    records: list[Registration | UntouchedRecord] = [*snapshot.registrations, *snapshot.untouched]
    # Also of records that are left alone, as far as they can be read: their links open doors, too.
    links = [record.join_uri for record in records if record.join_uri]
    if snapshot.session.host_join_uri:
        # RingCentral may give it with the session only, and it lets its holder start the session.
        links.append(snapshot.session.host_join_uri)
    addresses = [record.email for record in records]
    # A roster's address may differ from the record's; neither belongs in another person's message.
    addresses += [invitee.email for invitee in snapshot.roster.invitees]
    return ProtectedValues.of(links, addresses)


async def wait_for_rate(run: DeliveryRun, delivery: Delivery) -> bool:
    """Wait for the pace that all runs share. False: the run ends, or the message is too late now.

    Asked last of all, so that what was counted does leave. Raises TryLater if the next message
    has to wait for long: the day's messages are used up, or the rate is low.
    """
    clock = run.services.clock
    request = _make_request(run.services)
    # Without a limit nothing is counted: it would cost a write to the ledger for each message.
    has_place = request.rate == ANY_PACE
    while not has_place and run.is_going and clock.now() < delivery.expires_at:
        # Asked again after each wait: another process may have taken the place meanwhile, or the
        # message may have become too late.
        place = await run.services.ledger.submit(send_rate.reserve_sends, request)
        has_place = place.is_reserved and await _wait_for_place(clock, place)
        if not place.is_reserved:
            await _wait_to_ask(run, request, place)
    return run.is_going and clock.now() < delivery.expires_at


async def check_rate(services: Services) -> None:
    """Raise TryLater if the next message has to wait for long, as `wait_for_rate` would."""
    request = _make_request(services)
    if request.rate == ANY_PACE:
        return
    at, now = await services.ledger.run(send_rate.find_next_place, request), services.clock.now()
    if at - send_rate.AHEAD - now > LONGEST_WAIT:
        raise _too_long(services.config.smtp, request.rate, at, now)


def _make_request(services: Services) -> send_rate.SendRequest:
    smtp = services.config.smtp
    return send_rate.SendRequest(mail_account(smtp), _pace(smtp), services.clock.now)


async def _wait_for_place(clock: Clock, place: send_rate.SendPlace) -> bool:
    """Wait until a reserved place. False: it has passed."""
    wait = (place.at - clock.now()).total_seconds()
    if wait > 0:
        await clock.sleep(wait)
    # A machine that slept meanwhile would else send what all its connections wait with at once.
    return clock.now() <= place.at + send_rate.AHEAD


async def _wait_to_ask(
    run: DeliveryRun, request: send_rate.SendRequest, place: send_rate.SendPlace
) -> None:
    """Wait until a place that is far ahead may be reserved."""
    clock = run.services.clock
    now = clock.now()
    wait = place.at - send_rate.AHEAD - now
    # A process that sleeps for hours keeps the lease and looks hung. A later run goes on.
    if wait > LONGEST_WAIT:
        raise _too_long(run.services.config.smtp, request.rate, place.at, now)
    # The question has taken time, too.
    await clock.sleep(max(wait.total_seconds(), 0.0))


def _pace(smtp: SmtpSettings) -> send_rate.SendRate:
    """The pace that the settings allow."""
    interval = timedelta(seconds=smtp.rate.interval if smtp.rate else 0)
    return send_rate.SendRate(interval, smtp.per_day)


def _too_long(
    smtp: SmtpSettings, allowed: send_rate.SendRate, at: datetime, now: datetime
) -> TryLater:
    """Say why no message may leave for a while, and when one may again."""
    wait = at - now
    when = f"the next may leave at {format_machine_time(at)}, in {format_span(wait)}."
    # The rate alone never asks for more than that, so a longer wait is the day's cap.
    if wait <= allowed.interval + send_rate.AHEAD:
        message = f"The rate ([smtp] rate = {smtp.rate}) is low; {when}"
        return TryLater(message, hint=STAYS_QUEUED)
    message = f"The day's messages ([smtp] per_day = {smtp.per_day}) are used up; {when}"
    hint = f"{STAYS_QUEUED} Or raise per_day if your provider allows more."
    return TryLater(message, hint=hint)
