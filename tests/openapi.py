"""Compares requests and answers with the vendor's OpenAPI description.

The description is read in place and never copied. Where it says nothing (a status that it doesn't
name), the error body of `docs/ringcentral.md`, "Errors", is expected. A field that the description
doesn't know is a failure too: RingCentral would ignore it in silence. Every check raises
`AssertionError`, and says which part of which message is wrong.
"""

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft4Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT4

PATH = Path(
    os.environ.get("RINGCENTRAL_OPENAPI")
    or Path(__file__).parents[2] / "shared" / "ringcentral" / "openapi-webinar.json"
)
NEEDED = pytest.mark.skipif(
    not PATH.exists(), reason=f"the vendor's OpenAPI description is not at {PATH}"
)
"""Marks a test that can't run without the vendor's file."""

DOCUMENT = "urn:ringcentral"
FORMATS = FormatChecker(formats=["email"])
ERROR_CODE = re.compile(r"[A-Z]{3}-\d{3}")


@FORMATS.checks("date-time", ValueError)
def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@FORMATS.checks("uri", ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme and urlsplit(value).netloc)


@FORMATS.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


@FORMATS.checks("int64")
def _is_int64(value: object) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def check_request(method: str, path: str, query: Mapping[str, list[str]], body: Any) -> None:
    """Check a request's path, query and body.

    `query` has every value of a name. `body` is JSON as Python values, or a form as a dict.
    """
    where = f"{method} {path}"
    operation, ids = _operation(method, path)
    parameters = [_resolved(parameter) for parameter in operation["parameters"]]
    for name, value in ids.items():
        _check_parameter(where, _named(parameters, "path", name), [value])
    for name, values in query.items():
        _check_parameter(where, _named(parameters, "query", name), values)
    query_parameters = [parameter for parameter in parameters if parameter["in"] == "query"]
    required = {parameter["name"] for parameter in query_parameters if parameter.get("required")}
    missing = required - set(query)
    assert not missing, f"{where}: the query lacks {sorted(missing)}"
    _check_body(where, operation.get("requestBody"), body)


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Check an answer: its status and body (JSON as Python values; None: there is none)."""
    where = f"{method} {path} -> {status}"
    operation, _ = _operation(method, path)
    described = _resolved(operation["responses"].get(str(status), {}))
    schema = described.get("content", {}).get("application/json", {}).get("schema")
    if schema:
        _check(where, schema, body)
    if status >= 400:
        _check_error(where, body, oauth=path.endswith("/oauth/token"))
    elif schema:
        _check_fields(where, schema, body)
    else:
        assert described, f"{where}: the description knows no such status"
        assert body is None, f"{where}: there should be no body"


def _check_error(where: str, body: Any, *, oauth: bool) -> None:
    """Check what `docs/ringcentral.md` says of every error, described or not."""
    assert isinstance(body, dict), f"{where}: an error is an object"
    assert body.get("errors"), f"{where}: 'errors' is missing or empty"
    for error in body["errors"]:
        assert ERROR_CODE.fullmatch(error["errorCode"]), (
            f"{where}: {error['errorCode']} is no error code"
        )
        assert error["message"], f"{where}: an error says nothing"
    if oauth and "error" in body:
        assert body["error_description"], f"{where}: an OAuth error says nothing"


def _check_body(where: str, described: dict[str, Any] | None, body: Any) -> None:
    if not described:
        assert body is None, f"{where}: takes no body"
        return
    (content,) = described["content"].values()
    _check(where, content["schema"], body)
    _check_fields(where, content["schema"], body)


def _check_parameter(where: str, parameter: dict[str, Any] | None, values: list[str]) -> None:
    assert parameter, f"{where}: has a parameter that the description doesn't know"
    schema = _resolved(parameter["schema"])
    if schema.get("type") == "array":
        values, schema = [part for value in values for part in value.split(",")], schema["items"]
    for value in values:
        _check(f"{where}: {parameter['name']}", schema, _from_query(schema, value))


def _from_query(schema: dict[str, Any], value: str) -> Any:
    """A query's text as what its schema says it is."""
    kinds = {choice.get("type") for choice in schema.get("oneOf", [schema])}
    if "integer" in kinds and value.isdecimal():
        return int(value)
    return {"true": True, "false": False}.get(value, value) if "boolean" in kinds else value


