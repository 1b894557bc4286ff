"""RingCentral's answers as typed values, and what is said when an answer is not what the contract promises.

Unknown fields are ignored. All text that people may see is made printable. A field that is missing or has changed is
named in words, never with its value (it may be a join link). Nothing is decided here: not whether a person should be
there, not what a status means for a run.
"""

import re
from datetime import UTC, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from onboarding.errors import Refused
from onboarding.model.foreign_text import printable
from onboarding.model.people import Colleague, LinkedUser, Role
from onboarding.model.sessions import PanelistAuthentication, Registration, Session, SessionKey, SessionStatus
from onboarding.ringcentral.facts import Listed, Webinar
from onboarding.web.strict_json import UnsoundJson, decode


def _role(value: Any) -> Any:
    """Read a role in any spelling: the vendor's guide and its description disagree about `CoHost`."""
    plain = str(value).replace("-", "").casefold()
    return next((role for role in Role if role.casefold() == plain), value)


def _link(value: Any) -> Any:
    """Read a join link, one word; anything that is not one counts as missing, which is that person's matter alone."""
    return value if isinstance(value, str) and _LINK.fullmatch(value) and value.isprintable() else None


_LINK = re.compile(r"https?://\S+")


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return "" if value is None else _printable(value)


Word = Annotated[str, BeforeValidator(_printable)]
"""What has to be there: an id, a time zone."""

Text = Annotated[str, BeforeValidator(_text)]
Link = Annotated[SecretStr | None, BeforeValidator(_link)]


class Wire(BaseModel):
    """What all answers share: camelCase names, and more fields than we know."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, coerce_numbers_to_str=True, frozen=True)


class TokenAnswer(BaseModel, extra="ignore", frozen=True):
    """The answer to a log-in (RFC 6749 5.1); `expires_in` is in seconds, `scope` lists app permissions."""

    access_token: Annotated[SecretStr, Field(min_length=1)]
    expires_in: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    scope: str = ""


class UserIds(Wire):
    """A linked user."""

    account_id: Word
    user_id: Word
    domain: Word = "pbx"

    def value(self) -> LinkedUser:
        """The same in the model's words."""
        return LinkedUser(self.account_id, self.user_id, self.domain)


class HostRecord(Wire):
    """A webinar's host: ids of its own, and those of the linked user; either suffices."""

    account_id: Word | None = None
    user_id: Word | None = None
    linked_user: UserIds | None = None

    def value(self) -> LinkedUser | None:
        """The host as linked user, None where the answer does not say who it is."""
        if self.linked_user:
            return self.linked_user.value()
        return LinkedUser(self.account_id, self.user_id) if self.account_id and self.user_id else None


class WebinarSettings(Wire):
    """The two settings of a webinar that matter to panelists."""

    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    pstn_enabled: bool = False


class WebinarRecord(Wire):
    """The answer to a webinar's facts."""

    id: Word
    title: Text = ""
    host: HostRecord = HostRecord()
    settings: WebinarSettings = WebinarSettings()

    def value(self) -> Webinar:
        """The same in the program's words."""
        settings = self.settings
        host = self.host.value()
        return Webinar(self.id, self.title, host, settings.panelist_authentication, settings.pstn_enabled)


class SessionRecord(Wire):
    """The answer to a session's facts; times in seconds."""

    id: Word
    title: Text = ""
    scheduled_start_time: AwareDatetime
    scheduled_duration: int
    time_zone: Word
    panel_join_time_offset: int = 0
    locale_code: Text = ""
    status: SessionStatus = SessionStatus.SCHEDULED
    host_join_uri: Link = None

    def value(self, server: str, webinar: Webinar) -> Session:
        """The session, with what its webinar adds: the host, and the title where the session has none."""
        return Session(
            key=SessionKey(server, webinar.id, self.id),
            title=self.title.strip() or webinar.title,
            start=self.scheduled_start_time.astimezone(UTC),
            duration=timedelta(seconds=self.scheduled_duration),
            time_zone=self.time_zone,
            status=self.status,
            join_offset=timedelta(seconds=self.panel_join_time_offset),
            locale=self.locale_code,
            host=webinar.host,
            host_join_uri=self.host_join_uri,
            panelist_authentication=webinar.panelist_authentication,
        )


class WebinarReference(Wire):
    """The webinar to which a listed session belongs."""

    id: Word
    title: Text = ""


class SessionEntry(SessionRecord):
    """A session in one of the lists: all its facts, and its webinar by name."""

    webinar: WebinarReference

    def listed(self) -> Listed:
        """The line that people see."""
        return Listed(
            webinar_id=self.webinar.id,
            session_id=self.id,
            title=self.title.strip() or self.webinar.title,
            start=self.scheduled_start_time.astimezone(UTC),
            duration=timedelta(seconds=self.scheduled_duration),
            time_zone=self.time_zone,
            status=self.status,
        )


