"""One request at a time to RingCentral: it waits its turn, is counted, and sent again if harmless.

Knows nothing of tokens (`login` does), of answers' contents, or of what a lost answer means for a
change (`batch` does): it returns every answer as it came, and no answer as a value.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from onboarding.errors import Refused, TryLater
from onboarding.model.ports import Progress, RateLimiter
from onboarding.model.time_zones import format_machine_time
from onboarding.ringcentral.rate_limits import (
    MAX_BACK_OFF,
    MAX_CALLS_TRIED,
    TOO_MANY_REQUESTS,
    CallGroup,
    back_off_seconds,
    find_doubts,
    parse_rate_limit,
    parse_retry_after,
)
from onboarding.web.client import NoAnswer, WebClient

CHANGE = "PATCH"
"""The one method that changes anything: what became of it can be looked up."""

REQUEST_TIMEOUT = 408
SERVER_FAULT = 500
NETWORK_LOGIN = 511
"""A network's log-in page, not the server, has answered: it saw no request (RFC 6585 6)."""

_CONNECTION_HINT = (
    "Check RC_SERVER_URL, and whether a proxy stands between this machine and RingCentral."
)

YEAR = 365 * 86400.0
"""Seconds: a server that asks for more is treated like one that asks for this."""


@dataclass(frozen=True, slots=True)
class NoResponse:
    """No answer came. `may_have_arrived`: the request may have reached the server all the same."""

    reason: str
    may_have_arrived: bool


CallOutcome = httpx.Response | NoResponse


def is_unknown(outcome: CallOutcome) -> bool:
    """Tell whether the server failed, so that it is not known what it did.

    A question may be sent again then, a change may not.
    """
    if isinstance(outcome, NoResponse):
        return True
    # A 408 says that the server has given up waiting, and not that it has done nothing.
    status = outcome.status_code
    return status == REQUEST_TIMEOUT or (status >= SERVER_FAULT and status != NETWORK_LOGIN)


def is_limited(outcome: httpx.Response) -> bool:
    """Tell whether the server refuses a call only because there were too many."""
    return outcome.status_code == TOO_MANY_REQUESTS


def describe_failure(outcome: CallOutcome) -> str:
    """Say in words what is wrong with an outcome."""
    if isinstance(outcome, NoResponse):
        return outcome.reason
    return f"it answers with status {outcome.status_code}"


