"""What comes from a mould is, byte for byte, what would have been composed; and the proof finds in it what it would."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from urllib.parse import quote

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.errors import ConfigurationError
from onboarding.letters import proof
from onboarding.letters.casting import abridged
from onboarding.letters.letter import Guarded, Letter
from onboarding.letters.press import Press
from onboarding.letters.settings import BrandSettings, CalendarMethod
from onboarding.letters.stationery import Stationery
from onboarding.model.deliveries import Kind, Message, Rejected
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Facts, link_digest
from tests.letters.making import (
    BRAND,
    OTHER,
    OTHERS,
    OWN,
    SESSION,
    SHIPPED,
    invitee,
    letter,
    parsed,
    part,
    with_extra,
    write_templates,
)

PANEL = (invitee(), OTHER)
SOMEBODY = invitee(email="carla@example.com", first_name="Carla", last_name="Costa")
ANYBODY = invitee(email="dora@example.com", first_name="Zoë", last_name="Müller")
LINKS = {"carla@example.com": OWN.replace("own", "car"), "dora@example.com": OWN.replace("own", "dor")}
KNOWN = Guarded.of(map(SecretStr, (OWN, OTHERS, *LINKS.values())), [one.email for one in (*PANEL, SOMEBODY, ANYBODY)])


def to(person: Invitee, kind: Kind = Kind.INVITATION, **fields) -> Letter:
    return letter(kind, person, LINKS.get(person.email, OWN), panel=PANEL, **fields)


def press_of(stationery: Stationery, known: Guarded = KNOWN) -> Press:
    return Press(stationery, known, SESSION, PANEL)


class Printing:
    """A press that is warm for letters like one: two people have got theirs."""

    def __init__(self, stationery: Stationery, like: Letter, known: Guarded = KNOWN) -> None:
        self.stationery = stationery
        self.known = known
        self.press = press_of(stationery, known)
        for person in (SOMEBODY, ANYBODY):
            alike = replace(like.invitee, email=person.email, first_name=person.first_name, last_name=person.last_name)
            again = to(alike, like.kind, previous=like.previous, message_id=f"<{person.row}@northwind.example>")
            assert self.press.compose(again) == stationery.compose(again, known)

    def moulds(self) -> int:
        return sum(1 for mould in self.press._moulds.values() if mould)

    def both(self, given: Letter) -> tuple[Message | Rejected, Message | Rejected]:
        """From the press, and composed plainly; they differ in nothing but that the press may know a body's lines."""
        printed, plainly = self.press.compose(given), self.stationery.compose(given, self.known)
        if isinstance(printed, Message):
            printed = replace(printed, canonical=False)
        return printed, plainly


TOLD = Facts(link_digest(SecretStr(OTHERS)), Role.PANELIST, SESSION.start, SESSION.duration)


@pytest.mark.parametrize(("kind", "role", "language"), list(product(Kind, Role, ("", "de"))))
def test_every_shipped_letter_comes_from_a_mould_as_it_would_have_been_composed(stationery, kind, role, language):
    like = to(invitee(role=role, language=language), kind, previous=TOLD if kind is Kind.UPDATE else None)

    printing = Printing(stationery, like)
    printed, plainly = printing.both(like)

    assert printed == plainly
    assert printing.moulds() == 1
    assert printing.press.compose(like).canonical


def test_letters_that_differ_in_more_than_their_person_have_moulds_of_their_own(stationery):
    earlier, longer = replace(TOLD, start=SESSION.start.replace(hour=1)), replace(TOLD, duration=SESSION.duration * 2)
    differing = [
        *(to(invitee(), kind) for kind in Kind),
        *(to(invitee(role=role)) for role in (Role.COHOST, Role.HOST)),
        *(to(invitee(language=language)) for language in ("de", "en")),
        *(to(invitee(time_zone=zone)) for zone in ("America/New_York", "Asia/Tokyo")),
        *(to(invitee(), Kind.UPDATE, previous=told) for told in (TOLD, earlier, longer)),
        to(invitee(), Kind.UPDATE, previous=replace(TOLD, role=Role.HOST)),
        to(invitee(), Kind.UPDATE, previous=replace(TOLD, link=link_digest(SecretStr(OWN)))),
    ]
    press = press_of(stationery)

    for one in differing * 4:
        assert replace(press.compose(one), canonical=False) == stationery.compose(one, KNOWN)
    assert sum(1 for mould in press._moulds.values() if mould) == len(differing)


