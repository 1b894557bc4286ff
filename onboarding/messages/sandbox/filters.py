"""The filters and tests that a template may use: Jinja's own, with a look at the limits.

A white list: what a later Jinja adds is not admitted by itself. `safe`, `attr` and `pprint` are
missing on purpose: with the first a name from the roster could become markup, the others reach what
a template has no business with. `docs/guides/templates.md` lists the same names, and a test
compares.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment
from jinja2 import filters as jinjas
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJAS_TESTS
from jinja2.utils import pass_context, pass_environment, pass_eval_context
from markupsafe import Markup, escape

from onboarding.messages.request import UnrenderableValue
from onboarding.messages.sandbox import size_estimates
from onboarding.messages.sandbox.limits import (
    LONGEST_SLOW,
    Group,
    LimitExceeded,
    Steps,
    count_value,
    current,
    fitting,
    size_of,
)

Function = Callable[..., Any]

FILTER_NAMES = (
    *(
        "abs",
        "batch",
        "capitalize",
        "center",
        "count",
        "d",
        "default",
        "dictsort",
        "e",
        "escape",
        "filesizeformat",
    ),
    *(
        "first",
        "float",
        "forceescape",
        "format",
        "groupby",
        "indent",
        "int",
        "items",
        "join",
        "last",
        "length",
        "list",
    ),
    *(
        "lower",
        "map",
        "max",
        "min",
        "random",
        "reject",
        "rejectattr",
        "replace",
        "reverse",
        "round",
        "select",
    ),
    *(
        "selectattr",
        "slice",
        "sort",
        "string",
        "striptags",
        "sum",
        "title",
        "tojson",
        "trim",
        "truncate",
        "unique",
    ),
    *("upper", "urlencode", "urlize", "wordcount", "wordwrap", "xmlattr"),
)
TEST_NAMES = (
    *(
        "boolean",
        "callable",
        "defined",
        "divisibleby",
        "eq",
        "equalto",
        "escaped",
        "even",
        "false",
        "filter",
        "float",
    ),
    *(
        "ge",
        "greaterthan",
        "gt",
        "in",
        "integer",
        "iterable",
        "le",
        "lessthan",
        "lower",
        "lt",
        "mapping",
        "ne",
        "none",
    ),
    *("number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper"),
    *("==", "!=", ">", ">=", "<", "<="),
)

FOR_ANYTHING = frozenset({"d", "default"})
"""Filters that give their value back as it is: it may be a macro, or be missing."""

# Estimates bound a result's size, not the work for it: these three get slow long before.
SLOW = frozenset({"striptags", "urlize", "wordwrap"})


_LINK_TARGET = re.compile(r"(https?://|cid:|mailto:|tel:)\S+$")
# No bracket, quote or semicolon can get through: `url(...)` would load a picture, and a `;` would
# begin a rule of its own.
_STYLE = re.compile(r"#[0-9A-Fa-f]{6}|\d{1,4}(\.\d+)?(px|em|%)?")


def link(value: object) -> str:
    """Let an address of a known scheme through; this filters every href and src."""
    if not _LINK_TARGET.match(text := str(value)):
        raise UnrenderableValue("a link has to begin with https://")
    return text


def style(value: object) -> str:
    """Let a colour or a length through; the filter of every value inside a style sheet."""
    if not _STYLE.fullmatch(text := str(value)):
        raise UnrenderableValue("a colour has to be written as #rrggbb")
    return text


@pass_environment
def add_up(
    environment: Environment, values: Iterable[Any], attribute: Any = None, start: Any = 0
) -> Any:
    """`sum`, of numbers only. Jinja's also adds lists, each into a new one: that takes minutes."""
    numbers = (
        [*map(jinjas.make_attrgetter(environment, attribute), values)]
        if attribute is not None
        else [*values]
    )
    # `start` counts too: a list in it would be added to.
    if not all(isinstance(number, (int, float)) for number in (start, *numbers)):
        raise UnrenderableValue("the filter sum adds numbers only")
    return sum(numbers, start)


@pass_environment
def group(environment: Environment, *args: Any, **kwargs: Any) -> list[Group]:
    """`groupby`, with groups of a type of our own."""
    # The sandbox decides by type what may be reached. Jinja's own type for groups is private.
    return [Group(*found) for found in jinjas.sync_do_groupby(environment, *args, **kwargs)]


def indent(text: Any, width: int | str = 4, *args: Any, **kwargs: Any) -> Any:
    """`indent`. Jinja's puts a text in place of the spaces as it is, also where that is markup."""
    # Only for markup: elsewhere the whole text is escaped when it is written.
    width = escape(width) if isinstance(text, Markup) and isinstance(width, str) else width
    return jinjas.do_indent(text, width, *args, **kwargs)


@pass_eval_context
def json_filter(context: EvalContext, value: Any, step: int | None = None) -> str:
    """`tojson`, as text. Jinja's is markup: its quotation marks would end an attribute."""
    return str(jinjas.do_tojson(context, value, step))


OURS: Mapping[str, Function] = {
    "sum": add_up,
    "groupby": group,
    "indent": indent,
    "tojson": json_filter,
}


def _limit_filter(name: str, function: Function) -> Function:
    """Make a filter look at the limits. It takes the context, so is not called while compiling."""
    estimate = size_estimates.FILTER_ESTIMATES.get(name, _no_larger)
    is_for_values = name not in FOR_ANYTHING

    @pass_context
    def limited(context: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        # Each operation is short by its size limits, so the time is looked at between them only.
        current().look()
        for given in (value, *args, *kwargs.values()):
            size_of(given, anything=not is_for_values)
        # Before the work: `'x'|center(10**10)` must not be made in order to be measured.
        fitting(estimate(value, *args, **kwargs))
        if name in SLOW and len(value) > LONGEST_SLOW:
            raise LimitExceeded(
                f"the filter {name} is for texts of up to {LONGEST_SLOW:,} characters"
            )
        result = function(*_check_arguments(function, context), value, *args, **kwargs)
        # `map`, `select` and others work when they are read. Read here, their steps and time count.
        if isinstance(result, Iterator):
            result = [*Steps(result)]
        # The estimates leave out fixed factors, such as escaping. Repeated, they would grow without
        # end.
        return count_value(result, anything=not is_for_values)

    return limited


def _no_larger(*_args: Any, **_kwargs: Any) -> int:
    return 0


def _limit_test(function: Any) -> Function:
    """Make a test look at the limits likewise. It may test anything: a macro, a missing name."""

    @pass_context
    def limited(context: Context, *args: Any) -> bool:
        current().look()
        for given in args:
            size_of(given, anything=True)
        return bool(function(*_check_arguments(function, context), *args))

    return limited


def _check_arguments(function: Function, context: Context) -> tuple[Any, ...]:
    """What Jinja passes to a filter or test before its value, as its decorators ask for."""
    match getattr(getattr(function, "jinja_pass_arg", None), "name", ""):
        case "context":
            return (context,)
        case "eval_context":
            return (context.eval_ctx,)
        case "environment":
            return (context.environment,)
    return ()


FILTERS: Mapping[str, Function] = MappingProxyType(
    {name: _limit_filter(name, OURS.get(name) or jinjas.FILTERS[name]) for name in FILTER_NAMES}
    # Without limits: they give a text back as it is. The compiler adds them itself (`masking`).
    | {"link": link, "style": style}
)
"""What may stand behind a `|`."""

TESTS: Mapping[str, Function] = MappingProxyType(
    {name: _limit_test(JINJAS_TESTS[name]) for name in TEST_NAMES}
)
"""What may stand behind `is`."""
