"""A template is no program: it reaches plain values only, by what the white list admits."""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import jinja2
import pytest
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import FolderLoader, Folders
from onboarding.messages.context import SessionWords, make_context
from onboarding.messages.context_types import SHOWN
from onboarding.messages.dates import locale_of
from onboarding.messages.load import load_template_set
from onboarding.messages.sandbox.environment import (
    FIELDS,
    GLOBALS,
    METHODS_OF,
    MessageEnvironment,
    Method,
)
from onboarding.messages.sandbox.filters import FILTERS
from onboarding.messages.sandbox.limits import Group
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.people import Role
from onboarding.model.sessions import Facts
from tests.messages.samples import (
    BRAND,
    OTHER,
    SESSION,
    as_email,
    compose,
    find_part,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

PLAIN = (str, Markup, int, float, bool, type(None), tuple, list, dict, MappingProxyType)
MADE_BY_TEMPLATES = (
    Group,
    Method,
    Macro,
    BlockReference,
    LoopContext,
    TemplateReference,
    TemplateModule,
)
MADE_BY_FUNCTIONS = (Cycler, Joiner, Namespace, range)
ADMITTED = {*PLAIN, *SHOWN, *MADE_BY_TEMPLATES, *MADE_BY_FUNCTIONS}

EVERYTHING = """
{% import "macros.html.j2" as imported %}{{ imported|seen }}
{% macro own() %}{{ caller|seen if caller }}{% endmacro %}{{ own|seen }}
{% call own() %}x{% endcall %}
{% for each in [1, 2] %}{{ loop|seen }}{% endfor %}
{% for group in panel|groupby("role") %}{{ group|seen }}{% endfor %}
{% block body %}{{ self|seen }}{{ self.body|seen }}{% endblock %}
{{ cycler(1, 2)|seen }}{{ joiner()|seen }}{{ namespace(value=1)|seen }}{{ range(3)|seen }}
{{ {"a": 1}|seen }}{{ [1, (2, 3.5)]|seen }}{{ "text"|seen }}{{ true|seen }}{{ none|seen }}
{% set markup %}<b>{% endset %}{{ markup|seen }}
"""


@pytest.fixture
def environment(tmp_path) -> MessageEnvironment:
    (tmp_path / "macros.html.j2").write_text(
        "{% macro shown() %}x{% endmacro %}{% set words = 'abc' %}body"
    )
    return MessageEnvironment(autoescape=True, loader=FolderLoader(Folders.of([tmp_path])))


@pytest.fixture
def given(tmp_path) -> dict[str, object]:
    told = Facts("another link", Role.COHOST, SESSION.start, SESSION.duration)
    person = with_extra(make_invitee(), company="Lindenhof")
    brand = load_template_set([write_templates(tmp_path / "own")], BRAND).shown_brand
    return make_context(
        make_request(Kind.UPDATE, person, previous=told), brand, locale_of("en"), SessionWords()
    ).names()


def reached(environment: MessageEnvironment, value: object) -> Iterator[tuple[str, object]]:
    """List what a template can ask of a value: attributes by all names in Python, and items."""
    asked = {
        *dir(value),
        *dir(type(value)),
        "_environment",
        "_context",
        "_func",
        "_body_stream",
        "__dict__",
    }
    for name in sorted(asked):
        for ask in (environment.getattr, environment.getitem):
            try:
                found = ask(value, name)
            except (SecurityError, jinja2.UndefinedError):
                continue
            if not isinstance(found, jinja2.Undefined):
                yield name, found
    if isinstance(value, (dict, MappingProxyType)):
        yield from (("", item) for item in (*value, *value.values()))
    elif isinstance(value, (tuple, list)):
        yield from (("", item) for item in value)


def walk(
    environment: MessageEnvironment, starts: list[object]
) -> tuple[set[type], set[tuple[type, str]]]:
    """Find all that a template can reach from what it has: types, and the names that lead there."""
    types, used, left, seen = set(), set(), [*starts], list[object]()
    while left:
        value = left.pop()
        types.add(type(value))
        if any(value is known for known in seen):
            continue
        seen.append(value)
        if isinstance(value, Method):
            used.add((type(value.owner), value.name))
            continue
        for name, found in reached(environment, value):
            if name and not isinstance(found, Method):
                used.add((type(value), name))
            left.append(found)
    return types, used


def test_walk_through_all_that_a_template_can_reach_finds_plain_values_and_admitted_names_only(
    environment, given
):
    starts = [*given.values()]
    environment.filters["seen"] = lambda value: starts.append(value) or ""
    environment.from_string(EVERYTHING).render(given)

    types, used = walk(environment, starts)

    assert types <= ADMITTED
    assert {LoopContext, Macro, Group, TemplateModule, Cycler, Markup, *SHOWN} <= types
    listed = {
        (kind, name)
        for table in (FIELDS, METHODS_OF)
        for kind, found in table.items()
        for name in found
    }
    chosen_by_the_template = {
        (TemplateModule, "shown"),
        (TemplateModule, "words"),
        (TemplateReference, "body"),
    }
    assert used - listed <= chosen_by_the_template
    assert {(kind, name) for kind, name in listed if kind in SHOWN} <= used


def test_functions_are_the_four_and_have_no_attributes(environment):
    assert dict(environment.globals) == dict(GLOBALS)
    for function in GLOBALS.values():
        assert [name for name, _found in reached(environment, function)] == []


def test_filters_that_reach_further_are_missing():
    assert {"safe", "attr", "pprint"}.isdisjoint(FILTERS)


REFUSED_AT_ONCE = {
    "brand.colours.__class__": "there is no brand.colours.__class__",
    "invitee.name.__class__": "a template can't use __class__",
    "invitee.name|attr('upper')": "there is no filter attr",
    "invitee.name|safe": "there is no filter safe",
    "invitee|pprint": "there is no filter pprint",
    "invitee.name is nothing": "there is no test nothing",
    "lipsum()": "there is no lipsum",
    "dict(a=1)": "there is no dict",
    "panel.invitees": "asks for 'invitees', which does not exist",
    "panel|map(attribute='email')|join": "asks for 'email', which does not exist",
    "brand.colours.parse_raw('x')": "there is no brand.colours.parse_raw",
    "[invitee]|map(attribute='__class__')|list": "asks for '__class__', which no template may use",
    "panel|sort(attribute='__class__')": "asks for '__class__', which no template may use",
    "panel|selectattr('__class__')|list": "asks for '__class__', which no template may use",
    "panel|groupby('__class__')": "asks for '__class__', which no template may use",
    "panel|unique(attribute='__class__')|list": "asks for '__class__', which no template may use",
    "panel|max(attribute='__class__')": "asks for '__class__', which no template may use",
    "[invitee]|sum(attribute='__class__')": "asks for '__class__', which no template may use",
    "[invitee]|join(attribute='__class__')": "asks for '__class__', which no template may use",
    "[1]|map('safe')|list": "asks for 'safe', which is no filter or test of a template",
    "[1]|map('attr', 'real')|list": "asks for 'attr', which is no filter or test of a template",
    "[1]|select('nothing')|list": "asks for 'nothing', which is no filter or test of a template",
    "invitee['__class__']": "asks for '__class__', which no template may use",
    "invitee['__cla' ~ 'ss__']": "asks for '__class__', which no template may use",
    "'{0.name}'.format(invitee)": "asks for 'format', which no template may use",
    "'{x}'.format_map({'x': 1})": "asks for 'format_map', which no template may use",
    "','.join(['a'])": "asks for 'join', which no template may use",
    "'a'.encode()": "asks for 'encode', which no template may use",
    "[1].append(2)": "asks for 'append', which no template may use",
    "{'a': 1}.copy()": "asks for 'copy', which does not exist",
    "{'a': 1}.update({})": "asks for 'update', which does not exist",
    "invitee.extra.copy()": "calls what no template may call",
    "1.5.real": "asks for 'real', which no template may use",
    "range['__call__']": "asks for '__call__', which no template may use",
    "cycler.mro()": "asks for 'mro', which no template may use",
    "cycler('a').items": "asks for 'items', which does not exist",
    "cycler('a').pos": "asks for 'pos', which does not exist",
    "joiner('a').sep": "asks for 'sep', which does not exist",
    "namespace(a=1)._Namespace__attrs": "asks for '_Namespace__attrs', which does not exist",
    "self._TemplateReference__context": (
        "asks for '_TemplateReference__context', which does not exist"
    ),
    "invitee.name()": "calls what no template may call",
    "invitee()": "calls what no template may call",
    "range": "uses something other than text, numbers and lists as if it were text",
    "self": "uses something other than text, numbers and lists as if it were text",
    "namespace(a=1)": "uses a namespace as if it were text",
    "namespace(a=1)|list": "uses a namespace as if it were text",
    "'%s' % namespace(a=1)": "uses a namespace as if it were text",
    "'' ~ range": "uses something other than text, numbers and lists as if it were text",
    "invitee[:1]": "only texts and lists can be cut",
    "[[1], [2]]|sum(start=[])": "the filter sum adds numbers only",
}


@pytest.mark.parametrize("expression", REFUSED_AT_ONCE)
def test_what_the_list_does_not_admit_is_refused_before_anybody_gets_a_letter(tmp_path, expression):
    with pytest.raises(ConfigurationError) as refusal:
        load_template_set([write_templates(tmp_path, words=f"{{{{ {expression} }}}}")], BRAND)

    assert REFUSED_AT_ONCE[expression] in refusal.value.message


@pytest.mark.parametrize(
    "words",
    [
        "{% macro m() %}{% endmacro %}{{ m }}",
        "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{% call m() %}{% endcall %}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% for x in [1] %}{{ range(_loop_vars=1) }}{% endfor %}",
        "{% call invitee.name.upper() %}x{% endcall %}",
        "{% call range(3) %}x{% endcall %}",
        "{% import 'parts/m.html.j2' as m %}{{ m }}",
        "{% import 'parts/m.html.j2' as m %}{{ m._body_stream }}",
        "{% import 'parts/m.html.j2' as m %}{{ m['__dict__'] }}",
        "{% set name = 'parts/escape.html.j2' %}{% include name %}",
        "{% set name = 'parts/attr.html.j2' %}{% include name %}",
        "{% include ['/etc/passwd', '../../secret'] %}",
    ],
)
def test_tags_that_reach_further_are_refused_as_well(tmp_path, words):
    files = {
        "parts/m.html.j2": "{% macro f() %}{% endmacro %}x",
        "parts/escape.html.j2": "{% autoescape false %}{{ invitee.name }}{% endautoescape %}",
        "parts/attr.html.j2": "{{ invitee|attr('name') }}",
    }

    with pytest.raises(ConfigurationError):
        load_template_set([write_templates(tmp_path, words=words, **files)], BRAND)


def said(tmp_path, words: str, **columns: str) -> str:
    """What a letter's HTML says between its marks."""
    template_set = load_template_set([write_templates(tmp_path, words=f"[[{words}]]")], BRAND)
    composed = compose(
        template_set, make_request(person=with_extra(make_invitee(), **columns)), protect()
    )
    return find_part(as_email(composed), "text/html").split("[[")[1].split("]]")[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{{ panel|map(attribute='name')|join(', ') }}", "Boris Beispiel, Anna Author"),
        (
            "{{ panel|selectattr('role', 'eq', 'CoHost')|map(attribute='name')|join }}",
            "Boris Beispiel",
        ),
        (
            (
                "{% for role, people in panel|groupby('role') %}{{ role }}:{{ "
                "people|length }} {% endfor %}"
            ),
            "CoHost:1 Panelist:1 ",
        ),
        (
            (
                "{% for g in panel|groupby('role') %}{{ g.grouper }}{{ "
                "(g.list|first).name }}{% endfor %}"
            ),
            "CoHostBoris BeispielPanelistAnna Author",
        ),
        (
            (
                "{% for p in panel|sort(attribute='name') %}{{ loop.index }}{{ p.name "
                "}}{{ loop.last }}{% endfor %}"
            ),
            "1Anna AuthorFalse2Boris BeispielTrue",
        ),
        ("{{ panel|length }}{{ (panel|list)[:1]|length }}{{ 'abc'[1:] }}{{ 'abc'[0] }}", "21bca"),
        ("{{ session.title.split(' ')[0].upper().lower().title().strip() }}", "Robots"),
        (
            "{{ session.title.startswith('Robots') }}{{ session.title.replace('Robots', 'Cats') }}",
            "TrueCats in the warehouse",
        ),
        ("{{ session.title|upper|truncate(9)|replace('R', 'r') }}", "rOBOTS..."),
        (
            (
                "{% set ns = namespace(n=0) %}{% for x in [1, 2] %}{% set ns.n = ns.n "
                "+ x %}{% endfor %}{{ ns.n }}"
            ),
            "3",
        ),
        (
            (
                "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ "
                "c.next() }}{{ c.next() }}"
            ),
            "abba",
        ),
        ("{% set j = joiner('-') %}{{ j() }}a{{ j() }}b", "a-b"),
        (
            (
                "{% macro box(t, s='!') %}<b>{{ t }}{{ s }}{{ varargs }}</b>{% "
                "endmacro %}{{ box(invitee.extra.company) }}"
            ),
            "<b>&lt;i&gt;!()</b>",
        ),
        (
            (
                "{% macro box() %}({{ caller(1) }}){% endmacro %}{% call(n) box() %}{{ "
                "n }}{% endcall %}"
            ),
            "(1)",
        ),
        (
            (
                "{% for x in [[1, [2]], 3] recursive %}{{ loop(x) if x is sequence "
                "else x }}{% endfor %}"
            ),
            "123",
        ),
        (
            (
                "{{ 'yes' if invitee.extra.none is defined else 'no' }}{{ "
                "invitee.extra.none|default('none') }}"
            ),
            "nonone",
        ),
        (
            (
                "{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}{% for k, v in {'b': 2}.items() %}"
                "{{ k }}{{ v }}{% endfor %}"
            ),
            "11b2",
        ),
        ("{{ '%s has %05.1f%%' % ('a', 2.5) }}{{ '%(x)s'|format(x='y') }}", "a has 002.5%y"),
        (
            "{{ 3 + 4 * 2 - 1 // 2 % 3 ** 2 / 1 }}{{ 'a' ~ 1 ~ invitee.extra.company }}",
            "11.0a1&lt;i&gt;",
        ),
        (
            "{{ 1 < 2 < 3 }}{{ 'a' in 'abc' }}{{ 3 in [1, 2] }}{{ [1, 2] == [1, 2] }}",
            "TrueTrueFalseTrue",
        ),
        (
            (
                "{{ [1, 2]|sum }}{{ [{'n': 2}]|sum(attribute='n', start=1) }}{{ [3, "
                "1]|min }}{{ 42.55|round(1) }}"
            ),
            "33142.5",
        ),
    ],
)
def test_what_templates_sensibly_do_works(tmp_path, words, expected):
    assert said(tmp_path, words, company="<i>") == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{{ invitee.extra.items }}", "an item"),
        ("{{ invitee.extra['keys'] }}", "a key"),
        ("{{ invitee.extra.get }}", "got"),
        (
            "{% for name, text in invitee.extra.items() %}{{ name }}={{ text }};{% endfor %}",
            "items=an item;keys=a key;get=got;",
        ),
        (
            "{% for name, text in invitee.extra|items %}{{ name }}={{ text }};{% endfor %}",
            "items=an item;keys=a key;get=got;",
        ),
        ("{{ invitee.extra.keys()|join }}{{ invitee.extra.values()|length }}", "itemskeysget3"),
        ("{{ invitee.extra.get('keys') }}{{ invitee.extra.get('none', '-') }}", "a key-"),
    ],
)
def test_rosters_column_counts_first_and_the_functions_of_its_name_work_beside_it(
    tmp_path, words, expected
):
    assert said(tmp_path, words, items="an item", keys="a key", get="got") == expected


