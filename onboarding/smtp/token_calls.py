"""The calls of the providers' OAuth libraries: these wait in a thread, `web` makes the calls.

So a call ends even if its answer drips, an answer has a size limit, and a task that stops waiting
for a token ends the call. msal and google-auth each want a transport of their own form.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from onboarding.errors import Refused
from onboarding.web.client import NoAnswer, WebClient, validate_web_address
from onboarding.web.strict_json import UnsoundJson, decode_json

CALL_TIMEOUT = 60.0
"""Seconds for each call."""

CLIENT_FAULTS = range(400, 500)
"""Statuses of answers that the libraries read: they say why there is no token."""

T = TypeVar("T")


class Caller:
    """Makes calls for a thread, which waits for each. `ended` ends the one that is under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        self._loop = loop
        self._ended = ended

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """Make a call, and wait for its answer.

        Raises `NoAnswer`, `Interrupted`, `Refused` for an answer that is no JSON, and
        `ConfigurationError` for an address or a variable that is wrong.
        """
        answer = self._send_in_loop(method, url, headers or {}, content)
        # No limit here: the call has one of its own, and `ended` ends it early.
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    async def _send_in_loop(
        self, method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> httpx.Response:
        server = validate_web_address(url)
        async with WebClient(server, timeout=CALL_TIMEOUT, stop=self._ended) as client:
            answer = await client.send(client.build_request(method, "", headers=headers, **content))
        # A redirect counts here too: the secret goes to no other server than the one asked.
        if not answer.is_success and answer.status_code not in CLIENT_FAULTS:
            raise NoAnswer(f"it answers with status {answer.status_code}", may_have_arrived=True)
        try:
            # Only checked. The libraries read it again, with a reader that has no limits.
            decode_json(answer.content)
        except UnsoundJson as error:
            raise Refused(
                f"The log-in at {httpx.URL(url).host} gives an answer that {error}.",
                hint="Check the settings of the log-in, and whether a proxy stands before it.",
            ) from None
        return answer


async def run_in_thread(work: Callable[[Caller], T]) -> T:
    """Run what waits in a thread. If this is cancelled, the call ends, and so the thread."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    running = loop.run_in_executor(None, work, Caller(loop, ended))
    try:
        # A thread can't be cancelled: it ends by itself once its call has ended.
        return await asyncio.shield(running)
    finally:
        ended.set()
        # Python's exit would wait for the thread in any case, and then without our loop.
        await asyncio.gather(running, return_exceptions=True)


class MicrosoftCalls:
    """A transport as msal wants it."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(
        self, url: str, params: Any = None, headers: Any = None, **_options: Any
    ) -> httpx.Response:
        """Make a GET call."""
        return self._caller.send("GET", url, headers, params=params)

    def post(
        self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_options: Any
    ) -> httpx.Response:
        """Make a POST call."""
        return self._caller.send("POST", url, headers, params=params, data=data)

    def close(self) -> None:
        """Nothing is left open."""


@dataclass(frozen=True, slots=True)
class GoogleAnswer:
    """An answer as google-auth reads it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def send_google_call(
    caller: Caller,
    url: str,
    method: str = "GET",
    body: Any = None,
    headers: Any = None,
    **_options: Any,
) -> GoogleAnswer:
    """Make a call as google-auth makes it. Raises what `Caller.send` raises."""
    answer = caller.send(method, url, headers, content=body)
    return GoogleAnswer(answer.status_code, answer.headers, answer.content)
