"""A kept copy shows what its reader saw, and no join link or phone code, however it is spelled."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.messages.composer import Composer, TemplateSet
from onboarding.model.copies import LINK_HOST, MessageCopy, fill_part
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


def html_of(copy: MessageCopy) -> str:
    return fill_part(copy.part.content, copy.html)


def everything(copy: MessageCopy) -> str:
    return "\n".join((copy.headers, copy.text, copy.calendar, html_of(copy), copy.part.content))


def letters(text: str) -> str:
    """The letters and digits of a text without tags and escapes, as a clever reader sees it."""
    shown = unquote(unescape(re.sub(r"<[^>]*>", "", text)))
    return "".join(filter(str.isalnum, shown)).lower()


def is_secret_in(text: str, link: str = OWN, code: str = "482917") -> bool:
    token = "".join(filter(str.isalnum, unquote(link).rpartition("/")[2])).lower()
    runs = [token[start : start + 10] for start in range(max(len(token) - 10, 0) + 1)]
    return any(run in letters(text) for run in [*runs, code])


@pytest.mark.parametrize("kind", Kind)
def test_copy_is_what_was_sent_with_the_fingerprint_for_the_link(stationery, kind):
    composer = Composer(stationery, protect(), keeps_copies=True)
    request = make_request(kind)
    composed = composer.compose(request)
    assert isinstance(composed, Message)
    message, copy = as_email(composed), composed.copy
    assert copy is not None
    fingerprint = link_digest(SecretStr(OWN))[:12]
    mask, mask_of_code = LINK_HOST + fingerprint, f"code-{fingerprint}"

    assert copy.body == composed.body
    for kept, content_type in ((copy.text, "text/plain"), (html_of(copy), "text/html")):
        sent = find_part(message, content_type).strip()
        assert kept.strip() == sent.replace(OWN, mask).replace("482 917", mask_of_code)
    assert copy.headers.encode() == composed.body.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert (mask in copy.text) == (kind is not Kind.CANCELLATION)
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
    copy = copy_of(TemplateSet.load([folder], BRAND))

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
    return TemplateSet.load([write_templates(folder, words, invitation__txt__j2=text)], BRAND)


def test_what_a_row_repeats_of_its_own_link_is_not_kept(tmp_path):
    words = "{{ invitee.extra.note }}"
    templates = TemplateSet.load([write_templates(tmp_path, words)], BRAND)
    person = with_extra(make_invitee(), note=f"use {OWN.rpartition('/')[2].upper()}")

    copy = copy_of(templates, make_request(person=person))

    assert not is_secret_in(everything(copy))
    assert (copy.text, copy.calendar, html_of(copy)) == ("", "", "")
    assert copy.recipient == "anna@example.com"


def test_messages_to_everybody_share_one_part(stationery):
    composer = Composer(
        stationery, protect(make_invitee(email="eva@example.com")), keeps_copies=True
    )
    people = [make_invitee(), make_invitee(email="eva@example.com", first_name="Eva")]
    first, second = (composer.compose(make_request(person=person)) for person in people)

    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert first.copy is not None
    assert second.copy is not None
    assert first.copy.part is second.copy.part
    assert "Anna" not in first.copy.part.content
