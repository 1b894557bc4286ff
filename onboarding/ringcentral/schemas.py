"""RingCentral's answers as typed values, record by record, so that one odd record harms no other.

`fields` says how a field is read. Nothing is decided here: not whether a person should be there,
not what a status means for a run. A record of the list of invitees that isn't one of the panel's,
or that isn't understood, becomes an `UntouchedRecord`. An entry of the company directory that can't
be read is left out.
"""

from collections.abc import Iterable
from datetime import UTC, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, model_validator

from onboarding.model.attendance import Participant
from onboarding.model.people import Colleague, LinkedUser, Role
from onboarding.model.sessions import (
    InviteeList,
    OddSession,
    PanelistAuthentication,
    Registration,
    Session,
    SessionKey,
    SessionStatus,
    UntouchedRecord,
    Webinar,
)
from onboarding.model.time_zones import FALLBACK, canonical
from onboarding.ringcentral.fields import (
    ApiRecord,
    Id,
    Link,
    LooseText,
    Start,
    Word,
    YesNo,
    describe_drift,
    lenient,
    normalize_role,
    parse_api_role,
    parse_record,
)
from onboarding.web.strict_json import UnsoundJson, decode_json

ATTENDEE = "attendee"
HOST_WITHOUT_ID = "host"
"""The id of the implicit Host where the record has none: it need not, and no call uses it."""

LONGEST_SESSION, LONGEST_OFFSET = 31 * 24 * 3600, 24 * 3600
"""Seconds: beyond the longest a number is a mistake, and may not even fit into a date."""


class UserIds(ApiRecord):
    """A linked user."""

    account_id: Id
    user_id: Id
    domain: Word = "pbx"

    def to_model(self) -> LinkedUser:
        """The same in the model's words."""
        return LinkedUser(self.account_id, self.user_id, self.domain)


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
            notes=() if zone else (_explain_missing_zone(self.time_zone),),
            has_unsent_invites=self.has_unsent_invites,
            modified=self.last_modified_time,
        )


def _explain_missing_zone(name: str) -> str:
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


class InviteeRecord(ApiRecord):
    """An invitee's record, in the list and in the answer to a change.

    Only the implicit Host may have no id.
    """

    # Only the link is lenient. A person read without ids, address or `sendInvite` could be added
    # a second time, or mailed beside RingCentral: such a record is left alone as a whole.
    id: Id
    role: Annotated[Role, BeforeValidator(parse_api_role)]
    type: Literal["User", "Room"] = "User"
    email: Word = ""
    linked_user: UserIds | None = None
    first_name: Word = ""
    last_name: Word = ""
    job_title: Word = ""
    send_invite: bool | None = None
    join_uri: Link = None
    phone_participant_code: Word = ""

    @model_validator(mode="before")
    @classmethod
    def _with_id(cls, fields: Any) -> Any:
        is_host = isinstance(fields, dict) and parse_api_role(fields.get("role")) is Role.HOST
        return {**fields, "id": fields.get("id") or HOST_WITHOUT_ID} if is_host else fields

    def to_model(self) -> Registration:
        """The same in the model's words."""
        return Registration(
            id=self.id,
            role=self.role,
            email=self.email,
            linked_user=self.linked_user.to_model() if self.linked_user else None,
            first_name=self.first_name,
            last_name=self.last_name,
            job_title=self.job_title,
            send_invite=self.send_invite,
            join_uri=self.join_uri,
            phone_code=self.phone_participant_code,
        )


class InviteeTraces(ApiRecord):
    """What can be read of an invitee's record that is left alone."""

    id: LooseText = ""
    role: Annotated[Role | None, BeforeValidator(parse_api_role), lenient(None)] = None
    email: LooseText = ""
    linked_user: Annotated[UserIds | None, lenient(None)] = None
    first_name: LooseText = ""
    last_name: LooseText = ""
    join_uri: Link = None

    def to_model(self, fault: str) -> UntouchedRecord:
        """The same in the model's words. Its link is kept, because no message may hold it."""
        return UntouchedRecord(
            id=self.id,
            role=self.role,
            email=self.email,
            linked_user=self.linked_user.to_model() if self.linked_user else None,
            first_name=self.first_name,
            last_name=self.last_name,
            join_uri=self.join_uri,
            fault=fault,
        )


def parse_invitee(record: Any) -> Registration | UntouchedRecord:
    """Read one record of the list of invitees, or of the answer to a change."""
    fields = record if isinstance(record, dict) else {}
    # First: an attendee's record is allowed in the list, and no drift to be reported.
    if normalize_role(fields.get("role")) == ATTENDEE:
        return InviteeTraces.model_validate(fields).to_model("")
    try:
        return InviteeRecord.model_validate(record).to_model()
    except ValidationError as error:
        return InviteeTraces.model_validate(fields).to_model(describe_drift(error))


def parse_invitees(records: Iterable[Any]) -> InviteeList:
    """Read the records of a session one by one."""
    every = [parse_invitee(record) for record in records]
    return InviteeList(
        registrations=tuple(record for record in every if isinstance(record, Registration)),
        untouched=tuple(record for record in every if isinstance(record, UntouchedRecord)),
    )


