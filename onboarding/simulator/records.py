"""What an account holds: webinars, their sessions, and one record per invitee, as frozen values.

No rules (`invitees`) and no wire format (`answers`). A change makes a new value, so that a change which fails half-way
has changed nothing.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import PanelistAuthentication, SessionStatus
from onboarding.simulator.odd import NOT_ODD, Odd

ATTENDEE: Literal["Attendee"] = "Attendee"
"""A role that stands in lists of invitees, and that nobody can be given there. It takes no seat."""


@dataclass(frozen=True, slots=True)
class Webinar:
    """A webinar and the user who hosts it."""

    id: str
    title: str
    description: str
    host: LinkedUser
    created: datetime
    pstn_enabled: bool = False
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    odd: Odd = NOT_ODD


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a webinar. `start` is aware; `host_link` is the Host record's own."""

    id: str
    webinar_id: str
    start: datetime
    duration: timedelta
    time_zone: str
    created: datetime
    modified: datetime
    attendee_link: SecretStr
    join_offset: timedelta = timedelta()
    locale: str = "en-US"
    title: str = ""
    status: SessionStatus = SessionStatus.SCHEDULED
    odd: Odd = NOT_ODD

    @property
    def end(self) -> datetime:
        """When the session is scheduled to end."""
        return self.start + self.duration


@dataclass(frozen=True, slots=True)
class Record:
    """One invitee of a session. A guest has an address and names; a linked user has them in the directory."""

    id: str
    role: Role | Literal["Attendee"]
    send_invite: bool
    join_uri: SecretStr
    created: datetime
    modified: datetime
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    linked_user: LinkedUser | None = None
    kind: str = "User"
    phone_code: str = field(default="", repr=False)
    odd: Odd = NOT_ODD


def new_link(kind: str = "join") -> SecretStr:
    """Make a link that nobody can guess, of a domain that nobody can own (RFC 2606)."""
    return SecretStr(f"https://webinar.example/{kind}/{secrets.token_urlsafe(24)}")


def new_phone_code() -> str:
    """Make the code by which a caller is told from others."""
    return f"{secrets.randbelow(10**10):010d}"