class Transport:
    """The connection to one server.

    `calls` counts the requests by group, those that were refused or sent again included.
    """

    def __init__(
        self,
        http: WebClient,
        gate: RateLimiter,
        progress: Progress,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.http = http
        self.calls: Counter[str] = Counter()
        self.clock = clock
        self._gate = gate
        self._progress = progress
        self._sleep = sleep
        self._doubts: set[str] = set()

    async def send_idempotent(self, request: httpx.Request, group: CallGroup) -> httpx.Response:
        """Send a question until it is answered, with waits in between.

        Raises `TryLater` if it never is.
        """
        attempt = 1
        while True:
            outcome = await self._send_until_admitted(request, group)
            if isinstance(outcome, httpx.Response) and not is_unknown(outcome):
                return outcome
            await self.back_off(attempt, outcome)
            attempt += 1

    async def send_change(self, request: httpx.Request, group: CallGroup) -> CallOutcome:
        """Send a change. It is sent again only if it certainly had no effect.

        Otherwise the caller has to look first what became of it.
        """
        attempt = 1
        while True:
            outcome = await self._send_until_admitted(request, group)
            # A 5xx is returned as well: `client` reads the list before it sends anything again.
            if isinstance(outcome, httpx.Response) or outcome.may_have_arrived:
                return outcome
            await self.back_off(attempt, outcome)
            attempt += 1

    async def send_once(self, request: httpx.Request, group: CallGroup) -> CallOutcome:
        """Send a question once, in its turn: for what a run can do without."""
        await self._gate.wait_turn(group)
        outcome = await self._send_once(request, group)
        if isinstance(outcome, httpx.Response):
            await self._update_limit(outcome, group)
        return outcome

    async def back_off(self, attempt: int, outcome: CallOutcome) -> None:
        """Wait after the given failed attempt (from 1).

        Raises `TryLater` if no further attempt is to be made.
        """
        retry_after = None
        if isinstance(outcome, httpx.Response):
            retry_after = parse_retry_after(outcome.headers, self.clock())
        # The longer one: `Retry-After: 0` must not lead to five tries within a second.
        seconds = max(back_off_seconds(attempt), retry_after or 0.0)
        # A longer wait is the next run's: meanwhile this one would hold the webinar's lease.
        if attempt >= MAX_CALLS_TRIED or seconds > MAX_BACK_OFF:
            raise self._away_error(outcome, retry_after)
        self._progress.waiting(f"RingCentral is away: {describe_failure(outcome)}", seconds)
        await self._sleep(seconds)

    def _away_error(self, outcome: CallOutcome, retry_after: float | None) -> TryLater:
        message = (
            f"RingCentral ({httpx.URL(self.http.server).host}) is away:"
            f" {describe_failure(outcome)}."
        )
        if retry_after:
            until = _format_time_after(self.clock(), retry_after)
            message += f" It asks to be left alone until {until}."
        hint = "Nothing is lost: run again later, and it goes on where it stopped."
        return TryLater(message, hint=hint)

    async def _send_until_admitted(self, request: httpx.Request, group: CallGroup) -> CallOutcome:
        """Send once, and again after each 429, which had no effect; the gate waits."""
        for _ in range(MAX_CALLS_TRIED):
            # In every round: other processes make calls of the same group meanwhile.
            await self._gate.wait_turn(group)
            outcome = await self._send_once(request, group)
            if isinstance(outcome, NoResponse):
                return outcome
            # Before the status is looked at: a 429 has the penalty that the next turn waits for.
            await self._update_limit(outcome, group)
            if outcome.status_code != TOO_MANY_REQUESTS:
                return outcome
        raise TryLater(
            f"RingCentral keeps saying that the limit of its {group} calls is reached.",
            hint="Something else uses the same RingCentral user. Run again later.",
        )

    async def _update_limit(self, answer: httpx.Response, group: CallGroup) -> None:
        """Pass on what an answer says about its limit, and say once what is not believed of it."""
        now = self.clock()
        limit = parse_rate_limit(answer.status_code, answer.headers, now)
        if limit:
            await self._gate.update(group, limit)
        for doubt in find_doubts(answer.status_code, answer.headers, now):
            if doubt not in self._doubts:
                self._doubts.add(doubt)
                self._progress.say(doubt)

    async def _send_once(self, request: httpx.Request, group: CallGroup) -> CallOutcome:
        # Before the answer: RingCentral may count a call, too, that it never answers.
        self.calls[group.value] += 1
        try:
            return await self.http.send(request)
        except NoAnswer as error:
            # Never tried again: the same stranger would answer.
            if error.untrusted:
                raise Refused(
                    f"The server at {request.url.host} can't prove that it is RingCentral:"
                    f" {error.untrusted}.",
                    hint=_CONNECTION_HINT,
                ) from None
            # A change that may have arrived is never given up here: the caller looks first.
            may_be_done = error.may_have_arrived and request.method == CHANGE
            if error.final and not may_be_done:
                raise Refused(
                    f"RingCentral ({request.url.host}) can't be asked: {error.reason}.",
                    hint=_CONNECTION_HINT,
                ) from None
            return NoResponse(error.reason, error.may_have_arrived)


def _format_time_after(now: datetime, seconds: float) -> str:
    """Say when so many seconds are over."""
    # Without the limit, 1e300 seconds would end in a traceback.
    return format_machine_time(now + timedelta(seconds=min(seconds, YEAR)))
