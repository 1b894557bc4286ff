"""What a template may take: size, steps, processor time, looked at before each operation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onboarding.errors import ConfigurationError
from onboarding.messages.load import list_samples, load_template_set
from onboarding.messages.request import UnrenderableValue
from onboarding.messages.sandbox import limits, size_estimates
from onboarding.messages.sandbox.environment import MessageEnvironment
from onboarding.messages.sandbox.filters import FILTER_NAMES, FILTERS, TEST_NAMES
from onboarding.messages.sandbox.guards import GUARD_FILTERS as GUARDS
from onboarding.messages.sandbox.limits import Budget, LimitExceeded, collect, join_text, size_of
from onboarding.model.deliveries import Message, Rejected
from tests.messages.samples import (
    BRAND,
    compose,
    make_invitee,
    make_request,
    protect,
    with_extra,
    write_templates,
)

VALUE = "makes a value of more than 1,000,000 characters or items"
NUMBER = "makes a number of more than 4,000 digits"
STEPS = "loops take more than 100,000 steps"
PART = "writes a part of more than 2,000,000 characters"
ALL = "makes values of more than 10,000,000 characters and items in all"
DEEP = "nests lists more than 100 deep"
KEY = "only texts and numbers name an item"
DOUBLED = (
    "{% set ns = namespace(x=1, y=1) %}{% macro two() %}{% set ns.x = varargs %}{% endmacro %}"
    "{% for i in range(40) %}{{ two(ns.x, ns.x) }}{% endfor %}"
)
"""Forty doublings that no list is written for: to hash or compare the result never ends."""
GREATER = {
    "{{ 'a'|center(10 ** 9) }}": VALUE,
    "{{ 'a' * 10 ** 10 }}": VALUE,
    "{{ 10 ** 10 * [1] }}": VALUE,
    "{{ ('a' * 1000000) + 'b' }}": VALUE,
    "{{ ('a' * 1000000) ~ 'b' }}": VALUE,
    "{{ ['a' * 100000] * 100000 }}": VALUE,
    "{{ [('a' * 100000).upper()] * 100000 }}": VALUE,
    "{{ 'a'|indent(10 ** 9, true) }}": VALUE,
    "{{ ('a\n' * 1000)|indent(100000) }}": VALUE,
    "{{ ('a' * 1000)|replace('a', 'b' * 100000) }}": VALUE,
    "{{ ('a' * 1000).replace('', 'b' * 100000) }}": VALUE,
    "{{ (['b'] * 90000)|join('c' * 100000) }}": VALUE,
    "{{ [1]|batch(10 ** 9, 'x') }}": VALUE,
    "{{ [1]|slice(10 ** 9) }}": VALUE,
    "{{ '%1000000000d' % 1 }}": VALUE,
    "{{ '%.00000000001000000000f' % 1 }}": VALUE,
    "{{ '%*d'|format(10 ** 9, 1) }}": VALUE,
    "{{ ('%(a)s' * 100000) % {'a': 'b' * 100000} }}": VALUE,
    "{{ ('%(a)r' * 100000) % {'a': ['b'] * 1000} }}": VALUE,
    "{{ '%((a))s' % {'(a)': 1} }}": VALUE,
    "{{ [[1], [[2]]]|tojson(indent=10 ** 6) }}": VALUE,
    "{{ ('http://a.example ' * 5000)|urlize(rel='x' * 100000) }}": VALUE,
    "{{ ('a ' * 40000)|wordwrap(1, wrapstring='b' * 1000) }}": VALUE,
    "{{ ('a ' * 60000)|wordwrap(1) }}": (
        "the filter wordwrap is for texts of up to 100,000 characters"
    ),
    "{{ ('<!---->' * 100000)|striptags }}": (
        "the filter striptags is for texts of up to 100,000 characters"
    ),
    "{{ ('a.b ' * 30000)|urlize }}": "the filter urlize is for texts of up to 100,000 characters",
    "{{ ('a' * 500000).strip('b' * 400000 ~ 'a') }}": VALUE,
    "{{ ('a' * 500000)|trim('b' * 400000 ~ 'a') }}": VALUE,
    "{{ 9 ** (9 ** 9) }}": NUMBER,
    "{{ (2 ** 13000) * (2 ** 13000) }}": NUMBER,
    "{{ 1|round(-10 ** 9) }}": NUMBER,
    "{{ 1|round(10 ** 9, 'ceil') }}": NUMBER,
    "{{ ('f' * 100000)|int(0, 16) }}": NUMBER,
    "{% for i in range(10 ** 12) %}{% endfor %}": "a range has more than 100,000 numbers",
    "{% for i in range(400) %}{% for j in range(400) %}{% endfor %}{% endfor %}": STEPS,
    "{% for i in range(60) %}{% for p in ('ab' * 1000)|map('upper') %}{% endfor %}{% endfor %}": (
        STEPS
    ),
    "{{ ('ab' * 60000)|map('upper')|length }}": STEPS,
    "{% for x in ['ab' * 60000] recursive %}{{ loop(x) if x|length > 1 }}{% endfor %}": STEPS,
    "{% for i in range(30) %}{{ 'a' * 100000 }}{% endfor %}": PART,
    "{% for i in range(90000) %}A text of the template itself.{% endfor %}": PART,
    "{% set x %}{% for i in range(90000) %}A text of the template itself.{% endfor %}"
    "{% endset %}": (PART),
    "{% macro m() %}{% for i in range(50000) %}{{ '<' * 1000000 }}{% endfor %}{% endmacro %}"
    "{{ m() }}": (ALL),
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}": "calls or includes itself without end",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}": (
        "calls or includes itself without end"
    ),
    "{% set p = 'parts/itself.html.j2' %}{% include p %}": "calls or includes itself without end",
    "{% set ns = namespace(x='ab') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}"
    "{% endfor %}": (VALUE),
    "{% set ns = namespace(x=3) %}{% for i in range(40) %}{% set ns.x = ns.x * ns.x %}"
    "{% endfor %}": (NUMBER),
    "{% set ns = namespace(x=1) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
    "{{ ns.x }}": VALUE,
    "{% set ns = namespace(x=1, y=1) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}"
    "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{% if ns.x == ns.y %}{% endif %}": VALUE,
    "{% set ns = namespace(x=1) %}{% for i in range(40) %}{% set ns.x = {1: ns.x, 2: ns.x} %}"
    "{% endfor %}{{ ns.x|tojson }}": VALUE,
    "{% set ns = namespace(x=1) %}{% for i in range(40) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"
    "{% set a = {ns.x: 1} %}": VALUE,
    DOUBLED + "{% set a = {ns.x: 1} %}": KEY,
    DOUBLED + "{{ invitee.extra[ns.x] }}": KEY,
    DOUBLED + "{% set ns.y = ns.x %}{% set ns.x = 1 %}{% for i in range(40) %}"
    "{{ two(ns.x, ns.x) }}{% endfor %}{% for v in [1, 2] %}"
    "{{ loop.changed(ns.x if loop.first else ns.y) }}{% endfor %}": VALUE,
    DOUBLED.replace("ns.x, ns.x", "ns.x").replace("40", "102") + "{{ ns.x }}": DEEP,
    "{% set ns = namespace(x=1) %}{% for i in range(102) %}{% set ns.x = [ns.x] %}{% endfor %}": (
        DEEP
    ),
    "{{ range(10 ** 3900, 10 ** 3900 + 100000)|join }}": VALUE,
    "{{ range(0 - 10 ** 3900, 0, 10 ** 3897)|list }}": VALUE,
    "{{ (['x'] * 3000)|map('center', 1000000)|list }}": ALL,
    "{% for i in range(20) %}{% set y = 'a'|center(1000000) %}{% endfor %}": ALL,
    "{% set x = 'a'|center(900000) %}{% for i in range(20) %}{% set y = x[1:] %}{% endfor %}": ALL,
    "{% set x = ('a ' * 450000) %}{% for i in range(30) %}{% set y = x.split() %}{% endfor %}": ALL,
    "{% set x = [1] * 900000 %}{% for i in range(20) %}{% set y = cycler(*x) %}{% endfor %}": ALL,
    "{% set x %}{% for i in range(1000) %}A text of the template itself.{% endfor %}{% endset %}"
    "{% macro m() %}{{ x }}{{ x }}{{ x }}{{ x }}{% endmacro %}"
    "{% for i in range(300) %}{% set y = m() %}{% endfor %}": ALL,
    "{% for i in range(5000) %}{% set y = [" + "1, " * 3000 + "] %}{% endfor %}": ALL,
    "{% set p = 'parts/p0.html.j2' %}{% include p %}": STEPS,
    "{% import 'parts/long.html.j2' as m %}": PART,
    "{% set p = 'parts/long.html.j2' %}{% import p as m with context %}": PART,
    "{% from 'parts/long.html.j2' import x %}": PART,
    "{% set ns = namespace(x=1) %}{% set p = 'parts/short.html.j2' %}"
    "{% for i in range(30) %}{% import p as m %}{% set ns.x = m %}{% endfor %}": ALL,
}
"""What a template asks for, and how it is refused: for a value that is too large, or too many."""

LONG = {
    "parts/short__html__j2": "{% set x = '<' * 400000 %}{{ x }}",
    "parts/long__html__j2": "{% set x = '<' * 400000 %}{% for i in range(40) %}{{ x }}{% endfor %}",
}
"""Parts that a template imports."""

TWICE = {
    f"parts/p{number}__html__j2": f"{{% include 'parts/p{number + 1}.html.j2' %}}" * 2
    for number in range(40)
} | {"parts/p40__html__j2": ""}
"""Parts that include each other twice. Where the first one's name is a value, that hides them."""


