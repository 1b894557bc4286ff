"""What a fault does to an answer that is ready: people missing, fields missing, strange or new, another order.

Pure. Troubles that happen before an answer exists (time-outs, 5xx, 429, tokens) are `server`'s.
"""

from collections.abc import Callable
from typing import Any

from onboarding.simulator.faults import Fault, Trouble

Json = dict[str, Any]

LISTS = ("records", "addedInvitees", "updatedInvitees")
"""The parts of an answer that hold people (or sessions)."""

WEB_PAGE = "<html><body><h1>We are working on it</h1></body></html>"
STRANGE = {"unheardOf": [1, {"deep": True}]}
UNKNOWN_ROLE = "Moderator"
BROKEN_LINK = "https://[::1/join"
"""The bracket is never closed, so that no program can tell the host."""


def spoiled(answer: Json, fault: Fault) -> Json:
    """Return an answer as the fault leaves it."""
    match fault.trouble:
        case Trouble.MISSING_JOIN_URI:
            return _with_one(answer, fault.value, lambda person: [_without(person, "joinUri")])
        case Trouble.BROKEN_JOIN_URI:
            return _with_one(answer, fault.value, lambda person: [{**person, "joinUri": BROKEN_LINK}])
        case Trouble.UNKNOWN_ROLE:
            return _with_one(answer, fault.value, lambda person: [{**person, "role": UNKNOWN_ROLE}])
        case Trouble.MISSING_PERSON:
            return _with_one(answer, fault.value, lambda _: [])
        case Trouble.SHUFFLED:
            return {name: value[::-1] if name in LISTS else value for name, value in answer.items()}
        case _:
            changed: Json = _everywhere(answer, lambda part: _drifted(part, fault))
            return changed


def _drifted(part: Json, fault: Fault) -> Json:
    """Change one object of an answer as a beta API may, any day."""
    match fault.trouble:
        case Trouble.EXTRA_FIELDS:
            return {**part, "notYetAnnounced": STRANGE}
        case Trouble.MISSING_FIELD:
            return _without(part, fault.value)
        case Trouble.CHANGED_FIELD if fault.value in part:
            return {**part, fault.value: STRANGE}
        case _:
            return part


def _with_one(answer: Json, who: str, change: Callable[[Json], list[Json]]) -> Json:
    """Put something else in the place of one person: the one with this address or id, or else the last."""
    places = [
        (name, index)
        for name in LISTS
        for index, person in enumerate(answer.get(name, ()))
        if who in {"", person.get("email"), person.get("id")}
    ]
    if not places:
        return answer
    name, index = places[-1]
    people = answer[name]
    return {**answer, name: people[:index] + change(people[index]) + people[index + 1 :]}


def _everywhere(part: Any, change: Callable[[Json], Json]) -> Any:
    """Change every object of an answer, however deep."""
    match part:
        case dict():
            return change({name: _everywhere(value, change) for name, value in part.items()})
        case list():
            return [_everywhere(one, change) for one in part]
        case _:
            return part


def _without(part: Json, name: str) -> Json:
    return {key: value for key, value in part.items() if key != name}
