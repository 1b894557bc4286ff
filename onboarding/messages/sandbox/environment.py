"""Jinja for messages: what a template may reach is a white list, and what it does has limits.

A template is no program: its author decides what a message says, and nothing else. It sees values
of the types that `context` makes and of Python's plainest types. Of those it may use the attributes
listed here, the `filters`, and four functions. `docs/guides/templates.md` lists the same names; a
test walks everything that a template can reach.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, MappingProxyType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

from onboarding.messages.compiler.constants import fold_constants
from onboarding.messages.context_types import FIELDS_OF as VIEW_FIELDS
from onboarding.messages.request import UnrenderableValue
from onboarding.messages.sandbox import filters, guards, limits, size_estimates
from onboarding.messages.sandbox.limits import (
    MAPPINGS,
    SEQUENCES,
    TEXTS,
    Group,
    Steps,
    check_key,
    count_value,
    current,
    fitting,
    size_of,
)

FIELDS: Mapping[type, frozenset[str]] = {
    **VIEW_FIELDS,
    Group: frozenset({"grouper", "list"}),
    LoopContext: frozenset(
        {
            "depth",
            "depth0",
            "first",
            "index",
            "index0",
            "last",
            "length",
            "nextitem",
            "previtem",
            "revindex",
            "revindex0",
        }
    ),
    Cycler: frozenset({"current"}),
    BlockReference: frozenset({"super"}),
}
"""Values that a template may ask for, by the type that has them."""

TEXT_METHODS = frozenset(
    {
        "lower",
        "upper",
        "title",
        "capitalize",
        "strip",
        "lstrip",
        "rstrip",
        "split",
        "startswith",
        "endswith",
        "replace",
    }
)
METHODS_OF: Mapping[type, frozenset[str]] = {
    str: TEXT_METHODS,
    Markup: TEXT_METHODS,
    LoopContext: frozenset({"cycle", "changed"}),
    Cycler: frozenset({"next", "reset"}),
}
"""What a template may call, by the type that has it; of mappings `MAPPING_METHODS`."""

SUBSCRIPTED = frozenset({*TEXTS, *SEQUENCES, *MAPPINGS, range})
"""Types of values with items that a template may ask for in square brackets."""


MOST_TAGS = 5_000
MOST_NODES = 25_000
"""Tags of one template with its shared parts, and names, values and operators in them."""

DEEPEST_TREE = 100
"""Expressions and blocks within each other; Python's own limits are not far beyond."""


def range_within_limits(*args: int) -> range:
    """`range`, of no more numbers than a message may take steps."""
    numbers = range(*args)
    # A slice, because `len` of a range raises for more than a machine word can count.
    if numbers[limits.MOST_STEPS : limits.MOST_STEPS + 1]:
        raise limits.LimitExceeded(f"a range has more than {limits.MOST_STEPS:,} numbers")
    return numbers


GLOBALS: Mapping[str, Any] = MappingProxyType(
    {"range": range_within_limits, "namespace": Namespace, "cycler": Cycler, "joiner": Joiner}
)
"""The functions of every template."""


@dataclass(frozen=True, slots=True)
class Method:
    """Something that a template may call, with the value that it belongs to."""

    owner: Any
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it within the limits."""
        # A loop and a cycler only keep and compare what they are given, so that may be a macro as
        # well.
        is_value = type(self.owner) in SUBSCRIPTED
        for given in (self.owner, *args, *kwargs.values()) if is_value else (*args,):
            size_of(given, anything=not is_value)
        if estimate := size_estimates.METHOD_ESTIMATES.get(self.name):
            fitting(estimate(self.owner, *args, **kwargs))
        result = getattr(self.owner, self.name)(*args, **kwargs)
        if type(self.owner) in MAPPINGS and self.name != "get":
            result = tuple(result)  # a view of the mapping would have attributes of its own
        return count_value(result, anything=True)


CALLED = (Method, Macro, BlockReference, LoopContext, Joiner)
"""Types of what a template may call, beside `GLOBALS`."""


class TooComplex(jinja2.TemplateSyntaxError):
    """A template that Jinja or Python can't compile, or not in a reasonable time."""


