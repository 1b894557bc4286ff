"""Keeps two runs of one webinar apart, and shows which senders live: takes leases, renews them.

A run holds the webinar's lease. Who only sends messages of a webinar needs none: a lease of its own
is its heartbeat, so that others see that it lives and leave alone what it has claimed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.errors import OnboardingError, TryLater
from onboarding.ledger import leases
from onboarding.ledger.leases import Holder, Lease
from onboarding.model.time_zones import format_machine_time
from onboarding.pipeline.clock import Clock, Instant
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target

TOO_LONG = timedelta(hours=2)
"""A run that has a webinar for longer hangs, or waits for a person's answer."""


class AlreadyRunning(TryLater):
    """Another run is at work on this webinar. For cron that is a success, except `too_long`."""

    def __init__(self, name: str, lease: Lease, now: datetime, *, hint: str) -> None:
        holder, since = lease.holder, lease.taken_at
        when = f" since {format_machine_time(since)}" if since else ""
        super().__init__(
            f"Another run is at work on {name}{when} (process {holder.pid} on {holder.host}).",
            hint=hint,
        )
        self.too_long = since is not None and now - since > TOO_LONG


WAIT_HINT = "It does what you wanted. Look with `onboarding status`, or run again later."

NOTHING_WAS_DONE = "Nothing was done. Type the command again when that run has ended."
"""For what only a person asks for: no run does it instead."""


def lease_name(server: str, webinar_id: str) -> str:
    """A webinar's lease, on one server."""
    return f"webinar {server} {webinar_id}"


@dataclass(slots=True)
class HeldLease:
    """The lease of this run; `renewed` is the moment before it was last taken or renewed."""

    holder: Holder
    clock: Clock
    renewed: Instant

    def is_current(self) -> bool:
        """Whether its term still runs, without a query; after it another machine may have taken it.

        A process that was stopped (SIGSTOP, a suspended machine) does not know for how long, so
        both clocks are read.
        """
        return self.clock.instant().since(self.renewed) < leases.TERM.total_seconds()


@asynccontextmanager
async def webinar_lease(
    services: Services, target: Target, *, hint: str = WAIT_HINT
) -> AsyncIterator[HeldLease]:
    """Hold a webinar's lease; a dead run's is taken at once.

    Raises AlreadyRunning, with this hint, if another run holds it.
    """
    name = lease_name(services.config.ringcentral.server, target.webinar_id)
    async with _hold(services, name, leases.new_holder(), (target.name, hint)) as lease:
        yield lease


@asynccontextmanager
async def sender_lease(services: Services) -> AsyncIterator[HeldLease]:
    """Hold a lease that stands for one sender of messages, and for nothing that others may want.

    Each sender has its own: what one has claimed is released at its end, and not another one's of
    the same process.
    """
    holder = leases.new_holder()
    async with _hold(services, f"{leases.SENDER} {holder.name}", holder) as lease:
        yield lease


@asynccontextmanager
async def worker_lease(services: Services, holder: Holder) -> AsyncIterator[HeldLease]:
    """Hold the lease that shows that a worker lives."""
    async with _hold(services, f"{leases.WORKER} {holder.name}", holder) as lease:
        yield lease


@asynccontextmanager
async def alert_lease(services: Services, channel: str) -> AsyncIterator[HeldLease]:
    """Hold the lease of the one process that sends alerts by a channel, such as `webhook`.

    Raises AlreadyRunning if another process does.
    """
    holder = leases.new_holder()
    async with _hold(
        services, f"alerts {channel}", holder, (f"alerts {channel}", WAIT_HINT)
    ) as lease:
        yield lease


@asynccontextmanager
async def _hold(
    services: Services, name: str, holder: Holder, contended: tuple[str, str] = ("", "")
) -> AsyncIterator[HeldLease]:
    """Take a lease, renew it, release it. `contended` has the webinar's name and a hint.

    Raises AlreadyRunning with these if another run holds the lease.
    """
    # Taken before the write, so that we never believe in the lease longer than others do.
    lease = HeldLease(holder, services.clock, services.clock.instant())
    now = services.clock.now()
    other = await services.ledger.run(leases.acquire, name, lease.holder, now)
    if other:
        webinar, hint = contended
        raise AlreadyRunning(webinar, other, now, hint=hint)
    renewal = asyncio.create_task(_renew(services, name, lease))
    try:
        yield lease
    finally:
        # Stopped before the release: a renewal that finds the row gone would report a lost lease.
        renewal.cancel()
        await asyncio.gather(renewal, return_exceptions=True)
        # Guarded by the holder's name: a lease that another run has taken over stays that run's.
        await _release(services, name, lease)


async def _release(services: Services, name: str, lease: HeldLease) -> None:
    try:
        await services.ledger.run(leases.release, name, lease.holder)
    except OnboardingError:
        # While this process lives, the others on its machine would believe in the lease for ever.
        services.stop.set()
        raise


async def _renew(services: Services, name: str, lease: HeldLease) -> None:
    """Renew the lease during the run. A run that can't keep it stops.

    What it still writes finds nothing: each write is guarded by the holder's name.
    """
    kept = True
    while kept:
        # Not `clock.sleep`, which a signal may end: the messages in flight need the lease until
        # they are settled.
        await asyncio.sleep(leases.HEARTBEAT.total_seconds())
        # Before the write, as above: a write that waits must not lengthen the term.
        now = services.clock.instant()
        try:
            kept = await services.ledger.run(leases.renew, name, lease.holder, services.clock.now())
        except OnboardingError as error:
            services.progress.say(str(error))
            # As bad as a lost lease: no outcome could be recorded either.
            kept = False
        if kept:
            lease.renewed = now
    services.progress.say("This run's lease was lost, so it stops.")
    # As after a signal: workers end between messages. An exception here would reach no caller.
    services.stop.set()
