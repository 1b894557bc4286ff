"""The architecture page names code, rooms, arrows and tests that are there."""

import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import reduce
from importlib import import_module
from pkgutil import iter_modules

import onboarding
from onboarding.model.deliveries import State
from onboarding.plan.call_budget import LAST_DAY, LAST_HOURS, ListReason, find_list_interval
from tests.docs.pages import ROOT, prose, read, table, word, words

PAGE = read("docs/architecture.md")
ROOMS = {module.name for module in iter_modules(onboarding.__path__)}


def resolved(name: str) -> object:
    """What `room.module.Name.method` stands for; the longest part that is a module is imported."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(["onboarding", *parts[:end]]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[end:], module)
    raise AssertionError(f"there is no {name}")


def test_code_that_the_page_names_is_there():
    names = [
        one
        for one in words(prose(PAGE))
        if re.fullmatch(r"[a-z_]+(\.\w+)+", one) and one.split(".")[0] in ROOMS
    ]
    assert len(names) > 30
    for name in names:
        resolved(name)


def test_every_room_is_in_the_table():
    documented = {word(room).rstrip("/") for room, *_ in table(PAGE, "room")}
    assert documented == ROOMS - {"cli", "pipeline", "config", "model", "errors", "__main__"}


def test_layers_are_those_that_import_linter_keeps():
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = [set(re.findall(r"\w+", layer)) for layer in contracts[0]["layers"]]
    drawing = PAGE.split("```text\n")[1].split("```")[0]
    drawn = [
        set(re.findall(r"\w+", re.split(r" {6,}(?=\S+ \S+ \S+)", line.strip())[0]))
        for line in drawing.splitlines()
    ]
    assert [one for one in drawn if one] == layers[1:]


def test_every_state_has_an_arrow_and_no_other():
    arrows = table(PAGE, "from", "to")
    reached = {state for _, to, *_ in arrows for state in words(to)}
    left = {state for start, *_ in arrows for state in words(start)}
    assert reached == {state.value for state in State}
    assert left < reached


def test_tests_that_the_page_names_are_there():
    named = [one for _, tests in table(PAGE, "promise") for one in words(tests)]
    assert [one for one in named if not (ROOT / one).is_file()] == []


def test_reasons_to_list_invitees_are_those_of_the_program():
    rows = [
        (word(name), why)
        for name, why, *_ in table(PAGE, "reason", "the invitees are listed because")
    ]
    assert rows == [(reason.name, reason.value) for reason in ListReason]


def test_times_of_the_regular_lists_are_those_of_the_program():
    (seen,) = (
        seen
        for name, _, seen in table(PAGE, "reason", "the invitees are listed because")
        if word(name) == "REGULAR"
    )
    start = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
    before_start = (timedelta(days=3), LAST_DAY, LAST_HOURS)
    intervals = [find_list_interval(start, start, start - before) for before in before_start]

    hours, last_day, last_hours = (interval // timedelta(minutes=1) for interval in intervals)
    day, few = LAST_DAY // timedelta(hours=1), LAST_HOURS // timedelta(hours=1)
    near = f"{last_day // 60} h in the last {day} h; {last_hours} min in the last {few} h"
    assert seen == f"after {hours // 60} h; {near}"