@contextmanager
def _compile_within_limits() -> Iterator[None]:
    """Let what Python itself can't compile count as a mistake in the template.

    Brackets, blocks or numbers beyond Python's limits, a parameter that Jinja gives too, a name
    that it loses.
    """
    try:
        yield
    except (
        AssertionError,
        MemoryError,
        OverflowError,
        RecursionError,
        SyntaxError,
        ValueError,
    ) as error:
        raise TooComplex(f"Python can't compile this ({type(error).__name__})", 1) from error


def check_not_too_long(source: str) -> None:
    """Raise `TooComplex` for a source that would take minutes to compile."""
    tags = source.count("{{") + source.count("{%")
    if tags > MOST_TAGS or len(source) > limits.LARGEST_PART:
        most = f"{MOST_TAGS:,} tags and {limits.LARGEST_PART:,} characters"
        raise TooComplex(f"a template may have up to {most}, with its shared parts", 1)


def check_simple(tree: nodes.Template) -> None:
    """Raise `TooComplex` for trees so deep or large that Python takes long to compile them."""
    # Level by level: recursion would fail at just the depth that is to be refused.
    level: list[nodes.Node] = [tree]
    size = depth = 0
    while level:
        size, depth = size + len(level), depth + 1
        if size > MOST_NODES or depth > DEEPEST_TREE:
            raise TooComplex(
                "expressions and blocks are too many, or nested too deeply", level[0].lineno
            )
        level = [inner for node in level for inner in node.iter_child_nodes()]


class MessageTemplate(jinja2.Template):
    """A template that is imported again in each message.

    Jinja keeps an imported template's names; what one message set in a namespace there would stand
    in the next one.
    """

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        self._module = None
        return super()._get_default_module(ctx)

    def make_module(
        self,
        vars: dict[str, Any] | None = None,  # noqa: A002 -- Jinja's name
        shared: bool = False,  # noqa: FBT001, FBT002 -- Jinja's signature
        locals: Mapping[str, Any] | None = None,  # noqa: A002 -- Jinja's name
    ) -> TemplateModule:
        """Make what a template imports. Jinja would collect its text, of any length."""
        context = self.new_context(vars, shared, locals)
        return TemplateModule(self, context, limits.keep(self.root_render_func(context)))