NAMES = st.text(max_size=40) | st.sampled_from(["", " ", "<b>", "&amp;", "=", ".", "{{x}}", "ü" * 30, "a@b", "x" * 90])
PEOPLE = st.builds(
    invitee,
    first_name=NAMES,
    last_name=NAMES,
    job_title=NAMES,
    language=st.sampled_from(["", "de", "de-AT"]),
    time_zone=st.sampled_from(["", "America/New_York"]),
)


@pytest.fixture(scope="module")
def telling_all(tmp_path_factory) -> Stationery:
    """Stationery that writes everything it is given, in all the ways that leave it as it is."""
    words = (
        "<h1>{{ invitee.name }}</h1>{{ invitee.first_name or invitee.last_name }} {{ invitee.job_title }}, "
        "{% if invitee.extra.note %}<p title='{{ invitee.extra.note }}'>{{ invitee.extra['note'] }}</p>{% endif %}"
        "{{ phone_code if invitee.job_title else invitee.email }} {{ session.title }}"
        "{% for one in panel %}{{ one.name }} {% endfor %}"
    )
    text = ".{{ invitee.last_name }}\n\n\n{{ invitee.extra.note }}\n.{{ join_link }}\n{{ phone_code }}\n"
    folder = tmp_path_factory.mktemp("templates")
    return Stationery.load([write_templates(folder, words, "For {{ invitee.name }}", invitation__txt__j2=text)], BRAND)


@given(person=PEOPLE, note=NAMES, others=NAMES, code=NAMES)
def test_every_person_gets_the_letter_that_would_have_been_composed(telling_all, person, note, others, code):
    whoever = with_extra(person, note=note)
    given_letter = to(whoever)
    given_letter = replace(given_letter, registration=replace(given_letter.registration, phone_code=code))
    press = press_of(telling_all)
    for one in (with_extra(SOMEBODY, note=others), with_extra(ANYBODY, note=others), *[whoever] * 2):
        press.compose(replace(to(one), registration=replace(to(one).registration, phone_code=code)))

    printed, plainly = press.compose(given_letter), telling_all.compose(given_letter, KNOWN)

    assert printed == (replace(plainly, canonical=printed.canonical) if isinstance(printed, Message) else plainly)


@given(person=PEOPLE)
def test_shipped_letters_likewise(stationery, person):
    printing = Printing(stationery, to(person))

    printed, plainly = printing.both(to(person))

    assert printed == plainly


