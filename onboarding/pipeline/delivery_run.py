"""One round of delivering a session's queue: who reads what, what no letter may hold, and what its workers share.

Values and counters only; `delivering` claims, `posting` sends.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from onboarding.errors import OnboardingError
from onboarding.ledger.leases import Holder
from onboarding.messages.composer import Composer, TemplateSet
from onboarding.messages.request import ProtectedValues
from onboarding.model.deliveries import Delivery
from onboarding.model.people import Invitee
from onboarding.model.sessions import Registration, UntouchedRecord
from onboarding.pipeline.lease import HeldLease
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services
from onboarding.plan import Plan, PlanItem
from onboarding.smtp.transaction import Connection

Recording = asyncio.Future[bool]
"""An outcome on its way into the ledger; it gets there whatever becomes of the task that waits for it."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person as their letter needs them: who they are, and their record (None once they are removed)."""

    invitee: Invitee
    record: Registration | None

    @classmethod
    def of(cls, item: PlanItem) -> "Recipient":
        """The reader that a step is about, in the role that RingCentral has given them."""
        invitee, record = item.invitee, item.registration
        if record and record.role is not invitee.role:
            invitee = replace(invitee, role=record.role)
        return cls(invitee, record)

    @property
    def on_board(self) -> bool:
        """Whether they are on the roster and registered, so that a link may be sent to them."""
        return bool(self.invitee.row) and self.record is not None


@dataclass(slots=True)
class DeliveryRun:
    """One delivering of one session's queue: what its workers share.

    `failure` is the first error that stops everybody; workers look at it between messages and never stop within one.
    `only`: the address keys that `--limit` keeps this run to. `rejected` counts the server's rejections in a row.
    `recordings` are the last outcomes on each connection.
    `claimed` are messages leased and not yet begun; `all_claimed` once no more were due. `put_back` are those that
    met a refusal of us or of a connection: they come after all others. `met_refusal` are the ids of all that ever
    did, `refusals` counts those in a row.
    """

    services: Services
    state: RunState
    composer: Composer
    lease: HeldLease
    readers: Mapping[str, Recipient]
    panel: tuple[Invitee, ...]
    rehearsal: bool
    only: frozenset[str] | None = None
    failure: OnboardingError | None = None
    recordings: dict[Connection, Recording] = field(default_factory=dict)
    sent: int = 0
    rejected: int = 0
    claimed: deque[Delivery] = field(default_factory=deque)
    all_claimed: bool = False
    put_back: deque[Delivery] = field(default_factory=deque)
    met_refusal: set[int] = field(default_factory=set)
    refusals: int = 0
    claiming: asyncio.Lock = field(default_factory=asyncio.Lock)
    pacing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def holder(self) -> Holder:
        """Who holds the lease, and leases messages under it."""
        return self.lease.holder

    @property
    def running(self) -> bool:
        """Whether another message may be begun."""
        return self.failure is None and not self.services.stop.is_set()

    def fail(self, error: OnboardingError) -> None:
        """Stop everybody for this reason, if nothing has before."""
        self.failure = self.failure or error


def prepare_delivery(
    services: Services,
    state: RunState,
    plan: Plan,
    stationery: TemplateSet,
    lease: HeldLease,
    *,
    rehearsal: bool = False,
    limited: bool = False,
) -> DeliveryRun:
    """Make ready for delivering one session's queue."""
    snapshot = state.snapshot
    readers = {item.invitee.key: Recipient.of(item) for item in plan.items if item.invitee.email}
    records: list[Registration | UntouchedRecord] = [*snapshot.registrations, *snapshot.untouched]
    links = [record.join_uri for record in records if record.join_uri]
    if snapshot.session.host_join_uri:
        links.append(snapshot.session.host_join_uri)
    addresses = [*(record.email for record in records), *(one.email for one in snapshot.roster.invitees)]
    panel = tuple(one.invitee for one in readers.values() if one.on_board)
    guarded = ProtectedValues.of(links, addresses)
    only = frozenset(item.invitee.key for item in plan.mail) if limited else None
    return DeliveryRun(services, state, Composer(stationery, guarded), lease, readers, panel, rehearsal, only)
