"""Guards put into a template's tree before it becomes Python: limits where Jinja has no hook.

Jinja lets a sandbox decide about attributes, calls and arithmetic. Loops, `~`, comparisons, slices,
lists and mappings it writes as plain Python, and what `{% filter %}` and `{% set %}...{% endset %}`
make of a text it writes without escaping. Each of them is led through a filter here, with a name
that no template can write behind a `|`.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import EvalContext
from jinja2.runtime import markup_join, str_join
from jinja2.utils import pass_context, pass_environment, pass_eval_context
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from onboarding.messages.request import UnrenderableValue
from onboarding.messages.sandbox.limits import (
    SEQUENCES,
    TEXTS,
    Steps,
    check_key,
    count_value,
    current,
    fitting,
    size_of,
)
from onboarding.messages.sandbox.size_estimates import concatenation

STEPS, MADE, KEY, COMPARED, CONCATENATED, SLICED, ESCAPED, CALLED = (
    "(steps)",
    "(made)",
    "(key)",
    "(compared)",
    "(concatenated)",
    "(sliced)",
    "(escaped)",
    "(called)",
)

MAPPING_METHODS = frozenset({"get", "items", "keys", "values"})
"""What a template may call of a roster's further columns, and of mappings of its own."""


def add_guards(tree: nodes.Template, environment: Environment) -> nodes.Template:
    """Put the guards in."""
    with_guards: nodes.Template = _Guards(environment).visit(tree)
    return with_guards


class _Guards(NodeTransformer):
    """Each method is about one kind of node; Jinja's visitors find it by its name."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def _filter(self, name: str, node: Any, *args: nodes.Expr) -> nodes.Filter:
        made = nodes.Filter(node, name, list(args), [], None, None)
        return made.set_environment(self._environment)  # type: ignore[return-value]

    def visit_ScopedEvalContextModifier(self, node: nodes.ScopedEvalContextModifier) -> nodes.Node:  # noqa: N802
        """Refuse what would switch escaping off, in parts that only a message asks for, too."""
        raise TemplateSyntaxError("{% autoescape %} is not allowed", node.lineno)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        """Count the steps of a loop, whether Jinja goes through it or the loop calls itself."""
        self.generic_visit(node)
        node.iter = self._filter(STEPS, node.iter)
        return node

    def visit_List(self, node: nodes.List) -> nodes.Node:  # noqa: N802
        """Measure and count a list, which may hold one made before, and that again."""
        self.generic_visit(node)
        return self._filter(MADE, node)

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        """Likewise; but not where the names to set are written as a tuple."""
        self.generic_visit(node)
        return self._filter(MADE, node) if node.ctx == "load" else node

    def visit_Dict(self, node: nodes.Dict) -> nodes.Node:  # noqa: N802
        """Likewise; its keys before Python hashes them."""
        self.generic_visit(node)
        for pair in node.items:
            if not _is_short(pair.key):
                pair.key = self._filter(KEY, pair.key)
        return self._filter(MADE, node)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        """Measure what is compared, unless one side is a constant: then it costs nothing."""
        self.generic_visit(node)
        sides: list[Any] = [node, *node.ops]
        is_cheap = (
            len(node.ops) == 1
            # `in` walks through its right side, so a constant on the left doesn't make it cheap.
            and node.ops[0].op not in {"in", "notin"}
            and any(_is_short(side.expr) for side in sides)
        )
        for side in [] if is_cheap else sides:
            side.expr = self._filter(COMPARED, side.expr)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Measure what `~` puts together."""
        self.generic_visit(node)
        return self._filter(CONCATENATED, nodes.Tuple(node.nodes, "load", lineno=node.lineno))

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        """Cut texts and lists only."""
        self.generic_visit(node)
        # A single item goes through the environment's `getitem`; a slice Jinja writes as plain
        # Python.
        if not isinstance(node.arg, nodes.Slice):
            return node
        ends = (node.arg.start, node.arg.stop, node.arg.step)
        return self._filter(SLICED, node.node, *(end or nodes.Const(None) for end in ends))

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        """Tell `extra.items`, a roster's column, from `extra.items()`."""
        self.generic_visit(node)
        if isinstance(node.node, nodes.Getattr) and node.node.attr in MAPPING_METHODS:
            node.node = self._filter(CALLED, node.node.node, nodes.Const(node.node.attr))
        return node

    def visit_FilterBlock(self, node: nodes.FilterBlock) -> nodes.Node:  # noqa: N802
        """Escape what a filter makes of a block, unless it is markup still."""
        self.generic_visit(node)
        node.filter = self._filter(ESCAPED, node.filter)
        return node

    def visit_AssignBlock(self, node: nodes.AssignBlock) -> nodes.Node:  # noqa: N802
        """Likewise: Jinja takes what is set so for markup."""
        self.generic_visit(node)
        # Without a filter nothing is left to escape: the body was written piece by piece, each
        # escaped.
        if node.filter is not None:
            node.filter = self._filter(ESCAPED, node.filter)
        return node