LOOKING = [
    "{{ invitee.name|upper }}",
    "{{ invitee.name|replace('Anna', 'Bob') }}",
    "{{ invitee.job_title[:3] }}{{ invitee.job_title|length }}",
    "{% if invitee.first_name == 'Zoë' %}Z{% else %}other{% endif %}",
    "{% set greeting %}Dear {{ invitee.name }}{% endset %}{{ greeting|upper }}",
    "{% filter lower %}DEAR {{ invitee.name }}{% endfilter %}",
    "{% macro dear(who) %}Dear {{ who }}{% endmacro %}{{ dear(invitee.name)|title }}",
    "{% macro dear() %}Dear {{ invitee.name }}{% endmacro %}{{ dear()|title }}",
    "{{ invitee }}",
    "{% for column in invitee.extra %}{{ column }}={{ invitee.extra[column] }}{% endfor %}",
    "{% for letter in invitee.name %}{{ letter }}-{% endfor %}",
    "{{ invitee.extra.note|default('none', true) }}",
    "<a href='https://example.com/{{ invitee.extra.note }}'>x</a>",
    "<a href='mailto:{{ invitee.email }}'>x</a>",
    "<a href='{{ invitee.extra.note or join_link }}'>x</a>",
    "{{ '<i>' ~ invitee.name ~ '</i>' }}",
    "{{ join_link|replace('own', 'own') }}",
    "{{ invitee.extra.get('note') }}",
    "{% from 'parts/c.html.j2' import kept %}{{ kept.note }}{% set kept.note = invitee.extra.note %}",
    "{% for column, value in invitee.extra.items() %}{{ column }}={{ value }}{% endfor %}",
    "{{ invitee.extra.values()|join(',') }}",
    "{% from 'parts/a.html.j2' if invitee.first_name == 'Anna' else 'parts/b.html.j2' import say %}{{ say() }}",
    "<p data-href='{{ invitee.extra.note }} at 10:30'>x</p>",
    "<p data-href='{{ invitee.extra.note }}{% raw %}&#160; y:x{% endraw %}'>x</p>",
    "<p data-href='{{ invitee.extra.note }}{% raw %} a&#58;x{% endraw %}'>x</p>",
    '<a href="{% raw %}{% endraw %}{{ invitee.extra.note }}\nscript:x">x</a>',
]
PARTS = {f"parts/{one}__html__j2": f"{{% macro say() %}}{one}{{% endmacro %}}" for one in "ab"}
PARTS["parts/c__html__j2"] = "{% set kept = namespace(note='') %}"


@pytest.mark.parametrize("role", Role)
def test_role_may_be_written_and_looked_at(tmp_path, role):
    words = "{{ invitee.role }}{% if invitee.role == 'CoHost' %}, with the host{% endif %}"
    printing = Printing(Stationery.load([write_templates(tmp_path, words=words)], BRAND), to(invitee(role=role)))

    printed, plainly = printing.both(to(invitee(role=role)))

    assert printed == plainly
    assert printing.moulds() == 1


@pytest.mark.parametrize("words", LOOKING)
@pytest.mark.parametrize("note", ["", "https://example.com/1", "x:y", "a&b"])
def test_template_that_looks_at_a_person_says_to_each_what_it_would(tmp_path, words, note):
    stationery = Stationery.load([write_templates(tmp_path, words=words, **PARTS)], BRAND)
    press = press_of(stationery)

    for number, person in enumerate([SOMEBODY, ANYBODY, OTHER, invitee()] * 2):
        one = to(with_extra(person, note=note and f"{note}{number}"))
        printed, plainly = press.compose(one), stationery.compose(one, KNOWN)
        assert printed == (replace(plainly, canonical=printed.canonical) if isinstance(printed, Message) else plainly)


SNIPPETS = st.lists(
    st.sampled_from(
        [
            *LOOKING,
            "{{ invitee.name }}",
            "{{ invitee.first_name or invitee.name }}",
            "{% if invitee.job_title %}{{ invitee.job_title }}{% endif %}",
            "{{ phone_code }}{{ invitee.email }}{{ invitee.role }}",
            "{{ invitee.extra.note }}",
            "<b title='{{ invitee.extra.note }}'>{{ invitee.extra['note'] }}</b>",
            "{% for one in panel %}{{ one.name }}, {% endfor %}",
            "{{ 'a' if invitee.extra.note else invitee.name }}{{ not phone_code }}",
            "{% set x = invitee.first_name %}{{ x }}",
            "{{ [invitee.name, phone_code]|join('-') }}",
            "\n.\n&amp;=é",
            "https://v.example/w/",
        ]
    ),
    max_size=6,
).map("".join)
VALUES = st.sampled_from(
    [
        *("", "x", "<b>", "&lt;", "=3D", "..", "é" * 40, "a b", "x" * 300, "\u0085", "%2e", "javascript:x"),
        *("https://example.com/?a=1&b=2", "boris@example.com", "join/other9zz88yy77xx66ww", "v.example/w/join/x"),
    ]
)
ROWS = st.builds(
    invitee,
    email=st.sampled_from(["anna@example.com", "boris@example.com", *LINKS]),
    role=st.sampled_from(Role),
    first_name=VALUES,
    job_title=st.just("") | VALUES,
    extra=VALUES.map(lambda note: {"note": note}),
)


