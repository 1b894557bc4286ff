"""Templates that try to hang or end the program while it reads them: each is refused at once.

Without the limits each of these takes minutes or ends the process, so that a test of one is known
by its not ending.
"""

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages import sample_people
from onboarding.messages.compiler.compile import is_shallow
from onboarding.messages.compiler.html_context import ScannerState, scan
from onboarding.messages.foreign import has_odd_scheme
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import MessageParts
from onboarding.messages.seams import seams
from onboarding.model.deliveries import Message
from tests.messages.samples import BRAND, HTML, compose, make_request, protect, write_templates

MANY = 300_000
SUPERS = "{{ super() }}" * 9


def child_of(parent: str) -> str:
    return f'{{% extends "{parent}" %}}{{% block a %}}{SUPERS}{{% endblock %}}'


TOO_MANY = "with its shared parts, more than 10,000 tags and texts"


def html(words: str) -> str:
    return HTML.format(title="Welcome", words="WORDS").replace("WORDS", words)


def including(ending: str, tag: str) -> dict[str, str]:
    """Fifteen parts, each with ten of the next."""
    parts = {
        f"p{number}{ending}": tag.format(f"p{number + 1}{ending}") * 10 for number in range(15)
    }
    return {**parts, f"p15{ending}": "x"}


