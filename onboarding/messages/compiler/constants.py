"""Puts the brand's values into a template while it is compiled: no message of a run changes them.

A shipped template asks for a colour twenty times. `<b style="color: {{ brand.colours.text }}">`
becomes one text, which is rendered and encoded (`quoted_printable`) once per run, not once per
person. Works on Jinja's tree; Jinja then joins the texts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer


def is_constant(name: str, sources: Iterable[str]) -> bool:
    """Check that a name has one meaning in all these templates, which may include each other.

    A tag that has the name by itself, and not a field of it, may give it another meaning:
    `{% set brand = ... %}`, `for`, `with`, `macro`, `import`. This errs towards False, which only
    costs time.
    """
    by_itself = re.compile(rf"\{{%[^%]*(?<![.\w]){name}\b(?!\s*\.)")
    return not any(by_itself.search(source) for source in sources)


def fold_constants(
    tree: nodes.Template, known: Mapping[str, Any], environment: Environment
) -> nodes.Template:
    """Replace each text that a known name leads to: `brand.colours.text` by `#1c2430`."""
    folded: nodes.Template = _Folding(known, environment).visit(tree)
    return folded


class _Folding(NodeTransformer):
    def __init__(self, known: Mapping[str, Any], environment: Environment) -> None:
        self._known = known
        self._environment = environment

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 -- Jinja's name for it
        """Replace an attribute that is a known text, or look inside of what it belongs to."""
        value = self._value(node)
        # Only texts: other values, such as `brand.colours`, can't be written as a template's
        # constant.
        if isinstance(value, str):
            return nodes.Const(value, lineno=node.lineno)
        return self.generic_visit(node)

    def _value(self, node: nodes.Node) -> Any:
        """Find the value of an expression, None if it can differ from message to message."""
        match node:
            case nodes.Name(name=name):
                return self._known.get(name)
            case nodes.Getattr(node=owner, attr=name):
                value = self._value(owner)
                # Through the sandbox, so folding reaches nothing that rendering would refuse.
                return None if value is None else self._environment.getattr(value, name)
        return None
