"""JSON rosters: a list of objects, or an object whose `invitees` is that list; keys are headers.

Makes the same grid as a sheet: the keys, in the order in which they first appear, are row 1, so the
first person is row 2 wherever a problem names a row. Knows no key by name but `invitees`. Called by
`reader`.
"""

import json

from onboarding.errors import ConfigurationError

_SHAPE = 'Write a list of objects, [{"first_name": "Ada", ...}, ...], or {"invitees": [...]}.'


def read_grid(text: str, name: str) -> list[list[str]]:
    """Read the rows of a JSON roster. Raises ConfigurationError if it is no JSON, or JSON of another shape."""
    try:
        value = json.loads(text, parse_float=_parse_number)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"The roster {name} is no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
            hint=_SHAPE,
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"The roster {name} is JSON that nests too deeply, or has a number of thousands of digits.",
            hint=_SHAPE,
        ) from error
    people = value.get("invitees") if isinstance(value, dict) else value
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise ConfigurationError(f"The roster {name} is JSON, but no list of people.", hint=_SHAPE)
    return _build_grid(people)


def _build_grid(people: list[dict[str, object]]) -> list[list[str]]:
    keys = list(dict.fromkeys(key for person in people for key in person))
    return [keys, *([_format_value(person.get(key)) for key in keys] for person in people)]


def _parse_number(text: str) -> float | int:
    """Whole numbers stay whole: exports write ids as `62270350004.0`."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _format_value(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case _:
            return json.dumps(value, ensure_ascii=False)
