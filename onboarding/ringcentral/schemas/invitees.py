"""Invitees, who has joined, and the answer to a change.

A record that isn't one of the panel's, or that isn't understood, becomes an `UntouchedRecord`.
"""

from collections.abc import Iterable
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from onboarding.model.attendance import Participant
from onboarding.model.people import Role
from onboarding.model.sessions import (
    InviteeList,
    Registration,
    UntouchedRecord,
)
from onboarding.ringcentral.fields import (
    ApiRecord,
    Id,
    Link,
    LooseText,
    Start,
    UserIds,
    Word,
    describe_drift,
    lenient,
    normalize_role,
    parse_api_role,
)
from onboarding.web.strict_json import UnsoundJson, decode_json

ATTENDEE = "attendee"
HOST_WITHOUT_ID = "host"
"""The id of the implicit Host where the record has none: it need not, and no call uses it."""


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

    def find_gone_ids(self) -> frozenset[str]:
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
