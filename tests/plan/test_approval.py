"""What an approval covers, as tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.reviews import (
    ApprovalMode,
    Approved,
    MessageContent,
    PlannedMessage,
    ReviewedMessage,
    SessionFacts,
)
from onboarding.plan.approval import (
    describe_difference,
    is_act_covered,
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


def planned(kind, digest="now", text="Hello\nat ten\n", **more):
    message = PlannedMessage(
        ADA.as_invitee(), kind, "", digest, "panel", NOW_TRUE, "new start", content(text), text=text
    )
    return replace(message, **more)


def reviewed(kind, digest="then", email=ADA.email):
    key = ADA.as_invitee(email=email).key
    return ReviewedMessage(key, kind, "", digest, "panel", THEN, "Hello\nat nine\n", digest)


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


def test_a_message_without_wording_never_follows_the_facts():
    approved = Approved((replace(reviewed(Kind.UPDATE), wording=""),))

    def fails(_message, _facts):
        return ""

    assert not is_message_covered(planned(Kind.UPDATE), approved, ApprovalMode.REQUIRED, fails)


@pytest.mark.parametrize(
    ("shown", "covered"),
    [
        (reviewed(Kind.CANCELLATION, "now"), True),
        (replace(reviewed(Kind.CANCELLATION, ""), wording="words", facts=NOW_TRUE), True),
        (replace(reviewed(Kind.CANCELLATION, ""), wording="words"), False),
        (replace(reviewed(Kind.CANCELLATION, ""), wording="others", facts=NOW_TRUE), False),
        (replace(reviewed(Kind.CANCELLATION, ""), wording="", facts=NOW_TRUE), False),
        (reviewed(Kind.UPDATE, "now"), False),
    ],
    ids=["due", "would follow", "other facts", "other words", "no words", "other kind"],
)
def test_an_act_under_strict_needs_a_page_that_showed_its_message(shown, covered):
    message = planned(Kind.CANCELLATION, wording="words")

    assert is_act_covered(message, Approved((shown,))) is covered


def test_messages_that_were_not_due_are_not_equal_for_want_of_a_digest():
    message = planned(Kind.UPDATE, "", wording="now")

    assert not is_act_covered(message, Approved((replace(reviewed(Kind.UPDATE, ""), wording="x"),)))


def test_an_act_whose_message_can_not_be_composed_is_not_covered():
    broken = replace(planned(Kind.CANCELLATION), shown=None, fault="The template fails.")

    assert not is_act_covered(broken, Approved((reviewed(Kind.CANCELLATION, "now"),)))


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
