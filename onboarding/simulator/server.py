"""The HTTP side of the simulated RingCentral: a Starlette application around an account.

A request goes straight down: logged, counted against its rate limit, hit by a fault if one is due,
checked for token and permissions, answered by its function in `endpoints`.

`serve_ringcentral` starts and stops it, as an async context manager on 127.0.0.1, inside the
caller's event loop: no thread, no process, no signal handler, no access log. On leaving, every
socket is closed, also those of clients that are still connected.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.endpoints import ENDPOINTS, ApiAnswer, Call, Endpoint
from onboarding.simulator.errors import (
    APP_PERMISSION_MISSING,
    CONFLICT,
    RATE_EXCEEDED,
    UNKNOWN_ID,
    USER_PERMISSION_MISSING,
    RequestRefused,
    server_error,
)
from onboarding.simulator.faults import WEB_PAGE, FaultKind, FaultQueue, InjectedFault, corrupt
from onboarding.simulator.limits import Admission, CallCounter, Limits
from onboarding.simulator.request_log import LoggedRequest, RequestLog, decode_body
from onboarding.web.server import serve_application

IDLE_SECONDS = 600
"""Seconds for which an idle connection is kept: longer than any client pauses, so no test races."""

TimeSource = Callable[[], datetime]
"""Returns the time, aware."""


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ServedAccount:
    """An account, and the count of its calls."""

    account: SimulatedAccount
    limiter: CallCounter


@dataclass(slots=True)
class Simulator:
    """The accounts of a server and what is around them.

    Tests read `requests`, and change accounts and `faults` while it runs.
    """

    first: ServedAccount
    others: tuple[ServedAccount, ...] = ()
    faults: FaultQueue = field(default_factory=FaultQueue)
    clock: TimeSource = utc_now
    requests: RequestLog = field(default_factory=RequestLog)

    def find_served(self, request: Request) -> ServedAccount:
        """Find the account whose credentials or token a request has; the first for all others."""
        authorization = request.headers.get("authorization", "")
        found = (served for served in self.others if served.account.tokens.is_known(authorization))
        return next(found, self.first)


class AbortedResponse(Response):
    """No answer: the connection is aborted after some seconds, or when the client gives up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, _send: Send) -> None:
        """Keep the connection open, then abort it; nothing is ever sent."""
        if not await _wait_for_disconnect(receive, self._seconds):
            scope["state"]["transport"].abort()
            # uvicorn answers 500 for an application that returns without an answer on an open line.
            await _wait_for_disconnect(receive)


async def _wait_for_disconnect(receive: Receive, seconds: float | None = None) -> bool:
    """Wait until the client has disconnected, or for some seconds; returns whether it has.

    Every wait of the simulator is this one, so that closing the connections ends them all.
    """
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def build_application(simulator: Simulator) -> Starlette:
    """Make the application.

    It needs the server of `serve_ringcentral`, which lets a fault abort a connection.
    """
    routes = [
        Route(endpoint.path, _make_view(simulator, endpoint), methods=[endpoint.method])
        for endpoint in ENDPOINTS
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _answer_unknown_call,
            ClientDisconnect: _answer_disconnected,
        },
    )


def _make_view(
    simulator: Simulator, endpoint: Endpoint
) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        return await _serve_request(simulator, endpoint, request)

    return view


async def _serve_request(simulator: Simulator, endpoint: Endpoint, request: Request) -> Response:
    """Serve one request."""
    body = await request.body()
    now = simulator.clock()
    # Logged before it is answered, so that a request without an answer is in the log, too.
    entry = _build_log_entry(endpoint, request, body, now)
    simulator.requests.append(entry)
    admission, fault = _admit(simulator, endpoint, request, now)
    # The call is done even if the client leaves meanwhile: so an answer is lost after the change.
    if fault and fault.kind is FaultKind.SLOW:
        await _wait_for_disconnect(request.receive, fault.parse_number(1))
    response = _answer_call(endpoint, _build_call(simulator, request, body, now), admission, fault)
    response.headers.update(admission.headers())
    # A test that reads the log has to tell no answer from a 200 without content.
    entry.status = None if isinstance(response, AbortedResponse) else response.status_code
    entry.fault = fault.kind if fault else ""
    return response


