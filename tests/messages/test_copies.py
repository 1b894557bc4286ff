"""A kept copy shows what its reader saw, and no join link or phone code, however it is spelled."""

import hashlib
import re
from dataclasses import replace
from html import unescape
from random import Random
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.messages.composer import Composer
from onboarding.messages.load import load_template_set
from onboarding.messages.request import MessageRequest
from onboarding.messages.templates import TemplateSet
from onboarding.model.copies import LINK_HOST, CopyTexts, MessageCopy, restore_texts
from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.sessions import link_digest
from tests.messages.samples import (
    BRAND,
    OWN,
    as_email,
    find_part,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

SPELLINGS = (
    "{{ join_link }}",
    "{{ join_link | urlencode }}",
    "{{ join_link | e }}",
    "{{ join_link | wordwrap(20) }}",
    "{{ join_link.split('/')[-1] }}",
    "{% for letter in join_link %}{{ letter }}{% endfor %}",
    "{{ phone_code }}",
    "{{ phone_code | urlencode }}",
    "{{ phone_code | replace(' ', '') }}",
    "{{ phone_code | replace(' ', '-') }}",
    "{{ phone_code[:3] }}<b>{{ phone_code[3:] }}</b>",
    "{{ 'no code' if phone_code == '482 917' else 'code' }}",
)


def copy_of(templates: TemplateSet, request=None, guarded=None) -> MessageCopy:
    composed = Composer(templates, guarded or protect(), keeps_copies=True).compose(
        request or make_request()
    )
    assert isinstance(composed, Message), composed
    assert composed.copy is not None
    return composed.copy


def texts_of(copy: MessageCopy) -> CopyTexts:
    return restore_texts(copy.html.content, copy.lines.content if copy.lines else None, copy.own)


def everything(copy: MessageCopy) -> str:
    stored = [part.content for part in copy.parts]
    return "\n".join((copy.headers, *texts_of(copy), *stored, copy.own))


def letters(text: str) -> str:
    """The letters and digits of a text without tags and escapes, as a clever reader sees it."""
    shown = unquote(unescape(re.sub(r"<[^>]*>", "", text)))
    return "".join(filter(str.isalnum, shown)).lower()


def is_secret_in(text: str, link: str = OWN, code: str = "482917") -> bool:
    token = "".join(filter(str.isalnum, unquote(link).rpartition("/")[2])).lower()
    runs = [token[start : start + 10] for start in range(max(len(token) - 10, 0) + 1)]
    return any(run in letters(text) for run in [*runs, code])


@pytest.mark.parametrize("kind", Kind)
def test_copy_is_what_was_sent_with_the_fingerprint_for_the_link(template_set, kind):
    composer = Composer(template_set, protect(), keeps_copies=True)
    request = make_request(kind)
    composed = composer.compose(request)
    assert isinstance(composed, Message)
    message, copy = as_email(composed), composed.copy
    assert copy is not None
    fingerprint = link_digest(SecretStr(OWN))[:12]
    mask, mask_of_code = LINK_HOST + fingerprint, f"code-{fingerprint}"

    assert copy.sha256 == hashlib.sha256(composed.body).hexdigest()
    texts = texts_of(copy)
    for kept, content_type in ((texts.text, "text/plain"), (texts.html, "text/html")):
        sent = find_part(message, content_type).strip()
        assert kept.strip() == sent.replace(OWN, mask).replace("482 917", mask_of_code)
    assert copy.headers.encode() == composed.body.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert (mask in texts.text) == (kind is not Kind.CANCELLATION)
    assert not is_secret_in(everything(copy))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("where", ["html", "text", "title", "block"])
def test_no_spelling_of_a_secret_is_kept(tmp_path, spelling, where):
    words = {"html": spelling, "block": f"{{% set box %}}{spelling}{{% endset %}}{{{{ box }}}}"}
    text = f"{spelling} {{{{ join_link }}}}" if where == "text" else "{{ join_link }}"
    folder = write_templates(
        tmp_path,
        words.get(where, "Hello"),
        f"Welcome {spelling}" if where == "title" else "Welcome",
        invitation__txt__j2=text,
    )
    copy = copy_of(load_template_set([folder], BRAND))

    assert not is_secret_in(everything(copy))


LINKS = st.builds(
    lambda host, folder, token, tail: f"https://{host}.example/{folder}/{token}{tail}",
    st.sampled_from(["v", "events", "meet-1"]),
    st.sampled_from(["j", "w/join", "webinar/launch"]),
    st.text("abcdefghijkmnpqrstuvwxyzABCDEFGH23456789-_.~", min_size=24, max_size=60).filter(
        lambda token: (
            len([letter for letter in token if letter.isalnum()]) >= 20
            and re.search(r"[a-zA-Z0-9]{12}", token)
        )
    ),
    st.sampled_from(["", "?from=mail&lang=en", "?pw=x%2By", "#stage", "'s"]),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(LINKS, st.integers(100_000, 999_999).map(lambda code: f"{code:,}".replace(",", " ")))
def test_no_link_or_code_is_kept_whatever_they_are(telling_often, link, code):
    record = make_request(link=link).registration
    assert record is not None
    request = replace(
        make_request(), registration=replace(record, join_uri=SecretStr(link), phone_code=code)
    )
    guarded = replace(protect(), links=(), tokens=protect().tokens)
    composed = Composer(telling_often, guarded, keeps_copies=True).compose(request)
    if not isinstance(composed, Message):  # a link that the check takes for another one's
        return
    assert composed.copy is not None
    kept = everything(composed.copy)
    assert [spelled for spelled in (link, quote(link, safe=""), code) if spelled in kept] == []
    token = link.rpartition("/")[2]
    parts = re.findall(r"[a-zA-Z0-9]{12,}", token)
    assert [part for part in parts if part.lower() in letters(kept)] == []


@pytest.fixture(scope="module")
def telling_often(tmp_path_factory) -> TemplateSet:
    """Templates that print the secrets in every usual spelling."""
    folder = tmp_path_factory.mktemp("often")
    words = "".join(f"<p>{spelling}</p>" for spelling in (*SPELLINGS[:3], *SPELLINGS[6:8]))
    text = "{{ join_link }}\n{{ phone_code }}"
    return load_template_set([write_templates(folder, words, invitation__txt__j2=text)], BRAND)


def test_what_a_row_repeats_of_its_own_link_is_not_kept(tmp_path):
    words = "{{ invitee.extra.note }}"
    templates = load_template_set([write_templates(tmp_path, words)], BRAND)
    person = with_extra(make_invitee(), note=f"use {OWN.rpartition('/')[2].upper()}")

    copy = copy_of(templates, make_request(person=person))

    assert not is_secret_in(everything(copy))
    assert texts_of(copy) == ("", "", "")
    assert copy.recipient == "anna@example.com"


def compose_all(composer: Composer, requests: list[MessageRequest]) -> list[MessageCopy]:
    composed = [composer.compose(request) for request in requests]
    copies = [message.copy for message in composed if isinstance(message, Message)]
    assert len(copies) == len(requests)
    return [copy for copy in copies if copy]


def request_for(number: int, **given: str) -> MessageRequest:
    """A request with a link that only this person has, and a phone code as RingCentral's."""
    drawn = Random(number)
    token = "".join(drawn.choices("0123456789abcdef", k=32))
    name = given.pop("first_name", f"Person{number}")
    person = make_invitee(email=f"person{number}@example.com", first_name=name)
    request = make_request(
        person=with_extra(person, **given), link=f"https://v.example/w/join/{token}"
    )
    assert request.registration
    code = f"{drawn.randrange(100, 1000)} {drawn.randrange(100, 1000)}"
    return replace(request, registration=replace(request.registration, phone_code=code))


def test_copies_share_what_all_have_from_the_third_on(template_set):
    requests = [request_for(number) for number in range(5)]
    guarded = protect(*(request.invitee for request in requests))
    copies = compose_all(Composer(template_set, guarded, keeps_copies=True), requests)

    assert {copy.html for copy in copies} == {copies[0].html}
    assert [copy.lines for copy in copies] == [None, None, *[copies[2].lines] * 3]
    shared = "".join(part.content for part in copies[2].parts)
    assert "WHAT TO DO" not in copies[0].html.content
    assert "you can share your screen" in shared
    assert re.findall(r"Person\d|person\d|link\.invalid", shared) == []
    assert len(copies[2].own) < len(copies[0].own) / 2


BOXES = (
    "{% macro box(d) %}<i title='One of the digits of your code'>{{ d }}</i>{% endmacro %}"
    "{% for digit in phone_code %}{{ box(digit) }}{% endfor %}"
)
LETTERS_OF_THE_TEMPLATE = (
    "{% for letter in join_link %}{% if letter == 'a' %}a{% elif letter == 'b' %}b"
    "{% else %}{{ letter }}{% endif %}{% endfor %}"
)
DIGITS_OF_THE_TEMPLATE = (
    "{% for digit in phone_code %}<b>{% if digit == '1' %}1{% else %}{{ digit }}{% endif %}</b>"
    "{% endfor %}"
)
# What no design would do to a link or a code, and what some do: all kinds of ways to print it.
NASTY = (
    *SPELLINGS,
    "{% for digit in phone_code %}<b style='padding: 9px'>{{ digit }}</b>{% endfor %}",
    BOXES,
    "{% for letter in join_link %}\n{{ letter }}{% endfor %}",
    LETTERS_OF_THE_TEMPLATE,
    DIGITS_OF_THE_TEMPLATE,
    "{% for part in join_link | batch(9) %}Now type: {{ part | join }}\n{% endfor %}",
    "{{ join_link[-16:] }}",
    "{{ (join_link | upper)[-20:] }}",
    "{{ invitee.extra.note }}",
    "{{ invitee.extra.firm }}\n{{ invitee.extra.firm }} is with us",
)


# The check admits these in HTML, where it sees no link in them; in a text it does.
ONLY_IN_HTML = ("{% for letter in join_link %}",)


@pytest.mark.parametrize(
    ("where", "spelling"),
    [
        *(("html", spelling) for spelling in NASTY),
        *(("text", spelling) for spelling in NASTY if not spelling.startswith(ONLY_IN_HTML)),
    ],
)
def test_copy_with_shared_lines_says_the_same_as_one_that_was_masked_whole(
    tmp_path, where, spelling
):
    """Forty people for each way: whole is what a composer makes that knows no others."""
    words = f"{spelling} and a last line with many letters" if where == "html" else "Hello"
    text = f"{spelling}\nA line that all people get.\n" if where == "text" else ""
    folder = write_templates(
        tmp_path, words, invitation__txt__j2=f"{text}{{{{ join_link }}}}\n{{{{ phone_code }}}}"
    )
    templates = load_template_set([folder], BRAND)
    firms = ("Acme of Berlin and Rome", "", "Brightwater")
    requests = [
        request_for(
            number,
            first_name="Ann" if number % 3 else "Bo",
            firm=firms[number % 7 % 3],
            note="the same for all",
        )
        for number in range(40)
    ]
    guarded = protect(*(request.invitee for request in requests))
    together = compose_all(Composer(templates, guarded, keeps_copies=True), requests)
    for request, copy in zip(requests, together, strict=True):
        (alone,) = compose_all(Composer(templates, guarded, keeps_copies=True), [request])
        assert texts_of(copy) == texts_of(alone)
        assert (copy.headers, copy.sha256) == (alone.headers, alone.sha256)
        assert request.registration
        assert request.join_link
        link, code = request.join_link.get_secret_value(), request.registration.phone_code
        assert not is_secret_in(everything(copy), link, code.replace(" ", ""))


def test_text_that_holds_the_mark_between_texts_keeps_its_envelope_alone(tmp_path):
    text = "{{ join_link }} \x1e {{ invitee.name }}"
    folder = write_templates(tmp_path, "Hello", invitation__txt__j2=text)

    copy = copy_of(load_template_set([folder], BRAND))

    assert texts_of(copy) == ("", "", "")
    assert "To: " in copy.headers
