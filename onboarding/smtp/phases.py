"""The phases of an SMTP session: what a refusal in each is about, and how long to wait.

Types and data; `replies` decides what a reply means. Timeouts are those of RFC 5321 4.5.3.2. The
ten minutes after the final dot are long on purpose: a server may scan and store a message before it
answers, and a client that gives up earlier can't know whether the message was accepted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from onboarding.errors import TryLater
from onboarding.model.deliveries import Deferred

SECONDS_PER_DAY = 86_400.0
"""Seconds."""


class Phase(StrEnum):
    """Where in a session the server answered; a value completes "The mail server refuses ..."."""

    GREETING = "the connection"
    EHLO = "our greeting (EHLO)"
    STARTTLS = "the wish for encryption (STARTTLS)"
    LOGIN = "the log-in"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the wish to hand over a message (DATA)"
    BODY = "the body, before its end"
    DOT = "the message"


class RefusalScope(StrEnum):
    """What a refusal is about. The first two stop a connection or the run: they concern all."""

    CONNECTION = "this connection"
    SENDER = "the sender or the account"
    RECIPIENT = "this address"
    MESSAGE = "this message"


TIMEOUTS: Mapping[Phase, float] = MappingProxyType(
    {
        # The RFC has no figures for EHLO, STARTTLS and AUTH: they get that of MAIL.
        Phase.GREETING: 300.0,
        Phase.EHLO: 300.0,
        Phase.STARTTLS: 300.0,
        Phase.LOGIN: 300.0,
        Phase.MAIL: 300.0,
        Phase.RCPT: 300.0,
        Phase.DATA: 120.0,
        Phase.BODY: 180.0,
        Phase.DOT: 600.0,
    }
)
"""Seconds to wait for the server at each phase."""

CLEANUP_TIMEOUT = 5.0
"""For RSET, NOOP, QUIT and closing, when nothing is under way: a new connection is all it costs."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a refusal means.

    `permanent` is False if waiting helps, even if the code says otherwise: a daily limit is refused
    with 550 and passes. `retry_after` is the wait in seconds, if it is known. `crowded`: we use
    more connections at once than the server allows.
    """

    scope: RefusalScope
    permanent: bool
    retry_after: float | None = None
    hint: str = ""
    crowded: bool = False

    @property
    def concerns_all(self) -> bool:
        """Whether no message would fare better, so that no delivery is to blame."""
        return self.scope in (RefusalScope.CONNECTION, RefusalScope.SENDER)

    @property
    def stops_one_connection(self) -> bool:
        """Whether the server only does not serve this connection now; it may serve others.

        A wait of a day is the limit of an account, which all connections share.
        """
        return (
            self.concerns_all and not self.permanent and (self.retry_after or 0) < SECONDS_PER_DAY
        )


class ConnectionRefusal(TryLater):
    """The server does not serve one connection now. It took no message, and may serve our others.

    A run stops with this error only when no connection is left. `crowded`: too many connections at
    once are the likely cause. `fresh`: the connection had carried no message before, so a new one
    in its place would fare no better. `phase` says when it came. `deferred` is set where the
    message itself may be the cause: what to record if it is refused like this a second time.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        phase: Phase = Phase.GREETING,
        crowded: bool = False,
        fresh: bool = True,
        deferred: Deferred | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.phase = phase
        self.crowded = crowded
        self.fresh = fresh
        self.deferred = deferred


def timeout_for(phase: Phase, timeout: float | None) -> float:
    """Seconds to wait at a phase; `timeout` is the user's own figure for all of them."""
    return timeout or TIMEOUTS[phase]


def cleanup_timeout(timeout: float | None) -> float:
    """Seconds to wait where nothing depends on the answer."""
    # A user's longer figure is meant for answers that matter, and these do not.
    return min(CLEANUP_TIMEOUT, timeout or CLEANUP_TIMEOUT)