def _check(where: str, schema: dict[str, Any], value: Any) -> None:
    errors = sorted(
        _validator(json.dumps(schema)).iter_errors(value), key=lambda error: error.json_path
    )
    messages = [f"{error.json_path}: {_without_values(error)}" for error in errors]
    assert not errors, f"{where}: {'; '.join(messages)}"


def _check_fields(where: str, schema: dict[str, Any], value: Any) -> None:
    strange = sorted(_strange(schema, value, "$"))
    assert not strange, f"{where}: the description doesn't know {', '.join(strange)}"


def _without_values(error: ValidationError) -> str:
    """What is wrong, without the value: it may be a join link."""
    return f"breaks {error.validator}: {error.validator_value!r:.80}"


def _strange(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    """Find all fields that the schema doesn't name, with their paths."""
    parts = list(_parts(schema))
    if isinstance(value, list):
        items = {"allOf": [part["items"] for part in parts if "items" in part]}
        for index, item in enumerate(value):
            yield from _strange(items, item, f"{where}[{index}]")
    if not isinstance(value, dict) or any(
        part.get("additionalProperties") is True for part in parts
    ):
        return
    for name, item in value.items():
        known = [part["properties"][name] for part in parts if name in part.get("properties", {})]
        if known:
            yield from _strange({"allOf": known}, item, f"{where}.{name}")
        elif any("properties" in part for part in parts):
            yield f"{where}.{name}"


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a schema and all schemas that it is made of."""
    schema = _resolved(schema)
    yield schema
    for word in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(word, ()):
            yield from _parts(part)


def _operation(method: str, path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Find what the description says of a call, and the path's ids.

    The parameters of the path are among the others.
    """
    for template, item in _document()["paths"].items():
        ids = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template), path)
        if ids and method.lower() in item:
            operation = item[method.lower()]
            parameters = [*item.get("parameters", ()), *operation.get("parameters", ())]
            return {**operation, "parameters": parameters}, ids.groupdict()
    raise AssertionError(f"{method} {path}: the description knows no such call")


def _named(parameters: list[dict[str, Any]], where: str, name: str) -> dict[str, Any] | None:
    for parameter in parameters:
        if (parameter["in"], parameter["name"]) == (where, name):
            return parameter
    return None


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = _document()
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


@functools.cache
def _validator(schema: str) -> Draft4Validator:
    """Make the validator of a schema.

    OpenAPI 3.0 is close to draft 4: what is beside a `$ref` doesn't count.
    """
    registry = Registry().with_resource(DOCUMENT, DRAFT4.create_resource(_document()))
    absolute = json.loads(schema.replace('"#/', f'"{DOCUMENT}#/'))
    return Draft4Validator(absolute, registry=registry, format_checker=FORMATS)


@functools.cache
def _document() -> dict[str, Any]:
    return _as_json_schema(json.loads(PATH.read_text(encoding="utf-8")))


def _as_json_schema(part: Any) -> Any:
    """Translate what JSON Schema doesn't know (`nullable`), and correct a slip of the description.

    The directory's error codes are printed objects there: "ErrorCode{code='ADG-112', ...}".
    """
    match part:
        case {"nullable": True, "type": str(kind)}:
            return _as_json_schema({**part, "nullable": False, "type": [kind, "null"]})
        case {"enum": list(values)} if values and str(values[0]).startswith("ErrorCode{"):
            return {**part, "enum": [re.search(r"code='([^']+)'", value)[1] for value in values]}
        case dict():
            return {name: _as_json_schema(value) for name, value in part.items()}
        case list():
            return [_as_json_schema(value) for value in part]
        case _:
            return part
