"""Sessions and their webinars, asked for by themselves or listed."""

from datetime import UTC, timedelta
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError

from onboarding.model.people import LinkedUser
from onboarding.model.sessions import (
    OddSession,
    PanelistAuthentication,
    Session,
    SessionKey,
    SessionStatus,
    Webinar,
)
from onboarding.model.time_zones import FALLBACK, canonical
from onboarding.ringcentral.fields import (
    ApiRecord,
    Id,
    Link,
    LooseText,
    Start,
    UserIds,
    Word,
    YesNo,
    describe_drift,
    lenient,
    parse_record,
)

LONGEST_SESSION, LONGEST_OFFSET = 31 * 24 * 3600, 24 * 3600
"""Seconds: beyond the longest a number is a mistake, and may not even fit into a date."""


class HostRecord(ApiRecord):
    """A webinar's host: ids of its own, and those of the linked user; either suffices."""

    account_id: Word | None = None
    user_id: Word | None = None
    linked_user: Annotated[UserIds | None, lenient(None)] = None

    def to_model(self) -> LinkedUser | None:
        """The host as linked user, None where the answer does not say who it is."""
        if self.linked_user:
            return self.linked_user.to_model()
        if self.account_id and self.user_id:
            return LinkedUser(self.account_id, self.user_id)
        return None


class WebinarOptions(ApiRecord):
    """The two settings of a webinar that matter to panelists."""

    # With an unknown value no guest is called locked out: the odd setting itself is reported.
    panelist_authentication: Annotated[
        PanelistAuthentication, lenient(PanelistAuthentication.GUEST)
    ] = PanelistAuthentication.GUEST
    pstn_enabled: Annotated[bool, lenient(instead=False)] = False


class WebinarRecord(ApiRecord):
    """The answer to a webinar's facts."""

    id: LooseText = ""
    title: LooseText = ""
    host: Annotated[HostRecord, lenient(HostRecord())] = HostRecord()
    settings: Annotated[WebinarOptions, lenient(WebinarOptions())] = WebinarOptions()

    def to_model(self, asked: str, odd: tuple[str, ...] = ()) -> Webinar:
        """The same in the program's words; without an id it is that of the question."""
        settings = self.settings
        return Webinar(
            id=self.id or asked,
            title=self.title,
            host=self.host.to_model(),
            panelist_authentication=settings.panelist_authentication,
            dial_in=settings.pstn_enabled,
            not_understood=odd,
        )


class SessionRecord(ApiRecord):
    """The answer to a session's facts; times in seconds."""

    id: LooseText = ""
    title: LooseText = ""
    # Start and duration alone are essential: without them no message can be true.
    scheduled_start_time: Start
    scheduled_duration: Annotated[int, Field(gt=0, le=LONGEST_SESSION)]
    time_zone: LooseText = ""
    panel_join_time_offset: Annotated[int, Field(ge=0, le=LONGEST_OFFSET), lenient(0)] = 0
    locale_code: LooseText = ""
    # Missing counts as scheduled, unknown does not: with an unknown status no one is removed.
    status: Annotated[SessionStatus, lenient(SessionStatus.UNKNOWN)] = SessionStatus.SCHEDULED
    host_join_uri: Link = None
    has_unsent_invites: YesNo = None
    last_modified_time: LooseText = ""

    def to_model(
        self, server: str, webinar: Webinar, asked: str = "", odd: tuple[str, ...] = ()
    ) -> Session:
        """The session, with its webinar's host, and its webinar's title where it has none itself.

        `asked` is the id that was asked with, which counts where the answer has none.
        """
        zone = canonical(self.time_zone)
        return Session(
            key=SessionKey(server, webinar.id, self.id or asked),
            title=self.title.strip() or webinar.title,
            start=self.scheduled_start_time.astimezone(UTC),
            duration=timedelta(seconds=self.scheduled_duration),
            time_zone=zone or FALLBACK,
            status=self.status,
            join_offset=timedelta(seconds=self.panel_join_time_offset),
            locale=self.locale_code,
            host=webinar.host,
            host_join_uri=self.host_join_uri,
            panelist_authentication=webinar.panelist_authentication,
            not_understood=(*webinar.not_understood, *odd),
            notes=() if zone else (_describe_missing_zone(self.time_zone),),
            has_unsent_invites=self.has_unsent_invites,
            modified=self.last_modified_time,
        )


def _describe_missing_zone(name: str) -> str:
    fault = "names no time zone"
    if name:
        fault = f"names the time zone “{name[:64]}”, which this machine does not know"
    return f"RingCentral {fault}: a person who has none on the roster gets all times in {FALLBACK}."


class WebinarReference(ApiRecord):
    """The webinar to which a listed session belongs."""

    id: Id
    title: LooseText = ""
    host: Annotated[HostRecord, lenient(HostRecord())] = HostRecord()

    def to_model(self) -> Webinar:
        """The webinar, as far as a list of sessions shows it."""
        return Webinar(self.id, self.title, self.host.to_model())


class SessionEntry(SessionRecord):
    """A session in one of the lists: all its facts, and its webinar by name."""

    id: Id
    webinar: WebinarReference
    _odd: tuple[str, ...] = PrivateAttr(())

    @classmethod
    def parse(cls, record: Any) -> Self:
        """Read an entry; its optional fields that aren't understood go into the session."""
        entry, odd = parse_record(cls, record)
        entry._odd = odd  # noqa: SLF001 -- this class's own
        return entry

    def to_session(self, server: str, webinar: Webinar | None = None) -> Session:
        """The session, with what its webinar adds: what is known of it, else what the list says."""
        return self.to_model(server, webinar or self.webinar.to_model(), odd=self._odd)


class EntryTraces(ApiRecord):
    """What can be read of a listed session that isn't understood."""

    id: LooseText = ""
    webinar: Annotated[WebinarReference | None, lenient(None)] = None
    status: Annotated[SessionStatus, lenient(SessionStatus.UNKNOWN)] = SessionStatus.UNKNOWN


def parse_session_entry(record: Any) -> SessionEntry | OddSession:
    """Read one session of a list; what is odd about it harms no other session."""
    try:
        return SessionEntry.parse(record)
    except ValidationError as error:
        traces = EntryTraces.model_validate(record if isinstance(record, dict) else {})
        webinar_id = traces.webinar.id if traces.webinar else ""
        return OddSession(webinar_id, traces.id, traces.status, describe_drift(error))