@settings(max_examples=50, deadline=None)
@given(words=SNIPPETS, text=st.none() | SNIPPETS, about=st.none() | SNIPPETS, rows=st.lists(ROWS, min_size=6))
def test_every_template_says_to_every_person_what_it_would(words, text, about, rows):
    own = {"invitation__txt__j2": text, "calendar__txt__j2": about}
    files = {name: said + "\n{{ join_link }}\n" for name, said in own.items() if said is not None}
    with TemporaryDirectory() as folder:
        try:
            stationery = Stationery.load([write_templates(Path(folder), words, **files)], BRAND)
        except ConfigurationError:
            assume(False)  # noqa: FBT003
    press = press_of(stationery)

    for one in map(to, rows * 2):
        printed, plainly = press.compose(one), stationery.compose(one, KNOWN)
        assert printed == (replace(plainly, canonical=printed.canonical) if isinstance(printed, Message) else plainly)


def test_parts_that_are_included_for_some_only_are_seen_in_time(tmp_path):
    """The part is compiled when it is first needed, and looks at what nothing looked at before."""
    rarely = f"session.title == '{SESSION.title}' and invitee.role == 'CoHost'"
    words = f"{{% if {rarely} %}}{{% include 'parts/spec' ~ 'ial.html.j2' %}}{{% endif %}}{{{{ invitee.name }}}}"
    special = {"parts/special__html__j2": "{{ invitee.name|upper }}"}
    stationery = Stationery.load([write_templates(tmp_path, words=words, **special)], BRAND)
    press = press_of(stationery)

    assert stationery.uses.looked_at == set()
    for role, person in product((Role.PANELIST, Role.COHOST), [SOMEBODY, ANYBODY, OTHER, invitee()] * 2):
        one = to(replace(person, role=role))
        printed, plainly = press.compose(one), stationery.compose(one, KNOWN)
        assert replace(printed, canonical=False) == plainly
    assert stationery.uses.looked_at == {"invitee.name"}


# The wrong-person test, for letters that come from a mould.

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


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("field", ["first_name", "last_name", "job_title", "note"])
def test_what_is_not_this_persons_never_leaves(telling_all, injected, field):
    harmless = with_extra(invitee(), note="note")
    printing = Printing(telling_all, to(harmless))
    assert printing.moulds() == 1
    wrong = with_extra(harmless, note=injected) if field == "note" else replace(harmless, **{field: injected})

    printed, plainly = printing.both(to(wrong))

    assert printed == plainly
    assert isinstance(printed, Rejected)
    assert OTHERS not in printed.reason


