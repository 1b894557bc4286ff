"""The names in a template, compared with those of `TemplateContext` before a message is rendered.

So `{{ session.strat }}` is an error of `check` and `lint`, with a suggestion, and not the failure
of a message in the middle of a run. Reads each template file as Jinja parses it, before it is
compiled: then an error gives the line that a person wrote. Renders nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.compiler.sources import syntax_error
from onboarding.messages.context_types import TemplateContext
from onboarding.messages.sandbox.environment import GLOBALS
from onboarding.messages.sandbox.filters import FILTERS, TESTS

KNOWN: Mapping[str, Any] = get_type_hints(TemplateContext)
"""All names that a template can use, with their types, so that their fields are checked too."""

IN_MACROS = frozenset({"loop", "super", "self", "caller", "varargs", "kwargs"})
"""Names that Jinja itself defines in loops, blocks and macros."""

_MJ_PATH = re.compile(r"""<mj-include\s+path=["']([^"']+)""")

Types = Mapping[str, Any]
"""Types of names; `Any` where a type is not known."""


def check_names(file: Path, folders: Folders, environment: Environment) -> None:
    """Check a template and every part that it refers to.

    Raises `ConfigurationError` with file, line, the unknown name and the nearest known one.
    """
    trees = _parse_all(file, folders, environment)
    # What one file sets, another may use: includes share their names. So a name that is set
    # anywhere is known everywhere. What is used too early is found with the sample people.
    types = dict(KNOWN)
    for tree in trees.values():
        types |= dict.fromkeys(_names_set(tree), Any)
    # After the names that are set, for a loop's variable is one of them: here it gets the type of
    # the loop's items back.
    loop_types = [_loop_types(tree, types) for tree in trees.values()]
    for variables in loop_types:
        types |= variables
    for path, tree in trees.items():
        _check_known(path, tree, types)
        _check_fields(path, tree, types)
        _check_filters(path, tree)


def _parse_all(
    file: Path, folders: Folders, environment: Environment
) -> dict[Path, nodes.Template]:
    """Parse a template and every part it refers to, each part once."""
    trees: dict[Path, nodes.Template] = {}
    left = [file]
    while left:
        path = left.pop()
        # This also ends at files that include each other; `sources` says so in words.
        if path not in trees:
            tree = _parse(read_template(path), path, environment)
            trees[path] = tree
            left += [folders.get(name, f"{path}, line 1") for name in _find_parts(path, tree)]
    return trees


# The text is part of the key, so a file that was saved meanwhile is parsed again.
@lru_cache(maxsize=512)
def _parse(source: str, file: Path, environment: Environment) -> nodes.Template:
    """Parse a file. Remembered, because many templates share their parts."""
    try:
        return environment.parse(source, file.name, str(file))
    except TemplateSyntaxError as error:
        raise syntax_error(file, error) from error


def _find_parts(file: Path, tree: nodes.Template) -> Iterator[str]:
    yield from (name for name in find_referenced_templates(tree) if name)
    # `<mj-include>` is text to Jinja, so it is looked for there.
    if file.name.endswith(".mjml.j2"):
        text = "".join(literal.data for literal in tree.find_all(nodes.TemplateData))
        yield from _MJ_PATH.findall(text)


def _names_set(tree: nodes.Template) -> Iterator[str]:
    """Find the names that the template defines itself: by `set`, `for`, `macro`, `import`."""
    for name in tree.find_all(nodes.Name):
        if name.ctx in {"store", "param"}:
            yield name.name
    yield from (macro.name for macro in tree.find_all(nodes.Macro))
    yield from (module.target for module in tree.find_all(nodes.Import))
    for imports in tree.find_all(nodes.FromImport):
        # a pair is `name as alias`
        yield from (name if isinstance(name, str) else name[1] for name in imports.names)


def _loop_types(tree: nodes.Template, types: Types) -> dict[str, Any]:
    """Find the types of loop variables: of `person` in `{% for person in panel %}`."""
    variables = {}
    for loop in tree.find_all(nodes.For):
        items = get_args(_type_of(loop.iter, types))
        if isinstance(loop.target, nodes.Name) and items:
            variables[loop.target.name] = items[0]
    return variables


def _check_known(file: Path, tree: nodes.Template, types: Types) -> None:
    for name in tree.find_all(nodes.Name):
        is_known = name.name in types or name.name in GLOBALS or name.name in IN_MACROS
        if name.ctx == "load" and not is_known:
            raise _unknown_name(file, name.lineno, name.name, {*types, "range"})


def _check_fields(file: Path, tree: nodes.Template, types: Types) -> None:
    for attribute in tree.find_all(nodes.Getattr):
        name = attribute.attr
        known = _fields_of(_type_of(attribute.node, types))
        # Nothing is known of a filter's result or a roster's column: only rendering shows what is
        # wrong.
        if known and name not in known:
            owner = _as_written(attribute.node)
            raise _unknown_name(file, attribute.lineno, name, known, owner=owner)
        # The sandbox refuses these too, but only while rendering, and without file and line.
        if name.startswith("__"):
            raise ConfigurationError(
                f"{file}, line {attribute.lineno}: "
                f"a template can't use {name[:LONGEST_SHOWN_NAME]}.",
                hint="The guide to the messages lists the names that templates may use.",
            )


def _check_filters(file: Path, tree: nodes.Template) -> None:
    for node_type, known in ((nodes.Filter, FILTERS), (nodes.Test, TESTS)):
        word = node_type.__name__.lower()
        for used in tree.find_all(node_type):
            if used.name not in known:
                choices = [f"{word} {name}" for name in known]
                raise _unknown_name(file, used.lineno, f"{word} {used.name}", choices)
    for escape in tree.find_all(nodes.ScopedEvalContextModifier):
        raise ConfigurationError(
            f"{file}, line {escape.lineno}: {{% autoescape %}} is not allowed.",
            hint="Names and titles come from people: they are always escaped.",
        )


LONGEST_SHOWN_NAME = 60
"""Characters of an unknown name that a message shows, and that are compared with known names."""


def _unknown_name(
    file: Path, line: int, name: str, known: Iterable[str], *, owner: str = ""
) -> ConfigurationError:
    """Report an unknown name, with the nearest known one as a suggestion."""
    prefix, name = f"{owner}." if owner else "", name[:LONGEST_SHOWN_NAME]
    # No cutoff: even a far name shows how names are written.
    near = get_close_matches(name, known, n=1, cutoff=0)
    return ConfigurationError(
        f"{file}, line {line}: there is no {prefix}{name}.",
        hint=f"Did you mean {prefix}{near[0]}?" if near else "",
    )


def _as_written(node: nodes.Node) -> str:
    """Write an expression as in the template: `session.host`; empty if it is more than names."""
    match node:
        case nodes.Getattr(node=owner, attr=name):
            return f"{_as_written(owner)}.{name}"
        case nodes.Name(name=name):
            return str(name)
    return ""


def _type_of(node: nodes.Node, types: Types) -> Any:
    """Find an expression's type, None if it isn't known (a filter's result, a roster's column)."""
    match node:
        case nodes.Name(name=name):
            return types.get(name)
        case nodes.Getattr(node=owner, attr=name):
            return _fields_of(_type_of(owner, types)).get(name)
    return None


def _fields_of(kind: Any) -> Types:
    """Find the fields of one of the context's types; none for a type without fixed names."""
    if isinstance(kind, UnionType):
        # `PreviousContext | None`: a template asks for its fields where it is there.
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if isinstance(kind, type) and is_dataclass(kind):
        return get_type_hints(kind)
    return {}
