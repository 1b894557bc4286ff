"""Each kind of message has its rules, and nothing else asks for a kind by name."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onboarding.model import kinds
from onboarding.model.kinds import RULES, FactsEffect, Kind, KindRules
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, Session, SessionKey, SessionStatus

START = datetime(2026, 5, 12, 13, 0, tzinfo=UTC)
END = START + timedelta(hours=1)
DAY = timedelta(days=1)
SESSION = Session(
    key=SessionKey("https://ringcentral.example", "1", "2"),
    title="Launch",
    start=START,
    duration=timedelta(hours=1),
    time_zone="Europe/London",
    status=SessionStatus.SCHEDULED,
)
FINISHED = replace(SESSION, status=SessionStatus.FINISHED)
THANKS = KindRules(
    holds_join_link=False,
    due_after_end=True,
    useful_for=3 * DAY,
    facts_effect=FactsEffect.UNCHANGED,
)
"""What the rules of a message after the session would be."""

PACKAGE = Path(kinds.__file__).parents[1]
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if file != Path(kinds.__file__)]


def facts(link: str) -> Facts:
    return Facts(link, Role.PANELIST, START, timedelta(hours=1))


def test_a_scheduled_message_tells_no_facts_and_carries_no_calendar_entry():
    rules = RULES[Kind.SCHEDULED]
    assert not rules.has_calendar
    assert [kind for kind in Kind if not kinds.tells_facts(kind)] == [Kind.SCHEDULED]
    assert rules.facts_after(facts("new"), facts("old")) == facts("old")


@pytest.mark.parametrize("rules", [rules for rules in RULES.values() if not rules.due_after_end])
def test_what_is_due_before_the_end_leaves_at_once_and_is_of_use_until_then(rules: KindRules):
    assert rules.due_at(SESSION, START - DAY) == START - DAY
    assert rules.expires_at(SESSION) == END
    assert not rules.is_over(SESSION, END - timedelta(seconds=1))
    assert rules.is_over(SESSION, END)
    assert rules.is_over(FINISHED, START - DAY)


def test_a_message_for_after_the_session_waits_for_its_end_and_outlives_it():
    assert THANKS.due_at(SESSION, START - DAY) == END
    assert THANKS.due_at(SESSION, END + DAY) == END + DAY
    assert THANKS.expires_at(SESSION) == END + 3 * DAY
    assert not THANKS.is_over(FINISHED, END + DAY)
    assert THANKS.is_over(FINISHED, END + 3 * DAY)


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        (Kind.INVITATION, facts("new")),
        (Kind.UPDATE, facts("new")),
        (Kind.CANCELLATION, None),
    ],
)
def test_what_a_mailbox_holds_once_a_message_is_sent(kind: Kind, held: Facts | None):
    assert RULES[kind].facts_after(facts("new"), facts("old")) == held
    assert kinds.sets_facts(kind) is (held is not None)
    assert kinds.clears_facts(kind) is (held is None)


def test_a_message_may_leave_what_a_mailbox_holds_as_it_is():
    assert THANKS.facts_after(facts("new"), facts("old")) == facts("old")
    assert not kinds.sets_facts(Kind.SCHEDULED)
    assert not kinds.clears_facts(Kind.SCHEDULED)


def test_no_other_module_asks_for_a_kind_by_name():
    for module in MODULES:
        source = module.read_text(encoding="utf-8")
        compared = ", ".join(compared_kinds(source))
        assert not compared, (
            f"{module} compares with {compared}. Give KindRules a field for it, and read RULES."
        )
        lines = unclosed_matches(source)
        assert not lines, (
            f"{module}, line {lines}: end the match with `case _: assert_never(kind)`."
        )


def test_both_rules_find_what_they_forbid():
    assert compared_kinds("if kind is not Kind.UPDATE or kind in {Kind.SCHEDULED}: pass") == [
        "Kind.UPDATE",
        "Kind.SCHEDULED",
    ]
    match = "match kind:\n    case Kind.UPDATE:\n        pass\n    case _:\n        {last}\n"
    assert unclosed_matches(match.format(last="pass")) == [1]
    assert unclosed_matches(match.format(last="assert_never(kind)")) == []


def kinds_named_in(node: ast.AST) -> list[str]:
    """Name the members of `Kind` in a piece of source."""
    return [
        ast.unparse(inner)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.value, ast.Name)
        and inner.value.id == "Kind"
    ]


def compared_kinds(source: str) -> list[str]:
    """Name the members of `Kind` that a source compares something with."""
    compares = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare)]
    return [name for node in compares for name in kinds_named_in(node)]


def unclosed_matches(source: str) -> list[int]:
    """Find the lines of matches on a kind whose last case does not end in `assert_never`."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Match)
        and any(kinds_named_in(case.pattern) for case in node.cases)
        and "assert_never(" not in ast.unparse(node.cases[-1].body[-1])
    ]
