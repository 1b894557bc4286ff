"""What an account looks like at the start, as a JSON file or as values, checked.

Only reads and checks; `account` is built from it. These classes document the file: its keys are
their fields' names, and what has a default may be left out.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from onboarding.files.read import MEGABYTE, read_text
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import PanelistAuthentication, SessionStatus
from onboarding.simulator.parse import format_location
from onboarding.simulator.records import Odd
from onboarding.simulator.rules import Rules
from onboarding.simulator.tokens import Credentials

HOME_ACCOUNT = "800100200"
"""The account's id where a state names none."""

APP_PERMISSIONS = frozenset({"ReadWebinars", "EditWebinars", "ReadAccounts"})
USER_PERMISSIONS = frozenset({"ReadExtensions", "WebinarSettings"})

LARGEST_STATE_FILE = 32 * MEGABYTE
"""Of a state file: an account with tens of thousands of people fits."""


class BadState(ValueError):
    """A state file can't be read or makes no sense; the message says where."""


class StatePart(BaseModel):
    """A part of the state: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ColleagueState(StatePart):
    """An entry of the company directory. Only an `Enabled` `User` can be invited."""

    user_id: str = Field(min_length=1, max_length=256)
    account_id: str = Field(default=HOME_ACCOUNT, min_length=1, max_length=256)
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    extension: str = ""
    type: Literal[
        "User", "Department", "Announcement", "Voicemail", "IvrMenu", "Limited", "Bot", "Room"
    ] = "User"
    status: Literal["Enabled", "Disabled", "NotActivated"] = "Enabled"
    odd: Odd = Odd()


class LinkedUserState(StatePart):
    """The ids of a linked user."""

    account_id: str = HOME_ACCOUNT
    user_id: str
    domain: Literal["pbx", "ilm"] = "pbx"

    def as_linked_user(self) -> LinkedUser:
        """Return the ids as the project's own type."""
        return LinkedUser(self.account_id, self.user_id, self.domain)


class InviteeState(StatePart):
    """A person who is invited from the start. The Host is implicit and never listed.

    `joins` is when they join, in seconds after the session's start (negative: before); without it
    they never do. `wrong_door`: they come as attendee. `odd` is what their record says otherwise
    than it should.
    """

    # An attendee can only be there from the start: no request adds one.
    role: Literal[Role.PANELIST, Role.COHOST, "Attendee"] = Role.PANELIST
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    job_title: str = ""
    linked_user: LinkedUserState | None = None
    send_invite: bool = True
    join_uri: SecretStr | None = None
    joins: int | None = None
    wrong_door: bool = False
    odd: Odd = Odd()


class StrangerState(StatePart):
    """One who joins on the panel and belongs to no invitee's record; `joins` as for invitees."""

    role: Literal[Role.HOST, Role.PANELIST, Role.COHOST] = Role.PANELIST
    email: str = ""
    joins: int = 0


class SessionState(StatePart):
    """A session: `start` with its offset (`2026-09-01T14:00:00Z`), lengths in seconds.

    `strangers` join although they are not invited, `host_joins` says when the Host does, as an
    invitee's `joins`. `odd` is about the session itself, `odd_host` about the record of its Host.
    """

    id: str = Field(min_length=1, max_length=20)
    start: AwareDatetime
    duration: int = Field(default=3600, ge=30, le=43200)
    time_zone: str = Field(default="Europe/Berlin", min_length=3, max_length=64)
    join_offset: int = Field(default=900, ge=0)
    locale: str = Field(default="en-US", min_length=2, max_length=8)
    title: str = Field(default="", max_length=512)
    status: Literal[SessionStatus.SCHEDULED, SessionStatus.ACTIVE, SessionStatus.FINISHED] = (
        SessionStatus.SCHEDULED
    )
    invitees: tuple[InviteeState, ...] = ()
    strangers: tuple[StrangerState, ...] = ()
    host_joins: int | None = None
    odd: Odd = Odd()
    odd_host: Odd = Odd()


class WebinarState(StatePart):
    """A webinar; `host` is the `user_id` of a directory entry."""

    id: str = Field(min_length=1, max_length=20)
    host: str
    title: str = Field(min_length=1, max_length=512)
    description: str = Field(default="", max_length=4096)
    pstn_enabled: bool = False
    panelist_authentication: PanelistAuthentication = PanelistAuthentication.GUEST
    sessions: tuple[SessionState, ...] = Field(min_length=1)
    odd: Odd = Odd()


class AccountState(StatePart):
    """A whole account.

    `owner` is the `user_id` of the user who logs in (by default the first webinar's host). Without
    `credentials` any will do. `app_permissions` and `user_permissions` are what the application and
    its owner may do.
    """

    account_id: str = HOME_ACCOUNT
    owner: str = ""
    credentials: Credentials | None = None
    app_permissions: frozenset[str] = APP_PERMISSIONS
    user_permissions: frozenset[str] = USER_PERMISSIONS
    directory: tuple[ColleagueState, ...]
    webinars: tuple[WebinarState, ...]
    rules: Rules = Rules()

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        # Here, where a message can name what is wrong: `account` only looks the hosts up.
        users = {entry.user_id for entry in self.directory}
        for webinar in self.webinars:
            if webinar.host not in users:
                raise ValueError(
                    f"webinar {webinar.id}: no directory entry has the user_id"
                    f" '{webinar.host}' of its host"
                )
        if self.owner and self.owner not in users:
            raise ValueError(f"no directory entry has the user_id '{self.owner}' of the owner")
        ids = [webinar.id for webinar in self.webinars]
        if len(ids) != len(set(ids)):
            raise ValueError("two webinars have the same id")
        # Without either there is no user who logs in.
        if not (self.owner or self.webinars):
            raise ValueError("an account without webinars needs an 'owner'")
        return self


def read_state(path: Path) -> AccountState:
    """Read a state file.

    Raises BadState if it is missing, no JSON, or wrong; the message names every wrong value.
    """
    try:
        return AccountState.model_validate_json(read_text(path, LARGEST_STATE_FILE))
    except OSError as error:
        raise BadState(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BadState(f"{path} is no text in UTF-8: save it again as UTF-8") from None
    except ValidationError as error:
        # Without the values: the file may hold credentials and join links.
        lines = map(_format_error, error.errors(include_url=False, include_input=False))
        raise BadState("\n".join([f"{path} is no state of the simulator:", *lines])) from error


def _format_error(details: ErrorDetails) -> str:
    location = format_location(details["loc"])
    return f"{location}: {details['msg']}" if location else details["msg"]
