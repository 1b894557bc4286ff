"""The requests that the simulator got, in order, without tokens or secrets, for tests.

Only remembers. A request that gets no answer (a fault aborted the connection) is here, too, with no
status.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from onboarding.simulator.limits import LimitGroup

SECRETS = frozenset({"assertion", "token", "refresh_token", "client_secret", "client_assertion"})


@dataclass(slots=True)
class LoggedRequest:
    """One request. `body` is the JSON or the form, None where there is none or it can't be read.

    `status` and `fault` are set when it is answered; `status` stays None where the connection is
    aborted.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    group: LimitGroup
    body: Any
    received: datetime
    status: int | None = None
    fault: str = ""


class RequestLog(list[LoggedRequest]):
    """The requests, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def append(self, request: LoggedRequest) -> None:
        """Add a request, and wake the tasks that wait for it."""
        super().append(request)
        # Each request gets an event of its own: one that is set would never make a task wait again.
        self._more.set()
        self._more = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Wait until this number of requests has come in."""
        while len(self) < count:
            await self._more.wait()

    def count_groups(self) -> Counter[LimitGroup]:
        """Count the requests of each rate limit group."""
        return Counter(request.group for request in self)

    def select(self, method: str, ending: str = "") -> list[LoggedRequest]:
        """Select the requests with this method and this ending of the path."""
        return [
            request
            for request in self
            if request.method == method and request.path.endswith(ending)
        ]


def decode_body(body: bytes, content_type: str) -> Any:
    """Decode a body for the log; what is secret in a form becomes `***`."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        # Credentials and tokens come in forms only, so a JSON body is kept as it is.
        form = parse_qs(body.decode(errors="replace"))
        return {name: "***" if name in SECRETS else values[0] for name, values in form.items()}
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
