"""Digests: the same content has one digest, and every part of it counts."""

from dataclasses import fields, replace

import pytest

from onboarding.model.kinds import Kind
from onboarding.model.reviews import MessageContent, content_digest, page_digest

CONTENT = MessageContent(
    kind=Kind.INVITATION,
    entry="",
    recipient="ada@example.com",
    subject="Welcome",
    sender="Events <events@example.com>",
    reply_to="team@example.com",
    headers=(("X-Tag", "panel"),),
    text="Hello",
    html="<p>Hello</p>",
    calendar="BEGIN:VCALENDAR",
    attachments=("aa",),
)
OTHER = {
    "kind": Kind.UPDATE,
    "headers": (("X-Tag", "other"),),
    "attachments": ("aa", "bb"),
}


def test_equal_content_has_one_digest():
    assert content_digest(CONTENT) == content_digest(replace(CONTENT))
    assert len(content_digest(CONTENT)) == 64


@pytest.mark.parametrize("field", [field.name for field in fields(MessageContent)])
def test_every_field_counts(field):
    changed = replace(CONTENT, **{field: OTHER.get(field, f"{getattr(CONTENT, field)}.")})

    assert content_digest(changed) != content_digest(CONTENT)


def test_text_that_moves_from_one_field_to_the_next_counts():
    moved = replace(CONTENT, text="Hello<p>", html="Hello</p>")

    assert content_digest(moved) != content_digest(
        replace(CONTENT, text="Hello", html="<p>Hello</p>")
    )


def test_a_page_digest_does_not_depend_on_the_order():
    changes = [("add", "a@example.com"), ("remove", "b@example.com")]

    assert page_digest("1", "2", ["x", "y"], changes) == page_digest(
        "1", "2", ["y", "x"], changes[::-1]
    )


@pytest.mark.parametrize(
    "other",
    [
        ("9", "2", ["x"], [("add", "a")]),
        ("1", "9", ["x"], [("add", "a")]),
        ("1", "2", ["x", "x"], [("add", "a")]),
        ("1", "2", ["x"], [("remove", "a")]),
        ("1", "2", ["x"], []),
    ],
)
def test_everything_on_a_page_counts(other):
    assert page_digest(*other) != page_digest("1", "2", ["x"], [("add", "a")])
