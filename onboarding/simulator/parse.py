"""What a client asks for, as typed values: the shapes, lengths and words of bodies and queries.

Says only whether a request is well formed; whether it may be done is for `invitees`. Shapes are
those of the vendor's description; a field that it doesn't know is ignored, as the vendor does.
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.datastructures import QueryParams

from onboarding.model.people import LinkedUser
from onboarding.model.sessions import SessionStatus
from onboarding.simulator.errors import (
    DIRECTORY_PARAMETER_INVALID,
    UNREADABLE_JSON,
    RequestRefused,
    invalid,
)

LARGEST_PAGE = 1000
"""Items of a page; RingCentral gives no more, even if more are asked for."""

NUMBER_DIGITS = 18
"""Of a number in a query: more than any page or index needs."""

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
"""What is clearly an address. What else RingCentral refuses is not documented."""


def _check_address(value: str) -> str:
    if not ADDRESS.fullmatch(value):
        raise ValueError("is not an e-mail address")
    return value


NameText = Annotated[str, Field(max_length=64)]
EmailText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_address)]
IdText = Annotated[str, Field(min_length=1, max_length=20)]
UserId = Annotated[str, Field(min_length=1, max_length=256)]


class ApiBody(BaseModel):
    """A part of a request's body: camel case on the wire, no silent conversions."""

    # Strict, so that a `sendInvite` of "false" is refused, and not read as a boolean.
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", strict=True, frozen=True
    )


class LinkedUserBody(ApiBody):
    """The ids of a colleague."""

    account_id: UserId
    user_id: UserId
    domain: Literal["pbx", "ilm"]

    def as_linked_user(self) -> LinkedUser:
        """Return the ids as the project's own type."""
        return LinkedUser(self.account_id, self.user_id, self.domain)


class AddRequest(ApiBody):
    """What an added and an updated invitee have in common."""

    role: Literal["Panelist", "CoHost", "Host", "Attendee"]
    first_name: NameText | None = None
    last_name: NameText | None = None
    email: EmailText | None = None
    job_title: NameText | None = None
    linked_user: LinkedUserBody | None = None
    type: Literal["User", "Room"] = "User"
    send_invite: bool | None = None


class DeleteRequest(ApiBody):
    """Which invitee."""

    id: IdText


class UpdateRequest(AddRequest, DeleteRequest):
    """One of `updatedInvitees`."""


class ChangeRequest(ApiBody):
    """The body of the PATCH; each invitee is parsed by itself, so that a bad one is alone."""

    added_invitees: list[Any] = []
    updated_invitees: list[Any] = []
    deleted_invitees: list[Any] = []

    @property
    def size(self) -> int:
        """How many people the call is about."""
        return len(self.added_invitees) + len(self.updated_invitees) + len(self.deleted_invitees)


class SearchRequest(ApiBody):
    """The body of a directory search."""

    search_string: str = ""
    search_fields: list[str] = []
    show_federated: bool = True
    extension_statuses: list[str] = []
    extension_types: list[str] = []
    page: Annotated[int, Field(ge=1)] = 1
    per_page: Annotated[int, Field(ge=1)] = 100


Body = TypeVar("Body", bound=ApiBody)


def parse_body(body: bytes) -> Any:
    """Parse a body as JSON.

    Raises RequestRefused (`CMN-103`) if it is no JSON.
    """
    try:
        return json.loads(body)
    except ValueError as error:
        raise RequestRefused(
            400, UNREADABLE_JSON, "The request body can't be parsed as JSON"
        ) from error


def parse_value(shape: type[Body], value: Any) -> Body:
    """Parse a value as a model of this module.

    Raises RequestRefused if it is not well formed; the error names the first parameter that is
    wrong.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # Only text is quoted: another value could be the whole request.
        offender = first["input"] if isinstance(first["input"], str) else ""
        raise invalid(
            format_location(first["loc"]), f"Parameter is invalid: {first['msg']}", offender
        ) from error


def format_location(location: tuple[int | str, ...]) -> str:
    """Format a location in a body as the vendor does: `addedInvitees[2].email`."""
    return "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location
    ).lstrip(".")


def parse_time(query: QueryParams, name: str) -> datetime:
    """Parse a required time of the query; it must have an offset (RFC 3339)."""
    try:
        time = datetime.fromisoformat(query.get(name, ""))
    except ValueError as error:
        raise invalid(name, f"'{name}' is missing or no time", query.get(name, "")) from error
    if time.tzinfo is None:
        raise invalid(name, f"'{name}' has no offset", query[name])
    return time


def parse_statuses(query: QueryParams) -> frozenset[str]:
    """Parse the statuses of the query; all where it has none."""
    asked = frozenset(query.getlist("status")) or frozenset(SessionStatus)
    for status in asked - frozenset(SessionStatus):
        raise invalid("status", "There is no such status", status)
    return asked


def parse_page(query: QueryParams) -> tuple[int, int]:
    """Parse the first item (from 0) and the length of the page; too long a page is cut."""
    first = _parse_whole_number(query.get("pageToken", "0"))
    if first is None:
        raise invalid("pageToken", "There is no such page", query["pageToken"])
    length = _parse_whole_number(query.get("perPage", "100"))
    if not length:
        raise invalid("perPage", "'perPage' must be a number from 1", query["perPage"])
    return first, min(length, LARGEST_PAGE)


def parse_directory_number(name: str, text: str) -> int:
    """Parse a number from 1 of the directory's query, which has an error code of its own."""
    number = _parse_whole_number(text)
    if not number:
        message = f"Parameter [{name}] is invalid"
        raise RequestRefused(400, DIRECTORY_PARAMETER_INVALID, message, parameter=name)
    return number


def _parse_whole_number(text: str) -> int | None:
    # `isdecimal` alone takes digits of every script, and `int` refuses thousands of them.
    is_number = text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS
    return int(text) if is_number else None