class Paging(ApiRecord):
    """Where a list goes on; absent on its last page."""

    # Not lenient: with an odd token, half a list would pass for the whole.
    next_page_token: str | None = None


class Page(ApiRecord):
    """A page of the list of invitees, or of sessions; each record is read by itself."""

    records: Annotated[tuple[Any, ...], Field(repr=False)]
    paging: Paging = Paging()


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


class ParticipantRecord(ApiRecord):
    """One who has joined a session. All but the roles may be missing."""

    role: LooseText = ""
    original_role: Annotated[Role | None, BeforeValidator(parse_api_role), lenient(None)] = None
    invitee_id: LooseText = ""
    email: LooseText = ""
    linked_user: Annotated[UserIds | None, lenient(None)] = None
    join_time: Annotated[Start | None, lenient(None)] = None

    def to_model(self) -> Participant:
        """The same in the model's words."""
        return Participant(
            original_role=self.original_role,
            as_attendee=normalize_role(self.role) == ATTENDEE,
            invitee_id=self.invitee_id,
            email=self.email,
            linked_user=self.linked_user.to_model() if self.linked_user else None,
            joined_at=self.join_time.astimezone(UTC) if self.join_time else None,
        )


def parse_participants(records: Iterable[Any]) -> tuple[Participant, ...]:
    """Read the panel's participants. One that isn't understood counts as one of any role."""
    return tuple(_parse_participant(record) for record in records if not _is_attendee(record))


def _parse_participant(record: Any) -> Participant:
    return ParticipantRecord.model_validate(record if isinstance(record, dict) else {}).to_model()


def _is_attendee(record: Any) -> bool:
    """Whether a record is that of an invited attendee: a server may not heed our question."""
    role = record.get("originalRole") if isinstance(record, dict) else None
    return normalize_role(role) == ATTENDEE


class ChangeAnswer(ApiRecord):
    """The answer to a change.

    The order of its records is not promised, so records are found by the person they belong to.
    """

    added_invitees: Annotated[tuple[Any, ...], Field(repr=False), lenient(())] = ()
    updated_invitees: Annotated[tuple[Any, ...], Field(repr=False), lenient(())] = ()
    deleted_invitees: Annotated[tuple[Any, ...], lenient(())] = ()

    def registrations(self) -> tuple[Registration, ...]:
        """The added and updated records that are understood; the list will show the others."""
        return parse_invitees((*self.added_invitees, *self.updated_invitees)).registrations

    def gone_ids(self) -> frozenset[str]:
        """The ids of those who are gone."""
        return frozenset(
            str(record["id"])
            for record in self.deleted_invitees
            if isinstance(record, dict) and record.get("id")
        )


def parse_change_answer(content: bytes) -> ChangeAnswer:
    """Read the answer to a change.

    One that can't be read names no person, so that all are looked up in the list.
    """
    try:
        return ChangeAnswer.model_validate(decode_json(content))
    except (UnsoundJson, ValidationError):
        return ChangeAnswer()


class Account(ApiRecord):
    """A directory entry's account."""

    id: Id


class Contact(ApiRecord):
    """An entry of the company directory; rooms and queues too, so only the id is certain."""

    id: Id
    type: LooseText = ""
    status: LooseText = ""
    account: Annotated[Account | None, lenient(None)] = None
    email: LooseText = ""
    first_name: LooseText = ""
    last_name: LooseText = ""
    job_title: LooseText = ""

    def to_colleague(self) -> Colleague | None:
        """The entry as colleague; None unless it is an enabled user's."""
        # Without the account there are no ids to invite them by (`showFederated`).
        if self.type != "User" or self.status != "Enabled" or self.account is None:
            return None
        user = LinkedUser(self.account.id, self.id)
        return Colleague(user, self.email, self.first_name, self.last_name, self.job_title)


def parse_colleagues(records: Iterable[Any]) -> list[Colleague]:
    """Parse the enabled users of a directory; an entry that can't be read is left out."""
    found = []
    for record in records:
        try:
            contact = Contact.model_validate(record)
        except ValidationError:
            continue
        if colleague := contact.to_colleague():
            found.append(colleague)
    return found


class DirectoryPaging(ApiRecord):
    """Numbered pages; the total may be left out."""

    per_page: Annotated[int | None, lenient(None)] = None
    total_pages: Annotated[int | None, lenient(None)] = None


class DirectoryPage(ApiRecord):
    """A page of the company directory; each entry is read by itself."""

    records: tuple[Any, ...]
    paging: Annotated[DirectoryPaging, lenient(DirectoryPaging())] = DirectoryPaging()

    def is_last(self, page: int) -> bool:
        """Tell whether no page follows the given one (from 1)."""
        if not self.records:
            return True
        if self.paging.total_pages is not None:
            return page >= self.paging.total_pages
        # Without any paging, `client` ends the list at a page that repeats the one before.
        return self.paging.per_page is not None and len(self.records) < self.paging.per_page