@pytest.mark.parametrize(
    "words",
    [
        "{{ invitee.extra.name }}",
        "{% filter striptags %}{{ invitee.extra.name }}{% endfilter %}",
        "{% filter default(invitee.extra.name, true) %}{% endfilter %}",
        "{% set x|striptags %}{{ invitee.extra.name }}{% endset %}{{ x }}",
        "{% filter indent(width=invitee.extra.name, first=true) %}x{% endfilter %}",
        "{% set x %}y{% endset %}{{ x|replace('y', invitee.extra.name) }}",
        "{% set x %}y{% endset %}{{ x ~ invitee.extra.name }}{{ x + invitee.extra.name }}",
        "{% set x %}%s{% endset %}{{ x % invitee.extra.name }}{{ x|format(invitee.extra.name) }}",
        '<b title="{{ invitee.extra.name|tojson }}">x</b>',
        (
            "{{ invitee.extra.name|urlize }}{{ invitee.extra.name|wordwrap(3, "
            "wrapstring=invitee.extra.name) }}"
        ),
        "{{ {'title': invitee.extra.name}|xmlattr }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(invitee.extra.name) }}",
        "{{ [invitee.extra.name]|join('<hr>') }}",
    ],
)
def test_no_way_leads_from_a_persons_text_to_markup(tmp_path, words):
    hostile = '"><script src=x></script><img src=x onerror=1>'

    html = said(tmp_path, words, name=hostile)

    assert "<script" not in html
    assert "<img" not in html
    assert '""' not in html


def test_expression_for_one_person_only_is_that_letters_error(tmp_path):
    words = "{% if invitee.extra.n == 'try' %}{{ join_link['__cla' ~ 'ss__'] }}{% endif %}"
    template_set = load_template_set([write_templates(tmp_path, words=words)], BRAND)

    assert compose(
        template_set, make_request(person=with_extra(make_invitee(), n="try")), protect()
    ) == Rejected("The template asks for '__class__', which no template may use.")
    assert isinstance(
        compose(template_set, make_request(person=with_extra(make_invitee(), n="")), protect()),
        Message,
    )


def test_letter_holds_name_role_and_title_of_others_and_no_way_to_more(tmp_path):
    secret = replace(OTHER, job_title="Director", extra={"private": "unlisted number"})
    words = "{{ panel }}{{ panel|string }}{{ '%s' % (panel,) }}{{ panel|list ~ '' }}"
    template_set = load_template_set([write_templates(tmp_path, words=words)], BRAND)

    html = find_part(
        as_email(compose(template_set, make_request(panel=(make_invitee(), secret)), protect())),
        "text/html",
    )

    assert "Boris Beispiel" in html
    assert "Director" in html
    assert "boris@" not in html
    assert "unlisted" not in html
