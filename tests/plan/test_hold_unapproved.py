"""What is held back of a person's item, and what goes without it. Messages are words here."""

from dataclasses import dataclass, replace
from functools import partial

import pytest

from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.registrations import Standing
from onboarding.model.reviews import (
    ApprovalMode,
    Approved,
    MessageContent,
    PlannedMessage,
    ReviewedMessage,
    SessionFacts,
)
from onboarding.plan import Action, Options, SkipCode, make_plan
from onboarding.plan.approval import HELD_BACK, MOST_LINES, ApprovalRule, hold_unapproved
from tests.plan.people import CRON, MOVED, guest, holds, make_snapshot, row
from tests.samples import HOUR, START

FACTS = SessionFacts(Role.PANELIST, START, HOUR)
REMOVE = Options(remove=True)
NEW = make_snapshot(row("ada"))
TITLED = make_snapshot(
    row("ada", job_title="Poet"),
    there=(guest("ada"),),
    known={"ada": Standing.ADDED},
    boxes={"ada": holds("ada", **MOVED)},
)
LEFT = make_snapshot(
    there=(guest("ada"),), known={"ada": Standing.ADDED}, boxes={"ada": holds("ada")}
)


def content(kind, text):
    return MessageContent(kind, "", "ada@example.com", "Hi", "a@b.example", "", (), text, "", "")


@dataclass(frozen=True)
class Pages:
    """Approved pages: the texts of their messages by kind, and their changes of Ada's record."""

    texts: dict[Kind, str]
    actions: tuple[str, ...] = ()

    def hold(self, snapshot, options=CRON, now="Hello", fault=""):
        """Make the plan of a snapshot, in which each message says `now`."""

        def plan_item(item):
            shown = None if fault else content(item.mail, now)
            message = PlannedMessage(item.invitee, item.mail, "", now, "", FACTS, "", shown, fault)
            return replace(message, text=now)

        reviewed = [
            ReviewedMessage("ada@example.com", kind, "", text, "", FACTS, text)
            for kind, text in self.texts.items()
        ]
        changes = frozenset((action, "ada@example.com") for action in self.actions)
        approved = Approved(tuple(reviewed), changes)
        rule = ApprovalRule(
            ApprovalMode.REQUIRED, approved, plan_item, lambda *_: None, lambda *_: ""
        )
        plan = make_plan(snapshot, options, hold=partial(hold_unapproved, rule=rule))
        (item,) = plan.items
        return plan, item


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        (Pages({}), "registering them; invitation"),
        (Pages({}, ("add",)), "invitation"),
        (Pages({Kind.INVITATION: "Hello"}), "registering them"),
        (Pages({Kind.UPDATE: "Hello"}, ("add",)), "invitation"),
        (Pages({Kind.INVITATION: "Hello"}, ("remove",)), "registering them"),
    ],
)
def test_a_new_person_is_held_back_whole(pages, words):
    plan, item = pages.hold(NEW)

    assert (item.action, item.mail, item.skip) == (Action.NONE, None, SkipCode.NOT_APPROVED)
    assert item.mail_reason == HELD_BACK
    assert [problem.message for problem in plan.problems] == [f"{HELD_BACK}: {words}"]
    assert not plan
    assert not plan.change
    assert plan.skipped == (item,)


def test_what_is_approved_goes():
    plan, item = Pages({Kind.INVITATION: "Hello"}, ("add",)).hold(NEW)

    assert (item.action, item.mail, item.skip) == (Action.ADD, Kind.INVITATION, None)
    assert plan == make_plan(NEW, CRON)


def test_who_is_held_back_is_not_adopted():
    foreign = make_snapshot(row("ada"), there=(guest("ada"),))
    _plan, held = Pages({}).hold(foreign, Options(adopt=True))
    _plan, goes = Pages({Kind.INVITATION: "Hello"}).hold(foreign, Options(adopt=True))

    assert (held.mail, held.adopted) == (None, False)
    assert (goes.mail, goes.adopted) == (Kind.INVITATION, True)


def test_a_change_of_the_record_is_held_and_other_news_goes():
    plan, item = Pages({Kind.UPDATE: "Hello"}).hold(TITLED)

    assert (item.action, item.mail) == (Action.KEEP, Kind.UPDATE)
    assert item.skip is SkipCode.NOT_APPROVED
    assert item.mail_reason == "new start"
    assert [problem.message for problem in plan.problems] == [
        f"{HELD_BACK}: changing their record at RingCentral"
    ]
    assert not plan.change


def test_an_approved_change_waits_for_the_message_beside_it():
    plan, item = Pages({}, ("update",)).hold(TITLED)

    assert (item.action, item.mail) == (Action.KEEP, None)
    assert [problem.message for problem in plan.problems] == [f"{HELD_BACK}: update"]


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        (Pages({}), "removing them; cancellation"),
        (Pages({}, ("remove",)), "cancellation"),
        (Pages({Kind.CANCELLATION: "Hello"}), "removing them"),
    ],
)
def test_a_removal_is_held_back_with_its_cancellation(pages, words):
    plan, item = pages.hold(LEFT, REMOVE)

    assert (item.action, item.mail) == (Action.NONE, None)
    assert plan.problems[0].message == f"{HELD_BACK}: {words}"


def test_a_removal_that_is_approved_goes():
    plan, item = Pages({Kind.CANCELLATION: "Hello"}, ("remove",)).hold(LEFT, REMOVE)

    assert (item.action, item.mail) == (Action.REMOVE, Kind.CANCELLATION)
    assert plan.problems == ()


def test_lines_that_have_changed_are_shown():
    plan, _item = Pages({Kind.INVITATION: "Hello\nAda\n"}, ("add",)).hold(NEW, now="Hello\nAdo\n")

    assert plan.problems[0].message.splitlines() == [
        f"{HELD_BACK}: invitation, which has changed:",
        "--- approved",
        "+++ now",
        "@@ -1,2 +1,2 @@",
        " Hello",
        "-Ada",
        "+Ado",
    ]


def test_a_long_difference_is_cut():
    before, after = ("\n".join(f"{word} {n}" for n in range(90)) for word in ("old", "new"))
    plan, _item = Pages({Kind.INVITATION: before}, ("add",)).hold(NEW, now=after)

    lines = plan.problems[0].message.splitlines()
    assert len(lines) == MOST_LINES + 2
    assert lines[-1] == f"({3 + 180 - MOST_LINES} lines more)"


def test_a_message_that_can_not_be_composed_is_held_back_with_the_reason():
    pages = Pages({Kind.INVITATION: "Hello"}, ("add",))
    plan, _item = pages.hold(NEW, fault="The template fails.")

    expected = f"{HELD_BACK}: invitation (can't be composed: The template fails.)"
    assert plan.problems[0].message == expected


def test_who_is_held_back_does_not_use_up_the_limit():
    snapshot = make_snapshot(row("bob"), row("ada"))

    def hold(item, _snapshot, _options):
        if item.invitee.email.startswith("ada"):
            return item
        return replace(item, action=Action.NONE, mail=None, skip=SkipCode.NOT_APPROVED)

    plan = make_plan(snapshot, Options(limit=1), hold=hold)
    assert [item.invitee.email for item in plan.mail] == ["ada@example.com"]