def _is_short(expression: nodes.Expr) -> bool:
    return isinstance(expression, nodes.Const) and isinstance(
        expression.value, (str, int, float, type(None))
    )


class Writer(CodeGenerator):
    """Jinja's own, but a written value that is no text is looked at, and a macro's is counted.

    A text that is written at once needs no call: `limits.collect` counts it.
    """

    def _output_child_pre(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        # With a buffer (macros, blocks that are set or filtered) nothing is yielded to `collect`,
        # so each value has to be counted by `finalize`.
        if frame.buffer is not None:
            super()._output_child_pre(node, frame, finalize)
        else:
            # Most values are texts: asking for their class here saves them the call of `finalize`.
            # Jinja's third case, a volatile context, comes from `{% autoescape %}` only, which is
            # refused.
            self.write("escape(" if frame.eval_ctx.autoescape else "str(")
            self.write("value if (value := ")  # a name that Jinja's own Python does not use

    def _output_child_post(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> None:
        if frame.buffer is not None:
            super()._output_child_post(node, frame, finalize)
        else:
            self.write(").__class__ is str else environment.finalize(value))")


@pass_context
# The context is not used, here and below: asking for it keeps Jinja from calling these while it
# compiles, when there is no budget.
def steps(_context: object, items: Any) -> Steps:
    """Give a loop its items, counted."""
    return Steps(items)


@pass_context
def make(_context: object, value: Any) -> Any:
    """Count a list or mapping that the template writes out; it may hold anything."""
    return count_value(value, anything=True)


@pass_context
def key(_context: object, value: Any) -> Any:
    """Look at a key of a mapping."""
    return check_key(value)


@pass_context
def compare(_context: object, value: Any) -> Any:
    """Look at one side of a comparison."""
    current().look()
    size_of(value, anything=True)
    return value


@pass_eval_context
def concatenate(context: EvalContext, parts: tuple[Any, ...]) -> str:
    """Put texts together as `~` does."""
    current().look()
    fitting(concatenation(parts))
    return cast("str", count_value(markup_join(parts) if context.autoescape else str_join(parts)))


@pass_context
def take_slice(_context: object, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """Cut a piece out of a text or list."""
    current().look()
    if type(value) not in (*TEXTS, *SEQUENCES, range):
        raise UnrenderableValue("only texts and lists can be cut")
    return count_value(value[start:stop:step], anything=True)


@pass_environment
def call_function(environment: Any, value: Any, name: str) -> Any:
    """Find what a template calls."""
    return environment.called(value, name)


@pass_eval_context
def escape_value(context: EvalContext, value: Any) -> str:
    """Escape a text that is no markup."""
    size_of(value)
    return escape(value) if context.autoescape else str(value)


GUARD_FILTERS: Mapping[str, Callable[..., Any]] = {
    STEPS: steps,
    MADE: make,
    KEY: key,
    COMPARED: compare,
    CONCATENATED: concatenate,
    SLICED: take_slice,
    ESCAPED: escape_value,
    CALLED: call_function,
}
