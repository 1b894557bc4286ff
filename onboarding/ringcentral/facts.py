"""What RingCentral tells beyond a session and its invitees: a webinar, and a line of the lists of sessions.

Frozen values without secrets, so that a ledger may keep a webinar's facts from run to run: that lets a run with nothing
to do make two Heavy calls only (`docs/ringcentral.md`, "Rate limits"). Nothing is read here (that is `wire`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.model.people import LinkedUser
from onboarding.model.sessions import PanelistAuthentication, SessionStatus


@dataclass(frozen=True, slots=True)
class Webinar:
    """A webinar's own facts. `dial_in`: panelists may join by telephone, so their phone codes are of use."""

    id: str
    title: str
    host: LinkedUser | None = None
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    dial_in: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One session as the lists of sessions show it. `start` is in UTC, `time_zone` an IANA name."""

    webinar_id: str
    session_id: str
    title: str
    start: datetime
    duration: timedelta
    time_zone: str
    status: SessionStatus
