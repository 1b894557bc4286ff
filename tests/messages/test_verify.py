"""The wrong-person test, and everything else that keeps a finished message from leaving."""

from base64 import b64encode
from dataclasses import replace
from html import escape
from types import MappingProxyType
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from onboarding.messages import verify
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import MessageParts, make_frame
from onboarding.messages.request import ProtectedValues, link_places
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import LinkedUser, Role
from onboarding.model.sessions import Registration
from tests.messages.samples import (
    BRAND,
    OTHER,
    OTHERS,
    OWN,
    SESSION,
    compose,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

CONFIGURED = frozenset({"help@northwind.example", "webinars@northwind.example"})
SKELETON = make_frame(BRAND, "REQUEST", None)
GOOD = MessageParts(
    name="Anna",
    recipient="anna@example.com",
    subject="Welcome",
    message_id="<1@northwind.example>",
    date=make_request().date,
    text=f"Join: {OWN}.",
    pieces=('<a href="', f"{OWN}", '">', f"{OWN}", "</a>"),
    calendar=(
        f"BEGIN:VCALENDAR\r\nUID:0123456789@northwind.example\r\nURL:{OWN}\r\nEND:VCALENDAR\r\n"
    ),
)
INCOMPLETE = "it doesn't have one text, one HTML and one calendar part, and that as a file"
TOKEN = OTHERS.rpartition("/")[2]
LATE_LINK = "https://v.example/w/join/somebodywholeft12345"


def changed(**parts):
    """The good message with other parts."""
    if html := parts.pop("html", ""):
        parts["pieces"] = (html,)
    return replace(GOOD, **parts)


def fault(filling=GOOD, given=None, known=None, body=None):
    whole = SKELETON.fill(filling) if body is None else body
    return verify.find_violation(
        whole, given or make_request(), "anna@example.com", known or protect(), CONFIGURED
    )


def test_a_good_message_passes():
    assert fault() == ""


@pytest.mark.parametrize(
    "disguised",
    [
        OTHERS,
        OTHERS.upper(),
        OTHERS.removeprefix("https://"),
        f"see{OTHERS}more",
        quote(OTHERS, safe=""),
        quote(quote(OTHERS, safe=""), safe=""),
        f"https://track.example/?to={quote(OTHERS, safe='')}",
        "https://v.example/w/join/",
        LATE_LINK,
        OWN + "x",
        OWN + "/extra",
        OWN + "?next=1",
        OWN.replace("own", "OWN"),
        OWN[:-3],
        TOKEN,
        TOKEN.upper(),
        f"x{TOKEN}y",
        f"Your code is {TOKEN}.",
        f"%{ord(TOKEN[0]):02x}{TOKEN[1:]}",
    ],
)
@pytest.mark.parametrize("part", ["text", "html", "calendar", "subject", "name"])
def test_another_link_is_found_in_every_part_and_disguise(part, disguised):
    filling = changed(**{part: f"{getattr(GOOD, part)} {disguised} "})

    assert fault(filling).endswith("a join link that isn't this person's")


@pytest.mark.parametrize(
    "hidden",
    [
        escape(OTHERS).replace("/", "&#47;"),
        OTHERS.replace("j", "&#x6A;"),
        f"<!-- {OTHERS} -->",
        f'<a href="{OTHERS}">x</a>',
        OTHERS.replace("/w", "&sol;w"),
    ],
)
def test_another_link_is_found_behind_entities(hidden):
    assert fault(changed(html=GOOD.html + hidden)).endswith("a join link that isn't this person's")


def test_another_link_is_found_across_folded_calendar_lines():
    folded = GOOD.calendar + f"DESCRIPTION:{OTHERS[:20]}\r\n {OTHERS[20:30]}\r\n\t{OTHERS[30:]}\r\n"

    assert (
        fault(changed(calendar=folded))
        == "its calendar part holds a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    "written",
    [
        "jörg@bücher.example",
        "JÖRG@BÜCHER.EXAMPLE",
        "jörg@xn--bcher-kva.example",
        "jörg@XN--BCHER-KVA.example",
        "jörg@bücher。example",
        "j%C3%B6rg%40b%C3%BCcher.example",
    ],
)
def test_another_address_is_found_however_its_domain_is_written(written):
    known = ProtectedValues.of([], ["jörg@bücher.example"])

    assert (
        fault(changed(text=f"{GOOD.text} {written} "), known=known)
        == "its text part holds somebody else's address"
    )


@pytest.mark.parametrize(
    "written",
    [
        "boris@example.com",
        "Boris@Example.COM",
        "<boris@example.com>",
        "mailto:boris@example.com?subject=x",
        "boris%40example.com",
        "x=boris@example.com&y",
        "(boris@example.com)",
        "https://example.com/?who=/boris@example.com",
        "boris@example.com.",
    ],
)
@pytest.mark.parametrize("part", ["text", "html", "calendar", "subject"])
def test_another_address_is_found_in_every_part(part, written):
    line = f"DESCRIPTION:{written}\r\n" if part == "calendar" else f" {written} "

    assert fault(changed(**{part: getattr(GOOD, part) + line})).endswith("somebody else's address")


@pytest.mark.parametrize(
    "written",
    [
        "anna@example.com",
        "help@northwind.example",
        "notboris@example.com",
        "x.boris@example.com",
        "boris@example.com.other.example",
        "nobody@elsewhere.example",
        "@media print",
        "boris @example.com",
    ],
)
def test_ones_own_configured_and_unknown_addresses_may_stand(written):
    assert fault(changed(text=f"{GOOD.text} {written}")) == ""


def test_an_address_that_ends_like_anothers_is_still_ones_own():
    person = make_invitee(email="o'boris@example.com")

    assert fault(changed(text=f"{OWN} o'boris@example.com"), make_request(person=person)) == ""


def test_an_internationalised_address_is_found_in_both_spellings():
    person = make_invitee(email="boris@müller.example")

    for written in ("boris@müller.example", "boris@xn--mller-kva.example"):
        assert fault(changed(text=f"{OWN} {written}"), known=protect(person)) == (
            "its text part holds somebody else's address"
        )


@pytest.mark.parametrize("part", ["text", "html", "calendar"])
def test_a_part_without_the_own_link_is_found(part):
    name = {"html": "HTML"}.get(part, part)

    assert (
        fault(changed(**{part: "nothing here"})) == f"its {name} part lacks this person's join link"
    )


def test_a_cancellation_may_hold_no_join_link_at_all():
    entry = "BEGIN:VCALENDAR\r\nUID:0123456789@northwind.example\r\n"
    bare = changed(text="Goodbye", html="<p>Goodbye", calendar=entry)
    cancelled = make_request(Kind.CANCELLATION)

    assert fault(bare, cancelled) == ""
    assert (
        fault(replace(bare, text=OWN), cancelled)
        == "its text part holds a join link that isn't this person's"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": " "}, "its subject is empty"),
        (
            {"text": f"{OWN} http://example.com/"},
            "its text part holds a link without encryption (http:)",
        ),
        (
            {"html": f'{GOOD.html}<a href="HTTP&colon;//example.com/">'},
            "its HTML part holds a link without encry",
        ),
        (
            {"html": f'{GOOD.html}<a href="javascript:alert(1)">'},
            "its HTML part holds a link that mail may not hold",
        ),
        (
            {"html": f"{GOOD.html}<img SRC='data:image/png;base64,AA'>"},
            "its HTML part holds a link that mail may not",
        ),
        (
            {"html": f'{GOOD.html}<a href="java&#115;cript:alert(1)">'},
            "its HTML part holds a link that mail may not",
        ),
        (
            {"html": f'{GOOD.html}<a href="java\tscript&colon;alert(1)">'},
            "its HTML part holds a link that mail may no",
        ),
        ({"recipient": "someone@example.com"}, "its To: field isn't the recipient's"),
    ],
)
def test_what_is_unsafe_is_found(changes, said):
    assert fault(changed(**changes)).startswith(said)