@pytest.mark.parametrize("words", GREATER)
def test_template_that_asks_for_too_much_is_named_before_anybody_gets_a_letter(tmp_path, words):
    part = "{% set p = 'parts/itself.html.j2' %}{% include p %}"
    parts = TWICE if "p0" in words else LONG | {"parts/itself__html__j2": part}
    folder = write_templates(tmp_path, words=words, **parts)

    with pytest.raises(ConfigurationError) as refusal:
        load_template_set([folder], BRAND)

    assert refusal.value.message.startswith("The template invitation fails for a sample Host: ")
    assert GREATER[words] in refusal.value.message


@pytest.mark.parametrize(
    "words", ["{{ 'a'|center(10 ** 9) }}", "{% for i in range(400) %}{{ i }}{% endfor %}"]
)
def test_letter_that_asks_for_too_much_is_rejected_and_the_next_one_is_not(tmp_path, words):
    asked = "{% if invitee.extra.n == 'much' %}" + words.replace("400", "100001") + "{% endif %}"
    template_set = load_template_set([write_templates(tmp_path, words=asked)], BRAND)

    composed = [
        compose(template_set, make_request(person=with_extra(make_invitee(), n=n)), protect())
        for n in ("much", "little")
    ]

    assert isinstance(composed[0], Rejected)
    assert composed[0].reason.startswith("The message can't be written: ")
    assert isinstance(composed[1], Message)


