"""What an account holds, as frozen values: company directory, webinars, sessions, invitees.

No rules (`invitees`) and no wire format (`answers`). A change makes a new value, so a change that
fails half-way has changed nothing.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr

from onboarding.model.addresses import address_key
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import PanelistAuthentication, SessionStatus


class Odd(BaseModel):
    """What an answer says otherwise than it should: values instead of a field's own, and gaps.

    Only the answer changes. The account's rules go by what the record really is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Mapping[str, JsonValue] = {}
    without: tuple[str, ...] = ()

    def distort(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return a record as it is answered with these oddities."""
        # Gaps are made last: a field that is in both lists is missing.
        changed = {**answer, **self.fields}
        return {name: value for name, value in changed.items() if name not in self.without}


NOT_ODD = Odd()


ATTENDEE_ROLE: Literal["Attendee"] = "Attendee"
"""A role that lists of invitees show, and that a request can't give. It takes no seat."""

_SEARCH_COLUMNS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "extensionNumber": "extension",
    "email": "email",
    "jobTitle": "job_title",
}

SEARCH_FIELDS = tuple(_SEARCH_COLUMNS)
"""The fields that a search looks at when it names none."""


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One entry of the directory."""

    user_id: str
    account_id: str
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    extension: str = ""
    type: str = "User"
    status: str = "Enabled"
    odd: Odd = NOT_ODD

    @property
    def can_be_invited(self) -> bool:
        """Tell whether this is a person with an enabled account, not a room or a former user."""
        return self.type == "User" and self.status == "Enabled"

    @property
    def linked_user(self) -> LinkedUser:
        """The ids by which RingCentral links this colleague."""
        return LinkedUser(self.account_id, self.user_id)


class CompanyDirectory:
    """The entries, in the order in which they are listed.

    All are listed, but only `Enabled` entries of type `User` can be invited (`docs/ringcentral.md`,
    "Linked users").
    """

    def __init__(self, entries: Iterable[DirectoryEntry] = ()) -> None:
        self.entries = tuple(entries)
        self._by_user = {entry.linked_user: entry for entry in self.entries}
        # A former colleague's address may be a new one's by now, so it finds only the latter.
        self._by_address = {
            address_key(entry.email): entry for entry in self.entries if entry.can_be_invited
        }

    def find_user(self, linked_user: LinkedUser) -> DirectoryEntry | None:
        """Find the entry of a linked user, of any type and status."""
        return self._by_user.get(linked_user)

    def find_colleague(self, email: str) -> DirectoryEntry | None:
        """Find the colleague who can be invited and has this very address."""
        return self._by_address.get(address_key(email)) if email else None

    def search(self, text: str, fields: Iterable[str]) -> tuple[DirectoryEntry, ...]:
        """Find entries in which one of the fields contains the text, in any case."""
        columns = [_SEARCH_COLUMNS[field] for field in fields if field in _SEARCH_COLUMNS]
        return tuple(entry for entry in self.entries if _contains(entry, columns, text.casefold()))


def _contains(entry: DirectoryEntry, columns: Iterable[str], text: str) -> bool:
    return any(text in getattr(entry, column).casefold() for column in columns)


@dataclass(frozen=True, slots=True)
class SimulatedWebinar:
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
class SimulatedSession:
    """One session of a webinar. `start` is aware."""

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
class SimulatedInvitee:
    """One invitee of a session: a guest with address and names, or a linked user."""

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
    # Kept out of the repr, and so of test output: like the link, it lets its reader in.
    phone_code: str = field(default="", repr=False)
    odd: Odd = NOT_ODD


@dataclass(frozen=True, slots=True)
class SimulatedParticipant:
    """One who joins a session at a moment (aware), by the door of a role.

    `invitee_id` is that of an invitee's record, with which come address and ids; a stranger, who
    belongs to no record, has only an address.
    """

    joined: datetime
    role: Role | Literal["Attendee"]
    original_role: Role | Literal["Attendee"]
    invitee_id: str = ""
    email: str = ""
    linked_user: LinkedUser | None = None
    odd: Odd = NOT_ODD


def make_link(kind: str = "join") -> SecretStr:
    """Make a link that can't be guessed, on a domain that can't be registered (RFC 2606)."""
    return SecretStr(f"https://webinar.example/{kind}/{secrets.token_urlsafe(24)}")


def make_phone_code() -> str:
    """Make the code that identifies a caller on the phone."""
    return f"{secrets.randbelow(10**10):010d}"
