"""How every answer is read: null is absent, unknown fields are ignored, an odd value is named.

Used by all records in `schemas`. Decides nothing about people. An odd value is named by its field.
Only a plain word where one of a few words is expected (a role, a status) is shown: anything else
may be a secret.
"""

import re
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from onboarding.errors import Refused
from onboarding.model.foreign_text import printable
from onboarding.web.strict_json import UnsoundJson, decode_json

T = TypeVar("T", bound=BaseModel)

_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,30}")
_ONE_OF_A_FEW = {"enum", "literal_error"}


class ApiRecord(BaseModel):
    """What all answers share: camelCase names, more fields than we know, and null for what is absent."""

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

    The field is named in the list that `parse_record` passes along, so that nothing odd is
    swallowed without a word.
    """

    def read(value: Any, handler: Any, info: ValidationInfo) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            if info.context is not None:
                info.context.append(
                    _name_field(to_camel(info.field_name or ""), describe_drift(error))
                )
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
    """Read an answer; raise `Refused` that names the call and the field where it is not what it should be."""
    return parse_answer_with_odd(shape, content, what)[0]


def parse_answer_with_odd(shape: type[T], content: bytes, what: str) -> tuple[T, tuple[str, ...]]:
    """Read an answer as `parse_answer` does, and name the optional fields that aren't understood."""
    try:
        return parse_record(shape, decode_json(content))
    except ValidationError as error:
        fault = describe_drift(error)
    except UnsoundJson as error:
        fault = f"it {error}"
    raise Refused(
        f"RingCentral's answer to the call for {what} is not what it used to be: {fault}.",
        hint="Its webinar interface is a beta and may have changed. Look for a newer version of this program.",
    )


def describe_drift(error: ValidationError) -> str:
    """Say which field is wrong, and how; never its value, but for a plain word that is none of those expected."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]
    ).lstrip(".")
    if first["type"] == "missing":
        return f"`{place}` is missing"
    word = first["input"]
    if first["type"] in _ONE_OF_A_FEW and isinstance(word, str) and _PLAIN_WORD.fullmatch(word):
        return f"`{place or 'it'}` is “{word}”"
    return f"`{place or 'it'}` has another form"


def _name_field(field: str, fault: str) -> str:
    """Name the field before what pydantic says of it: to a wrapped field its own place is the beginning."""
    what = fault.removeprefix("`it`")
    return f"`{field}`{what}" if what != fault else f"`{field}.{fault[1:]}"