def test_template_that_fails_only_now_and_then_is_named_all_the_same(tmp_path):
    """A message to a sample person is rendered twice: in one of three tries the second one fails.

    Twenty tries, so that this misses an error that ends the program once in 3,000 times.
    """
    folder = write_templates(tmp_path, words="{{ 1 // ([0, 1]|random) }}")

    for _ in range(20):
        with pytest.raises(ConfigurationError, match=r"can't work with this person's values"):
            load_template_set([folder], BRAND)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("{{ ('a' * 1000000)|length }}", "1000000"),
        ("{{ range(100000)|list|length }}", "100000"),
        ("{% for x in 'aab' %}{{ loop.changed([x]) }} {% endfor %}", "True False True "),
        ("{{ {'a' ~ 1: 2, 3: (4, 5)}['a1'] }}", "2"),
        ("{{ ([0] * 1000000)|length }}", "1000000"),
        ("{{ ('a' * 999999 ~ 'b')|upper|length }}", "1000000"),
        ("{{ ('a' * 500000)|replace('a', 'bb')|length }}", "1000000"),
        ("{{ ('a' * 500000 + 'a' * 500000)|length }}", "1000000"),
        ("{{ 'a'|center(1000000)|length }}", "1000000"),
        ("{{ (10 ** 3998)|string|length }}", "3999"),
        ("{% for i in range(1000) %}{% for j in range(99) %}{% endfor %}{% endfor %}", ""),
        ("{% for i in range(100000) %}{% endfor %}", ""),
    ],
)
def test_a_template_may_go_up_to_the_limits(words, expected):
    with Budget():
        assert MessageEnvironment(autoescape=True).from_string(words).render() == expected


