"""What is opened for a command and closed at its end: ledger, RingCentral's client, mail, clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from onboarding.config import Config
from onboarding.config.companies import Company, name_sections
from onboarding.errors import OnboardingError
from onboarding.interrupt import stop_error, wait_unless_stopped
from onboarding.ledger.settings import find_place
from onboarding.ledger.store import Ledger
from onboarding.model.ports import Progress
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.connection_slots import LedgerSlots
from onboarding.pipeline.rate_limiter import LedgerRateLimiter, account_of
from onboarding.pipeline.shared_clock import keep_shared_clock
from onboarding.ringcentral.client import RingCentral
from onboarding.smtp.pool import Pool
from onboarding.web.tokens import TokenStore


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
    local = clock or Clock()
    stop = stop or asyncio.Event()
    # The ledger is opened first and closed last: the last outcomes of the mail connections, and the
    # limits that RingCentral's last answers name, still have to be written.
    async with (
        Ledger(find_place(config.ledger)) as ledger,
        keep_shared_clock(ledger, local, progress, stop) as kept,
        _open_clients(config, ledger, progress, kept, stop, {}) as services,
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
