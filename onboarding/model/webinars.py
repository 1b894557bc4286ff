"""What RingCentral says of webinars, and of the sessions in its lists.

Frozen values without secrets, so that the ledger may keep a webinar's facts from run to run. That
lets a run with nothing to do make two Heavy calls only (`docs/ringcentral.md`, "Rate limits").
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.model.people import LinkedUser
from onboarding.model.sessions import PanelistAuthentication, SessionStatus


@dataclass(frozen=True, slots=True)
class Webinar:
    """A webinar's own facts. `dial_in`: panelists may join by telephone, so their phone codes are of use.

    `not_understood` names the fields of the answer that are not understood, and count as absent.
    """

    id: str
    title: str
    host: LinkedUser | None = None
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    dial_in: bool = False
    not_understood: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session as the lists of sessions show it. `start` is in UTC, `time_zone` an IANA name."""

    webinar_id: str
    session_id: str
    title: str
    start: datetime
    duration: timedelta
    time_zone: str
    status: SessionStatus


@dataclass(frozen=True, slots=True)
class OddSession:
    """A session in a list that isn't understood. Blank ids can't be read; `fault` names what is odd."""

    webinar_id: str
    session_id: str
    status: SessionStatus
    fault: str

    def __str__(self) -> str:
        ids = {"webinar": self.webinar_id, "session": self.session_id}
        known = ", ".join(f"{what} {id_}" for what, id_ in ids.items() if id_)
        return f"A session in RingCentral's list is not understood ({known or 'without ids'}): {self.fault}."


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions of many webinars: those that are understood, by start, and the others."""

    listed: tuple[ListedSession, ...]
    odd: tuple[OddSession, ...] = ()
