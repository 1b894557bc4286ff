"""The people and the session that tests of several rooms share.

What only one room needs is beside its tests. All people are fictional: their addresses are at
`example.com` or end in `.example`, which can't be a real person's (RFC 2606).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Session, SessionKey, SessionStatus

NOW = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
START = NOW + timedelta(days=10)
HOUR = timedelta(hours=1)
SERVER = "https://ringcentral.example"

SPRING_LAUNCH = Session(
    key=SessionKey(SERVER, "101", "201"),
    title="Spring launch",
    start=START,
    duration=HOUR,
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
)
"""Ten days after `NOW`, for an hour."""


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """A fictional person, in the forms in which the program meets one."""

    first_name: str
    last_name: str
    email: str
    role: Role = Role.PANELIST

    def as_row(self, **columns: str) -> dict[str, str]:
        """A row of a roster, by column."""
        row = {"first_name": self.first_name, "last_name": self.last_name, "email": self.email}
        return {**row, "role": self.role.value, **columns}

    def as_invitee(self, **fields: Any) -> Invitee:
        """The invitee that the roster's first row is read as."""
        invitee = Invitee(
            2, self.email, self.role, self.first_name, self.last_name, time_zone="Europe/Berlin"
        )
        return replace(invitee, **fields)

    def as_request(self) -> dict[str, Any]:
        """What RingCentral is asked to add, silently."""
        names = {"firstName": self.first_name, "lastName": self.last_name, "email": self.email}
        return {"role": self.role.value, **names, "sendInvite": False}

    def as_entry(self, account_id: str, user_id: str) -> dict[str, str]:
        """An entry of the directory in a state of the simulator."""
        ids = {"user_id": user_id, "account_id": account_id}
        return {
            **ids,
            "email": self.email,
            "first_name": self.first_name,
            "last_name": self.last_name,
        }


HANNA = SamplePerson("Hanna", "Holm", "hanna@brightwater.example", Role.HOST)
CARLOS = SamplePerson("Carlos", "Ortega", "carlos@brightwater.example", Role.COHOST)
JOERG = SamplePerson("Jörg", "Müller", "joerg@lindenhof.example")
ADA = SamplePerson("Ada", "Lovelace", "ada@example.com")
BOB = SamplePerson("Bob", "Bauer", "bob@example.com")
EVE = SamplePerson("Eve", "Ek", "eve@example.com")

LAST_NAMES = {
    person.first_name.lower(): person.last_name for person in (HANNA, CARLOS, JOERG, ADA, BOB, EVE)
}
"""Last names by first name, for rooms whose tests make people of a first name."""
