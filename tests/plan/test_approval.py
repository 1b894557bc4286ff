"""What an approval covers, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.reviews import (
    Approved,
    MessageContent,
    PlannedMessage,
    ReviewedMessage,
    SessionFacts,
)
from onboarding.plan.approval import (
    ApprovalMode,
    describe_difference,
    is_change_covered,
    is_message_covered,
)
from tests.samples import ADA, START

HOUR = timedelta(hours=1)
THEN = SessionFacts(Role.PANELIST, START, HOUR)
NOW_TRUE = SessionFacts(Role.PANELIST, START + HOUR, HOUR)
KINDS = [Kind.INVITATION, Kind.UPDATE, Kind.CANCELLATION]


def content(text="Hello\nat nine\n"):
    return MessageContent(
        Kind.UPDATE, "", ADA.email, "Subject", "from", "reply", (), text, "<p>", "BEGIN"
    )


def planned(kind, digest="now", text="Hello\nat ten\n"):
    return PlannedMessage(
        ADA.as_invitee(), kind, "", digest, "panel", NOW_TRUE, "new start", content(text)
    )


def reviewed(kind, digest="then", email=ADA.email):
    key = ADA.as_invitee(email=email).key
    return ReviewedMessage(key, kind, "", digest, "panel", THEN, "Hello\nat nine\n")


def facts_only(message, facts):
    """Only the facts differ: told the old ones, the message is the one that was approved."""
    return "then" if facts == THEN else message.digest


def more_than_facts(_message, _facts):
    return "another"


@pytest.mark.parametrize("mode", [ApprovalMode.REQUIRED, ApprovalMode.STRICT])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_is_covered(kind, mode):
    approved = Approved((reviewed(kind, "now"),))

    assert is_message_covered(planned(kind), approved, mode, more_than_facts)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_covered_before_the_first_approval(kind):
    assert not is_message_covered(planned(kind), Approved(), ApprovalMode.REQUIRED, facts_only)


@pytest.mark.parametrize("kind", KINDS)
def test_without_approval_all_is_covered(kind):
    assert is_message_covered(planned(kind), Approved(), ApprovalMode.NONE, more_than_facts)


@pytest.mark.parametrize(
    ("kind", "mode", "recompose", "covered"),
    [
        (Kind.UPDATE, ApprovalMode.REQUIRED, facts_only, True),
        (Kind.CANCELLATION, ApprovalMode.REQUIRED, facts_only, True),
        (Kind.INVITATION, ApprovalMode.REQUIRED, facts_only, False),
        (Kind.UPDATE, ApprovalMode.STRICT, facts_only, False),
        (Kind.CANCELLATION, ApprovalMode.STRICT, facts_only, False),
        (Kind.UPDATE, ApprovalMode.REQUIRED, more_than_facts, False),
    ],
)
def test_what_only_ringcentral_has_changed(kind, mode, recompose, covered):
    approved = Approved((reviewed(kind),))

    assert is_message_covered(planned(kind), approved, mode, recompose) is covered


def test_an_approval_for_another_person_or_kind_covers_nothing():
    others = Approved(
        (reviewed(Kind.UPDATE, "now", "grace@example.com"), reviewed(Kind.INVITATION, "now"))
    )

    assert not is_message_covered(planned(Kind.UPDATE), others, ApprovalMode.REQUIRED, facts_only)


def test_a_message_that_can_not_be_composed_is_not_covered():
    broken = replace(planned(Kind.UPDATE), shown=None, fault="The template fails.")
    approved = Approved((reviewed(Kind.UPDATE, "now"),))

    assert not is_message_covered(broken, approved, ApprovalMode.REQUIRED, facts_only)


def test_earlier_approvals_go_on_counting():
    approved = Approved((reviewed(Kind.UPDATE, "later"), reviewed(Kind.UPDATE, "now")))

    assert is_message_covered(planned(Kind.UPDATE), approved, ApprovalMode.STRICT, more_than_facts)


def test_changes_are_covered_by_action_and_person():
    approved = Approved(changes=frozenset({("add", "ada@example.com")}))

    def covered(action, key, mode=ApprovalMode.REQUIRED):
        return is_change_covered(action, key, approved, mode)

    assert covered("add", "ada@example.com")
    assert not covered("remove", "ada@example.com")
    assert not covered("add", "grace@example.com")
    assert covered("add", "grace@example.com", ApprovalMode.NONE)


def test_the_difference_names_the_lines_that_changed():
    approved = Approved((reviewed(Kind.UPDATE),))

    assert describe_difference(planned(Kind.UPDATE), approved).splitlines()[-3:] == [
        " Hello",
        "-at nine",
        "+at ten",
    ]
    assert describe_difference(planned(Kind.INVITATION), approved) == ""