class Clock:
    """A clock that is told what time it is, and counts how often it is asked."""

    def __init__(self) -> None:
        self.time = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return self.time


def test_processor_time_counts_and_is_asked_for_only_when_so_much_time_has_passed():
    now, processor = Clock(), Clock()
    budget = Budget(now=now, processor=processor)

    now.time, processor.time = 0.09, 90.0
    budget.look()
    assert processor.asked == 0  # most letters are done by now
    for second in range(1, 5):
        now.time = second
        budget.look()
    assert processor.asked == 1  # and from here on it counts
    now.time, processor.time = 60.0, 93.0
    budget.look()
    assert processor.asked == 2
    now.time = 61.9
    budget.look()
    assert processor.asked == 2  # two seconds of processor time can't have passed since
    now.time, processor.time = 62.1, 95.0
    with pytest.raises(LimitExceeded, match="more than 5 seconds of processor time"):
        budget.look()


@pytest.mark.parametrize(
    "words",
    [
        "{{ kind|upper }}",
        "{{ kind ~ kind }}",
        "{{ 1 + number }}",
        "{{ kind == kind }}",
        "{{ kind[1:] }}",
        "{{ kind[1] }}",
        "{{ kind is lower }}",
        "{{ [1, 2]|map('string')|list }}",
        "{{ panel|sort(attribute='0') }}",
        "{% for x in [1] %}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m() }}",
        "{{ range(3)|list }}",
        "{{ kind.upper() }}",
    ],
)
def test_time_is_looked_at_before_each_operation(words):
    now, processor = Clock(), Clock()
    environment = MessageEnvironment(autoescape=True)
    template = environment.from_string(words)
    budget = Budget(now=now, processor=processor)
    now.time = 1.0
    budget.look()
    now.time = processor.time = 10.0

    with budget, pytest.raises(LimitExceeded, match="processor time"):
        template.render(kind="invitation", number=1, panel=[(1,), (0,)])


def test_samples_that_take_long_together_stop_the_templates(template_set):
    now, processor = Clock(), Clock()
    samples = list_samples(template_set, Budget(10, now=now, processor=processor))

    next(samples)
    now.time = 1.0
    next(samples)
    now.time = processor.time = 9.9
    letter = next(samples)
    now.time = processor.time = 11.1
    with pytest.raises(ConfigurationError) as refusal:
        next(samples)

    assert refusal.value.message == (
        f"The template {template_set.name_for(letter)} is slow. For the messages to sample people, "
        "the template takes more than 10 seconds of processor time."
    )


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("abc", 3),
        ("", 0),
        ([], 0),
        (["ab", "c", ["d"]], 3 + 3 + 2),
        ({"ab": "c"}, 1 + 3),
        ((1, 2.5, True, None), 4),
        (range(5), 5),
        (range(8, 12), 4 + 4),
        (range(0), 0),
        (10**100, 100),
        ([10**100, 1], 2 + 100),
        ([0] * 1_000_000, 1_000_000),
    ],
)
def test_size_counts_characters_and_items(value, size):
    assert size_of(value) == size


def test_size_of_what_is_no_value_is_refused():
    with pytest.raises(UnrenderableValue, match="other than text"):
        size_of(object())
    assert size_of(object(), anything=True) == 0


def test_pieces_are_collected_up_to_the_limit():
    piece = "a" * 1000
    assert join_text(piece for _ in range(2000)) == piece * 2000
    with pytest.raises(LimitExceeded):
        collect(piece for _ in range(2001))