@pytest.mark.parametrize(
    ("before", "value"),
    [
        ("https://v.example/w/", "join/other9zz88yy77xx66ww"),
        ("https://v.exam", "ple/w/join/other9zz88yy77xx66ww"),
        ("htt", "p://example.com/"),
        ("boris@", "example.com"),
        ("boris", "@example.com"),
        ("https%3A%2F%2Fv.example%2Fw%2Fjo", "in%2Fother9zz88yy77xx66ww"),
        ("".join(f"%{'25' * 40}{ord(one):02x}" for one in "v.example/w/jo"), "in/other9zz88yy77xx66ww"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_what_a_template_and_a_value_make_together_is_found(tmp_path, before, value, turned):
    static, own = (value, before) if turned else (before, value)
    joined = "{{ invitee.extra.note }}" + static if turned else static + "{{ invitee.extra.note }}"
    stationery = Stationery.load([write_templates(tmp_path, words=f"{'<p>far away</p>' * 99}{joined}")], BRAND)
    printing = Printing(stationery, to(with_extra(invitee(), note="-")))
    assert printing.moulds() == 1

    printed, plainly = printing.both(to(with_extra(invitee(), note=own)))

    assert printed == plainly
    assert isinstance(printed, Rejected)


def test_a_link_of_an_odd_kind_is_found(tmp_path):
    words = "{{ 'x' * 999 }}<a href='{{ invitee.extra.note }}'>x</a>"
    stationery = Stationery.load([write_templates(tmp_path, words=words)], BRAND)
    printing = Printing(stationery, to(with_extra(invitee(), note="https://example.com/")))

    for note in ("javascript:alert(1)", "java\tscript:x", "data:x", "https://x y"):
        printed, plainly = printing.both(to(with_extra(invitee(), note=note)))
        assert printed == plainly
        assert isinstance(printed, Rejected)


def test_an_address_in_a_template_is_proved_for_everybody_and_not_for_the_first(tmp_path):
    """Dora's own letter may say her address; a mould of her letter would say it to all."""
    far = "<p>far away</p>" * 99
    stationery = Stationery.load([write_templates(tmp_path, words=f"{far}<p>dora@example.com</p>{far}")], BRAND)
    press = press_of(stationery)

    said = [press.compose(to(person)) for person in (ANYBODY, ANYBODY, ANYBODY, invitee())]

    assert [isinstance(one, Message) for one in said] == [True, True, True, False]


def test_letter_of_another_session_or_panel_is_composed_plainly(stationery):
    printing = Printing(stationery, to(invitee()))
    moved = replace(SESSION, title="Something else")

    for other in (to(invitee(), session=moved), replace(to(invitee()), panel=(*PANEL, SOMEBODY))):
        printed, plainly = printing.both(other)
        assert printed == plainly
    assert "Something else" in parsed(printing.press.compose(to(invitee(), session=moved)))["Subject"]


def test_link_that_two_people_have_is_refused(stationery):
    twice = Guarded.of(map(SecretStr, (OWN, OWN, *LINKS.values())), [])

    printed, plainly = Printing(stationery, to(invitee()), twice).both(to(invitee()))

    assert printed == plainly
    assert isinstance(printed, Rejected)


PAGE = "<html><head><title>{}</title></head><body>{{{{ join_link }}}} {{{{ invitee.extra.note }}}}</body></html>"


def test_link_of_several_lines_gets_what_it_would(tmp_path):
    stationery = Stationery.load([write_templates(tmp_path, invitation__html__j2=PAGE.format("Hello"))], BRAND)
    printing = Printing(stationery, to(with_extra(invitee(), note="")))
    assert printing.moulds() == 1

    printed, plainly = printing.both(letter(person=with_extra(invitee(), note=""), link=f"{OWN}\n\n\nx", panel=PANEL))

    assert printed == plainly


@pytest.mark.parametrize("title", ["A &{{ invitee.extra.note }}", "A &{{ 'l' }}{{ invitee.extra.note }}"])
def test_value_that_ends_an_entity_in_a_title_says_what_it_would(tmp_path, title):
    page = PAGE.replace("<title>{}", "<title>{{% raw %}}{{% endraw %}}" + title.replace("{", "{{").replace("}", "}}"))
    stationery = Stationery.load([write_templates(tmp_path, invitation__html__j2=page.format())], BRAND)
    press = press_of(stationery)

    for note in ("a", "b", "lt;", "t;", "#60;", "copy"):
        one = to(with_extra(invitee(), note=note))
        assert replace(press.compose(one), canonical=False) == stationery.compose(one, KNOWN)


def test_mould_that_gives_another_letter_is_not_used(tmp_path):
    stationery = Stationery.load([write_templates(tmp_path, "<p>{{ range(99999)|random }}</p>")], BRAND)
    press = press_of(stationery)

    said = {part(parsed(press.compose(to(person))), "text/plain").split()[0] for person in [SOMEBODY, ANYBODY] * 5}

    assert len(said) > 5


@pytest.mark.parametrize(
    "link",
    ["x", *(OWN + end for end in (" ", "\n", "\r\n", "\nx", " x", "\u2028x", "\r\n.")), f" {OWN}", f"\u00a0{OWN}"],
)
def test_odd_link_gets_what_it_would(stationery, tmp_path, link):
    for known in (
        stationery,
        Stationery.load([write_templates(tmp_path, invitation__html__j2=PAGE.format("Hi"))], BRAND),
    ):
        person = with_extra(invitee(), note="note")
        printed, plainly = Printing(known, to(person)).both(letter(person=person, link=link, panel=PANEL))
        assert printed == plainly


def test_places_of_links_that_abridging_could_hide_are_never_abridged(stationery):
    known = Guarded(links=(b'v.example/w/"join/',), addresses=frozenset(), domains=frozenset(), shared=frozenset())

    assert Printing(stationery, to(invitee()), known).moulds() == 0


@pytest.mark.parametrize("method", CalendarMethod)
def test_logo_and_invitation_method_are_no_hindrance(tmp_path, method):
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40)
    brand = BrandSettings(**(BRAND.model_dump() | {"logo": str(logo), "calendar": method}))
    stationery = Stationery.load([SHIPPED], brand)
    printing = Printing(stationery, to(invitee()))

    printed, plainly = printing.both(to(invitee()))
    (mould,) = printing.press._moulds.values()

    assert printed == plainly
    assert sum(map(len, mould.whole.blocks)) > len(logo.read_bytes())


def test_rehearsal_goes_to_one_address(stationery):
    one = replace(to(invitee()), recipient="rehearsal@northwind.example")

    printed, plainly = Printing(stationery, to(invitee())).both(one)

    assert printed == plainly
    assert printed.recipient == "rehearsal@northwind.example"


def test_body_of_a_mould_is_known_to_be_canonical_and_is(telling_all):
    printing = Printing(telling_all, to(with_extra(invitee(), note="note")))

    printed = printing.press.compose(to(with_extra(replace(invitee(), last_name="..."), note=".\u0085.")))

    assert printed.canonical
    assert proof.is_canonical(printed.body)
    assert "....\n" in part(parsed(printed), "text/plain")


@pytest.mark.parametrize(
    "body", [b"", b".\r\n", b"a\r\n.b\r\n", b"a\nb\r\n", b"a\rb\r\n", b"a\r\nb", b"a\r\n\n", b"\r\r\n"]
)
def test_bodies_that_are_not_canonical(body):
    assert not proof.is_canonical(body)


@given(st.text(st.sampled_from('<>":/ \nab=.ü'), max_size=300).map(str.encode))
def test_abridged_html_says_the_same_next_to_values(html):
    behind_a_value = re.match(rb"[^\s<>\"]*", html)[0]
    scheme_behind_a_value = re.match(rb"[^\"':/?#]*.?", html, re.DOTALL)[0]
    before_a_value = html[max(html.rfind(b"<"), 0) :]

    for short in (abridged(html), abridged(html, is_last=True)):
        assert short.startswith(behind_a_value)
        assert short.startswith(scheme_behind_a_value)
    for short in (abridged(html), abridged(html, is_first=True)):
        assert short.endswith(before_a_value)


def test_moulds_are_few_where_a_template_looks_at_everybody(tmp_path):
    stationery = Stationery.load([write_templates(tmp_path, words="{{ invitee.name|upper }}")], BRAND)
    press = press_of(stationery)

    for number in range(200):
        one = to(invitee(first_name=f"Anna{number}", extra=MappingProxyType({})))
        assert [press.compose(one) for _again in range(3)][2].body == stationery.compose(one, KNOWN).body

    assert len(press._moulds) <= 64