def _admit(
    simulator: Simulator, endpoint: Endpoint, request: Request, now: datetime
) -> tuple[Admission, InjectedFault | None]:
    """Count a request, and take the fault that is due for it."""
    limiter = simulator.find_served(request).limiter
    admission = limiter.count_call(endpoint.group, now)
    # A call over the limit uses up no fault.
    if admission.retry_after is not None:
        return admission, None
    fault = simulator.faults.take_due(request.method, request.url.path)
    if fault and fault.kind in {FaultKind.ERROR_429, FaultKind.ERROR_429_BARE}:
        penalty = float(fault.value) if fault.value else None
        admission = limiter.start_penalty(endpoint.group, now, penalty)
    return admission, fault


def _answer_call(
    endpoint: Endpoint, call: Call, admission: Admission, fault: InjectedFault | None
) -> Response:
    """Answer a call within its limits, with the fault that is due."""
    if admission.retry_after is not None:
        # The real limit always says how long: only the fault `429-bare` leaves it out.
        with_wait = not fault or fault.kind is FaultKind.ERROR_429
        return _answer_rate_exceeded(admission, with_wait=with_wait)
    if fault is None:
        return _build_response(_execute_call(endpoint, call))
    if instead := _answer_without_call(fault, endpoint.path):
        return instead
    # Before the call is done: it is this very call that meets the expired token or the moved start.
    _mutate_account(call, fault)
    if fault.kind is FaultKind.LAGGING:
        call = replace(call, lag=max(0, round(fault.parse_number(1))))
    return _answer_after_call(fault, endpoint.path, _execute_call(endpoint, call))


def _answer_without_call(fault: InjectedFault, path: str) -> Response | None:
    """Answer instead of doing anything; None where the fault lets the call through."""
    match fault.kind:
        case FaultKind.TIMEOUT_BEFORE:
            return AbortedResponse(fault.parse_number(0))
        case FaultKind.ERROR_500:
            return _build_response(_format_refusal(server_error(500, path)))
        case FaultKind.ERROR_502:
            return HTMLResponse(WEB_PAGE, 502)
        case FaultKind.ERROR_503:
            headers = {"Retry-After": fault.value} if fault.value else {}
            return JSONResponse(server_error(503, path).as_json(), 503, headers)
        case FaultKind.ERROR_409_BARE:
            return _build_response(_format_refusal(RequestRefused(409, CONFLICT, "Conflict")))
        case _:
            return None


def _mutate_account(call: Call, fault: InjectedFault) -> None:
    """Change the account between two calls of the client, as its host might."""
    key = (call.path.get("webinar", ""), call.path.get("session", ""))
    match fault.kind:
        case FaultKind.EXPIRED_TOKEN:
            call.account.tokens.expire_all(call.now)
        case FaultKind.REVOKED_TOKEN:
            call.account.tokens.revoke_all()
        case FaultKind.MOVED if key in call.account.sessions:
            call.account.move_session(*key, timedelta(minutes=fault.parse_number(60)))
        case FaultKind.SEND_NOW if key in call.account.sessions:
            call.account.send_now(*key, call.now)
        case _:
            pass


def _answer_after_call(fault: InjectedFault, path: str, answer: ApiAnswer) -> Response:
    """Answer a call that was done, as the fault has it."""
    match fault.kind:
        case FaultKind.TIMEOUT_AFTER:
            return AbortedResponse(fault.parse_number(0))
        case FaultKind.ERROR_500_AFTER:
            return _build_response(_format_refusal(server_error(500, path)))
        case FaultKind.NOT_JSON:
            return HTMLResponse(WEB_PAGE)
        case _ if isinstance(answer.json, dict):
            return _build_response(ApiAnswer(answer.status, corrupt(answer.json, fault)))
        case _:
            return _build_response(answer)


def _execute_call(endpoint: Endpoint, call: Call) -> ApiAnswer:
    """Do what the call asks for, if it is allowed to."""
    try:
        _check_permissions(endpoint, call)
        return endpoint.answer(call)
    except RequestRefused as error:
        return _format_refusal(error)