def test_no_endless_stream_of_pieces_is_collected():
    with pytest.raises(LimitExceeded):
        collect(iter(lambda: "", None))


SMALL = st.text("ab\n %<&é\U0001f600", max_size=12)
ITEMS = st.lists(st.one_of(SMALL, st.integers(-999, 999)), max_size=4)
COUNT = st.integers(0, 40)
ARGUMENTS = {
    "batch": st.tuples(ITEMS, st.integers(1, 40), st.one_of(st.none(), SMALL)),
    "center": st.tuples(SMALL, COUNT),
    "indent": st.tuples(SMALL, st.one_of(COUNT, SMALL), st.booleans(), st.booleans()),
    "join": st.tuples(ITEMS, SMALL),
    "replace": st.tuples(SMALL, SMALL, SMALL, st.one_of(st.none(), COUNT)),
    "slice": st.tuples(ITEMS, st.integers(1, 40), st.one_of(st.none(), SMALL)),
    "tojson": st.tuples(
        st.recursive(ITEMS, lambda inner: st.lists(inner, max_size=3), max_leaves=6), COUNT
    ),
    "trim": st.tuples(SMALL, SMALL),
    "urlize": st.tuples(
        SMALL.map(lambda text: f"{text} www.example.com a@example.com"), COUNT, st.booleans(), SMALL
    ),
    "wordwrap": st.tuples(SMALL, st.integers(1, 9), st.booleans(), SMALL),
    "format": st.tuples(
        st.sampled_from(["%s", "%5s-%s", "%-30s|%s", "%%%s%s", "%r %a", "a%.3s"]), SMALL, SMALL
    ),
}
FACTOR = 12
"""How much longer than said a result may be: escapes write a character as up to twelve."""


@settings(max_examples=60)
@pytest.mark.parametrize("name", sorted(ARGUMENTS))
@given(data=st.data())
def test_result_of_a_filter_is_never_larger_than_was_said_before(name, data):
    arguments = data.draw(ARGUMENTS[name])
    environment = MessageEnvironment(autoescape=data.draw(st.booleans()))
    context = environment.from_string("").new_context()
    if name == "format":
        arguments = arguments[: 1 + arguments[0].replace("%%", "").count("%")]

    result = FILTERS[name](context, *arguments)

    said = size_estimates.FILTER_ESTIMATES[name](*arguments)

    assert size_of(result) <= FACTOR * (said + size_of(arguments[0]) + 10)


@given(left=st.one_of(SMALL, ITEMS, st.integers(-(10**20), 10**20)), right=st.integers(0, 30))
def test_product_is_never_larger_than_was_said_before(left, right):
    assert size_of(left * right) <= size_estimates.times(left, right)


@given(base=st.integers(-(10**6), 10**6), exponent=st.integers(0, 60))
def test_power_is_never_larger_than_was_said_before(base, exponent):
    assert size_of(base**exponent) <= size_estimates.power(base, exponent)


def test_every_filter_and_test_looks_at_the_limits_first():
    """Jinja calls none of them while compiling: they take the context, which only a message has."""
    for found in (FILTERS[name] for name in FILTER_NAMES):
        assert found.jinja_pass_arg.name == "context"
    environment = MessageEnvironment(autoescape=True)
    assert set(TEST_NAMES) == set(environment.tests)
    assert set(environment.filters) == {*FILTERS, *GUARDS}


@pytest.mark.parametrize(
    "words",
    ["{{ 'a' * 10 ** 10 }}", "{{ 'a'|center(10 ** 10) }}", "{{ 'a' ~ 'b'|center(10**10) }}"],
)
def test_nothing_large_is_made_while_a_template_is_compiled(words):
    template = MessageEnvironment(autoescape=True).from_string(words)

    with Budget(), pytest.raises(LimitExceeded):
        template.render()


def test_limits_are_those_of_the_promise():
    assert limits.MOST_MADE == 10_000_000
    assert (limits.LARGEST_VALUE, limits.LARGEST_PART, limits.MOST_STEPS, limits.MOST_SECONDS) == (
        1_000_000,
        2_000_000,
        100_000,
        5.0,
    )
