"""What tests give to a client as ledger, terminal and clock: each remembers its calls."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from onboarding.model.ports import RateLimitStatus
from onboarding.ringcentral.client import RingCentral
from onboarding.ringcentral.settings import RingCentralSettings

START = datetime(2026, 9, 1, 8, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """A clock that moves only by hand, and by the seconds that a client sleeps."""

    now: datetime = START
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Gate:
    """Lets every call through."""

    entered: list[str] = field(default_factory=list)
    updates: list[tuple[str, RateLimitStatus]] = field(default_factory=list)

    async def wait_turn(self, group: str) -> None:
        self.entered.append(group)

    async def update(self, group: str, status: RateLimitStatus) -> None:
        self.updates.append((group, status))


@dataclass(slots=True)
class PatientGate:
    """Waits as a ledger does: while a penalty lasts, and for a new window once nothing remains."""

    clock: Clock
    until: dict[str, datetime] = field(default_factory=dict)

    async def wait_turn(self, group: str) -> None:
        while (left := (self.until.get(group, START) - self.clock.now).total_seconds()) > 0:
            await self.clock.sleep(left)

    async def update(self, group: str, status: RateLimitStatus) -> None:
        wait = status.penalty or (status.window if status.remaining == 0 else None)
        if wait:
            self.until[group] = self.clock.now + timedelta(seconds=wait)


@dataclass(slots=True)
class Progress:
    """Writes down what a person would read."""

    lines: list[str] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, what: str, total: int) -> None:
        self.lines.append(f"{what} ({total})")

    def advance(self) -> None:
        self.lines.append("one step")

    def end(self) -> None:
        self.lines.append("end")

    def waiting(self, reason: str, seconds: float) -> None:
        self.waits.append((reason, seconds))


@dataclass(slots=True)
class Surroundings:
    """Everything that a client was given."""

    clock: Clock = field(default_factory=Clock)
    gate: Gate | PatientGate = field(default_factory=Gate)
    progress: Progress = field(default_factory=Progress)

    def client(
        self, url: str, *, timeout: float = 5.0, stop: asyncio.Event | None = None
    ) -> RingCentral:
        return RingCentral(
            settings(url),
            self.gate,
            self.progress,
            clock=self.clock,
            sleep=self.clock.sleep,
            timeout=timeout,
            stop=stop,
        )


def settings(url: str) -> RingCentralSettings:
    return RingCentralSettings(
        server=url,
        client_id="app",
        client_secret=SecretStr("app-secret"),
        jwt=SecretStr("user-jwt"),
    )
