"""A company at the simulator: one session, its host, and as many colleagues as there are seats."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from onboarding.model.people import Role
from onboarding.model.sessions import Registration, SessionKey
from onboarding.ringcentral.client import RingCentral
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.limits import Limits
from onboarding.simulator.server import RunningRingCentral, serve_ringcentral
from onboarding.simulator.state import AccountState
from tests.ringcentral.people import ACCOUNT
from tests.ringcentral.response_faults import START, Clock, PatientGate, Surroundings

NO_LIMITS = Limits(heavy=10**6, medium=10**6, light=10**6, auth=10**6)


def world(
    invitees: Iterable[dict[str, Any]] = (), rules: dict[str, Any] | None = None, **changes: Any
) -> SimulatedAccount:
    session = {"id": "201", "start": "2026-09-02T14:00:00Z", "invitees": list(invitees)}
    state = {
        "account_id": ACCOUNT,
        "directory": [
            {
                "user_id": f"9{number:03}",
                "account_id": ACCOUNT,
                "email": f"colleague{number}@example.com",
            }
            for number in range(100)
        ],
        "webinars": [{"id": "101", "host": "9000", "title": "All hands", "sessions": [session]}],
        "rules": rules or {},
    }
    return SimulatedAccount(AccountState.model_validate(state | changes), START)


def invited_guest(number: int, **fields: Any) -> dict[str, Any]:
    """What `people.record` is in the state of a simulator."""
    return {
        "email": f"guest{number}@example.com",
        "first_name": f"First{number}",
        "last_name": f"Last{number}",
        "job_title": "Speaker",
        "send_invite": False,
    } | fields


def invited_colleague(number: int, **fields: Any) -> dict[str, Any]:
    linked_user = {"account_id": ACCOUNT, "user_id": f"9{number:03}"}
    return {"role": Role.COHOST, "linked_user": linked_user, "send_invite": False} | fields


@dataclass(frozen=True, slots=True)
class Visit:
    """A client at a simulator."""

    client: RingCentral
    server: RunningRingCentral
    around: Surroundings

    @property
    def key(self) -> SessionKey:
        return SessionKey(self.server.url, "101", "201")

    @property
    def standing(self) -> dict[str, Any]:
        """The records at the simulator, the Host's left out, by address or linked user."""
        records = self.server.account.list_records("101", "201")
        return {person_key(record): record for record in records if record.role is not Role.HOST}

    def patches(self) -> list[dict[str, Any]]:
        return [request.body for request in self.server.requests.select("PATCH")]

    def heavy(self) -> list[str]:
        """The Heavy calls so far, by method."""
        return [request.method for request in self.server.requests if request.group == "Heavy"]


def person_key(record: Any) -> str:
    return record.linked_user.user_id if record.linked_user else record.email


@asynccontextmanager
async def visiting(
    held: SimulatedAccount, *, limits: Limits = NO_LIMITS, faults: Iterable[str] = ()
) -> AsyncIterator[Visit]:
    """Run a simulator and a client that share a clock; waiting moves the clock."""
    clock = Clock()
    around = Surroundings(clock, PatientGate(clock))
    async with (
        serve_ringcentral(held, limits=limits, clock=clock, faults=faults) as server,
        around.client(server.url) as client,
    ):
        yield Visit(client, server, around)


async def listed(visit: Visit) -> tuple[Registration, ...]:
    return (await visit.client.invitees(visit.key)).registrations