def test_the_vocabulary_of_xhtml_is_no_link():
    assert fault(changed(html=f'<html xmlns="http://www.w3.org/1999/xhtml">{GOOD.html}')) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"Reply-To:", b"Cc: x@example.com\r\nReply-To:", "it goes to somebody in copy"),
        (b"Reply-To:", b"BCC: x@example.com\r\nReply-To:", "it goes to somebody in copy"),
        (b"Reply-To: help@northwind.example\r\n", b"", "it has no reply-to field"),
        (
            b"text/calendar",
            b"text/x-other",
            INCOMPLETE,
        ),
        (b"text/plain", b"text/html", INCOMPLETE),
        (b"application/ics", b"application/x-other", INCOMPLETE),
        (b"UID:0123456789", b"UID:1123456789", "its calendar part isn't this person's entry"),
        (
            b"\r\nTo: ",
            b"\r\nTo: b@example.com\r\nTo: ",
            "it can't be read back (the field to is there 2 times)",
        ),
        (b"--=_mixed_=--", b"", "it can't be read back (a multipart isn't cut as it says)"),
    ],
)
def test_damaged_messages_are_found(old, new, said):
    body = SKELETON.fill(GOOD)
    assert old in body

    assert fault(body=body.replace(old, new)) == said


def test_calendar_file_that_differs_from_the_calendar_part_is_found():
    before, found, behind = SKELETON.fill(GOOD).rpartition(b"END:VCALENDAR")

    body = before + b"COMMENT:x\r\n" + found + behind

    assert fault(body=body) == "its calendar part and the calendar file differ"


