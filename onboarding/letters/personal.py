"""What a template does with the values that differ from person to person: only write them, or look at them too.

Read from Jinja's trees. A value that is only written out, or asked for whether it is there, can be filled in
afterwards (`mould`); whatever else a template does with one counts as looking at it. Renders nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

from jinja2 import nodes
from jinja2.visitor import NodeVisitor

from onboarding.letters.view import Columns, Own, Recipient

EXTRA = "invitee.extra."
"""What the path of a roster's further column begins with."""

SHARED = frozenset({"invitee.role"})
"""Fields of a person that many share: a letter's mould is made for one role."""

PATHS = frozenset({f"invitee.{one.name}" for one in fields(Recipient)} | {"join_link", "phone_code"}) - {
    "invitee.extra"
}
ROOTS = frozenset(one.name for one in fields(Own))
CAPTURED = frozenset({"self", "super"})
"""Names under which a template gets rendered text of its own, and could do anything with it."""

BY_CHANCE = frozenset({"random", "lipsum"})
"""What gives each letter something else."""


@dataclass(slots=True)
class Uses:
    """How templates use a person's values, by their paths (`invitee.first_name`, `join_link`).

    `written` are those that are written as they are, escaped where that is due, or asked for whether they are there;
    `linked` those of them that have to be a link's address. `looked_at` are those that decide more. `at_all` is set
    where a template may look at any.
    """

    written: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    looked_at: set[str] = field(default_factory=set)
    at_all: bool = False

    def read(self, tree: nodes.Template) -> None:
        """Take in one template's tree."""
        _Reading(self).visit(tree)


def path_of(node: nodes.Node) -> str:
    """Say which of a person's values an expression is, empty where it is none."""
    match node:
        case nodes.Name(name="join_link" | "phone_code" as name):
            return str(name)
        case (
            nodes.Getattr(node=nodes.Getattr(node=nodes.Name(name="invitee"), attr="extra"), attr=column)
            | nodes.Getitem(
                node=nodes.Getattr(node=nodes.Name(name="invitee"), attr="extra"), arg=nodes.Const(value=str(column))
            )
        ) if not hasattr(Columns, column):  # `extra.items` is no column, but all of them
            return f"{EXTRA}{column}"
        case nodes.Getattr(node=nodes.Name(name="invitee"), attr=name) if f"invitee.{name}" in PATHS:
            return f"invitee.{name}"
    return ""


class _Reading(NodeVisitor):
    """Walks a tree. Every method that is not about writing leaves the rest to `visit_Name` and the like: looked at."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses
        self._captures = False

    def visit_Output(self, node: nodes.Output) -> None:  # noqa: N802 -- Jinja's visitors are named so
        """What stands between `{{` and `}}`, and the template's own text."""
        for each in node.nodes:
            if self._captures:
                self.visit(each)
            else:
                self._written(each)

    def _written(self, node: nodes.Node) -> None:
        match node:
            case nodes.Filter(node=nodes.Node() as inner, name="link"):
                self._uses.linked |= set(_paths_written(inner))
                self._written(inner)
            case nodes.Or(left=left, right=right):
                self._asked(left)
                self._written(left)
                self._written(right)
            case nodes.CondExpr(test=test, expr1=first, expr2=second):
                self._asked(test)
                self._written(first)
                if second is not None:
                    self._written(second)
            case _ if path := path_of(node):
                self._uses.written |= {path} - SHARED
            case _:
                self.visit(node)

    def visit_If(self, node: nodes.If) -> None:  # noqa: N802
        """A condition asks whether a value is there, or looks at it."""
        self._asked(node.test)
        for each in (*node.body, *node.elif_, *node.else_):
            self.visit(each)

    def _asked(self, node: nodes.Node) -> None:
        match node:
            case nodes.And(left=left, right=right) | nodes.Or(left=left, right=right):
                self._asked(left)
                self._asked(right)
            case nodes.Not(node=inner):
                self._asked(inner)
            case _ if path := path_of(node):
                self._uses.written |= {path} - SHARED
            case _:
                self.visit(node)

    def visit_Getattr(self, node: nodes.Getattr) -> None:  # noqa: N802
        """A field, used in a way that is not known to be harmless."""
        self._looked_at(node)

    def visit_Getitem(self, node: nodes.Getitem) -> None:  # noqa: N802
        """An item likewise."""
        self._looked_at(node)

    def visit_Name(self, node: nodes.Name) -> None:  # noqa: N802
        """A name likewise; one that gets another meaning, or stands for the person as a whole, may show anything."""
        if path_of(node) and node.ctx == "load":
            self._looked_at(node)
        elif node.name in ROOTS | CAPTURED | BY_CHANCE:
            self._uses.at_all = True

    def visit_Filter(self, node: nodes.Filter) -> None:  # noqa: N802
        """A filter's value is looked at like any other; one filter draws lots, also where another calls it (`map`)."""
        named = {one.value for one in node.args or () if isinstance(one, nodes.Const)}
        self._uses.at_all |= not BY_CHANCE.isdisjoint({node.name, *named})
        self.generic_visit(node)

    def _looked_at(self, node: nodes.Node) -> None:
        if path := path_of(node):
            self._uses.looked_at |= {path} - SHARED
        else:
            self.generic_visit(node)

    def _capture(self, node: nodes.Node) -> None:
        """Rendered text becomes a value here, so whatever is written in it may be looked at; parts can't be seen."""
        if node.find(nodes.Include) or node.find(nodes.Block):
            self._uses.at_all = True
        before, self._captures = self._captures, True
        self.generic_visit(node)
        self._captures = before

    def visit_For(self, node: nodes.For) -> None:  # noqa: N802
        """A loop that calls itself captures what it writes."""
        if node.recursive:
            self._capture(node)
        else:
            self.generic_visit(node)

    def visit_Macro(self, node: nodes.Macro) -> None:  # noqa: N802
        """A macro may have the name of a person's value, and gives its text to whoever calls it."""
        self._named(node.name)
        self._capture(node)

    visit_CallBlock = visit_FilterBlock = visit_AssignBlock = _capture  # noqa: N815

    def visit_Import(self, node: nodes.Import) -> None:  # noqa: N802
        """What is imported can be written as a whole."""
        self._named(node.target)
        self._uses.at_all |= node.with_context
        self.generic_visit(node)

    def visit_FromImport(self, node: nodes.FromImport) -> None:  # noqa: N802
        """Likewise."""
        for one in node.names:
            self._named(one if isinstance(one, str) else one[1])
        self._uses.at_all |= node.with_context
        self.generic_visit(node)

    def _named(self, name: str) -> None:
        self._uses.at_all |= name in ROOTS


def _paths_written(node: nodes.Node) -> Iterator[str]:
    """Name every person's value within an expression."""
    if path := path_of(node):
        yield path
    else:
        for each in node.iter_child_nodes():
            yield from _paths_written(each)
