"""What a template says of the brand, put in place when it is compiled: it is the same in every letter of a run.

A shipped template asks for a colour twenty times. Put in place, these become part of the text around them, which is
rendered, and encoded (`quoted`), once. Works on Jinja's tree; Jinja's own optimizer does the rest.
"""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, nodes
from jinja2.visitor import NodeTransformer


def folded(tree: nodes.Template, known: Mapping[str, Any], environment: Environment) -> nodes.Template:
    """Replace each text that hangs on a known name, unless the template gives that name a meaning of its own."""
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    own |= {one.target for one in tree.find_all(nodes.Import)}
    folding = _Folding({name: value for name, value in known.items() if name not in own}, environment)
    return tree if tree.find(nodes.FromImport) else folding.visit(tree)


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
