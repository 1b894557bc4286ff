"""What the simulator was asked, for the assertions of tests: every request in order, without tokens or secrets.

Only remembers. A request that gets no answer (a fault cut the line) is here, too, with no status.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from onboarding.simulator.limits import CallGroup

SECRETS = frozenset({"assertion", "token", "refresh_token", "client_secret", "client_assertion"})


@dataclass(slots=True)
class LoggedRequest:
    """One request. `body` is the JSON or the form, None where there is none or it can't be read.

    `status` and `fault` are noted when it is answered; `status` stays None where the line is cut.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    group: CallGroup
    body: Any
    at: datetime
    status: int | None = None
    fault: str = ""


class RequestLog(list[LoggedRequest]):
    """The requests, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def append(self, recorded: LoggedRequest) -> None:
        """Note a request, and wake whoever waits for it."""
        super().append(recorded)
        self._more.set()
        self._more = asyncio.Event()

    async def wait_for(self, count: int) -> None:
        """Wait until so many requests have come in."""
        while len(self) < count:
            await self._more.wait()

    def count_groups(self) -> Counter[CallGroup]:
        """Count the requests of each rate limit group."""
        return Counter(recorded.group for recorded in self)

    def select(self, method: str, ending: str = "") -> list[LoggedRequest]:
        """The requests with a method whose path ends so."""
        return [recorded for recorded in self if recorded.method == method and recorded.path.endswith(ending)]


def decode_body(body: bytes, content_type: str) -> Any:
    """Read a body for the record; what is secret in a form becomes `***`."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode(errors="replace"))
        return {name: "***" if name in SECRETS else values[0] for name, values in form.items()}
    try:
        return json.loads(body) if body else None
    except ValueError:
        return None
