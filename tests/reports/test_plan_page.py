"""The plan page as a file: what it says, in which order, and that nothing breaks out of it."""

import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser, LexborNode

from onboarding.model.kinds import Kind
from onboarding.model.people import Problem
from onboarding.model.reviews import ApprovalMode, InlinePicture, PlannedChange
from onboarding.reports.mail_frame import box_for
from onboarding.reports.plan_page import (
    MessageState,
    format_approve_command,
    render_plan_page,
    state_of,
)
from tests.reports.reviews import (
    CARLOS,
    FULL,
    HANNA,
    JOERG,
    MADE_AT,
    STAND_IN,
    make_review,
    plan,
    render,
)

PLAIN = make_review((plan(HANNA),))


def page_of(review) -> LexborHTMLParser:
    return LexborHTMLParser(render_plan_page(review))


def words(node: LexborNode) -> str:
    return " ".join(node.text().split())


def test_warnings_come_first_then_counts_changes_forecast_messages_and_the_digest():
    page = page_of(FULL)

    assert [words(heading) for heading in page.css("h2")] == [
        "Warnings",
        "What changes at RingCentral",
        "Messages",
        "If the session moves or is called off, or a person is removed",
        "Approve exactly this page",
    ]
    assert [words(item) for item in page.css(".warnings li")] == [
        "row 7, Rolle, eve@example.com: 'Speaker' is no role. Write Host or Panelist.",
        f"Ada Author would get no invitation: {FULL.messages[3].fault}",
        "The invitation has changed since it was approved: Carlos Ortega.",
    ]
    assert [words(item) for item in page.css(".counts li")] == [
        "4 messages",
        "1 can't be made",
        "1 changed since approval",
        "1 to be approved",
        "1 approved",
        "4 added at RingCentral",
    ]
    assert words(page.css_first("#messages + .verdict")) == FULL.forecast


def test_commands_in_warnings_and_notes_look_like_commands():
    said = "Type `onboarding run town-hall` & look."
    page = page_of(make_review((), problems=(Problem(None, None, "", said),), notes=(said,)))

    for part in (".warnings li", ".notes li"):
        assert words(page.css_first(part)) == "Type onboarding run town-hall & look."
        assert page.css_first(f"{part} code").text() == "onboarding run town-hall"


def test_a_page_without_warnings_says_so():
    page = page_of(PLAIN)

    assert page.css(".warnings") == []
    assert words(page.css_first("section .verdict")) == "No warnings."


def test_a_warning_names_a_few_of_many_people():
    changed = [plan(replace(HANNA, first_name=f"P{n}"), difference="+x") for n in range(7)]
    page = page_of(make_review(changed, approval=ApprovalMode.REQUIRED))

    assert words(page.css_first(".warnings")) == (
        "The invitation has changed since it was approved: "
        "P0 Holm, P1 Holm, P2 Holm, P3 Holm, P4 Holm and 2 more."
    )


def test_sending_that_ends_too_late_is_the_first_warning():
    late = replace(FULL, is_late=True, forecast="99 emails, 2 hours AFTER the panel joins.")

    assert words(page_of(late).css_first(".warnings li")) == late.forecast


def test_each_message_is_there_as_it_will_be_sent():
    content = render(JOERG, Kind.INVITATION)
    card = page_of(make_review((plan(JOERG),))).css_first("details.message")

    fields = [words(field) for field in card.css(".fields dt, .fields dd")]
    assert dict(zip(fields[::2], fields[1::2], strict=True)) == {
        "To": content.recipient,
        "From": content.sender,
        "Answers to": content.reply_to,
        "Subject": content.subject,
        "Why": "not registered yet",
        "When": "with the next run",
    }
    assert card.css_first("pre").text() == content.text
    assert "Tuesday, 12 May 2026, 15:00 to 16:30" in words(card.css_first(".calendar"))
    assert words(card.css_first("h3")) == "Jörg Müller"
    frame = card.css_first("iframe").attributes
    assert frame["sandbox"] is None  # nothing is allowed
    assert content.subject in frame["srcdoc"]