def test_published_entry_is_a_file_alone():
    published = replace(GOOD, calendar=GOOD.calendar.replace("UID", "METHOD:PUBLISH\r\nUID"))
    body = make_frame(BRAND, "PUBLISH", None).fill(published)

    assert fault(body=body) == ""
    assert fault(body=make_frame(BRAND, "PUBLISH", None).fill(GOOD)) == INCOMPLETE


def test_calendar_in_a_message_that_carries_none_is_found():
    assert fault(given=make_request(Kind.SCHEDULED)) == (
        "it doesn't have one text and one HTML part, and no calendar"
    )


@pytest.mark.parametrize(
    ("text", "html", "said"),
    [
        (OWN, f"<p>{OWN}", ""),
        ("Thank you", "<p>Thank you", ""),
        ("Thank you", f"<p>{OWN}", "its text part lacks this person's join link"),
        (OWN, "<p>Thank you", "its HTML part lacks this person's join link"),
        (OTHERS, f"<p>{OTHERS}", "its text part holds a join link that isn't this person's"),
    ],
)
def test_scheduled_message_shows_its_own_link_in_all_parts_or_in_none(text, html, said):
    parts = changed(text=text, html=html, calendar="")
    body = make_frame(BRAND, "", None).fill(parts)

    assert fault(given=make_request(Kind.SCHEDULED), body=body) == said


def test_entry_without_a_uid_is_found():
    assert fault(given=make_request(uid="")) == "its calendar part isn't this person's entry"


def test_links_of_several_hosts_and_folders_are_guarded_by_where_they_begin():
    links = [
        "https://v.example/w/join/abc",
        "https://v.example/w/a/join/def",
        "https://other.example/j/ghi?tk=1",
    ]

    assert link_places(links) == {"v.example/w/", "other.example/j/"}


def test_nothing_is_guarded_before_there_are_links():
    assert ProtectedValues.of([], ["", "a@example.com"]).links == ()
    assert fault(known=ProtectedValues.of([], [])) == ""


def test_guarded_secrets_are_not_shown():
    assert "join" not in repr(protect())
    assert "boris" not in repr(protect())


# The wrong-person test: B's link at every place that a letter to A is made from.

EXTRA = "<p>{{ invitee.extra.note }}</p>"
ANNA = make_invitee()
SWAPPED = {
    "first name": make_request(person=make_invitee(first_name=OTHERS)),
    "last name": make_request(person=make_invitee(last_name=OTHERS)),
    "job title": make_request(person=make_invitee(job_title=f"Engineer {OTHERS}")),
    "further column": make_request(person=with_extra(ANNA, note=f"see {OTHERS}")),
    "session's title": make_request(session=replace(SESSION, title=OTHERS)),
    "phone code": make_request(
        registration=Registration(
            id="7", role=ANNA.role, join_uri=SecretStr(OWN), phone_code=quote(OTHERS, safe="")
        )
    ),
    "somebody on the panel": make_request(panel=(ANNA, replace(OTHER, last_name=OTHERS))),
}
WORDS = (
    "{{ invitee.name }} {{ invitee.job_title }} {{ session.title }} "
    "{{ phone_code }} {{ invitee.extra.note }}"
    " {% for one in panel %}{{ one.name }} {% endfor %}"
)