class InviteeRecord(Wire):
    """An invitee's record, in the list and in the answer to a change."""

    id: Word
    role: Annotated[Role, BeforeValidator(_role)]
    email: Text = ""
    linked_user: UserIds | None = None
    first_name: Text = ""
    last_name: Text = ""
    job_title: Text = ""
    send_invite: bool | None = None
    join_uri: Link = None
    phone_participant_code: Text = ""

    def value(self) -> Registration:
        """The same in the model's words."""
        return Registration(
            id=self.id,
            role=self.role,
            email=self.email,
            linked_user=self.linked_user.value() if self.linked_user else None,
            first_name=self.first_name,
            last_name=self.last_name,
            job_title=self.job_title,
            send_invite=self.send_invite,
            join_uri=self.join_uri,
            phone_code=self.phone_participant_code,
        )


class Paging(Wire):
    """Where a list goes on; absent on its last page."""

    next_page_token: str | None = None


class SessionPage(Wire):
    """A page of the lists of sessions."""

    records: tuple[SessionEntry, ...]
    paging: Paging = Paging()


class InviteePage(Wire):
    """A page of the list of invitees."""

    records: tuple[InviteeRecord, ...]
    paging: Paging = Paging()


class Account(Wire):
    """A directory entry's account."""

    id: Word


class Contact(Wire):
    """An entry of the company directory; rooms and queues are entries too, so nothing but the id is certain."""

    id: Word
    type: Text = ""
    status: Text = ""
    account: Account | None = None
    email: Text = ""
    first_name: Text = ""
    last_name: Text = ""
    job_title: Text = ""

    def colleague(self) -> Colleague | None:
        """The entry as colleague; None unless it is an enabled user's (`docs/ringcentral.md`, "Linked users")."""
        if self.type != "User" or self.status != "Enabled" or self.account is None:
            return None
        user = LinkedUser(self.account.id, self.id)
        return Colleague(user, self.email, self.first_name, self.last_name, self.job_title)


class DirectoryPaging(Wire):
    """Numbered pages; the total may be left out."""

    per_page: int
    total_pages: int | None = None


class DirectoryPage(Wire):
    """A page of the company directory."""

    records: tuple[Contact, ...]
    paging: DirectoryPaging

    def is_last(self, page: int) -> bool:
        """Tell whether no page follows the given one (from 1)."""
        if self.paging.total_pages is None:
            return not self.records or len(self.records) < self.paging.per_page
        return page >= self.paging.total_pages


class ChangeAnswer(Wire):
    """The answer to a change. The order of its records is not promised, so they are matched by who they are."""

    added_invitees: Annotated[tuple[Any, ...], Field(repr=False)] = ()
    updated_invitees: Annotated[tuple[Any, ...], Field(repr=False)] = ()
    deleted_invitees: tuple[Any, ...] = ()

    def records(self) -> tuple[Registration, ...]:
        """The added and updated records that can be read; of the others the list of invitees will tell."""
        both = (*self.added_invitees, *self.updated_invitees)
        return tuple(one.value() for one in map(_readable, both) if one)

    def deleted(self) -> frozenset[str]:
        """The ids of those who are gone."""
        return frozenset(str(one["id"]) for one in self.deleted_invitees if isinstance(one, dict) and "id" in one)


T = TypeVar("T", bound=BaseModel)


def read(shape: type[T], content: bytes, what: str) -> T:
    """Read an answer; raise `Refused` that names the call and the field where it is not what it should be."""
    try:
        return shape.model_validate(decode(content))
    except (UnsoundJson, ValidationError) as error:
        raise Refused(
            f"RingCentral's answer to the call for {what} is not what it used to be: {drift(error)}.",
            hint="Its webinar interface is a beta and may have changed. Look for a newer version of this program.",
        ) from None


def read_change(content: bytes) -> ChangeAnswer:
    """Read the answer to a change; one that can't be read names nobody, so that everybody is looked up in the list."""
    try:
        return ChangeAnswer.model_validate(decode(content))
    except (UnsoundJson, ValidationError):
        return ChangeAnswer()


def drift(error: UnsoundJson | ValidationError) -> str:
    """Say which field is wrong, and how; never its value."""
    if isinstance(error, UnsoundJson):
        return f"it {error}"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".")
    return f"`{place}` is missing" if first["type"] == "missing" else f"`{place or 'it'}` has another form"


def _readable(record: Any) -> InviteeRecord | None:
    try:
        return InviteeRecord.model_validate(record)
    except ValidationError:
        return None