def test_attached_file_is_named_with_its_digest_and_the_logo_is_not():
    content = replace(
        render(JOERG, Kind.INVITATION), attachments=("aa" * 32, f"{'bc' * 32} checklist.pdf")
    )
    card = page_of(make_review((plan(JOERG, shown=content),))).css_first("details.message")

    fields = [words(field) for field in card.css(".fields dt, .fields dd")]
    attached = [
        text for name, text in zip(fields[::2], fields[1::2], strict=True) if name == "Attached"
    ]
    assert attached == ["checklist.pdf SHA-256 bcbcbcbcbcbc…"]


@pytest.mark.parametrize(
    ("message", "mode", "state"),
    [
        (plan(HANNA), ApprovalMode.NONE, MessageState.READY),
        (plan(HANNA, difference="x"), ApprovalMode.NONE, MessageState.READY),
        (
            plan(HANNA, due_at=MADE_AT + timedelta(hours=1)),
            ApprovalMode.NONE,
            MessageState.LATER,
        ),
        (plan(HANNA, due_at=MADE_AT), ApprovalMode.NONE, MessageState.READY),
        (plan(HANNA, covered=True), ApprovalMode.REQUIRED, MessageState.APPROVED),
        (plan(HANNA), ApprovalMode.STRICT, MessageState.TO_APPROVE),
        (plan(HANNA, difference="x"), ApprovalMode.REQUIRED, MessageState.CHANGED),
        (
            plan(HANNA, covered=True, due_at=MADE_AT + timedelta(hours=1)),
            ApprovalMode.REQUIRED,
            MessageState.LATER,
        ),
        (
            plan(HANNA, due_at=MADE_AT + timedelta(hours=1)),
            ApprovalMode.REQUIRED,
            MessageState.TO_APPROVE,
        ),
        (replace(plan(HANNA), shown=None, fault="x"), ApprovalMode.NONE, MessageState.BROKEN),
    ],
)
def test_state_of_a_message(message, mode, state):
    assert state_of(message, make_review((message,), approval=mode)) is state


def test_a_changed_message_shows_what_has_changed():
    difference = page_of(FULL).css_first(".difference")

    assert words(difference.css_first("del")) == "-please be there at 14:45."
    assert words(difference.css_first("ins")) == "+please be there at 14:30."


def test_messages_that_would_follow_are_shown_once_per_kind_role_and_language():
    second = replace(JOERG, email="j2@example.com", first_name="Jana")
    conditional = [
        plan(person, Kind.UPDATE, digest="", covered=True)
        for person in (HANNA, JOERG, second, replace(CARLOS, row=9))
    ]
    conditional.append(plan(JOERG, Kind.UPDATE, digest="", difference="+x"))
    page = page_of(replace(FULL, conditional=tuple(conditional)))

    shown = page.css(".message.conditional")
    assert [words(card.css_first("h3")) for card in shown] == [
        "Hanna Holm",
        "Jörg Müller",
        "Carlos Ortega",
        "Jörg Müller",
    ]
    assert [words(card.css_first("summary > :last-child")) for card in shown] == [
        "✓approved",
        "✓approvedand 1 more",
        "✓approved",
        "!changed since approval",
    ]


def test_changes_are_said_in_words_and_whether_they_wait_for_approval():
    changes = tuple(
        PlannedChange(HANNA, action, "because", covered=action == "add")
        for action in ("add", "update", "replace", "remove")
    )
    page = page_of(make_review((), changes=changes, approval=ApprovalMode.REQUIRED))

    assert [words(cell) for cell in page.css('td[data-label="Change"]')] == [
        "added",
        "updatedwaits for approval",
        "replacedwaits for approval",
        "removedwaits for approval",
    ]


def test_an_empty_page_says_that_nothing_changes_and_nothing_is_due():
    page = page_of(make_review((), forecast=""))

    assert words(page.css_first("#changes + .note")) == "Nothing."
    assert "No message is due." in words(page.body)
    assert page.css("#filter, table, iframe") == []


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("launch", 'onboarding approve launch {} --by "Your name"'),
        ("101/201", 'onboarding approve 101/201 {} --by "Your name"'),
        ("a b;c", "onboarding approve 'a b;c' {} --by \"Your name\""),
    ],
)
def test_the_command_approves_this_page(name, command):
    review = replace(FULL, name=name)

    assert format_approve_command(review) == command.format(FULL.digest[:12])
    assert words(page_of(review).css_first("#command")) == format_approve_command(review)
    assert FULL.digest in words(page_of(review).body)


