"""What the pages of one console share: the services, who has logged in, and the event streams."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.requests import Request

from onboarding.config import Config
from onboarding.console.act_tasks import ActTasks
from onboarding.console.live_parts import LiveParts
from onboarding.console.log_ins import KeyRing, LogInStore
from onboarding.console.passwords import AttemptLimit, PasswordChecker
from onboarding.console.plans import PlanShelf
from onboarding.console.questions import QuestionStore
from onboarding.pipeline.ledger_watch import LedgerWatch
from onboarding.pipeline.services import Services
from onboarding.pipeline.target import Target, find_target

MOST_STREAMS = 100
"""Event streams at once: each holds a connection for as long as its page is open."""


STEP_SECONDS = 25.0
"""How long a person waits for a question or a link: proxies often give up after 30 s."""


@dataclass(slots=True)
class StreamCount:
    """How many event streams are open."""

    open: int = 0

    @contextmanager
    def count(self) -> Iterator[None]:
        """Count a stream while the block runs. Raises HTTPException 503 if there are too many."""
        if self.open >= MOST_STREAMS:
            raise HTTPException(503, "Too many pages are open. Close some, or reload by hand.")
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


@dataclass(frozen=True, slots=True)
class Console:
    """What every page of one console may use.

    `by` names the person who enters by the printed key. `origins` are the addresses by which
    browsers may reach it, such as `http://127.0.0.1:8040`; empty until the port is known.
    `step_seconds` is how long a person waits for a question (`acts`).
    """

    services: Services
    by: str
    log_ins: LogInStore
    keys: KeyRing
    passwords: PasswordChecker
    attempts: AttemptLimit
    live: LiveParts
    plans: PlanShelf
    questions: QuestionStore
    tasks: ActTasks
    streams: StreamCount = field(default_factory=StreamCount)
    origins: set[str] = field(default_factory=set)
    step_seconds: float = STEP_SECONDS

    @property
    def config(self) -> Config:
        """The configuration, as it was when the console started."""
        return self.services.config

    @property
    def has_users(self) -> bool:
        """Whether people log in by name and password; else by the printed key."""
        return bool(self.config.console.users)

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers come by HTTPS, so that the cookie may ask for it."""
        settings = self.config.console
        return bool(settings.tls_certificate) or settings.public_url.startswith("https:")

    @property
    def stop(self) -> asyncio.Event:
        """Set by the first signal to stop: streams end then."""
        return self.services.stop


def open_console(services: Services, by: str) -> Console:
    """Make the state of a console that begins now."""
    now, watch = services.clock.now, LedgerWatch(services.config)
    return Console(
        services,
        by,
        log_ins=LogInStore(now),
        keys=KeyRing(),
        passwords=PasswordChecker(),
        attempts=AttemptLimit(now),
        live=LiveParts(watch, services.clock),
        plans=PlanShelf(services),
        questions=QuestionStore(now),
        tasks=ActTasks(services, watch),
    )


def find_console(request: Request) -> Console:
    """Give the console that a request came to."""
    console: Console = request.scope["console"]
    return console


def find_asked_webinar(request: Request) -> Target:
    """Give the webinar that a path names; `routes` has checked that it is there, and theirs."""
    return find_target(find_console(request).config, request.path_params["webinar"])
