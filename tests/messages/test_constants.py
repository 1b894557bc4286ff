"""What is the same in every letter is put in place once, and no letter reads differently for it."""

import pytest

from onboarding.messages import sample_people
from onboarding.messages.compiler.constants import is_constant
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.template import Environments
from onboarding.messages.context import SessionWords
from onboarding.messages.load import load_template_set
from onboarding.messages.template_names import SCHEDULED
from tests.messages.samples import BRAND, SHIPPED


@pytest.fixture(scope="module")
def brand():
    return load_template_set([SHIPPED], BRAND).shown_brand


def pieces(source: str, brand, **names) -> list[str]:
    """What a template yields: its own text merges into one piece, each value stands alone."""
    template = Environments.over(Folders.of([SHIPPED]), brand).html.from_string(source)
    return list(template.generate(names))


def test_brand_becomes_part_of_the_templates_own_text(brand):
    assert pieces(
        '<b style="color: {{ (brand.colours.text)|style }}">{{ brand.name }}</b>', brand
    ) == ['<b style="color: #1c2430">Northwind</b>']


def test_brand_in_a_condition_decides_it_at_once(brand):
    assert pieces("{% if brand.logo %}logo{% else %}{{ brand.name }}{% endif %}", brand) == [
        "Northwind"
    ]


def test_value_of_a_person_stays_one(brand):
    assert pieces("{{ brand.name }}, {{ join_link }}", brand, join_link="<x>") == [
        "Northwind, ",
        "&lt;x&gt;",
    ]


def test_brands_text_is_escaped_like_any_other(brand):
    assert "".join(pieces("{{ brand.imprint }}&{{ brand.name }}", brand)).startswith(
        "Northwind Ltd, 1 Harbour Street, Exampleton&"
    )


@pytest.mark.parametrize(
    "source",
    [
        "{% set brand = other %}{{ brand.name }}",
        "{%- for brand in [other] %}{{ brand.name }}{% endfor %}",
        "{% macro say(brand) %}{{ brand.name }}{% endmacro %}{{ say(other) }}",
        "{% with brand = other %}{% include 'part.html.j2' %}{% endwith %}",
        "{% set brand = other %}{% include 'part.html.j2' %}",
    ],
)
def test_template_that_gives_the_name_a_meaning_of_its_own_keeps_it(tmp_path, brand, source):
    (tmp_path / "part.html.j2").write_text("{{ brand.name }}")
    (tmp_path / "whole.html.j2").write_text(source)

    template = Environments.over(Folders.of([tmp_path]), brand).html.get_template("whole.html.j2")

    assert template.render(other={"name": "Other"}) == "Other"


@pytest.mark.parametrize(
    "tag", ["{% if brand.logo %}", "{% set logo = brand.logo %}", "{{ brand }}", "{% if rebrand %}"]
)
def test_asking_for_a_field_gives_no_other_meaning(tag):
    assert is_constant("brand", ["{% set x = 1 %}", tag])


def test_shipped_templates_may_be_folded():
    assert is_constant(
        "brand", (file.read_text(encoding="utf-8") for file in SHIPPED.rglob("*.j2"))
    )


def test_every_shipped_letter_reads_as_it_would_without(template_set, brand):
    plain, folders = (
        Environments.over(Folders.of([SHIPPED])),
        Environments.over(Folders.of([SHIPPED]), brand),
    )
    for letter in sample_people.sample_messages(["en", "de"], SCHEDULED):
        template = template_set.template(letter.template, letter)
        names = template_set._context(letter, template, SessionWords()).names()
        for text in (SHIPPED / f"{template.name}.txt.j2", SHIPPED / f"{template.name}.mjml.j2"):
            source = text.read_text(encoding="utf-8")
            assert folders.text.from_string(source).render(names) == plain.text.from_string(
                source
            ).render(names)
