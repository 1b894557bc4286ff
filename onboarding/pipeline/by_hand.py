"""What a person decides about one webinar's messages: settle doubts, try again, call off. Sends nothing itself."""

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from onboarding.ledger import deliveries, sessions
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.services import Services
from onboarding.pipeline.status import no_run_yet
from onboarding.pipeline.target import Target

WAIT_OR_STOP_IT = "Decide when it is done, or stop it first (Ctrl-C): what it has not sent stays queued."
Decision = Callable[[sa.Connection, int, Collection[str] | None, datetime], Sequence[str]]


@dataclass(frozen=True, slots=True)
class LockedWebinar:
    """One webinar's messages while its lease is held, so that no run moves them meanwhile."""

    rooms: Services
    session_row: int

    async def decide(self, decision: Decision, emails: Collection[str] | None) -> Sequence[str]:
        """Write a decision down; returns the addresses whose message it moved."""
        return await self.rooms.ledger.run(decision, self.session_row, emails, self.rooms.clock.now())


@asynccontextmanager
async def lock_webinar(rooms: Services, target: Target) -> AsyncIterator[LockedWebinar]:
    """Sit down at a webinar's messages. Raises Held while a run is at work, ConfigurationError before the first run."""
    server = rooms.config.ringcentral.server
    async with webinar_lease(rooms, target, hint=WAIT_OR_STOP_IT):
        seen = await rooms.ledger.run(sessions.find, server, target.webinar_id, target.session_id or None)
        if seen is None or seen.run_at is None:
            raise no_run_yet(target.name)
        await rooms.ledger.run(deliveries.recover_stalled, seen.id, rooms.clock.now())
        yield LockedWebinar(rooms, seen.id)
