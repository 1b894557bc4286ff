"""The letters of one session: what is remembered changes no byte of them and no verdict, and has a bound."""

from dataclasses import replace
from itertools import product

import pytest
from pydantic import SecretStr

from onboarding.messages import fragments as room
from onboarding.messages.composer import Composer, TemplateSet
from onboarding.messages.fragments import OVERHEAD, ROOM, Fragments
from onboarding.messages.mime import is_canonical
from onboarding.messages.request import ProtectedValues
from onboarding.messages.settings import BrandSettings, CalendarMethod
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts
from tests.messages.making import (
    BRAND,
    OTHERS,
    OWN,
    SESSION,
    SHIPPED,
    guarded,
    invitee,
    letter,
    write_templates,
)

TOLD = Facts("another link", Role.COHOST, SESSION.start, SESSION.duration)
LETTERS = [
    letter(
        kind,
        invitee(role=role, language=language, time_zone=zone),
        previous=TOLD if kind is Kind.UPDATE else None,
    )
    for kind, role, language, zone in product(Kind, Role, ("en", "de"), ("", "Asia/Tokyo"))
]


def test_every_shipped_letter_is_the_same_whatever_was_written_before(stationery):
    composer = Composer(stationery, guarded())
    first = [composer.compose(one) for one in LETTERS]

    assert first == [composer.compose(one) for one in LETTERS]
    assert first == [stationery.compose(one, guarded()) for one in LETTERS]


def test_every_body_is_known_to_travel_as_it_is_and_does(stationery):
    for one in LETTERS:
        composed = stationery.compose(
            replace(one, invitee=replace(one.invitee, first_name="..\u0085.")), guarded()
        )
        assert isinstance(composed, Message)
        assert composed.canonical
        assert is_canonical(composed.body)


@pytest.mark.parametrize("method", CalendarMethod)
def test_frame_with_a_logo_travels_as_it_is_too(tmp_path, method):
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    brand = BrandSettings(**(BRAND.model_dump() | {"logo": str(logo), "calendar": method}))

    composed = TemplateSet.load([SHIPPED], brand).compose(letter(), guarded())

    assert composed.canonical
    assert is_canonical(composed.body)


@pytest.mark.parametrize(
    "body",
    [b"", b".\r\n", b"a\r\n.b\r\n", b"a\nb\r\n", b"a\rb\r\n", b"a\r\nb", b"a\r\n\n", b"\r\r\n"],
)
def test_bodies_that_may_not_travel_as_they_are(body):
    assert not is_canonical(body)


def test_check_looks_at_a_fifth_of_a_shipped_letters_html(stationery):
    pieces = stationery.render_parts(letter(), "anna@example.com").pieces

    html = Fragments(guarded(), stationery.configured).html(pieces)

    assert len(html.checked) < len(html.encoded) / 5


def test_piece_that_may_not_stand_in_every_letter_is_always_looked_at(tmp_path):
    far = "<p>far away</p>" * 99
    stationery = TemplateSet.load(
        [write_templates(tmp_path, words=f"{far}<p>dora@example.com</p>{far}")], BRAND
    )
    dora = invitee(email="dora@example.com")
    composer = Composer(stationery, guarded(dora))

    said = [
        composer.compose(letter(person=person)) for person in (dora, invitee(), dora, invitee())
    ]

    assert [type(one) for one in said] == [Message, Rejected, Message, Rejected]
    assert said[1] == Rejected(
        "The message was stopped before it left: its text part holds somebody else's address."
    )


@pytest.mark.parametrize(
    ("link", "looked_at"), [(OWN, Message), (f"{OWN}>x", Rejected), (f"{OWN}%3Ex", Rejected)]
)
def test_message_is_looked_at_whole_where_a_link_could_be_parted(tmp_path, link, looked_at):
    """Shown by a careless rule, by which a long piece has no edges."""
    words, text = f"{'<p>far away</p>' * 99}boris@{{{{ invitee.job_title }}}}", "{{ join_link }}"
    stationery = TemplateSet.load(
        [write_templates(tmp_path, words=words, invitation__txt__j2=text)], BRAND
    )
    known = ProtectedValues.of(map(SecretStr, (link, OTHERS)), ["boris@example.com"])

    composer = Composer(stationery, known, part=lambda html: (0, len(html)))

    assert isinstance(
        composer.compose(letter(person=invitee(job_title="example.com"), link=link)), looked_at
    )


def test_memory_has_a_bound_and_begins_again(stationery):
    fragments = Fragments(guarded(), stationery.configured)
    pieces = [f"{number:0100}" for number in range(ROOM // (100 + OVERHEAD))]

    sizes = []
    for said in (pieces[:-1], pieces[-1:], ["one more"], ["another"]):
        assert fragments.html(said) == Fragments(guarded(), stationery.configured).html(said)
        sizes.append(len(fragments._encoded))

    assert sizes == [len(pieces) - 1, len(pieces), len(pieces) + 1, 1]


def test_only_a_templates_own_text_outlives_a_session(stationery):
    """What a template yields for a value has a type of its own: without that, join links would stay in memory."""
    room._of_a_template.cache_clear()
    kept = []
    for number in range(20):
        person = invitee(
            email=f"person{number}@example.com", first_name="Ada" * 99, job_title=f"{number}" * 300
        )
        composed = stationery.compose(
            letter(person=person, link=f"https://v.example/w/join/{number:0300}"), guarded()
        )
        assert isinstance(composed, Message)
        kept.append(room._of_a_template.cache_info().currsize)

    assert kept[0] == kept[-1] > 0