BOMBS = {
    "parts that include each other twice": (
        {
            "invitation.html.j2": html('{% include "p0.html.j2" %}'),
            **including(".html.j2", '{{% include "{}" %}}'),
        },
        TOO_MANY,
    ),
    "parts of a text": (
        {
            "invitation.txt.j2": '{{ join_link }}{% include "p0.txt.j2" %}',
            **including(".txt.j2", '{{% include "{}" %}}'),
        },
        TOO_MANY,
    ),
    "parts of MJML": (
        {
            "invitation.cohost.mjml.j2": (
                '<mjml><mj-body><mj-include path="p0.mjml.j2" /></mj-body></mjml>'
            ),
            **including(".mjml.j2", '<mj-include path="{}" />'),
        },
        TOO_MANY,
    ),
    "blocks that say their parent's twice": (
        {
            "invitation.html.j2": (
                '{% extends "b0.html.j2" %}{% block a %}{{ super() }}{{ super() }}{% endblock %}'
            ),
            **{f"b{number}.html.j2": child_of(f"b{number + 1}.html.j2") for number in range(15)},
            "b15.html.j2": html("{% block a %}x{% endblock %}"),
        },
        TOO_MANY,
    ),
    "brackets": (
        {"invitation.html.j2": html("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}")},
        "can't compile this",
    ),
    "loops in loops": (
        {"invitation.html.j2": html("{% for i in [1] %}" * 25 + "{% endfor %}" * 25)},
        "can't compile this",
    ),
    "conditions in conditions": (
        {"invitation.html.j2": html("{% if kind %}" * 120 + "{% endif %}" * 120)},
        "too many, or nested too deeply",
    ),
    "a sum of many": (
        {"invitation.html.j2": html("{{ kind" + " + kind" * 120 + " }}")},
        "too many, or nested too deeply",
    ),
    "many sums": (
        {"invitation.html.j2": html(("{{ kind" + " + kind" * 90 + " }}") * 1000)},
        "too many, or nested too",
    ),
    "a list of many": (
        {"invitation.html.j2": html("{% set x = [" + "kind," * 30000 + "] %}")},
        "too many, or nested too",
    ),
    "a long number": (
        {"invitation.html.j2": html("{{ " + "9" * 50000 + " }}")},
        "can't compile this",
    ),
    "a long number in hexadecimal": (
        {"invitation.html.j2": html("{{ 0x" + "f" * 50000 + " }}")},
        "can't be compiled",
    ),
    "a parameter of Jinja's own": (
        {"invitation.html.j2": html("{% for i in [1] %}{{ range(_loop_vars=1) }}{% endfor %}")},
        "can't be compiled",
    ),
    "many tags": ({"invitation.html.j2": html("{{ kind }}" * 5001)}, "up to 5,000 tags"),
    "a long name": (
        {"invitation.html.j2": html("{{ " + "a" * 500000 + " }}")},
        f"there is no {'a' * 60}.",
    ),
    "elements in elements": (
        {"invitation.html.j2": html("<div>" * 100000)},
        "too many elements within each other",
    ),
    "elements of MJML in each other": (
        {
            "invitation.cohost.mjml.j2": "<mjml>"
            + "<mj-wrapper>" * 5000
            + "</mj-wrapper>" * 5000
            + "</mjml>",
        },
        "too many elements within each other",
    ),
    "many rules for many elements": (
        {
            "invitation.html.j2": html("<b>x</b>" * 50000).replace(
                "</style>", "b{color:#ff0000}" * 20000 + "</style>"
            )
        },
        "too many elements for so many rules of style",
    ),
    "a part that includes itself": (
        {"invitation.html.j2": html('{% include "invitation.html.j2" %}')},
        "20 files deep",
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_template_that_would_hold_up_the_program_is_named(tmp_path, bomb):
    files, said = BOMBS[bomb]

    with pytest.raises(ConfigurationError) as refusal:
        load_template_set([write_templates(tmp_path, **files)], BRAND)

    assert said in refusal.value.message


@pytest.mark.parametrize(
    "words",
    [
        "<a " + "a" * MANY + ">x</a>",
        ">" * MANY,
        '<a href="' + "&a;" * 50_000 + '/">x</a>',
        "<a title='" + "{{ kind }}" * 4000 + "'>x</a>",
        "{% block a %}{% block a %}x{% endblock %}{% endblock %}",
    ],
    ids=["attribute", "brackets", "entities", "tags in an attribute", "block in itself"],
)
def test_odd_template_makes_a_letter_all_the_same(tmp_path, words):
    composed = compose(
        load_template_set(
            [write_templates(tmp_path, **{"invitation.html.j2": html(words)})], BRAND
        ),
        make_request(),
        protect(),
    )

    assert isinstance(composed, Message)


@pytest.mark.parametrize(
    ("tags", "shallow"),
    [
        ("<div>" * 1000 + "</div>" * 1000, True),
        ("<div>" * 1001 + "</div>" * 1001, False),
        ("<p>x" * 2000, True),
        ("<br><img src=x>" * 2000, True),
        ("</p><div>" * 1001, False),
    ],
)
def test_depth_counts_what_is_never_closed_but_for_what_others_close(tags, shallow):
    assert is_shallow(tags) is shallow


@pytest.mark.parametrize(
    ("html", "odd"),
    [
        (b'<a href="https://a.example">', False),
        (b'<a href="https&colon;//a.example">', False),
        (b'<a href="https&#58;//a.example">', False),
        (b'<a href="javascript:x()">', True),
        (b'<a href="javascript&colon;x()">', True),
        (b'<a href="java&Tab;script&#x3a;x()">', True),
        (b'<a href=" &#106;avascript:x()">', True),
        (b'<a href="#top">', False),
        (b'<a href="' + b"&a;" * MANY + b'/">', False),
        (b'<a href="' + b" " * MANY, False),
        (b"href" + b" " * MANY, False),
    ],
)
def test_schemes_are_read_in_one_way_only(html, odd):
    assert has_odd_scheme(html) is odd


def test_row_of_places_is_not_looked_at_one_by_one():
    assert seams(">" * MANY) == (0, 0)
    assert seams('=">' * MANY) == (0, 0)
    assert scan(ScannerState(), "<a " + "a" * MANY).tag == "a"


def test_style_sheet_that_never_ends_is_looked_for_once():
    given = MessageParts(
        "", "", "", "", sample_people.START, "", ("<style>{{</style>x" + "<style" * MANY,), ""
    )

    assert sample_people.leftover_tag(given) == ""
