"""The network of the providers' libraries: they wait in a thread, `web` makes their calls in the event loop.

So a call ends even if its answer drips, an answer has a size limit, and a task that stops waiting
for a token ends the call.
"""

import asyncio
from collections.abc import Callable, Mapping
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
        """Make a call. Raises `NoAnswer`, `Refused` (an answer that is no JSON), ConfigurationError, `Interrupted`."""
        answer = self._send_in_loop(method, url, headers or {}, content)
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    async def _send_in_loop(
        self, method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> httpx.Response:
        async with WebClient(
            validate_web_address(url), timeout=CALL_TIMEOUT, stop=self._ended
        ) as client:
            answer = await client.send(client.build_request(method, "", headers=headers, **content))
        if not answer.is_success and answer.status_code not in CLIENT_FAULTS:
            raise NoAnswer(f"it answers with status {answer.status_code}", may_have_arrived=True)
        try:
            decode_json(answer.content)
        except UnsoundJson as error:
            raise Refused(
                f"The log-in at {httpx.URL(url).host} gives an answer that {error}.",
                hint="Check the settings of the log-in, and whether a proxy stands before it.",
            ) from None
        return answer


async def run_in_thread(work: Callable[[Caller], T]) -> T:
    """Run what waits in a thread of its own. Where this is cancelled, the thread's call ends, and so the thread."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    running = loop.run_in_executor(None, work, Caller(loop, ended))
    try:
        return await asyncio.shield(running)
    finally:
        ended.set()
        await asyncio.gather(running, return_exceptions=True)
