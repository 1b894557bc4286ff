"""How every answer is read: null is absent, unknown fields are ignored, an odd value is named.

Used by all records in `schemas` and `login`. Decides nothing about people. An odd value is named by
its field. Only a plain word where one of a few words is expected (a role, a status) is shown:
anything else may be a secret.
"""

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from onboarding.errors import Refused
from onboarding.model.foreign_text import printable
from onboarding.model.people import LinkedUser, Role
from onboarding.web.strict_json import UnsoundJson, decode_json

T = TypeVar("T", bound=BaseModel)

# Too short and too plain for a token or a link.
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,30}")
_ONE_OF_A_FEW = {"enum", "literal_error"}


class ApiRecord(BaseModel):
    """What all answers share: camelCase names, unknown fields, and null for what is absent."""

    # The API is a beta: a field more must stop no run. Ids are text in its description, and
    # numbers in the vendor's older calls.
    model_config = ConfigDict(
        extra="ignore", alias_generator=to_camel, coerce_numbers_to_str=True, frozen=True
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if value is not None}


def lenient(instead: Any) -> WrapValidator:
    """Make an optional field give `instead` of a value that isn't understood.

    The field is named in the list that `parse_record` passes along, so that nothing odd is lost.
    """

    def read(value: Any, handler: Any, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            # Only `parse_record` gathers them. Otherwise an odd field is simply absent.
            if info.context is not None:
                field = to_camel(info.field_name or "")
                info.context.append(_name_field(field, describe_drift(error)))
            return instead

    return WrapValidator(read)


def _as_printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value


Word = Annotated[str, BeforeValidator(_as_printable)]
"""Text that people may see: one printable line."""

LooseText = Annotated[str, BeforeValidator(_as_printable), lenient("")]
Id = Annotated[str, BeforeValidator(_as_printable), Field(min_length=1)]


def parse_record(shape: type[T], record: Any) -> tuple[T, tuple[str, ...]]:
    """Read one record, and name the optional fields that aren't understood.

    Raises pydantic's `ValidationError` where a field that is needed is missing or odd.
    """
    odd: list[str] = []
    return shape.model_validate(record, context=odd), tuple(odd)


def parse_answer(shape: type[T], content: bytes, what: str) -> T:
    """Read an answer. Raises `Refused`, with the call and the field, if it has another form."""
    return parse_answer_with_odd(shape, content, what)[0]


def parse_answer_with_odd(shape: type[T], content: bytes, what: str) -> tuple[T, tuple[str, ...]]:
    """Read an answer like `parse_answer`, and name the optional fields that aren't understood."""
    try:
        return parse_record(shape, decode_json(content))
    except ValidationError as error:
        fault = describe_drift(error)
    except UnsoundJson as error:
        fault = f"it {error}"
    raise Refused(
        f"RingCentral's answer to the call for {what} is not what it used to be: {fault}.",
        hint="Its webinar interface is a beta and may have changed."
        " Look for a newer version of this program.",
    )


def describe_drift(error: ValidationError) -> str:
    """Say which field is wrong, and how.

    The value is left out, unless it is a plain word where one of a few words is expected.
    """
    # Not pydantic's own text: it quotes the value, which may be a link.
    first = error.errors(include_url=False, include_context=False)[0]
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]]
    field = "".join(steps).lstrip(".")
    if first["type"] == "missing":
        return f"`{field}` is missing"
    word = first["input"]
    if first["type"] in _ONE_OF_A_FEW and isinstance(word, str) and _PLAIN_WORD.fullmatch(word):
        return f"`{field or 'it'}` is “{word}”"
    return f"`{field or 'it'}` has another form"


def _name_field(field: str, fault: str) -> str:
    """Put the field's name before a fault inside it: pydantic counts from the field itself."""
    what = fault.removeprefix("`it`")
    # The fault begins with a backtick, which `[1:]` cuts off: both names share one pair.
    return f"`{field}`{what}" if what != fault else f"`{field}.{fault[1:]}"


# Within these years a start plus a duration, or an offset, still fits into a `datetime`.
FIRST_YEAR, LAST_YEAR = 1970, 9000


def normalize_role(role: Any) -> str:
    """Fold a role to lower case, without hyphens."""
    return str(role).replace("-", "").casefold()


def parse_api_role(value: Any) -> Any:
    """Read a role in any spelling: the vendor's guide and description disagree about `CoHost`."""
    return next((role for role in Role if role.casefold() == normalize_role(value)), value)


# U+FFFD stands for half a character (`strict_json`): such a link leads nowhere.
_WEB_LINK = re.compile(r"https?://[^\s\ufffd]+")


def _parse_link(value: Any) -> Any:
    """Read a join link: a web address without spaces. Anything else counts as missing.

    One person's broken link must not keep the others from their messages.
    """
    is_word = isinstance(value, str) and _WEB_LINK.fullmatch(value) and value.isprintable()
    # Unquoted, too: `%5B` is a bracket to a reader that decodes before it looks for the host.
    return value if is_word and _has_host(value) and _has_host(unquote(value)) else None


def _has_host(link: str) -> bool:
    """Tell whether host and port can be read; not so in `https://[::1/` or `https://host:abc/`."""
    try:
        parts = urlsplit(link)
        # Reading the port raises ValueError if it is no number.
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.hostname)


def _check_start(start: datetime) -> datetime:
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise ValueError("no plausible year")
    return start


Link = Annotated[SecretStr | None, BeforeValidator(_parse_link)]


Start = Annotated[AwareDatetime, AfterValidator(_check_start)]


# Not `lenient`: an odd value is no drift to report, since not knowing is an answer here.
YesNo = Annotated[
    bool | None, BeforeValidator(lambda value: value if isinstance(value, bool) else None)
]


class UserIds(ApiRecord):
    """A linked user."""

    account_id: Id
    user_id: Id
    domain: Word = "pbx"

    def to_model(self) -> LinkedUser:
        """The same in the model's words."""
        return LinkedUser(self.account_id, self.user_id, self.domain)


class Paging(ApiRecord):
    """Where a list goes on; absent on its last page."""

    # Not lenient: with an odd token, half a list would pass for the whole.
    next_page_token: str | None = None


class Page(ApiRecord):
    """A page of the list of invitees, or of sessions; each record is read by itself."""

    records: Annotated[tuple[Any, ...], Field(repr=False)]
    paging: Paging = Paging()