def test_only_the_pages_own_script_may_run_and_nothing_is_loaded():
    page = page_of(FULL)
    policy = page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]

    (script,) = page.css("script")
    digest = b64encode(hashlib.sha256(script.text().encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert page.css("[src]:not([src^='data:']), link, object, embed, [action]") == []
    assert {link.attributes["href"][:1] for link in page.css("[href]")} == {"#"}


def test_a_picture_is_in_the_page_once():
    logo = InlinePicture("logo@letters", "image/png", b"\x89PNG" + bytes(range(256)) * 9)
    html = '<p>Hello</p><img src="cid:logo@letters" alt="Brightwater">'
    messages = [
        plan(person, shown=replace(render(person, Kind.INVITATION), html=html))
        for person in (HANNA, CARLOS, JOERG)
    ]
    text = render_plan_page(make_review(messages, pictures=(logo,)))

    assert text.count(b64encode(logo.content).decode()) == 1
    picture = LexborHTMLParser(text).css_first("img")
    assert b64decode(picture.attributes["src"].partition(",")[2]) == logo.content
    assert picture.attributes["data-box"] == box_for("logo@letters")
    frames = LexborHTMLParser(text).css("iframe")
    assert all(box_for("logo@letters") in frame.attributes["srcdoc"] for frame in frames)


HOSTILE = [
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "</style><b>",
    "'\" srcdoc='x",
    "{{ 7*7 }}",
    "</iframe></details></section>",
]
KNOWN_ELEMENTS = {element.tag for element in page_of(FULL).css("*")}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_text_everywhere(hostile):
    person = replace(HANNA, first_name=hostile, last_name="", email=f"{hostile}@example.com")
    content = render(HANNA, Kind.INVITATION)
    fields = ("recipient", "subject", "sender", "reply_to", "text", "html", "calendar")
    content = replace(content, **dict.fromkeys(fields, hostile), headers=((hostile, hostile),))
    message = plan(person, shown=content, reason=hostile, difference=f"+{hostile}\n-{hostile}")
    review = make_review(
        (message, replace(message, shown=None, fault=hostile)),
        name=hostile,
        session=replace(FULL.session, title=hostile),
        problems=(Problem(1, *[hostile] * 3),),
        notes=(hostile,),
        forecast=hostile,
        conditional=(message,),
    )
    page = page_of(review)

    assert {element.tag for element in page.css("*")} <= KNOWN_ELEMENTS
    assert page.css("[onerror], b:not(.counts b, .fields b)") == []
    assert len(page.css("script")) == 1
    assert words(page.css_first("h1")) == words(page.css_first("details h3")) == hostile
    assert [frame.attributes.keys() for frame in page.css("iframe")] == [
        {"sandbox", "loading", "title", "srcdoc"}
    ] * 2


@settings(max_examples=40)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r")))
def test_any_mail_html_stays_in_its_frame(html):
    message = plan(HANNA, shown=replace(render(HANNA, Kind.INVITATION), html=html))
    page = page_of(make_review((message,)))

    assert len(page.css("script")) == 1
    assert len(page.css("details.message")) == 1
    assert words(page.css_first("footer")).endswith("This page changes and sends nothing.")


def test_page_can_be_read_aloud():
    page = page_of(FULL)

    assert page.css_first("html").attributes["lang"] == "en"
    assert page.css("main, header, footer")
    labels = {node.attributes["aria-labelledby"] for node in page.css("[aria-labelledby]")}
    assert labels <= {node.attributes["id"] for node in page.css("[id]")}
    assert {frame.attributes["title"] for frame in page.css("details[id] iframe")} == {
        "Message to Hanna Holm, invitation",
        "Message to Carlos Ortega, invitation",
        "Message to Jörg Müller, invitation",
    }


def test_links_are_stand_ins():
    text = render_plan_page(FULL)

    assert set(re.findall(r"https://v\.example/w/join/[\w-]+", text)) == {STAND_IN}
