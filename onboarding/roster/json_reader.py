"""JSON rosters: a list of objects, or an object whose `invitees` is that list; keys are headers.

Makes the same grid as a sheet: the keys, in the order in which they first appear, are row 1, so the
first person is row 2 wherever a problem names a row. Knows no key by name but `invitees`. Called by
`reader`.
"""

import json

from onboarding.errors import ConfigurationError

_JSON_HINT = 'Write a list of objects, [{"first_name": "Ada", ...}, ...], or {"invitees": [...]}.'


def read_json(text: str, name: str) -> list[list[str]]:
    """Read the rows of a JSON roster. Raises ConfigurationError if it is no JSON, or JSON of another shape."""
    try:
        value = json.loads(text, parse_float=_parse_json_number)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"The roster {name} is no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
            hint=_JSON_HINT,
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"The roster {name} is JSON that nests too deeply, or has a number of thousands of digits.",
            hint=_JSON_HINT,
        ) from error
    people = value.get("invitees") if isinstance(value, dict) else value
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ConfigurationError(f"The roster {name} is JSON, but no list of people.", hint=_JSON_HINT)
    return _build_json_grid(people)


def _build_json_grid(people: list[dict[str, object]]) -> list[list[str]]:
    keys = list(dict.fromkeys(key for person in people for key in person))
    return [keys, *([_format_json_value(person.get(key)) for key in keys] for person in people)]


def _parse_json_number(text: str) -> float | int:
    """Whole numbers stay whole: exports write ids as `62270350004.0`."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _format_json_value(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
