"""What is opened for a command and closed at its end: ledger, RingCentral's client, mail, clock."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from onboarding.config import Config
from onboarding.config.companies import Company, name_sections
from onboarding.errors import OnboardingError
from onboarding.interrupt import stop_error, wait_unless_stopped
from onboarding.ledger.settings import find_place
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Progress
from onboarding.pipeline.connection_slots import LedgerSlots
from onboarding.pipeline.rate_limiter import LedgerRateLimiter, account_of
from onboarding.ringcentral.client import RingCentral
from onboarding.smtp.pool import Pool
from onboarding.web.tokens import TokenStore


class Instant(NamedTuple):
    """A moment on two clocks, in seconds: time of day, and time since the start of this machine."""

    wall: float
    boot: float

    def since(self, earlier: "Instant") -> float:
        """Seconds since an earlier moment by the clock that shows more: either may stand still."""
        # The wall clock may be set back, and a monotonic clock stands still while some machines
        # sleep. The greater one errs towards a lease that is over, which costs a run and no second
        # copy.
        return max(self.wall - earlier.wall, self.boot - earlier.boot)


def instant() -> Instant:
    """Read both clocks."""
    # Linux's CLOCK_BOOTTIME also counts while the machine sleeps (clock_gettime(2)). Elsewhere the
    # monotonic clock has to do.
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return Instant(time.time(), time.monotonic() if boot is None else time.clock_gettime(boot))


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance as arguments: aware UTC, a wait in seconds, a draw in [0, 1), both clocks.

    A signal may end `sleep` early, with Interrupted; it never ends `linger`, which waits for what
    the signal began.
    """

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # Not for secrets: it only spreads the next attempts of deferred messages.
    draw: Callable[[], float] = random.random
    linger: Callable[[float], Awaitable[None]] = asyncio.sleep
    instant: Callable[[], Instant] = instant


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that a run works with. `stop` is set by the first Ctrl-C or SIGTERM."""

    config: Config
    ledger: Ledger
    ringcentral: RingCentral
    pool: Pool
    progress: Progress
    clock: Clock
    stop: asyncio.Event
    clients: "CompanyClients"

    def of_company(self, company: Company) -> "Services":
        """Give the same services with one company's configuration, client and connections."""
        if company == self.config.company:
            return self
        config = self.config.of_company(company)
        ringcentral, pool = self.clients.find(config, self.stop)
        return replace(self, config=config, ringcentral=ringcentral, pool=pool)

    def raise_if_stopped(self) -> None:
        """Raise Interrupted after a signal to stop: called between steps, never within one."""
        if self.stop.is_set():
            raise stop_error()


@dataclass(slots=True)
class CompanyClients:
    """The clients and connections of one command: one for each account and mail server in use.

    Made when first asked for, and closed by `stack` at the command's end: a company that has
    nothing to do costs nothing. `tokens` has the log-in of each account.
    """

    ledger: Ledger
    progress: Progress
    clock: Clock
    stack: AsyncExitStack
    tokens: dict[str, TokenStore] = field(default_factory=dict)
    _accounts: dict[str, RingCentral] = field(default_factory=dict)
    _pools: dict[str, Pool] = field(default_factory=dict)

    def find(self, config: Config, stop: asyncio.Event) -> tuple[RingCentral, Pool]:
        """Find the client and the connections of a configuration's company."""
        account, server = config.company.account, config.company.smtp
        if account not in self._accounts:
            client = self._make_client(config, stop)
            self._accounts[account] = client
            self.stack.push_async_exit(client)
        if server not in self._pools:
            # Closed before the clients: its last outcomes are waited for.
            slots = LedgerSlots(
                self.ledger, config.smtp, self.progress, self.clock.now, self.clock.sleep
            )
            pool = Pool(config.smtp, stop=stop, slots=slots)
            self._pools[server] = pool
            self.stack.push_async_exit(pool)
        return self._accounts[account], self._pools[server]

    def _make_client(self, config: Config, stop: asyncio.Event) -> RingCentral:
        settings, clock = config.ringcentral, self.clock
        # Handed in as a port: `ringcentral` may not know the ledger.
        gate = LedgerRateLimiter(
            self.ledger, account_of(settings), self.progress, clock.now, clock.sleep
        )
        tokens = self.tokens.setdefault(config.company.account, TokenStore())
        return RingCentral(
            settings,
            gate,
            self.progress,
            clock=clock.now,
            sleep=clock.sleep,
            stop=stop,
            tokens=tokens,
        )


@asynccontextmanager
async def open_services(
    config: Config,
    progress: Progress,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Services]:
    """Open what one command needs."""
    clock = clock or Clock()
    stop = stop or asyncio.Event()
    # The ledger is opened first and closed last: the last outcomes of the mail connections, and the
    # limits that RingCentral's last answers name, still have to be written.
    async with (
        Ledger(find_place(config.ledger)) as ledger,
        _open_clients(config, ledger, progress, clock, stop, {}) as services,
    ):
        yield services


@asynccontextmanager
async def open_act_services(
    shared: Services, progress: Progress, stop: asyncio.Event, company: Company | None = None
) -> AsyncIterator[Services]:
    """Open what one act of a long-running server needs; it shares the ledger and the log-in.

    `company` is that of its webinar; None: that of the shared services.

    `stop` ends this act alone. It has its own client and pool: calls are counted for each run, and
    a connection that one run gives up is not missing in another.
    """

    async def sleep(seconds: float) -> None:
        try:
            await wait_unless_stopped(stop, shared.clock.sleep(seconds))
        finally:
            progress.end()

    clock = replace(shared.clock, sleep=sleep)
    ledger, tokens = shared.ledger, shared.clients.tokens
    config = shared.config.of_company(company or shared.config.company)
    async with _open_clients(config, ledger, progress, clock, stop, tokens) as services:
        yield services


@asynccontextmanager
async def _open_clients(
    config: Config,
    ledger: Ledger,
    progress: Progress,
    clock: Clock,
    stop: asyncio.Event,
    tokens: dict[str, TokenStore],
) -> AsyncIterator[Services]:
    async with AsyncExitStack() as stack:
        clients = CompanyClients(ledger, progress, clock, stack, tokens)
        ringcentral, pool = clients.find(config, stop)
        try:
            yield Services(config, ledger, ringcentral, pool, progress, clock, stop, clients)
        except OnboardingError as error:
            name_sections(error, config.company)
            raise
