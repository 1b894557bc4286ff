"""What a person decides about one webinar's messages: resolve a doubt, retry, cancel.

Each decision takes the webinar's lease first, so that no run changes its messages meanwhile.
Nothing is sent from here: what is queued again waits for the next run. Showing what is in doubt
needs no lease: that is `status`.
"""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from onboarding.ledger import claims, deliveries, operator_actions
from onboarding.ledger.deliveries import DeliveryRecord
from onboarding.model.addresses import address_key
from onboarding.model.deliveries import State
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import find_seen_session, no_run_yet
from onboarding.pipeline.target import Target

WAIT_OR_STOP_IT = (
    "Decide when it is done, or stop it first (Ctrl-C): what it has not sent stays queued."
)


@dataclass(frozen=True, slots=True)
class LockedWebinar:
    """One webinar's messages while we hold its lease.

    Each method takes addresses (None: all of the webinar). It returns the address keys of the
    people with a changed message. `by` is who decides, for the history;
    `time_zone` is the session's.
    """

    services: Services
    session_row: int
    by: str
    time_zone: str = ""

    async def list_messages(
        self, states: Collection[State], emails: Collection[str] | None
    ) -> Sequence[DeliveryRecord]:
        """List the messages in these states, to these addresses (None: all)."""
        records = await self.services.ledger.run(deliveries.list_deliveries, self.session_row)
        keys = None if emails is None else {address_key(email) for email in emails}
        return [
            record
            for record in records
            if record.delivery.state in states
            and (keys is None or address_key(record.delivery.email) in keys)
        ]

    async def resolve_sent(self, emails: Collection[str] | None) -> Sequence[str]:
        """Record that messages in doubt were sent: a person found them in the mail server's log."""
        return await self._decide(operator_actions.resolve_sent, emails)

    async def resolve_resend(self, emails: Collection[str] | None) -> Sequence[str]:
        """Queue messages in doubt again, with the same Message-ID."""
        return await self._decide(operator_actions.resolve_resend, emails)

    async def retry(self, emails: Collection[str] | None) -> Sequence[str]:
        """Queue rejected and failed messages again.

        With addresses, those that were cancelled or came back, too.
        """
        return await self._decide(operator_actions.retry_unsent, emails)

    async def cancel(self, emails: Collection[str] | None) -> Sequence[str]:
        """Cancel queued messages."""
        return await self._decide(operator_actions.cancel_queued, emails)

    async def suppress(self, emails: Collection[str] | None) -> Sequence[str]:
        """Cancel queued messages, and send these addresses nothing more."""
        return await self._decide(operator_actions.suppress_people, emails)

    async def _decide(
        self, action: Callable[..., Sequence[str]], emails: Collection[str] | None
    ) -> Sequence[str]:
        ledger, now = self.services.ledger, self.services.clock.now()
        return await ledger.run(action, self.session_row, emails, self.by, now)


@asynccontextmanager
async def lock_webinar(services: Services, target: Target, by: str) -> AsyncIterator[LockedWebinar]:
    """Lock one webinar and give access to its messages; `by` is who decides about them.

    Raises AlreadyRunning while a run is at work on it, and ConfigurationError before its first run.
    """
    async with webinar_lease(services, target, hint=WAIT_OR_STOP_IT):
        session = await find_seen_session(services, target)
        if session is None or session.run_at is None:
            raise no_run_yet(target.name)
        # Only as `in_doubt` can a person decide about what a dead run was sending; without this
        # they would have to start a run first.
        await services.ledger.run(claims.recover_stalled, session.id, services.clock.now())
        yield LockedWebinar(services, session.id, by, session.time_zone)
