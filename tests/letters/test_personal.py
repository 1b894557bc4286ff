"""What a template does with a person's values is read from it: what may be more than writing counts as looking."""

import pytest

from onboarding.letters.personal import Uses
from onboarding.letters.sources import Folders
from onboarding.letters.templates import Environments
from tests.letters.making import SHIPPED

NAME, LINK, PHONE, TITLE = "invitee.name", "join_link", "phone_code", "invitee.job_title"
COMPANY = "invitee.extra.company"


def uses(*sources: str) -> Uses:
    environments = Environments.over(Folders.of([SHIPPED]))
    for source in sources:
        environments.html.from_string(source)
    return environments.uses


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("{{ invitee.name }}", {NAME}),
        ("{{ join_link }}{{ phone_code }}", {LINK, PHONE}),
        ("{{ invitee.extra.company }}", {COMPANY}),
        ("{{ invitee.extra['company'] }}", {COMPANY}),
        ("{{ invitee.name or invitee.job_title }}", {NAME, TITLE}),
        ("{{ invitee.name if phone_code else join_link }}", {NAME, PHONE, LINK}),
        ("{% if phone_code %}x{% elif not (invitee.name and join_link) %}y{% endif %}", {PHONE, NAME, LINK}),
        ("{% for one in panel %}{{ one.name }}{% endfor %}{{ session.title }}", set()),
        ("{% if invitee.role == 'Host' %}{{ invitee.name }}{% endif %}", {NAME}),
        ("{{ invitee.role }}{% if invitee.role %}x{% endif %}{{ invitee.role|lower }}", set()),
        ("{% include 'parts/join.txt.j2' %}{% block a %}{{ invitee.name }}{% endblock %}", {NAME}),
    ],
)
def test_values_that_are_only_written(source, written):
    assert uses(source) == Uses(written=written)


def test_a_links_address_has_to_be_one():
    assert uses("{{ (join_link or invitee.extra.company)|link }}") == Uses({LINK, COMPANY}, linked={LINK, COMPANY})


@pytest.mark.parametrize(
    ("source", "looked_at"),
    [
        ("{{ invitee.name|upper }}", {NAME}),
        ("{{ invitee.name|e }}", {NAME}),
        ("{{ invitee.name|default('x') }}", {NAME}),
        ("{{ invitee.name[0] }}", {NAME}),
        ("{{ invitee.name ~ '!' }}", {NAME}),
        ("{{ 'x' in invitee.name }}", {NAME}),
        ("{{ (invitee.name)|style }}", {NAME}),
        ("{{ say(invitee.name) }}", {NAME}),
        ("{% if invitee.job_title == 'Engineer' %}x{% endif %}", {TITLE}),
        ("{% if invitee.extra.company is defined %}x{% endif %}", {COMPANY}),
        ("{% if a %}{% elif invitee.name|length > 3 %}x{% endif %}", {NAME}),
        ("{% set x = invitee.name %}{{ x }}", {NAME}),
        ("{% set x %}{{ invitee.name }}{% endset %}", {NAME}),
        ("{% filter upper %}{{ invitee.name }}{% endfilter %}", {NAME}),
        ("{% macro m() %}{{ invitee.name }}{% endmacro %}", {NAME}),
        ("{% call m() %}{{ invitee.name }}{% endcall %}", {NAME}),
        ("{% for x in panel recursive %}{{ invitee.name }}{% endfor %}", {NAME}),
        ("{% for x in invitee.name %}{{ x }}{% endfor %}", {NAME}),
        ("{% with x = phone_code %}{{ x }}{% endwith %}", {PHONE}),
        ("{% include [join_link, 'x'] %}", {LINK}),
        ("{% import 'a' if phone_code else 'b' as x %}", {PHONE}),
        ("{% from 'a' if phone_code else 'b' import x %}", {PHONE}),
        ("{% extends 'a' if phone_code else 'b' %}", {PHONE}),
    ],
)
def test_values_that_are_looked_at(source, looked_at):
    assert uses(source) == Uses(looked_at=looked_at)


@pytest.mark.parametrize(
    "source",
    [
        "{{ invitee }}",
        "{{ invitee['name'] }}",
        "{{ invitee|attr('name') }}",
        "{% for column in invitee.extra %}x{% endfor %}",
        "{{ invitee.extra[phone_code] }}",
        "{{ invitee.extra }}",
        "{{ invitee.extra.get('company') }}",
        "{% for name, value in invitee.extra.items() %}{{ value }}{% endfor %}",
        "{{ invitee.extra['values'] }}",
        "{{ ['Hello', 'Hi']|random }}",
        "{{ lipsum(1) }}",
        "{{ [['a', 'b']]|map('random')|first }}",
        "{% set invitee = panel[0] %}",
        "{% for join_link in 'abc' %}x{% endfor %}",
        "{% with phone_code = 1 %}x{% endwith %}",
        "{% macro invitee() %}x{% endmacro %}",
        "{% macro m(join_link) %}x{% endmacro %}",
        "{% import 'x' as invitee %}",
        "{% from 'x' import y as invitee %}",
        "{% import 'x' as y with context %}",
        "{% from 'x' import y with context %}",
        "{% filter upper %}{% include 'x' %}{% endfilter %}",
        "{% set x %}{% include 'x' %}{% endset %}",
        "{% block a %}x{% endblock %}{{ self.a()|upper }}",
        "{% block a %}{{ super()|upper }}{% endblock %}",
    ],
)
def test_templates_that_may_look_at_anything(source):
    assert uses(source).at_all


def test_all_templates_count_together():
    assert uses("{{ invitee.name }}", "{{ invitee.name|upper }}") == Uses(written={NAME}, looked_at={NAME})


def test_shipped_templates_look_at_nobody(stationery):
    assert stationery.uses.looked_at == set()
    assert not stationery.uses.at_all
