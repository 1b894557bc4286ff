"""The shipped templates: every kind, role and language; hostile names; values that don't fit."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from onboarding.errors import ConfigurationError
from onboarding.messages.load import load_template_set
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import RULES, Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts, Registration, link_digest
from tests.messages.samples import (
    BRAND,
    OTHER,
    OWN,
    SESSION,
    SHIPPED,
    as_email,
    compose,
    find_calendar,
    find_part,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

TOLD = Facts(
    "another link", Role.COHOST, SESSION.start - timedelta(days=1, hours=2), timedelta(hours=1)
)
HOSTILE = {
    "markup": '"><img src=x onerror=1>',
    "template": "{{7*7}}{% raw %}",
    "quotes": 'O\'Brien "Bob" <bob>',
    "script link": "javascript:alert(1)",
    "attribute": '" href="javascript:alert(1)" x="',
    "japanese": "山田さくら",
    "right to left": "\u05d3\u05d2\u05dd \u05e9\u05dc\u05d5\u05dd",
    "combining": "e\u0301" * 20 + "Z\u0351\u036b\u0343",
    "long": "W" * 64,
    "line break": "Anna\r\nBcc: boris@elsewhere.example\r\n\r\n<script>",
    "turned text": "\u202egpj.exe\u2066",
    "encoded word": "=?utf-8?q?=0D=0ABcc:_x?=",
    "calendar": "Anna;CN=x\\,\\nATTENDEE:mailto:x",
    "surrogate": "\ud800Anna",
    "nothing": "",
}


def html_of(message) -> LexborHTMLParser:
    return LexborHTMLParser(find_part(message, "text/html"))


@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ["en", "de"])))
def test_every_letter_reads_like_this(template_set, snapshot, kind, role, language):
    person = make_invitee(role=role, language=language)
    told = TOLD if kind is Kind.UPDATE else None

    message = as_email(compose(template_set, make_request(kind, person, previous=told), protect()))

    assert message["Subject"] == snapshot(name="subject")
    assert find_part(message, "text/plain") == snapshot(name="text")
    assert find_calendar(message) == snapshot(name="calendar")


@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ["en", "de"])))
def test_the_button_leads_to_the_own_link_and_the_text_shows_it(template_set, kind, role, language):
    message = as_email(
        compose(
            template_set, make_request(kind, make_invitee(role=role, language=language)), protect()
        )
    )

    links = [one.attributes["href"] for one in html_of(message).css("a")]
    expected = 0 if kind is Kind.CANCELLATION else 2
    assert links.count(OWN) == expected
    assert find_part(message, "text/plain").count(OWN) == expected // 2
    assert "mailto:help@northwind.example" in links


def test_the_producers_sheet_tells_names_and_roles_but_no_address_or_link(template_set):
    host = make_invitee(
        role=Role.HOST, email="host@example.com", first_name="Hanna", last_name="Holm"
    )
    panel = (OTHER, make_invitee(), host)

    message = as_email(compose(template_set, make_request(person=host, panel=panel), protect(host)))

    rows = [
        [cell.text(strip=True) for cell in row.css("td")]
        for row in html_of(message).css("tr")
        if row.css("td.cell")
    ]
    people = [row for row in rows if row[-1] in {"Host", "Co-host", "Panelist"}]
    assert people[-3:] == [
        ["Hanna HolmEngineer", "Host"],
        ["Boris Beispiel", "Co-host"],
        ["Anna AuthorEngineer", "Panelist"],
    ]
    assert "boris@example.com" not in message.as_string()
    assert "- Boris Beispiel (co-host)" in find_part(message, "text/plain")


def test_a_letter_tells_the_own_zone(template_set):
    person = make_invitee(time_zone="America/Chicago")

    text = find_part(
        as_email(compose(template_set, make_request(person=person), protect())), "text/plain"
    )

    assert "8:00\u00a0AM to 9:30\u00a0AM (1 hour 30 minutes)\nCentral Daylight Time" in text
    assert "PLEASE BE THERE BY: 7:45\u00a0AM\n" in text


def test_a_letter_without_dial_in_code_says_nothing_of_it(template_set):
    registration = Registration(id="7", role=Role.PANELIST, join_uri=make_request().join_link)

    text = find_part(
        as_email(compose(template_set, make_request(registration=registration), protect())),
        "text/plain",
    )

    assert "phone" not in text


@pytest.mark.parametrize(("dial_in", "is_told"), [("+44 117 496 0123", True), ("", False)])
@pytest.mark.parametrize("language", ["en", "de"])
def test_dial_in_code_stands_beside_the_number_and_not_without_it(language, dial_in, is_told):
    brand = BrandSettings(**(BRAND.model_dump() | {"dial_in": dial_in}))
    template_set = load_template_set([SHIPPED], brand)

    message = as_email(
        compose(template_set, make_request(person=make_invitee(language=language)), protect())
    )

    for kind in ("text/html", "text/plain", "text/calendar"):
        content = find_part(message, kind).replace("\n ", "")
        assert ("482 917" in content, "+44 117 496 0123" in content) == (is_told, is_told)


DEVICE_TEST = "https://example.com/test?lang=en"


@lru_cache
def with_device_test(address: str) -> TemplateSet:
    return load_template_set(
        [SHIPPED], BrandSettings(**(BRAND.model_dump() | {"device_test": address}))
    )


@pytest.mark.parametrize("device_test", [DEVICE_TEST, ""])
@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ["en", "de"])))
def test_device_test_is_offered_where_there_is_one(kind, role, language, device_test):
    person = make_invitee(role=role, language=language)
    message = as_email(
        compose(with_device_test(device_test), make_request(kind, person), protect())
    )

    is_offered = bool(device_test) and kind is not Kind.CANCELLATION
    links = [one.attributes["href"] for one in html_of(message).css("a")]
    text = find_part(message, "text/plain")
    calendar = find_calendar(message)

    assert links.count(DEVICE_TEST) == int(is_offered)
    for words in (text, calendar) if RULES[kind].has_calendar else (text,):
        assert (DEVICE_TEST in words) == is_offered
        assert any(device in words for device in ("microphone", "Mikrofon")) == is_offered


WHY = {
    ("en", Role.HOST): "added you as the host of this webinar.",
    ("en", Role.COHOST): "added you as a co-host of this webinar.",
    ("en", Role.PANELIST): "added you as a panelist of this webinar.",
    ("de", Role.HOST): "Sie als Host dieses Webinars eingetragen",
    ("de", Role.COHOST): "Sie als Co-Host dieses Webinars eingetragen",
    ("de", Role.PANELIST): "Sie als Podiumsgast dieses Webinars eingetragen",
}


@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ["en", "de"])))
def test_every_letter_says_why_the_reader_gets_it(template_set, kind, role, language):
    person = make_invitee(role=role, language=language)
    message = as_email(compose(template_set, make_request(kind, person), protect()))
    why = WHY[language, role]

    html = html_of(message).body.text()
    text = find_part(message, "text/plain").replace("\n", " ")
    calendar = find_calendar(message)

    assert (why in html, why in text) == (True, True)
    assert (why in calendar) == (RULES[kind].has_calendar and RULES[kind].holds_join_link)


def test_two_buttons_add_the_session_to_calendars_without_the_join_link(template_set):
    message = as_email(compose(template_set, make_request(), protect()))

    buttons = {one.text(): one.attributes["href"] for one in html_of(message).css(".quiet a")}

    assert [*buttons] == ["Google Calendar", "Outlook"]
    assert [link.split("/")[2] for link in buttons.values()] == [
        "calendar.google.com",
        "outlook.office.com",
    ]
    assert not [link for link in buttons.values() if OWN[-20:] in link]


def test_date_and_time_stand_on_the_brands_background():
    colours = {"primary": "#7a1f3d", "background": "#f7eef1"}
    brand = BrandSettings(**(BRAND.model_dump() | {"colours": colours}))
    message = as_email(compose(load_template_set([SHIPPED], brand), make_request(), protect()))

    styles = [
        cell.attributes["style"] for cell in html_of(message).css(".box > table > tbody > tr > td")
    ]

    assert [("background-color:#f7eef1" in one, "#7a1f3d" in one) for one in styles] == [
        (True, True)
    ]


SHIPPED_ENTRIES = {
    "material": timedelta(days=-10),
    "reminder": timedelta(days=-1),
    "missing": timedelta(minutes=-5),
    "thanks": timedelta(days=1),
}
"""Our templates of scheduled messages, with a time from the start at which each goes."""


@pytest.fixture(scope="session")
def scheduled() -> TemplateSet:
    return load_template_set([SHIPPED], BRAND, scheduled=tuple(SHIPPED_ENTRIES))


@pytest.mark.parametrize(
    ("name", "role", "language"), list(product(SHIPPED_ENTRIES, Role, ["en", "de"]))
)
def test_every_scheduled_message_reads_like_this(scheduled, snapshot, name, role, language):
    message = as_email(
        compose(
            scheduled,
            make_request(
                Kind.SCHEDULED,
                make_invitee(role=role, language=language),
                template=name,
                date=SESSION.start + SHIPPED_ENTRIES[name],
            ),
            protect(),
        )
    )

    html, text = html_of(message), find_part(message, "text/plain")
    assert (message["Subject"], text) == snapshot
    assert (OWN in text, OWN in html.body.html) == (name != "thanks", name != "thanks")
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


@pytest.mark.parametrize(
    ("before", "subject", "words"),
    [
        (timedelta(days=7, hours=4), "In 7 days", "in 7 days"),
        (timedelta(hours=30), "Tomorrow", "tomorrow"),
        (timedelta(minutes=118), "In 2 hours", "in 2 hours"),
        (timedelta(minutes=57), "In 1 hour", "in 1 hour"),
        (timedelta(minutes=4), "In 4 minutes", "in 4 minutes"),
    ],
)
def test_reminder_says_how_soon_it_is(scheduled, before, subject, words):
    request = make_request(Kind.SCHEDULED, template="reminder", date=SESSION.start - before)

    message = as_email(compose(scheduled, request, protect()))

    assert message["Subject"] == f"{subject}: Robots in the warehouse"
    assert f"The webinar starts {words}." in find_part(message, "text/plain")


def test_missing_link_stops_only_templates_that_show_one(scheduled):
    no_link = Registration(id="7", role=Role.PANELIST)

    composed = {
        name: compose(
            scheduled, make_request(Kind.SCHEDULED, template=name, registration=no_link), protect()
        )
        for name in SHIPPED_ENTRIES
    }

    assert {name for name, message in composed.items() if isinstance(message, Message)} == {
        "thanks"
    }


@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ["en", "de"])))
def test_outlooks_columns_are_no_wider_than_the_letter_within_its_margins(
    template_set, kind, role, language
):
    message = as_email(
        compose(
            template_set, make_request(kind, make_invitee(role=role, language=language)), protect()
        )
    )

    cells = re.findall(
        r"<!--\[if mso \| IE\]><td[^>]*?width:(\d+)px", find_part(message, "text/html")
    )

    assert {*cells} == {"512"}


def test_an_update_tells_only_what_has_changed(template_set):
    same = make_request()
    assert same.join_link
    told = Facts(
        link_digest(same.join_link),
        Role.PANELIST,
        SESSION.start - timedelta(days=1),
        SESSION.duration,
    )

    text = find_part(
        as_email(compose(template_set, make_request(Kind.UPDATE, previous=told), protect())),
        "text/plain",
    )

    assert "THE TIME HAS CHANGED. Before: Monday, May 11, 2026" in text
    assert "LINK IS NEW" not in text
    assert "ROLE HAS CHANGED" not in text


def test_calendars_on_the_web_get_title_and_times_and_no_join_link(template_set):
    message = as_email(compose(template_set, make_request(), protect()))

    links = [one.attributes["href"] or "" for one in html_of(message).css("a")]
    google, outlook = (
        next(link for link in links if site in link) for site in ("google", "outlook")
    )
    assert google == (
        "https://calendar.google.com/calendar/render?action=TEMPLATE&text=Robots%20in%20the%20warehouse"
        "&dates=20260512T130000Z%2F20260512T143000Z"
    )
    assert outlook == (
        "https://outlook.office.com/calendar/0/deeplink/compose?path=%2Fcalendar%2Faction%2Fcompose&rru=addevent"
        "&subject=Robots%20in%20the%20warehouse&startdt=2026-05-12T13%3A00%3A00Z&enddt=2026-05-12T14%3A30%3A00Z"
    )


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("field", ["first_name", "last_name", "job_title"])
@pytest.mark.parametrize("role", [Role.HOST, Role.PANELIST])
def test_a_hostile_name_is_harmless_everywhere(template_set, name, field, role):
    person = make_invitee(role=role, **{field: name})

    message = as_email(compose(template_set, make_request(person=person), protect()))

    assert_harmless(message)


@given(name=st.text(max_size=64), title=st.text(max_size=128))
def test_any_name_and_title_are_harmless(template_set, name, title):
    person = make_invitee(first_name=name, last_name=name)
    session = replace(SESSION, title=f"A {title}")

    composed = compose(template_set, make_request(person=person, session=session), protect())

    if isinstance(composed, Message):
        assert_harmless(as_email(composed))
    else:
        assert "holds a link without encryption" in composed.reason


def assert_harmless(message):
    """Nothing but what the template wrote is markup, a header or a calendar line."""
    assert [name for name, _value in message.items()] == [
        "From",
        "To",
        "Reply-To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
        "MIME-Version",
        "Content-Type",
    ]
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == ["anna@example.com"]
    html = html_of(message)
    assert [element.tag for element in html.css("img, script, iframe, form, raw")] == []
    assert not any(name.startswith("on") for node in html.css("*") for name in node.attributes)
    links = [one.attributes["href"] or "" for one in html.css("a")]
    assert all(link.startswith(("https://", "mailto:help@northwind.example")) for link in links)
    calendar = find_part(message, "text/calendar")
    assert set(re.findall(r"^([A-Z-]+)[:;]", calendar, re.MULTILINE)) == {
        "BEGIN",
        "VERSION",
        "PRODID",
        "METHOD",
        "SUMMARY",
        "DTSTART",
        "DTEND",
        "DTSTAMP",
        "UID",
        "SEQUENCE",
        "DESCRIPTION",
        "LOCATION",
        "ORGANIZER",
        "STATUS",
        "URL",
        "ATTENDEE",
        "ACTION",
        "TRIGGER",
        "END",
    }
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069]", find_part(message, "text/plain") + html.html
    )


def test_a_name_that_looks_like_a_template_is_shown_as_it_is(template_set):
    message = as_email(
        compose(
            template_set,
            make_request(person=make_invitee(first_name="{{7*7}}", last_name="")),
            protect(),
        )
    )

    assert find_part(message, "text/plain").startswith("Hello {{7*7}},\n")
    assert [mailbox.display_name for mailbox in message["To"].addresses] == ["{{7*7}}"]


def test_the_finished_message_bears_envelope_and_identity(template_set):
    composed = compose(template_set, make_request(), protect())

    assert isinstance(composed, Message)
    assert (composed.sender, composed.recipient, composed.message_id, composed.needs_smtputf8) == (
        "webinars@northwind.example",
        "anna@example.com",
        "<0123456789@northwind.example>",
        False,
    )


def test_a_rehearsal_goes_to_its_own_address_with_the_persons_own_link(template_set):
    rehearsed = make_request(recipient=OTHER.email)

    composed = compose(template_set, rehearsed, protect())

    assert isinstance(composed, Message)
    assert composed.recipient == OTHER.email
    assert OWN in find_part(as_email(composed), "text/plain")


@pytest.mark.parametrize(
    ("address", "travels", "needs_smtputf8"),
    [
        ("änna@example.com", "änna@example.com", True),
        ("anna@bücher.example", "anna@xn--bcher-kva.example", False),
    ],
)
def test_an_address_beyond_ascii_tells_whether_it_needs_smtputf8(
    template_set, address, travels, needs_smtputf8
):
    composed = compose(template_set, make_request(person=make_invitee(email=address)), protect())

    assert isinstance(composed, Message)
    assert (composed.recipient, composed.needs_smtputf8) == (travels, needs_smtputf8)


@pytest.mark.parametrize(
    ("given_letter", "said"),
    [
        (make_request(registration=None), "RingCentral has given no join link for this person."),
        (
            make_request(registration=Registration(id="7", role=Role.PANELIST)),
            "RingCentral has given no join link for this person.",
        ),
        (
            make_request(link="not a link"),
            "The message can't be written: a link has to begin with https://.",
        ),
        (
            make_request(recipient="nobody"),
            "The message can't be written: this is not an e-mail address.",
        ),
        (
            make_request(recipient="a@b.example\r\nBcc: c@d.example"),
            "The message can't be written: this is not an e-mail address.",
        ),
        (
            make_request(link="http://v.example/w/join/own0aa11bb22cc33dd44"),
            (
                "The message was stopped before it left: "
                "its text part holds a link without encryption (http:)."
            ),
        ),
    ],
)
def test_what_concerns_one_person_is_told_and_does_not_stop_the_run(
    template_set, given_letter, said
):
    assert compose(template_set, given_letter, protect()) == Rejected(said)


def test_a_missing_column_is_one_persons_trouble(tmp_path):
    template_set = load_template_set(
        [write_templates(tmp_path, words="{{ invitee.extra.company }}")], BRAND
    )

    assert compose(template_set, make_request(), protect()) == Rejected(
        "The template asks for 'company', which this person's row doesn't have."
    )
    assert isinstance(
        compose(
            template_set,
            make_request(person=with_extra(make_invitee(), company="Lindenhof")),
            protect(),
        ),
        Message,
    )


def test_an_expression_that_fails_for_one_persons_values_does_not_tell_them(tmp_path):
    words = (
        "{% if invitee.extra.n == '0' %}{{ 1 / (invitee.extra.n|int) }}{% endif %}"
        "{% if invitee.extra.n == '1' %}{{ join_link + 1 }}{% endif %}"
        "{% if invitee.extra.n == '2' %}{{ '%d'|format(join_link) }}{% endif %}"
        "{% if invitee.extra.n == '3' %}{{ invitee.extra[join_link] }}{% endif %}"
    )
    template_set = load_template_set([write_templates(tmp_path, words=words)], BRAND)

    said = [
        compose(template_set, make_request(person=with_extra(make_invitee(), n=n)), protect())
        for n in "0123"
    ]

    assert said == [
        Rejected("The template can't work with this person's values (ZeroDivisionError)."),
        Rejected("The template can't work with this person's values (TypeError)."),
        Rejected("The template can't work with this person's values (TypeError)."),
        Rejected("The template asks for 'something', which this person's row doesn't have."),
    ]


def test_a_template_reaches_nothing_but_its_values(tmp_path):
    words = "{% if invitee.extra.n == 'try' %}{{ join_link['__class__'] }}{% endif %}"
    write_templates(tmp_path, words=words)
    template_set = load_template_set([tmp_path], BRAND)

    composed = compose(
        template_set, make_request(person=with_extra(make_invitee(), n="try")), protect()
    )

    assert isinstance(composed, Rejected)


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0abc", "image/jpeg"), (b"GIF89a", "image/gif")],
)
def test_a_logo_from_a_file_travels_inside_the_message(tmp_path, content, content_type):
    (tmp_path / "logo").write_bytes(content)
    template_set = with_brand(tmp_path, logo=str(tmp_path / "logo"))

    message = as_email(compose(template_set, make_request(), protect()))

    [picture] = [part for part in message.walk() if part.get_content_maintype() == "image"]
    assert (picture.get_content_type(), picture.get_content()) == (content_type, content)
    [shown] = html_of(message).css("img")
    assert (shown.attributes["src"], shown.attributes["alt"]) == (
        f"cid:{picture['Content-ID'][1:-1]}",
        "Northwind",
    )


def test_a_logo_on_the_web_stays_there(tmp_path):
    message = as_email(
        compose(
            with_brand(tmp_path, logo="https://northwind.example/logo.png"),
            make_request(),
            protect(),
        )
    )

    assert [one.attributes["src"] for one in html_of(message).css("img")] == [
        "https://northwind.example/logo.png"
    ]


@pytest.mark.parametrize("logo", ["none.png", "logo.svg"])
def test_a_logo_that_mail_programs_would_not_show_is_told(tmp_path, logo):
    (tmp_path / "logo.svg").write_text("<svg/>")

    with pytest.raises(ConfigurationError, match="The logo"):
        with_brand(tmp_path, logo=str(tmp_path / logo))


def test_an_invitation_to_be_answered_names_the_invitee(tmp_path):
    message = as_email(
        compose(with_brand(tmp_path, calendar=CalendarMethod.REQUEST), make_request(), protect())
    )

    [file] = message.iter_attachments()
    [entry] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    assert entry.get_param("method") == "REQUEST"
    assert file.get_content().decode() == entry.get_content()
    unfolded = find_part(message, "text/calendar").replace("\n ", "")
    assert "METHOD:REQUEST" in unfolded
    assert "mailto:anna@example.com" in unfolded


def with_brand(folder, **changes) -> TemplateSet:
    """A brand like Northwind's, on templates that show its logo."""
    write_templates(
        folder,
        words='{% if brand.logo %}<img src="{{ brand.logo }}" alt="{{ brand.name }}">{% endif %}',
    )
    return load_template_set([folder], BrandSettings(**(BRAND.model_dump() | changes)))


def test_what_one_letter_sets_in_an_imported_part_is_not_in_the_next(tmp_path):
    words = (
        "{% from 'parts/c.html.j2' import kept %}{{ kept.note }}.{% set kept.note = invitee.name %}"
    )
    part_c = {"parts/c__html__j2": "{% set kept = namespace(note='') %}"}
    template_set = load_template_set([write_templates(tmp_path, words=words, **part_c)], BRAND)

    texts = [
        find_part(as_email(compose(template_set, make_request(), protect())), "text/plain")
        for _letter in range(2)
    ]

    assert texts[0] == texts[1]
    assert "Anna" not in texts[1]
