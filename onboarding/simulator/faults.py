"""Fault injection: what goes wrong, with which call, how often, and what a fault does to an answer.

Parses the short form (`PATCH:timeout-after`, `GET /sessions/*:moved=90*2`) and hands out the fault
that is due. Faults are used up in the order in which they were added, at most one by a call.
`corrupt` changes an answer that is ready; what happens before an answer exists (timeouts, 5xx, 429,
tokens) is done by `server`. Pure, but for the queue.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from onboarding.simulator.answers import Json

LISTS = ("records", "addedInvitees", "updatedInvitees")
"""The parts of an answer that hold people (or sessions)."""

WEB_PAGE = "<html><body><h1>We are working on it</h1></body></html>"
UNKNOWN_VALUE = {"unheardOf": [1, {"deep": True}]}
UNKNOWN_ROLE = "Moderator"
BROKEN_LINK = "https://[::1/join"
"""The bracket is never closed, so that no program can find the host."""


class FaultKind(StrEnum):
    """What can go wrong; `FAULT_MEANINGS` says what each does."""

    TIMEOUT_BEFORE = "timeout-before"
    TIMEOUT_AFTER = "timeout-after"
    ERROR_500 = "500"
    ERROR_500_AFTER = "500-after"
    ERROR_502 = "502"
    ERROR_503 = "503"
    ERROR_429 = "429"
    ERROR_429_BARE = "429-bare"
    ERROR_409_BARE = "409-bare"
    EXPIRED_TOKEN = "expired-token"  # noqa: S105 - a fault's name, no token
    REVOKED_TOKEN = "revoked-token"  # noqa: S105 - a fault's name, no token
    MISSING_JOIN_URI = "missing-join-uri"
    BROKEN_JOIN_URI = "broken-join-uri"
    UNKNOWN_ROLE = "unknown-role"
    MISSING_PERSON = "missing-person"
    SHUFFLED = "shuffled"
    EXTRA_FIELDS = "extra-fields"
    MISSING_FIELD = "missing-field"
    CHANGED_FIELD = "changed-field"
    NOT_JSON = "not-json"
    MOVED = "moved"
    SEND_NOW = "send-now"
    LAGGING = "lagging"
    SLOW = "slow"


FAULT_MEANINGS = {
    FaultKind.TIMEOUT_BEFORE: "nothing is done; "
    "after `=` seconds (0) the line is cut without an answer",
    FaultKind.TIMEOUT_AFTER: "the call is done; "
    "after `=` seconds (0) the line is cut without an answer",
    FaultKind.ERROR_500: "nothing is done, and the answer is a 500",
    FaultKind.ERROR_500_AFTER: "the call is done, and the answer is still a 500",
    FaultKind.ERROR_502: "nothing is done; the answer is a gateway's web page, not JSON",
    FaultKind.ERROR_503: "nothing is done, and the answer is a 503; "
    "`Retry-After` is `=` seconds, or missing",
    FaultKind.ERROR_429: "a penalty of `=` seconds begins (that of the limits)",
    FaultKind.ERROR_429_BARE: "a penalty of `=` seconds begins (that of the limits); "
    "the answer has no `Retry-After`",
    FaultKind.ERROR_409_BARE: "nothing is done; the answer doesn't say who is already invited",
    FaultKind.EXPIRED_TOKEN: "every token expires now (401, OAU-128)",
    FaultKind.REVOKED_TOKEN: "every token is revoked now (401, OAU-129)",
    FaultKind.MISSING_JOIN_URI: "the last person of the answer, "
    "or the one with the address `=`, has none",
    FaultKind.BROKEN_JOIN_URI: "the last person, "
    "or the one with the address `=`, has a link that can't be parsed",
    FaultKind.UNKNOWN_ROLE: "the last person, or the one with the address `=`, has an unknown role",
    FaultKind.MISSING_PERSON: "the last person, "
    "or the one with the address `=`, is not in the answer",
    FaultKind.SHUFFLED: "people come in reverse order",
    FaultKind.EXTRA_FIELDS: "every object of the answer has an unknown field",
    FaultKind.MISSING_FIELD: "the field `=` (needed) is nowhere in the answer",
    FaultKind.CHANGED_FIELD: "the field `=` (needed) becomes an object",
    FaultKind.NOT_JSON: "the call is done, and the answer is a web page with status 200",
    FaultKind.MOVED: "the session's start moves by `=` minutes (60) before the call is answered",
    FaultKind.SEND_NOW: "a click on *Send now* before the call is answered: "
    "RingCentral mails all who were added silently",
    FaultKind.LAGGING: "the list of invitees is answered as it was `=` changes (1) ago",
    FaultKind.SLOW: "the answer takes `=` seconds (1) longer",
}
"""What each fault does; `=` is the value, and what it is without a value is in brackets."""

NEEDS_A_VALUE = frozenset({FaultKind.MISSING_FIELD, FaultKind.CHANGED_FIELD})
TAKES_A_NUMBER = frozenset(
    {
        FaultKind.TIMEOUT_BEFORE,
        FaultKind.TIMEOUT_AFTER,
        FaultKind.ERROR_503,
        FaultKind.ERROR_429,
        FaultKind.ERROR_429_BARE,
        FaultKind.MOVED,
        FaultKind.LAGGING,
        FaultKind.SLOW,
    }
)

SHORT_FORM = re.compile(
    r"(?:(?P<method>[A-Z]+)?\s*(?P<path>/\S*)?:)?"
    r"(?P<kind>[a-z0-9-]+)"
    # A value ends at an asterisk, which begins the number of times.
    r"(?:=(?P<value>[^*]+))?"
    r"(?:\*(?P<times>[1-9]\d*|all))?"
)


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One fault for up to `times` calls (None: for every one) that fit.

    `path` is compared with the end of a call's path, part by part, where `*` stands for any one
    part: `/invitees`, `/sessions/*`. Blank `method` or `path` fit every call.
    """

    kind: FaultKind
    value: str = ""
    method: str = ""
    path: str = ""
    times: int | None = 1

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this fault is for a call like this."""
        wanted = [part for part in self.path.split("/") if part]
        there = path.strip("/").split("/")
        return (
            self.method in {"", method}
            and len(wanted) <= len(there)
            # Compared from the end: `/invitees` is the list, and never a single invitee.
            and all(map(fnmatchcase, there[len(there) - len(wanted) :], wanted))
        )

    def use_once(self) -> list["InjectedFault"]:
        """Return what is left of this fault after a use: itself, fewer times, or nothing."""
        if self.times is None:
            return [self]
        return [replace(self, times=self.times - 1)] if self.times > 1 else []

    def parse_number(self, default: float) -> float:
        """Parse the value as a number."""
        return float(self.value) if self.value else default


class BadFault(ValueError):
    """A fault's short form can't be understood; the message says what is possible."""


def parse_fault(text: str) -> InjectedFault:
    """Parse a fault's short form: `[METHOD] [/PATH]:KIND[=VALUE][*TIMES|*all]`.

    Raises BadFault if it can't be parsed.
    """
    parts = SHORT_FORM.fullmatch(text.strip())
    if not parts or parts["kind"] not in list(FaultKind):
        possible = ", ".join(FaultKind)
        raise BadFault(
            f"'{text}' is no fault."
            f" Write PATCH:timeout-after or 'GET /invitees:500*2'; known: {possible}."
        )
    times = parts["times"] or "1"
    fault = InjectedFault(
        kind=FaultKind(parts["kind"]),
        value=(parts["value"] or "").strip(),
        method=parts["method"] or "",
        path=parts["path"] or "",
        times=None if times == "all" else int(times),
    )
    _check_value(fault, text)
    return fault


def _check_value(fault: InjectedFault, text: str) -> None:
    if fault.kind in NEEDS_A_VALUE and not fault.value:
        raise BadFault(f"'{text}' needs the name of a field, for example {fault.kind}=joinUri.")
    # Not `float`, which reads `nan` and `inf`: no wait can be so long.
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", fault.value)
    if fault.value and fault.kind in TAKES_A_NUMBER and not is_number:
        raise BadFault(f"'{text}' needs a number after '=', for example {fault.kind}=5.")


class FaultQueue:
    """The faults that are still to come."""

    def __init__(self, faults: Iterable[InjectedFault | str] = ()) -> None:
        self.waiting: list[InjectedFault] = []
        self.add(*faults)

    def add(self, *faults: InjectedFault | str) -> None:
        """Add faults, in either form."""
        self.waiting += [
            parse_fault(fault) if isinstance(fault, str) else fault for fault in faults
        ]

    def clear(self) -> None:
        """Remove all faults."""
        self.waiting.clear()

    def take_due(self, method: str, path: str) -> InjectedFault | None:
        """Take the first fault that fits a call, and count it as used."""
        for index, fault in enumerate(self.waiting):
            if fault.matches(method, path):
                # What is left of it keeps its place, since the order of the faults counts.
                self.waiting[index : index + 1] = fault.use_once()
                return fault
        return None


def corrupt(answer: Json, fault: InjectedFault) -> Json:
    """Return the answer with the fault in it; unchanged where the fault is of another kind."""
    if fault.kind in _PERSON_CHANGES:
        return _replace_person(answer, fault.value, _PERSON_CHANGES[fault.kind])
    if fault.kind is FaultKind.SHUFFLED:
        # Always the same order, so that a test that fails once fails again.
        return {name: value[::-1] if name in LISTS else value for name, value in answer.items()}
    changed: Json = _map_objects(answer, lambda part: _change_object(part, fault))
    return changed


def _change_object(part: Json, fault: InjectedFault) -> Json:
    """Change one object of an answer, as a beta API may do without notice."""
    match fault.kind:
        case FaultKind.EXTRA_FIELDS:
            return {**part, "notYetAnnounced": UNKNOWN_VALUE}
        case FaultKind.MISSING_FIELD:
            return _remove_field(part, fault.value)
        case FaultKind.CHANGED_FIELD if fault.value in part:
            return {**part, fault.value: UNKNOWN_VALUE}
        case _:
            return part


def _replace_person(answer: Json, address_or_id: str, change: Callable[[Json], list[Json]]) -> Json:
    """Replace a person of the answer: who has this address or id, or else the last."""
    found = [
        (name, index)
        for name in LISTS
        for index, person in enumerate(answer.get(name, ()))
        if address_or_id in {"", person.get("email"), person.get("id")}
    ]
    if not found:
        return answer
    name, index = found[-1]
    people = answer[name]
    return {**answer, name: people[:index] + change(people[index]) + people[index + 1 :]}


def _map_objects(part: Any, change: Callable[[Json], Json]) -> Any:
    """Change every object of an answer, at any depth."""
    match part:
        case dict():
            # The inner objects first, so that what the fault puts in is not changed once more.
            return change({name: _map_objects(value, change) for name, value in part.items()})
        case list():
            return [_map_objects(entry, change) for entry in part]
        case _:
            return part


def _remove_field(part: Json, name: str) -> Json:
    return {key: value for key, value in part.items() if key != name}


_PERSON_CHANGES: Mapping[FaultKind, Callable[[Json], list[Json]]] = {
    FaultKind.MISSING_JOIN_URI: lambda person: [_remove_field(person, "joinUri")],
    FaultKind.BROKEN_JOIN_URI: lambda person: [{**person, "joinUri": BROKEN_LINK}],
    FaultKind.UNKNOWN_ROLE: lambda person: [{**person, "role": UNKNOWN_ROLE}],
    FaultKind.MISSING_PERSON: lambda _person: [],
}
"""What becomes of the person that a fault is about."""
