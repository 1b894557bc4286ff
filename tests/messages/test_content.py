"""What a reader will see: as in the message that is sent, without what differs each time."""

from dataclasses import replace
from datetime import timedelta

import pytest

from onboarding.messages.content import render_content
from onboarding.messages.load import load_template_set
from onboarding.model.answers import STANDING_ANSWERS
from onboarding.model.deliveries import Rejected
from onboarding.model.kinds import RULES, Kind
from onboarding.model.reviews import MessageContent, content_digest
from onboarding.model.sessions import Facts
from tests.messages.samples import (
    BRAND,
    SESSION,
    SHIPPED,
    as_email,
    compose,
    find_part,
    make_invitee,
    make_request,
    protect,
    write_templates,
)

EARLIER = Facts("other link", make_invitee().role, SESSION.start, timedelta(hours=1))
PNG = b"\x89PNG\r\n\x1a\n"


def content(request, templates=None):
    rendered = render_content(templates or load_template_set([SHIPPED], BRAND), request)
    assert isinstance(rendered, MessageContent)
    return rendered


@pytest.mark.parametrize("kind", Kind)
def test_content_is_what_the_message_holds(kind):
    templates = load_template_set([SHIPPED], BRAND, (("X-Tag", "panel"),))
    request = make_request(kind, previous=EARLIER)
    message = as_email(compose(templates, request, protect()))

    shown = content(request, templates)

    assert shown.kind is kind
    assert shown.subject == message["Subject"]
    assert shown.sender == message["From"]
    assert shown.reply_to == message["Reply-To"]
    assert shown.recipient == message["To"]
    assert shown.headers == (("X-Tag", "panel"),)
    assert shown.text.rstrip("\n") == find_part(message, "text/plain").rstrip("\n")
    assert shown.html.rstrip("\n") == find_part(message, "text/html").rstrip("\n")
    if not RULES[kind].has_calendar:
        assert shown.calendar == ""
        return
    entry = find_part(message, "text/calendar").replace("\n ", "").splitlines()
    missing = [line for line in entry if line not in shown.calendar.splitlines()]
    assert [line.partition(":")[0] for line in missing] == ["DTSTAMP", "SEQUENCE"] or [
        line.partition(":")[0] for line in missing
    ] == ["SEQUENCE", "DTSTAMP"]


@pytest.mark.parametrize("answer", STANDING_ANSWERS)
def test_what_the_reader_has_answered_is_no_content(answer):
    asked = make_request(Kind.UPDATE, previous=EARLIER)

    shown = content(replace(asked, participation=answer))

    assert shown == content(asked)
    assert ";PARTSTAT=NEEDS-ACTION;" in shown.calendar


def test_what_differs_from_one_attempt_to_the_next_is_no_content():
    first = make_request()
    second = replace(
        first, sequence=7, date=first.date + timedelta(days=2), message_id="<other@example.com>"
    )

    assert content_digest(content(first)) == content_digest(content(second))


@pytest.mark.parametrize(
    "changed",
    [
        make_request(person=make_invitee(first_name="Hanna")),
        make_request(session=replace(SESSION, start=SESSION.start + timedelta(minutes=1))),
        make_request(session=replace(SESSION, title="Robots in the warehouse!")),
        make_request(recipient="other@example.com"),
    ],
    ids=["name", "start", "title", "recipient"],
)
def test_what_the_reader_sees_counts(changed):
    assert content_digest(content(make_request())) != content_digest(content(changed))


@pytest.mark.parametrize("words", ["Hello!", "hello", "Hello\u2028", "Hello "])
def test_one_character_of_a_template_counts(tmp_path, words):
    before = load_template_set([write_templates(tmp_path / "before")], BRAND)
    after = load_template_set([write_templates(tmp_path / "after", words=words)], BRAND)

    assert content(make_request(), before) != content(make_request(), after)


def test_a_logo_that_travels_along_counts(tmp_path):
    logo = tmp_path / "logo.png"
    digests = []
    for picture in (PNG, PNG + b"changed"):
        logo.write_bytes(picture)
        brand = BRAND.model_copy(update={"logo": str(logo)})
        digests.append(content(make_request(), load_template_set([SHIPPED], brand)).attachments)

    assert digests[0] != digests[1]
    assert content(make_request()).attachments == ()


def test_a_person_whose_values_do_not_fit_is_a_value(tmp_path):
    folder = write_templates(tmp_path, words="{{ invitee.extra.table.upper() }}")
    templates = load_template_set([folder], BRAND)

    rejected = render_content(templates, make_request())

    assert isinstance(rejected, Rejected)
    assert "table" in rejected.reason
