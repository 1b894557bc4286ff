"""The guide to rehearsals: its state file is one, and its tables are the simulator's own."""

import json
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from onboarding.simulator.faults import FAULT_MEANINGS, FaultQueue
from onboarding.simulator.rules import BadInvitee, Rules
from onboarding.simulator.state import (
    AccountState,
    ColleagueState,
    InviteeState,
    SessionState,
    StrangerState,
    WebinarState,
    read_state,
)
from tests.docs.pages import blocks, read, table, word, words

GUIDE = read("docs/guides/rehearsal.md")


def test_state_file_in_the_guide_is_one(tmp_path: Path):
    (example,) = blocks(GUIDE, "json", "state")
    (tmp_path / "state.json").write_text(example.text, encoding="utf-8")
    state = read_state(tmp_path / "state.json")
    assert state.webinars[0].sessions[0].invitees[0].send_invite
    assert state.rules.bad_invitee is BadInvitee.APPLY_OTHERS


def shown(field: FieldInfo) -> list[str] | str:
    """A default as the tables show it."""
    value: Any = field.get_default()
    if field.is_required():
        return "needed"
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, BaseModel) or value in (None, "", ()):
        return []
    return [
        value.value
        if isinstance(value, Enum)
        else value
        if isinstance(value, str)
        else json.dumps(value)
    ]


def test_every_key_of_a_state_file_is_documented_with_its_default():
    documented: dict[str, dict[str, list[str] | str]] = {}
    for part, key, default, _ in table(GUIDE, "part", "key"):
        documented.setdefault(part or [*documented][-1], {})[word(key)] = (
            words(default) or default or []
        )
    parts = {
        "the account": AccountState,
        "a colleague": ColleagueState,
        "a webinar": WebinarState,
        "a session": SessionState,
        "an invitee": InviteeState,
        "a stranger": StrangerState,
    }
    real = {
        part: {key: shown(field) for key, field in model.model_fields.items()}
        for part, model in parts.items()
    }
    assert {part: dict(sorted(keys.items())) for part, keys in documented.items()} == {
        part: dict(sorted(keys.items())) for part, keys in real.items()
    }


def test_every_rule_is_documented_with_its_default():
    documented = {
        word(rule): words(default) for rule, default, _ in table(GUIDE, "rule", "default")
    }
    assert documented == {rule: shown(field) for rule, field in Rules.model_fields.items()}


def test_every_kind_of_bad_invitee_is_documented():
    (cells,) = [row for row in table(GUIDE, "rule", "default") if word(row[0]) == "bad_invitee"]
    assert {*words(cells[1]), *words(cells[2])} == {one.value for one in BadInvitee}


def test_every_fault_is_documented_in_the_simulators_words():
    assert {word(trouble): meaning for trouble, meaning in table(GUIDE, "trouble")} == dict(
        FAULT_MEANINGS
    )


def test_faults_of_the_example_are_understood():
    (example,) = [block.text for block in blocks(GUIDE, "sh") if "--fault" in block.text]
    faults = [one.split(" --fault")[0].strip().strip('"') for one in example.split("--fault ")[1:]]
    assert len(FaultQueue(faults).waiting) == 2
