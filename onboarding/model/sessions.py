"""What RingCentral says: a webinar's facts, a session's facts, and who is registered for a session.

Frozen values read from the wire by `ringcentral/`; join links are `SecretStr` from here on.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.model.time_zones import format_with_zone


class SessionStatus(StrEnum):
    """A session's life at RingCentral. No invitee can be deleted once it is `Active` or `Finished`.

    `UNKNOWN` is any word of RingCentral's that this program doesn't know. Then no invitee is
    deleted; the rest works as usual.
    """

    SCHEDULED = "Scheduled"
    ACTIVE = "Active"
    FINISHED = "Finished"
    UNKNOWN = "not understood"


def has_ended(
    status: SessionStatus, end: datetime, now: datetime, *, grace: timedelta = timedelta()
) -> bool:
    """Whether a session is over: RingCentral calls it finished, or its end and a grace have passed.

    All callers use this rule. They differ only in the grace: none for a plan, which sends nothing
    after the end; `END_GRACE` for which session is a webinar's current one, because sessions run
    late.
    """
    return status is SessionStatus.FINISHED or now >= end + grace


END_GRACE = timedelta(days=1)
"""How long after its planned end a session is still taken for its webinar's current one."""


class PanelistAuthentication(StrEnum):
    """Who RingCentral lets in as panelist; anything but `GUEST` locks outsiders out."""

    GUEST = "Guest"
    AUTHENTICATED_USER = "AuthenticatedUser"
    AUTHENTICATED_COWORKER = "AuthenticatedCoworker"


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Which session, on which server: a rehearsal at the simulator never counts for real."""

    server: str
    webinar_id: str
    session_id: str

    def __str__(self) -> str:
        return f"{self.webinar_id}/{self.session_id}"


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a webinar, with what its webinar adds (host, title where the session has none).

    `start` is aware and in UTC; `time_zone` is a name that `time_zones` knows; `join_offset` is how
    long before the start the panel should be there. `not_understood` names what of RingCentral's
    answers is not understood (`status` is “Postponed”). `notes` are sentences that a person should
    know, and that need nothing done. `has_unsent_invites`: RingCentral offers to mail people who
    were added silently (*Send now*); None where it does not say. `modified` is RingCentral's
    `lastModifiedTime` as it writes it, only ever compared.
    """

    key: SessionKey
    title: str
    start: datetime
    duration: timedelta
    time_zone: str
    status: SessionStatus
    join_offset: timedelta = timedelta()
    locale: str = ""
    host: LinkedUser | None = None
    host_join_uri: SecretStr | None = None
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    not_understood: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    has_unsent_invites: bool | None = None
    modified: str = ""

    @property
    def digest(self) -> str:
        """A fingerprint (SHA-256, hex) of what RingCentral's lists say of the session.

        It differs when the session was moved, renamed, begun, or changed in any other way that
        moves `lastModifiedTime`. It is the same whether the session came from a list or by itself.
        """
        host = self.host and (self.host.account_id, self.host.user_id)
        when = (self.start, self.duration, self.time_zone, self.join_offset)
        listed = (*when, self.status, self.locale, self.title, host, self.modified)
        return hashlib.sha256("\n".join(map(str, listed)).encode()).hexdigest()

    @property
    def end(self) -> datetime:
        """When the session is scheduled to end (UTC)."""
        return self.start + self.duration

    @property
    def arrive_by(self) -> datetime:
        """When the panel should be in the room (UTC)."""
        return self.start - self.join_offset


@dataclass(frozen=True, slots=True)
class Registration:
    """An invitee's record at RingCentral.

    `email` may be empty for a linked user; `join_uri` may be missing (a beta API: one person's
    problem, not a crash); `send_invite` is None where the record does not say.
    """

    id: str
    role: Role
    email: str = ""
    linked_user: LinkedUser | None = None
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    send_invite: bool | None = None
    join_uri: SecretStr | None = None
    phone_code: str = ""

    def as_invitee(self) -> Invitee:
        """The person of this record, without a row: they may not be on the roster."""
        return Invitee(
            row=0,
            email=self.email,
            role=self.role,
            first_name=self.first_name,
            last_name=self.last_name,
            linked_user=self.linked_user,
        )