class MessageEnvironment(ImmutableSandboxedEnvironment):
    """The sandbox. `known` are names with the same values in every message (`constants`)."""

    template_class = MessageTemplate
    code_generator_class = guards.Writer
    # Jinja calls `call_binop` for these; the other operators it writes as plain Python.
    intercepted_binops = frozenset(size_estimates.OPERATOR_ESTIMATES)
    # Jinja joins the pieces of macros and captured blocks by this, so they have a limit too.
    concat = staticmethod(limits.join_text)
    known: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, **options: Any) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            finalize=format_white_list,
            # Jinja's optimizer looks at each expression once for each expression around it.
            optimized=False,
            # Else each message asks the disk whether its parts are still the same.
            auto_reload=False,
            **options,
        )
        # Replaced, not added to: of Jinja's own only what is on our lists is left.
        self.filters = {**filters.FILTERS, **guards.GUARD_FILTERS}
        self.tests = dict(filters.TESTS)
        self.globals = dict(GLOBALS)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Give global names as a plain dictionary: Jinja's chain of two is asked for each name."""
        return {**self.globals, **(d or {})}

    def _load_template(
        self,
        name: str,
        globals: MutableMapping[str, Any] | None,  # noqa: A002 -- Jinja's name
    ) -> jinja2.Template:
        """Jinja's hook for each part that a message includes, extends or imports.

        A step, because parts that include parts twice, forty deep, need no loop to take for ever.
        """
        current().step()
        return super()._load_template(name, globals)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Jinja's hook between a template's text and its tree."""
        with _compile_within_limits():
            check_not_too_long(source)
            tree = super()._parse(source, name, filename)
            check_simple(tree)
            return tree

    def _generate(self, source: nodes.Template, *args: Any, **options: Any) -> str:
        """Jinja's hook between a template's tree and its Python."""
        # Constants first: then the guards see that one side of a comparison is a constant.
        with _compile_within_limits():
            return super()._generate(
                guards.add_guards(fold_constants(source, self.known, self), self), *args, **options
            )

    def _compile(self, source: str, filename: str) -> CodeType:
        """Jinja's hook between a template's Python and what Python makes of it."""
        with _compile_within_limits():
            return super()._compile(source, filename)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Give a template an attribute that it may have, at once where it is a field of ours."""
        kind = type(obj)
        if attribute in FIELDS.get(kind, ()):
            return getattr(obj, attribute)
        if attribute in METHODS_OF.get(kind, ()):
            return Method(obj, attribute)
        try:
            return _contents(obj)[attribute]
        except LookupError:
            # What Python has and the lists have not is refused in words. What neither has is just
            # missing, so that `is defined` and `default` work on it.
            if kind not in HOLDERS and hasattr(kind, attribute):
                raise SecurityError(f"attribute {attribute!r}") from None
        return self.undefined(obj=obj, name=attribute)

    def called(self, obj: Any, attribute: str) -> Any:
        """Give a template what it calls: of a mapping its methods, of all else an attribute.

        So a roster's column counts first wherever its name is not called, and the methods work
        beside it.
        """
        return Method(obj, attribute) if type(obj) in MAPPINGS else self.getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Give a template an item, else an attribute of that name, as Jinja does."""
        current().look()
        if type(obj) in SUBSCRIPTED:
            check_key(argument)
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self.getattr(obj, str(argument))
        return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template may call."""
        current().look()
        # Jinja packs them into a tuple, and a macro can keep that (`varargs`).
        current().make(len(args) + len(kwargs))
        if type(obj) is LoopContext:
            # A recursive loop calls itself with further items. They count like those of the loop.
            args = (Steps(*args),)
        # `{% call %}` passes its block as `caller`, and only a macro knows what to do with it.
        elif "caller" in kwargs and type(obj) is not Macro:
            raise UnrenderableValue("only a macro can be called with a block")
        # By identity: what merely equals one of the functions is not one of them.
        elif type(obj) not in CALLED and not any(obj is known for known in GLOBALS.values()):
            if isinstance(obj, Undefined):
                # Raises the error that names what is missing.
                return obj()
            raise UnrenderableValue("the template calls what no template may call")
        return context.call(obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Calculate within the limits."""
        current().look()
        fitting(size_estimates.OPERATOR_ESTIMATES[operator](left, right))
        return count_value(super().call_binop(context, operator, left, right))


HOLDERS = frozenset({*MAPPINGS, Namespace, TemplateModule, TemplateReference})
"""Types of what holds values under names that a roster or a template has given them."""


def _contents(obj: Any) -> Any:
    """What a value holds: a roster's columns, what a template has set or exports, its blocks."""
    kind = type(obj)
    if kind is Namespace:
        return obj._Namespace__attrs  # noqa: SLF001 -- else a name could be one of Python's own
    if kind is TemplateModule:
        # Names that begin with an underscore are Jinja's own, such as `_body_stream`.
        return {name: value for name, value in vars(obj).items() if not name.startswith("_")}
    if kind in HOLDERS or isinstance(obj, Undefined):  # which says, as an error, what is missing
        return obj
    return {}


def format_white_list(value: Any) -> Any:
    """Let a value through that is written out, counted. Jinja calls it for each."""
    budget = limits.CURRENT.get(None)
    if budget is not None:
        size = len(value) if type(value) in TEXTS else 0  # most values are short texts
        # Zero means another type, or an empty text: `size_of` measures these. It also raises for a
        # text that is too long.
        budget.make(size if 0 < size <= limits.LARGEST_VALUE else size_of(value))
    elif type(value) not in TEXTS:
        size_of(value)
    return value
