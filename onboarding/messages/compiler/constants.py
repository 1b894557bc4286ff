"""What a template says of the brand, put in place when it is compiled: it is the same in every letter of a run.

A shipped template asks for a colour twenty times. Put in place, these become part of the text
around them, which is rendered, and encoded (`quoted_printable`), once. Works on Jinja's tree;
Jinja's own optimizer does the rest.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer


def is_constant(name: str, sources: Iterable[str]) -> bool:
    """Tell whether a name certainly means the same in all these templates, which may include each other.

    A tag that names it by itself, and not a field of it, may give it another meaning (set, for,
    with, macro, import).
    """
    by_itself = re.compile(rf"\{{%[^%]*(?<![.\w]){name}\b(?!\s*\.)")
    return not any(by_itself.search(source) for source in sources)


def fold_constants(
    tree: nodes.Template, known: Mapping[str, Any], environment: Environment
) -> nodes.Template:
    """Replace each text that hangs on a known name."""
    folding: nodes.Template = _Folding(known, environment).visit(tree)
    return folding


class _Folding(NodeTransformer):
    def __init__(self, known: Mapping[str, Any], environment: Environment) -> None:
        self._known = known
        self._environment = environment

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 -- Jinja's visitors are named so
        """Replace `brand.colours.text`, or look into whatever this hangs on."""
        value = self._value(node)
        if isinstance(value, str):
            return nodes.Const(value, lineno=node.lineno)
        return self.generic_visit(node)

    def _value(self, node: nodes.Node) -> Any:
        """What an expression is, None where that differs from letter to letter."""
        match node:
            case nodes.Name(name=name):
                return self._known.get(name)
            case nodes.Getattr(node=owner, attr=name):
                value = self._value(owner)
                return None if value is None else self._environment.getattr(value, name)
        return None