@dataclass(frozen=True, slots=True)
class UntouchedRecord:
    """A record in a session's list of invitees that this program leaves alone.

    It has what can be read. `fault` names what is not understood; it is empty for an attendee, who
    may be in the list and is not of the panel. `role` is None where it is none of the panel's.
    """

    id: str = ""
    role: Role | None = None
    email: str = ""
    linked_user: LinkedUser | None = None
    first_name: str = ""
    last_name: str = ""
    join_uri: SecretStr | None = None
    fault: str = ""

    @property
    def takes_seat(self) -> bool:
        """Whether a seat counts as taken: a record not understood may be that of a panelist."""
        # RingCentral counts co-hosts and panelists only. The Host takes no seat, also where their
        # record is not understood.
        return bool(self.fault) and self.role is not Role.HOST

    @property
    def problem(self) -> str:
        """What a person has to know about a record that is not understood."""
        return (
            f"RingCentral's record of this person is not understood ({self.fault}), "
            "so they are left as they are. "
            "Look at them in RingCentral, or for a newer version of this program."
        )


@dataclass(frozen=True, slots=True)
class InviteeList:
    """A session's whole list of invitees: the panel's records, and those that are left alone."""

    registrations: tuple[Registration, ...] = ()
    untouched: tuple[UntouchedRecord, ...] = ()

    @property
    def seats_taken(self) -> int:
        """The seats of co-hosts and panelists that are taken."""
        panel = sum(record.role is not Role.HOST for record in self.registrations)
        return panel + sum(record.takes_seat for record in self.untouched)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a message said, comparable without holding the link. If any changes, an update is due.

    `link` is the `link_digest` of the join link.
    """

    link: str
    role: Role
    start: datetime
    duration: timedelta


def link_digest(join_uri: SecretStr) -> str:
    """A join link's fingerprint (SHA-256, hex): equal for equal links, and no key to the stage."""
    # No salt: the digests of one link have to be equal from run to run.
    return hashlib.sha256(join_uri.get_secret_value().encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class CallOff:
    """A person's word that a session does not take place: when it was given, and who gave it."""

    at: datetime
    by: str

    def describe(self, time_zone: str) -> str:
        """Say who has called it off, and when by the clock of a zone (IANA)."""
        when = format_with_zone(self.at, time_zone)
        return f"Called off by {self.by} at {when}: only cancellations are sent."


CALLED_OFF = "the webinar is called off"
"""Why a message of such a session does not leave, or is a cancellation."""


@dataclass(frozen=True, slots=True)
class Webinar:
    """A webinar's own facts. No secret is among them, so the ledger may keep them from run to run.

    That lets a run with nothing to do make two Heavy calls only (`docs/ringcentral.md`, "Rate
    limits"). `dial_in`: panelists may join by telephone, so their phone codes are of use.
    `not_understood` names the fields of the answer that are not understood, and count as absent.
    """

    id: str
    title: str
    host: LinkedUser | None = None
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    dial_in: bool = False
    not_understood: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OddSession:
    """A session in a list that is not understood. `fault` names what is odd; odd ids are empty."""

    webinar_id: str
    session_id: str
    status: SessionStatus
    fault: str

    def __str__(self) -> str:
        ids = {"webinar": self.webinar_id, "session": self.session_id}
        known = ", ".join(f"{what} {id_}" for what, id_ in ids.items() if id_) or "without ids"
        return f"A session in RingCentral's list is not understood ({known}): {self.fault}."


@dataclass(frozen=True, slots=True)
class SessionList:
    """Sessions of many webinars: those that are understood, by start, and the others.

    A list says nothing of links, of *Send now*, or of who may join as panelist.
    """

    listed: tuple[Session, ...]
    odd: tuple[OddSession, ...] = ()