def _check_permissions(endpoint: Endpoint, call: Call) -> None:
    """Check the token first, then what the application may do, then what its user may do."""
    if endpoint.needs_token:
        call.account.tokens.check(call.headers.get("authorization", ""), call.now)
    if endpoint.app_permission and endpoint.app_permission not in call.account.app_permissions:
        message = f"The application needs the permission [{endpoint.app_permission}]"
        raise RequestRefused(403, APP_PERMISSION_MISSING, message)
    if endpoint.user_permission and endpoint.user_permission not in call.account.user_permissions:
        message = f"The user needs the permission [{endpoint.user_permission}]"
        raise RequestRefused(403, USER_PERMISSION_MISSING, message)


def _build_call(simulator: Simulator, request: Request, body: bytes, now: datetime) -> Call:
    return Call(
        account=simulator.find_served(request).account,
        path=request.path_params,
        query=request.query_params,
        headers=request.headers,
        body=body,
        base_url=str(request.base_url).rstrip("/"),
        now=now,
    )


def _build_log_entry(
    endpoint: Endpoint, request: Request, body: bytes, now: datetime
) -> LoggedRequest:
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    legible_body = decode_body(body, request.headers.get("content-type", ""))
    return LoggedRequest(request.method, request.url.path, query, endpoint.group, legible_body, now)


def _build_response(answer: ApiAnswer) -> Response:
    if answer.json is None:
        return Response(status_code=answer.status)
    headers = {}
    if answer.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Basic, Bearer"
    return JSONResponse(answer.json, answer.status, headers)


def _format_refusal(refusal: RequestRefused) -> ApiAnswer:
    return ApiAnswer(refusal.status, refusal.as_json())


def _answer_rate_exceeded(admission: Admission, *, with_wait: bool) -> Response:
    """Refuse a call over the limit, or during the penalty."""
    headers = {"Retry-After": str(admission.retry_after)} if with_wait else {}
    refusal = RequestRefused(429, RATE_EXCEEDED, "Request rate exceeded")
    return JSONResponse(refusal.as_json(), 429, headers)


def _answer_unknown_call(_request: Request, error: Exception) -> Response:
    """Refuse a path or method that the simulator doesn't know, in the vendor's format."""
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    refusal = RequestRefused(status, UNKNOWN_ID, "The simulator doesn't know this call")
    return JSONResponse(refusal.as_json(), status)


def _answer_disconnected(_request: Request, _error: Exception) -> Response:
    """Answer a client that left before its request was complete: no client gets it."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


class AbortableProtocol(H11Protocol):
    """One client's connection, which a fault can abort.

    The application finds its transport in the request's state.
    """

    # uvicorn's own signature differs from asyncio's.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make the transport known to the application."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass(frozen=True, slots=True)
class RunningRingCentral:
    """The simulated RingCentral while it runs.

    `account`, `faults` and `requests` may be read and changed at any time.
    """

    url: str
    account: SimulatedAccount
    faults: FaultQueue
    requests: RequestLog


@asynccontextmanager
async def serve_ringcentral(
    account: SimulatedAccount,
    *,
    others: Sequence[SimulatedAccount] = (),
    port: int = 0,
    limits: Limits | None = None,
    faults: Iterable[InjectedFault | str] = (),
    clock: TimeSource = utc_now,
) -> AsyncIterator[RunningRingCentral]:
    """Serve an account at `http://127.0.0.1:port` (0: a free port) until the block is left.

    `others` are accounts on the same server, each with credentials of its own.
    Raises OSError if the port is taken.
    Raises BadFault if a fault's short form can't be understood.
    """
    # Each has limits of its own: RingCentral counts the calls of each user and app.
    first, *further = (
        ServedAccount(served, CallCounter(limits or Limits())) for served in (account, *others)
    )
    simulator = Simulator(first, tuple(further), FaultQueue(faults), clock)
    application = build_application(simulator)
    server = serve_application(
        application, port, protocol=AbortableProtocol, keep_alive=IDLE_SECONDS
    )
    async with server as url:
        yield RunningRingCentral(url, account, simulator.faults, simulator.requests)