@pytest.fixture(scope="module")
def telling_all(tmp_path_factory) -> TemplateSet:
    """Templates that says everything it is given."""
    return load_template_set(
        [write_templates(tmp_path_factory.mktemp("templates"), words=WORDS)], BRAND
    )


def complete(given):
    """A roster row has every column that a template asks for."""
    extra = MappingProxyType({"note": "", **given.invitee.extra})
    return replace(given, invitee=replace(given.invitee, extra=extra))


@pytest.mark.parametrize("place", SWAPPED)
def test_anothers_link_never_leaves_wherever_it_comes_from(telling_all, place):
    composed = compose(telling_all, complete(SWAPPED[place]), protect())

    assert isinstance(composed, Rejected)
    assert composed.reason.endswith("holds a join link that isn't this person's.")
    assert OTHERS not in composed.reason


def test_the_same_letter_without_anothers_link_leaves(telling_all):
    assert isinstance(compose(telling_all, complete(make_request()), protect()), Message)


def test_anothers_link_in_a_template_never_leaves(tmp_path):
    """Links of an unknown shape: not recognised when the template is loaded, but refused."""
    own, others = (link.replace("/w/join/", "/x/come/") for link in (OWN, OTHERS))
    template_set = load_template_set([write_templates(tmp_path, words=f"<p>{others}</p>")], BRAND)
    known = ProtectedValues.of([SecretStr(own), SecretStr(others)], [])

    composed = compose(template_set, make_request(link=own), known)

    assert isinstance(composed, Rejected)


@pytest.mark.parametrize(
    "record",
    [
        Registration(
            id="8", role=Role.COHOST, email="Boris@example.com", join_uri=SecretStr(OTHERS)
        ),
        Registration(
            id="8", role=Role.COHOST, linked_user=LinkedUser("1", "8"), join_uri=SecretStr(OTHERS)
        ),
    ],
    ids=["by address", "by linked user"],
)
def test_anothers_record_never_becomes_a_letter(telling_all, record):
    person = make_invitee(linked_user=LinkedUser("1", "7") if record.linked_user else None)

    composed = compose(
        telling_all, complete(make_request(person=person, registration=record)), protect()
    )

    assert composed == Rejected(
        "The message was stopped before it left: its join link is from somebody else's record."
    )


@pytest.mark.parametrize(
    ("role", "passes"), [(Role.PANELIST, False), (Role.COHOST, False), (Role.HOST, True)]
)
def test_a_link_that_two_people_have_is_sent_to_neither_but_the_host_has_two(
    telling_all, role, passes
):
    known = ProtectedValues.of([SecretStr(OWN), SecretStr(OTHERS), SecretStr(OWN)], [])

    composed = compose(telling_all, complete(make_request(person=make_invitee(role=role))), known)

    assert isinstance(composed, Message) is passes
    assert passes or "to somebody else too" in str(composed)


@pytest.mark.parametrize(
    ("record", "person"),
    [
        ({"email": "ANNA@example.com"}, {}),
        ({"email": "", "linked_user": LinkedUser("1", "7")}, {}),
        (
            {"email": "old@example.com", "linked_user": LinkedUser("1", "7")},
            {"linked_user": LinkedUser("1", "7")},
        ),
    ],
)
def test_ones_own_record_passes_however_it_names_one(record, person):
    own = Registration(id="7", role=Role.PANELIST, join_uri=SecretStr(OWN), **record)

    assert fault(given=make_request(person=make_invitee(**person), registration=own)) == ""


def test_a_message_whose_kind_holds_a_link_never_leaves_without_one():
    nameless = replace(make_request(), registration=None)

    assert fault(given=nameless) == "it has no join link"


def test_anothers_address_never_leaves(telling_all):
    person = with_extra(ANNA, note="write to boris@example.com")

    composed = compose(telling_all, complete(make_request(person=person)), protect())

    assert isinstance(composed, Rejected)
    assert "somebody else's address" in composed.reason


def test_a_message_is_read_as_mail_programs_read_it():
    """Base64 hides nothing from the proof."""
    body = SKELETON.fill(changed(text=f"{OWN} {OTHERS}"))

    assert OTHERS.encode() not in body
    assert b64encode(b"v.example") not in body
    assert fault(body=body) != ""
