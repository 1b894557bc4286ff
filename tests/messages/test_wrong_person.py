"""What is another person's is never sent, also if template and value make it together."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from onboarding.messages.load import load_template_set
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from tests.messages.samples import (
    BRAND,
    OTHERS,
    OWN,
    compose,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

DORA = make_invitee(email="dora@example.com", first_name="Zoë", last_name="Müller")
KNOWN = protect(DORA)
FAR = "<p>far away</p>" * 99
INJECTED = [
    OTHERS,
    f"see {OTHERS}",
    quote(OTHERS, safe=""),
    OTHERS.replace("https://", ""),
    f"{OWN}x",
    "boris@example.com",
    "write to BORIS@example.com.",
    "http://example.com/",
]


@pytest.fixture(scope="module")
def telling_all(tmp_path_factory) -> TemplateSet:
    """Templates that writes what it is given into HTML, attribute, title and text."""
    words = (
        "<h1>{{ invitee.name }}</h1>{{ invitee.first_name or invitee.last_name }} "
        "{{ invitee.job_title }}, "
        "<p title='{{ invitee.extra.note }}'>{{ invitee.extra['note'] }}</p>"
    )
    text = (
        ".{{ invitee.last_name }}\n{{ invitee.extra.note }}\n"
        ".{{ join_link }}\n{{ invitee.job_title }}\n"
    )
    folder = tmp_path_factory.mktemp("templates")
    return load_template_set(
        [write_templates(folder, words, "For {{ invitee.name }}", invitation__txt__j2=text)], BRAND
    )


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("field", ["first_name", "last_name", "job_title", "note"])
def test_what_is_not_this_persons_never_leaves(telling_all, injected, field):
    harmless = with_extra(make_invitee(), note="note")
    wrong = (
        with_extra(harmless, note=injected)
        if field == "note"
        else replace(harmless, **{field: injected})
    )

    composed = compose(telling_all, make_request(person=wrong), KNOWN)

    assert isinstance(compose(telling_all, make_request(person=harmless), KNOWN), Message)
    assert isinstance(composed, Rejected)
    assert OTHERS not in composed.reason


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("https://v.example/w/", "join/late"),
        ("https://v.exam", "ple/w/join/late"),
        ("htt", "p://example.com/"),
        ("boris@", "example.com"),
        ("boris", "@example.com"),
        ("https%3A%2F%2Fv.example%2Fw%2Fjo", "in%2Flate"),
        ("".join(f"%{'25' * 40}{ord(one):02x}" for one in "v.example/w/jo"), "in/late"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_what_a_template_and_a_value_make_together_is_found(tmp_path, before, value, turned):
    static, own = (value, before) if turned else (before, value)
    joined = "{{ invitee.extra.note }}" + static if turned else static + "{{ invitee.extra.note }}"
    template_set = load_template_set([write_templates(tmp_path, words=f"{FAR}{joined}")], BRAND)

    composed = [
        compose(template_set, make_request(person=with_extra(make_invitee(), note=note)), KNOWN)
        for note in ("-", own)
    ]

    assert [type(message) for message in composed] == [Message, Rejected]


@pytest.mark.parametrize("note", ["javascript:alert(1)", "java\tscript:x", "data:x", "https://x y"])
def test_a_link_of_an_odd_kind_is_found(tmp_path, note):
    words = f"{FAR}<a href='{{{{ invitee.extra.note }}}}'>x</a>"
    template_set = load_template_set([write_templates(tmp_path, words=words)], BRAND)

    assert isinstance(
        compose(template_set, make_request(person=with_extra(make_invitee(), note=note)), KNOWN),
        Rejected,
    )


def test_an_address_in_a_template_is_its_owners_only(tmp_path):
    template_set = load_template_set(
        [write_templates(tmp_path, words=f"{FAR}<p>dora@example.com</p>{FAR}")], BRAND
    )

    composed = [
        compose(template_set, make_request(person=person), KNOWN)
        for person in (DORA, DORA, make_invitee())
    ]

    assert [type(message) for message in composed] == [Message, Message, Rejected]
