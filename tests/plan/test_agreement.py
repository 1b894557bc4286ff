"""What a person agrees to: the sentence that counts it, and the digest that binds it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.model.registrations import Standing
from onboarding.plan import Plan, Snapshot
from onboarding.plan.agreement import describe_work, work_digest
from tests.plan.people import COHOST, HOUR, guest, holds, host, make_snapshot, plan_of, row

HENRY = host(email="henry@example.com")


def usual(*more, role=None) -> Snapshot:
    """Ada is to be registered and mailed; Bob is up to date."""
    return make_snapshot(
        row("ada", role) if role else row("ada"),
        row("bob"),
        *more,
        there=(HENRY, guest("bob")),
        known={"bob": Standing.ADDED},
        boxes={"bob": holds("bob")},
    )


def digest_of(snapshot: Snapshot, plan: Plan | None = None) -> str:
    return work_digest(plan or plan_of(snapshot), snapshot.session)


def test_the_sentence_counts_what_the_plan_does():
    assert describe_work(plan_of(usual())) == "Register 1, send 1 mail"
    assert describe_work(plan_of(usual(row("cleo")))) == "Register 2, send 2 mails"
    rehearsed = describe_work(plan_of(usual()), "me@example.com")
    assert rehearsed == "Register 1, send 1 mail to me@example.com"


def test_a_plan_without_work_has_no_sentence():
    snapshot = make_snapshot(
        row("bob"),
        there=(HENRY, guest("bob")),
        known={"bob": Standing.ADDED},
        boxes={"bob": holds("bob")},
    )
    assert describe_work(plan_of(snapshot)) == ""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s: replace(s, now=s.now + timedelta(minutes=1)), id="a minute later"),
        pytest.param(
            lambda s: replace(s, registrations=tuple(reversed(s.registrations))), id="other order"
        ),
    ],
)
def test_the_same_work_has_the_same_digest(change: Callable[[Snapshot], Snapshot]):
    assert digest_of(change(usual())) == digest_of(usual())


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(usual(row("cleo")), id="one more person"),
        pytest.param(usual(role=COHOST), id="another role"),
        pytest.param(
            replace(usual(), session=replace(usual().session, start=usual().session.start + HOUR)),
            id="another start",
        ),
        pytest.param(
            replace(usual(), session=replace(usual().session, title="Another")), id="another title"
        ),
    ],
)
def test_other_work_has_another_digest(other: Snapshot):
    assert digest_of(other) != digest_of(usual())


def test_a_message_that_is_queued_by_now_is_other_work():
    snapshot = usual()
    plan = plan_of(snapshot)
    items = tuple(replace(item, queued=bool(item.mail)) for item in plan.items)
    assert digest_of(snapshot, replace(plan, items=items)) != digest_of(snapshot, plan)
