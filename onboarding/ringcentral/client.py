"""RingCentral as the pipeline sees it: a session, its invitees, a change of them, the directory.

Every method makes the fewest calls that can answer it. `plan` decides what to change, `batch` and
`bisection` decide what a lost or refused change means; here they meet the transport. One client
serves one run; clients of one account may share their log-in (`tokens`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import httpx
from pydantic import SecretStr

from onboarding.errors import ConfigurationError, Refused, TryLater
from onboarding.model.attendance import Participant
from onboarding.model.known_secrets import Secrets
from onboarding.model.people import Colleague
from onboarding.model.ports import Progress, RateLimiter
from onboarding.model.registrations import Applied, Change, split_change
from onboarding.model.sessions import (
    InviteeList,
    OddSession,
    Registration,
    Session,
    SessionKey,
    SessionList,
    UntouchedRecord,
    Webinar,
)
from onboarding.ringcentral import batch, bisection, requests
from onboarding.ringcentral.batch import build_change
from onboarding.ringcentral.errors import (
    ApiError,
    check_from_ringcentral,
    parse_error,
    request_error,
)
from onboarding.ringcentral.fields import Page, parse_answer, parse_answer_with_odd
from onboarding.ringcentral.login import Login
from onboarding.ringcentral.only_session import select_entry
from onboarding.ringcentral.rate_limits import CallGroup
from onboarding.ringcentral.requests import ApiRequest
from onboarding.ringcentral.schemas.directory import DirectoryPage, parse_colleagues
from onboarding.ringcentral.schemas.invitees import (
    parse_change_answer,
    parse_invitees,
    parse_participants,
)
from onboarding.ringcentral.schemas.sessions import (
    SessionEntry,
    SessionRecord,
    WebinarRecord,
    parse_session_entry,
)
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.ringcentral.transport import (
    CallOutcome,
    NoResponse,
    Transport,
    describe_failure,
    is_limited,
    is_unknown,
)
from onboarding.web.client import WebClient
from onboarding.web.tokens import TokenStore

MOST_PAGES = 50
"""Of a list of sessions or invitees, a thousand each. A server that never ends would hang a run."""

MOST_DIRECTORY_PAGES = 500
"""Of the company directory: half a million entries."""

FOUND_FOR = timedelta(days=90)
"""How long a session that is over is still found without its id, so that a run can say so."""

R = TypeVar("R", bound=CallOutcome)


class RingCentral:
    """One run's client; use it as an async context manager.

    `clock` gives the time in UTC, `sleep` waits for so many seconds, `timeout` is in seconds and
    counts for each call as a whole. `stop` ends a call at once, with `Interrupted`: a change may
    have arrived then, and the next run looks. Every method may raise `TryLater` (the server is
    away), `Refused` (log-in, permission, an answer that is not what it was) and
    `ConfigurationError` (a credential is missing, an id unknown).
    """

    def __init__(
        self,
        settings: RingCentralSettings,
        gate: RateLimiter,
        progress: Progress,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        timeout: float = 60.0,
        stop: asyncio.Event | None = None,
        tokens: TokenStore | None = None,
    ) -> None:
        self.tokens = tokens or TokenStore()
        self._server = settings.server
        self._http = WebClient(settings.server, timeout=timeout, stop=stop)
        self._transport = Transport(self._http, gate, progress, clock=clock, sleep=sleep)
        self._login = Login(settings, self._transport, self.tokens)
        self._progress = progress

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.close()

    @property
    def calls(self) -> Mapping[str, int]:
        """Requests made so far by group ("Heavy": 4), refused and repeated ones included."""
        return dict(self._transport.calls)

    async def permissions(self) -> frozenset[str]:
        """Log in, and return the app permissions that RingCentral names ("ReadWebinars")."""
        await self._login.token()
        return self._login.permissions

    async def webinar(self, webinar_id: str) -> Webinar:
        """Ask for a webinar's facts: one Heavy call. They hardly change; a ledger may keep them."""
        call = requests.get_webinar(webinar_id)
        record, odd = parse_answer_with_odd(WebinarRecord, await self._get(call), call.description)
        return record.to_model(webinar_id, odd)

    async def session(self, webinar: Webinar, session_id: str | None = None) -> Session:
        """Ask for a session's facts: one Heavy call.

        Without an id it is the webinar's only session, found in the lists, which hold the same
        facts: one call where the session is one's own, two where it is a colleague's. Raises
        `ConfigurationError` where there is none, or more than one that is not over.
        """
        if session_id is None:
            return await self._find_only_session(webinar)
        call = requests.get_session(webinar.id, session_id)
        record, odd = parse_answer_with_odd(SessionRecord, await self._get(call), call.description)
        return record.to_model(self._server, webinar, session_id, odd)

    async def sessions(self, *, since: datetime, company: bool) -> SessionList:
        """List the sessions that end after `since`, by start.

        The company's list needs a user permission of its own: raises `NotPermitted` without it.
        """
        entries, odd = await self._list_entries(since, company=company)
        listed = sorted(
            (entry.to_session(self._server) for entry in entries),
            key=lambda session: (session.start, session.key.session_id),
        )
        return SessionList(tuple(listed), tuple(odd))

    async def invitees(self, key: SessionKey) -> InviteeList:
        """List who is registered, the Host among them: one Heavy call per thousand."""
        return parse_invitees(
            await self._read_pages(lambda token: requests.list_invitees(key, token))
        )

    async def participants(self, key: SessionKey) -> tuple[Participant, ...]:
        """List who of the panel has joined: one Heavy call, never repeated.

        Only the session's Host and co-hosts may ask: raises `NotPermitted` for others, and
        `NotThere` where RingCentral has no history of the session (yet).
        """
        call = requests.list_participants(key)
        answer = await self._send_with_token(call, self._transport.send_once)
        if isinstance(answer, NoResponse) or is_unknown(answer) or is_limited(answer):
            raise TryLater(
                f"RingCentral gave no answer to the call for {call.description}"
                f" ({describe_failure(answer)}).",
                hint="The next run asks again.",
            )
        if not answer.is_success:
            raise request_error(call, parse_error(answer, self._login.secrets))
        page = parse_answer(Page, answer.content, call.description)
        if page.paging.next_page_token:
            # A part of a list would have people missing who are in the room.
            raise _endless_list_error(call.description, 1)
        return parse_participants(page.records)

    async def directory(self) -> tuple[Colleague, ...]:
        """List the company's enabled users: one Medium call per thousand entries."""
        colleagues: list[Colleague] = []
        before: tuple[Any, ...] = ()
        for page in range(1, MOST_DIRECTORY_PAGES + 1):
            call = requests.list_directory(page)
            answer = parse_answer(DirectoryPage, await self._get(call), call.description)
            # Without this, a server that ignores `page` would be asked five hundred times.
            if answer.records == before:
                return tuple(colleagues)
            before = answer.records
            colleagues += parse_colleagues(answer.records)
            if answer.is_last(page):
                return tuple(colleagues)
        raise _endless_list_error("the company directory", MOST_DIRECTORY_PAGES)

    async def apply(
        self,
        key: SessionKey,
        change: Change,
        registrations: tuple[Registration, ...],
        untouched: tuple[UntouchedRecord, ...] = (),
    ) -> Applied:
        """Carry out a change, given the session's records.

        That is one Heavy call, or two where seats have to become free first.
        No person is ever added twice: after a lost answer the list is read, and only what is
        missing is sent again. Who is refused becomes a `Problem`, and the others go on. Raises
        `TryLater` where the server answers five times in a row with nothing of use; what was done
        by then, the next list shows. `untouched` are records that are left alone; those that aren't
        understood take seats.
        """
        state = batch.BatchState(registrations, untouched=untouched)
        # Only what came of the first part says how many seats are free for the second.
        for part in split_change(change, state.seats_taken):
            state = await self._send_batches(key, batch.start_batch(state, part))
        return Applied(state.records, state.problems, state.undone, state.untouched)

    async def _send_batches(self, key: SessionKey, state: batch.BatchState) -> batch.BatchState:
        failures = 0
        while state.waiting:
            call = requests.change_invitees(key, build_change(state.group))
            outcome = await self._send_with_token(call, self._transport.send_change)
            if isinstance(outcome, NoResponse) or is_unknown(outcome):
                failures += 1
                # The wait comes before the look: a list read at once may not show the change yet.
                await self._transport.back_off(failures, outcome)
                self._progress.say("RingCentral gave no answer to the change: looking what it did.")
                # Sent again before a look at the list, a person could be added twice.
                state = batch.apply_list(state, await self.invitees(key))
            else:
                failures = 0
                # A refusal is an answer, too: only failures in a row end the run.
                state = await self._apply_answer(key, call, state, outcome)
        return state

    async def _apply_answer(
        self, key: SessionKey, call: ApiRequest, state: batch.BatchState, answer: httpx.Response
    ) -> batch.BatchState:
        if not answer.is_success:
            # A refusal may quote a join link, and its sentences are shown.
            links = Secrets.of(links=[record.join_uri for record in state.records])
            refusal = parse_error(answer, self._login.secrets | links)
            return await self._bisect(key, call, state, refusal)
        state = batch.apply_answer(state, parse_change_answer(answer.content))
        if not state.unanswered:
            return state
        return batch.apply_lookup(state, await self.invitees(key))

    async def _bisect(
        self, key: SessionKey, call: ApiRequest, before: batch.BatchState, refusal: ApiError
    ) -> batch.BatchState:
        """Find out which people a refusal means, after looking at what was applied all the same."""
        # No person is to blame here: to halve the group would only spend scarce calls.
        if refusal.is_about_us or bisection.is_forbidden_for_all(before, refusal):
            raise request_error(call, refusal)
        self._progress.say(
            f"RingCentral refuses part of the change ({refusal.words}):"
            " finding out for which people."
        )
        state = before
        if bisection.needs_list(before, refusal):
            state = batch.apply_list(before, await self.invitees(key))
        return bisection.bisect(before, state, refusal)

    async def _find_only_session(self, webinar: Webinar) -> Session:
        found, odd = await self._list_sessions_of(webinar, company=False)
        # Only now: the company's list costs a call, and needs a user permission of its own.
        if not (found or odd):
            found, odd = await self._list_sessions_of(webinar, company=True)
        return select_entry(webinar, found, odd).to_session(self._server, webinar)

    async def _list_sessions_of(
        self, webinar: Webinar, *, company: bool
    ) -> tuple[list[SessionEntry], list[OddSession]]:
        """A webinar's sessions in one of the lists, and those of them that aren't understood."""
        since = self._transport.clock() - FOUND_FOR
        try:
            entries, odd = await self._list_entries(since, company=company)
        except Refused as error:
            if not company:
                raise
            # The permission is for the list only: with the id, the session can be read without it.
            raise ConfigurationError(
                f"Webinar {webinar.id} has no session among your own. {error.message}",
                hint="Give the session's id: `session = ...` in config.toml,"
                " or WEBINAR_ID/SESSION_ID.",
            ) from error
        own = [entry for entry in entries if entry.webinar.id == webinar.id]
        return own, [entry for entry in odd if entry.webinar_id == webinar.id]

    async def _list_entries(
        self, since: datetime, *, company: bool
    ) -> tuple[list[SessionEntry], list[OddSession]]:
        records = await self._read_pages(
            lambda token: requests.list_sessions(since, token, company=company)
        )
        every = [parse_session_entry(record) for record in records]
        understood = [entry for entry in every if isinstance(entry, SessionEntry)]
        return understood, [entry for entry in every if isinstance(entry, OddSession)]

    async def _read_pages(self, call_for: Callable[[str], ApiRequest]) -> list[Any]:
        """Read a list page by page; a page that leads back to one already read ends it.

        Raises `Refused` where it never ends: half a list would have people added who are there
        already.
        """
        token, seen, records = "", set[str](), list[Any]()
        for _ in range(MOST_PAGES):
            seen.add(token)
            call = call_for(token)
            page = parse_answer(Page, await self._get(call), call.description)
            records += page.records
            token = page.paging.next_page_token or ""
            # A missing next token is empty like the first page's, so it ends the list here as well.
            if token in seen:
                return records
        raise _endless_list_error(call_for("").description, MOST_PAGES)

    async def _get(self, call: ApiRequest) -> bytes:
        """Make a call that changes nothing, and give its answer's body."""
        answer = await self._send_with_token(call, self._transport.send_idempotent)
        if not answer.is_success:
            raise request_error(call, parse_error(answer, self._login.secrets))
        return answer.content

    async def _send_with_token(
        self, call: ApiRequest, send: Callable[[httpx.Request, CallGroup], Awaitable[R]]
    ) -> R:
        """Send a call with a token; a token that is no longer accepted is renewed once."""
        token = await self._login.token()
        outcome = await send(self._build_request(call, token), call.group)
        if _is_token_refused(outcome):
            # A 401 had no effect, so that even a change may be sent again.
            # Once only: if a fresh token is refused, another one would be, too.
            token = await self._login.token(refused=token)
            outcome = await send(self._build_request(call, token), call.group)
        if isinstance(outcome, httpx.Response):
            # Here, so that no caller takes a proxy's page for RingCentral's word.
            check_from_ringcentral(outcome)
        return outcome

    def _build_request(self, call: ApiRequest, token: SecretStr) -> httpx.Request:
        bearer = {"Authorization": f"Bearer {token.get_secret_value()}"}
        return self._http.build_request(
            call.method, call.path, params=call.query, json=call.body, headers=bearer
        )


def _is_token_refused(outcome: CallOutcome) -> bool:
    if isinstance(outcome, NoResponse) or outcome.is_success:
        return False
    return parse_error(outcome).is_about_token


def _endless_list_error(what: str, pages: int) -> Refused:
    return Refused(
        f"RingCentral's answer to the call for {what} goes on for more than {pages} pages.",
        hint="Check that RC_SERVER_URL is RingCentral's server.",
    )
