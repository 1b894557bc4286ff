"""The names in a template, checked against those that `view` knows before anybody's letter is rendered.

Reads each template file as Jinja parses it, so that an error tells the line a person wrote. Renders
nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders, read_template
from onboarding.messages.compiler.sources import syntax_error
from onboarding.messages.context import TemplateContext
from onboarding.messages.sandbox.environment import GLOBALS
from onboarding.messages.sandbox.filters import FILTERS, TESTS

KNOWN: Mapping[str, Any] = get_type_hints(TemplateContext)
"""What a template may say, with types, so that `session.strat` is found as well as `sesion`."""

IN_MACROS = frozenset({"loop", "super", "self", "caller", "varargs", "kwargs"})

_MJ_PATH = re.compile(r"""<mj-include\s+path=["']([^"']+)""")


def check_names(file: Path, folders: Folders, environment: Environment) -> None:
    """Check a template and every part it refers to.

    Raises `ConfigurationError` with file, line, the unknown name and the nearest known one.
    """
    trees = _trees(file, folders, environment)
    types = dict(KNOWN) | {name: Any for tree in trees.values() for name in _names_set(tree)}
    types |= {
        name: each for tree in trees.values() for name, each in _names_looped_over(tree, types)
    }
    for each, tree in trees.items():
        _check_known(each, tree, types, frozenset(GLOBALS) | IN_MACROS)
        _check_filters(each, tree)


def _trees(file: Path, folders: Folders, environment: Environment) -> dict[Path, nodes.Template]:
    """Parse a template and every part it refers to, each once however often it is referred to."""
    trees: dict[Path, nodes.Template] = {}
    left = [file]
    while left:
        each = left.pop()
        if each not in trees:
            trees[each] = _parse_part(read_template(each), each, environment)
            left += [
                folders.get(name, f"{each}, line 1") for name in _find_parts(each, trees[each])
            ]
    return trees


@lru_cache(maxsize=512)
def _parse_part(source: str, file: Path, environment: Environment) -> nodes.Template:
    """Parse a file once, however many templates it is part of."""
    try:
        return environment.parse(source, file.name, str(file))
    except TemplateSyntaxError as problem:
        raise syntax_error(file, problem) from problem


def _find_parts(file: Path, tree: nodes.Template) -> Iterator[str]:
    yield from (name for name in find_referenced_templates(tree) if name)
    if file.name.endswith(".mjml.j2"):
        text = "".join(one.data for one in tree.find_all(nodes.TemplateData))
        yield from _MJ_PATH.findall(text)


def _names_set(tree: nodes.Template) -> Iterator[str]:
    """Name what the template makes itself: by `set`, `for`, `macro`, `import`."""
    yield from (one.name for one in tree.find_all(nodes.Name) if one.ctx in {"store", "param"})
    yield from (one.name for one in tree.find_all(nodes.Macro))
    yield from (one.target for one in tree.find_all(nodes.Import))
    for one in tree.find_all(nodes.FromImport):
        yield from (name if isinstance(name, str) else name[1] for name in one.names)


def _names_looped_over(tree: nodes.Template, types: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Type the variables of loops over known lists: `person` in `{% for person in panel %}`."""
    for loop in tree.find_all(nodes.For):
        items = get_args(_type_of(loop.iter, types))
        if isinstance(loop.target, nodes.Name) and items:
            yield loop.target.name, items[0]


def _check_known(
    file: Path, tree: nodes.Template, types: Mapping[str, Any], others: frozenset[str]
) -> None:
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in types and name.name not in others:
            raise _unknown_name(file, name.lineno, name.name, "", set(types) | {"range"})
    for attribute in tree.find_all(nodes.Getattr):
        known = _fields_of(_type_of(attribute.node, types))
        if known and attribute.attr not in known:
            raise _unknown_name(
                file, attribute.lineno, attribute.attr, _suggest_spelling(attribute.node), known
            )
        if attribute.attr.startswith("__"):
            raise ConfigurationError(
                f"{file}, line {attribute.lineno}: a template can't use {attribute.attr[:LONGEST_NAME]}.",
                hint="The guide to the letters lists the names that templates may use.",
            )


def _check_filters(file: Path, tree: nodes.Template) -> None:
    for kind, known in ((nodes.Filter, FILTERS), (nodes.Test, TESTS)):
        word = kind.__name__.lower()
        for used in tree.find_all(kind):
            if used.name not in known:
                raise _unknown_name(
                    file,
                    used.lineno,
                    f"{word} {used.name}",
                    "",
                    [f"{word} {name}" for name in known],
                )
    for escape in tree.find_all(nodes.ScopedEvalContextModifier):
        raise ConfigurationError(
            f"{file}, line {escape.lineno}: {{% autoescape %}} is not allowed.",
            hint="Names and titles come from people: they are always escaped.",
        )


LONGEST_NAME = 60
"""Characters of an unknown name that a message shows, and for which the nearest known one is looked for."""


def _unknown_name(
    file: Path, line: int, name: str, owner: str, known: Iterable[str]
) -> ConfigurationError:
    """Name the unknown, the nearest known, and where."""
    prefix, name = f"{owner}." if owner else "", name[:LONGEST_NAME]
    near = get_close_matches(name, known, n=1, cutoff=0)
    return ConfigurationError(
        f"{file}, line {line}: there is no {prefix}{name}.",
        hint=f"Did you mean {prefix}{near[0]}?" if near else "",
    )


def _suggest_spelling(node: nodes.Node) -> str:
    match node:
        case nodes.Getattr(node=owner, attr=name):
            return f"{_suggest_spelling(owner)}.{name}"
        case nodes.Name(name=name):
            return str(name)
    return ""


def _type_of(node: nodes.Node, types: Mapping[str, Any]) -> Any:
    """Say what type an expression has, None where that isn't known (a filter's result, a roster's column)."""
    match node:
        case nodes.Name(name=name):
            return types.get(name)
        case nodes.Getattr(node=owner, attr=name):
            return _fields_of(_type_of(owner, types)).get(name)
    return None


def _fields_of(kind: Any) -> Mapping[str, Any]:
    """Name the fields of one of `view`'s types, none for a type whose names are not fixed."""
    if isinstance(kind, UnionType):
        kind = next(one for one in get_args(kind) if one is not type(None))
    if isinstance(kind, type) and is_dataclass(kind):
        return get_type_hints(kind)
    return {}
