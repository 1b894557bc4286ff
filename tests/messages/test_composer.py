"""The messages of one session: what is remembered changes no byte and no verdict, and has a bound.

Also the header fields of the user's own, and of a provider: every message has them as configured.
"""

from dataclasses import replace
from itertools import product

import pytest
from pydantic import SecretStr

from onboarding.errors import ConfigurationError
from onboarding.messages import fragments as room
from onboarding.messages import verify
from onboarding.messages.composer import Composer
from onboarding.messages.fragments import OVERHEAD, ROOM, Fragments
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import is_canonical
from onboarding.messages.request import ProtectedValues
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.messages.templates import TemplateSet
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts
from tests.messages.samples import (
    BRAND,
    OTHERS,
    OWN,
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

TOLD = Facts("another link", Role.COHOST, SESSION.start, SESSION.duration)
LETTERS = [
    make_request(
        kind,
        make_invitee(role=role, language=language, time_zone=zone),
        previous=TOLD if kind is Kind.UPDATE else None,
    )
    for kind, role, language, zone in product(Kind, Role, ("en", "de"), ("", "Asia/Tokyo"))
]


def test_every_shipped_letter_is_the_same_whatever_was_written_before(template_set):
    composer = Composer(template_set, protect())
    first = [composer.compose(request) for request in LETTERS]

    assert first == [composer.compose(request) for request in LETTERS]
    assert first == [compose(template_set, request, protect()) for request in LETTERS]


def test_every_body_is_known_to_travel_as_it_is_and_does(template_set):
    for request in LETTERS:
        composed = compose(
            template_set,
            replace(request, invitee=replace(request.invitee, first_name="..\u0085.")),
            protect(),
        )
        assert isinstance(composed, Message)
        assert composed.canonical
        assert is_canonical(composed.body)


@pytest.mark.parametrize("method", CalendarMethod)
def test_frame_with_a_logo_travels_as_it_is_too(tmp_path, method):
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    brand = BrandSettings(**(BRAND.model_dump() | {"logo": str(logo), "calendar": method}))

    composed = compose(load_template_set([SHIPPED], brand), make_request(), protect())

    assert composed.canonical
    assert is_canonical(composed.body)


@pytest.mark.parametrize(
    "body",
    [b"", b".\r\n", b"a\r\n.b\r\n", b"a\nb\r\n", b"a\rb\r\n", b"a\r\nb", b"a\r\n\n", b"\r\r\n"],
)
def test_bodies_that_may_not_travel_as_they_are(body):
    assert not is_canonical(body)


def test_check_looks_at_a_fifth_of_a_shipped_letters_html(template_set):
    pieces = template_set.render_parts(make_request(), "anna@example.com").pieces

    html = Fragments(protect(), template_set.configured).html(pieces)

    assert len(html.checked) < len(html.encoded) / 5


def test_piece_that_may_not_stand_in_every_letter_is_always_looked_at(tmp_path):
    far = "<p>far away</p>" * 99
    template_set = load_template_set(
        [write_templates(tmp_path, words=f"{far}<p>dora@example.com</p>{far}")], BRAND
    )
    dora = make_invitee(email="dora@example.com")
    composer = Composer(template_set, protect(dora))

    composed = [
        composer.compose(make_request(person=person))
        for person in (dora, make_invitee(), dora, make_invitee())
    ]

    assert [type(message) for message in composed] == [Message, Rejected, Message, Rejected]
    assert composed[1] == Rejected(
        "The message was stopped before it left: its text part holds somebody else's address."
    )


@pytest.mark.parametrize(
    ("link", "looked_at"), [(OWN, Message), (f"{OWN}>x", Rejected), (f"{OWN}%3Ex", Rejected)]
)
def test_message_is_looked_at_whole_where_a_link_could_be_parted(tmp_path, link, looked_at):
    """Shown by a careless rule, by which a long piece has no edges."""
    words, text = f"{'<p>far away</p>' * 99}boris@{{{{ invitee.job_title }}}}", "{{ join_link }}"
    template_set = load_template_set(
        [write_templates(tmp_path, words=words, invitation__txt__j2=text)], BRAND
    )
    known = ProtectedValues.of(map(SecretStr, (link, OTHERS)), ["boris@example.com"])

    composer = Composer(template_set, known, part=lambda html: (0, len(html)))

    assert isinstance(
        composer.compose(make_request(person=make_invitee(job_title="example.com"), link=link)),
        looked_at,
    )


def test_memory_has_a_bound_and_begins_again(template_set):
    fragments = Fragments(protect(), template_set.configured)
    pieces = [f"{number:0100}" for number in range(ROOM // (100 + OVERHEAD))]

    sizes = []
    for texts in (pieces[:-1], pieces[-1:], ["one more"], ["another"]):
        assert fragments.html(texts) == Fragments(protect(), template_set.configured).html(texts)
        sizes.append(len(fragments._encoded))

    assert sizes == [len(pieces) - 1, len(pieces), len(pieces) + 1, 1]


def test_only_a_templates_own_text_outlives_a_session(template_set):
    """A value that a template yields has its own type: else join links would stay in memory."""
    caches = (room._part_of_a_template, room._encode_of_a_template)
    for cache in caches:
        cache.cache_clear()
    kept = []
    for number in range(20):
        person = make_invitee(
            email=f"person{number}@example.com",
            first_name="Ada" * 99,
            last_name=f"{number}",
            job_title=f"{number}" * 300,
        )
        composed = compose(
            template_set,
            make_request(person=person, link=f"https://v.example/w/join/{number:0300}"),
            protect(),
        )
        assert isinstance(composed, Message)
        kept.append([cache.cache_info().currsize for cache in caches])

    assert kept[0] == kept[-1]
    assert all(kept[0])


LONG = "x" * 450 + " " + "y" * 449
FIXED = (
    ("X-SES-CONFIGURATION-SET", "panel"),
    ("X-Long", LONG),
    ("Resend-Idempotency-Key", "{message_id}"),
)


@pytest.fixture(scope="module")
def with_fixed_fields() -> TemplateSet:
    return load_template_set([SHIPPED], BRAND, FIXED)


def test_every_message_bears_them_as_they_were_configured(with_fixed_fields):
    message = compose(with_fixed_fields, make_request(), protect())

    read = as_email(message)
    assert [read[name] for name, _value in FIXED] == ["panel", LONG, make_request().message_id]
    assert read["Message-ID"] == make_request().message_id
    assert f"X-Long: {LONG}\r\n".encode() in message.body
    assert max(map(len, message.body.split(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


def test_message_that_lost_or_changed_one_does_not_leave(with_fixed_fields):
    composed = compose(with_fixed_fields, make_request(), protect())
    assert isinstance(composed, Message)

    def fault(body: bytes) -> str:
        return verify.find_violation(
            body, make_request(), composed.recipient, protect(), with_fixed_fields.configured, FIXED
        )

    assert fault(composed.body) == ""
    assert fault(composed.body.replace(b"panel", b"other", 1)) == (
        "its X-SES-CONFIGURATION-SET field isn't as it was configured"
    )
    assert fault(composed.body.replace(b"X-SES-CONFIGURATION-SET: panel\r\n", b"", 1)) != ""
    assert "2 times" in fault(b"X-SES-CONFIGURATION-SET: panel\r\n" + composed.body)
    assert fault(b"Resent-To: eve@example.com\r\n" + composed.body) == "it goes to somebody in copy"


def test_field_that_holds_a_guarded_address_stops_the_message():
    leaking = load_template_set([SHIPPED], BRAND, (("X-Contact", "boris@example.com"),))

    composed = compose(leaking, make_request(), protect())

    assert "its header holds somebody else's address" in composed.reason


def test_field_that_no_letter_may_hold_is_found_before_anybody_is_registered():
    with pytest.raises(ConfigurationError, match="without encryption"):
        load_template_set([SHIPPED], BRAND, (("X-Page", "http://example.com/"),))


def test_calendar_entry_has_the_link_where_its_template_is_in_another_language(tmp_path):
    folder = write_templates(tmp_path, calendar__de__txt__j2="Bis bald")

    composed = compose(load_template_set([folder], BRAND), make_request(), protect())

    assert f"DESCRIPTION:{OWN}" in find_part(as_email(composed), "text/calendar").replace("\n ", "")
