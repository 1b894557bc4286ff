"""Backticked names in docstrings exist: a test finds a name that was renamed or removed.

A name counts as existing if its own module uses it (as a name, an attribute, a parameter or a
text), if its room or a module that it imports defines it, or if it is a module, a file, a command,
a setting or a column of the program.
"""

import ast
import builtins
import importlib
import keyword
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from pydantic.alias_generators import to_snake

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "onboarding"
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
    for file in sorted(PACKAGE.rglob("*.py"))
    if "migrations" not in file.parts
}

BACKTICKED = re.compile(r"`([^`\n]+)`")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
FILE = re.compile(r"(?:docs|templates|onboarding|tests|examples)/[\w./-]+\.\w+")

FOREIGN_WORDS = {
    "HTML, SMTP, MIME and Microsoft's permission": {
        "SMTPUTF8",
        "png",
        "jpeg",
        "gif",
        "src",
        "SMTP.SendAsApp",
    },
    "RingCentral's domain of room systems": {"ilm"},
    "the operating system": {
        "EX_TEMPFAIL",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "starttime",
        "strerror",
    },
    "files of other programs": {"mimetype"},
    "libraries that a module does without": {"icalendar", "params", "data"},
    "examples: a column, a cell, a language": {
        "t_shirt_size",
        "Straße",
        "straße",
        "column_2_wahl",
        "AB12",
        "de",
        "de_at",
    },
    "examples: abbreviated time zones": {"CST", "CEST", "EDT"},
    "examples: misspelt variables": {"session.strat", "sesion"},
}
"""Words of other people's formats and programs, and examples: no module of ours names them."""

ALLOWED = frozenset().union(*FOREIGN_WORDS.values(), DEFAULT_FILTERS, keyword.kwlist, {"macro"})
"""With the filters and statements of templates (Jinja's), and Python's keywords."""


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def defined(module: str) -> frozenset[str]:
    """Every name that a module defines: classes, functions, members, parameters, constants."""
    names: set[str] = set()
    for node in ast.walk(tree(module)):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                names.add(node.name)
            case ast.Name(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                names.add(node.id if isinstance(node, ast.Name) else node.attr)
            case ast.arg():
                names.add(node.arg)
    return frozenset(names)


@cache
def used(module: str) -> frozenset[str]:
    """Every name that a module's code uses, and every word of its texts, docstrings left out."""
    names = set(defined(module))
    prose = {id(text) for _, text in docstrings(module)}
    for node in ast.walk(tree(module)):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Attribute():
                names.add(node.attr)
            case ast.keyword(arg=str(name)):
                names.add(name)
            case ast.alias():
                names.update(node.name.split("."), [node.asname or ""])
            case ast.Constant(value=str(text)) if id(node) not in prose:
                names.update(re.findall(r"\w+", text))
            case ast.Constant(value=bytes(raw)):
                names.update(re.findall(r"\w+", raw.decode("latin-1")))
    return frozenset(names)


def docstrings(module: str) -> Iterator[tuple[int, ast.Constant]]:
    """A module's docstrings, those of attributes as well, each with its line."""
    for node in ast.walk(tree(module)):
        match node:
            case ast.Expr(value=ast.Constant(value=str()) as text):
                yield node.lineno, text


@cache
def imported(module: str) -> tuple[str, ...]:
    """The modules of the program that a module imports or imports from."""
    found: list[str] = []
    for node in ast.walk(tree(module)):
        match node:
            case ast.ImportFrom(module=str(source)):
                found += [source, *(f"{source}.{alias.name}" for alias in node.names)]
            case ast.Import():
                found += [alias.name for alias in node.names]
    return tuple(name for name in found if name in MODULES)


def room(module: str) -> list[str]:
    parent = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    return [name for name in MODULES if name.startswith(f"{parent}.") or name == parent]


@cache
def words_of_the_package() -> frozenset[str]:
    """The names of rooms and modules."""
    return frozenset(part for module in MODULES for part in module.split("."))


@cache
def field_names() -> frozenset[str]:
    """The fields of RingCentral's objects, as our schemas have them: `joinUri` as `join_uri`."""
    schemas = [name for name in MODULES if name.startswith("onboarding.ringcentral.schemas.")]
    sources = ["onboarding.ringcentral.fields", *schemas, "onboarding.simulator.parse"]
    return frozenset().union(*map(defined, sources))


@cache
def settings_and_columns() -> frozenset[str]:
    """What users and the database call things: keys, fields of the model, columns, commands."""
    sources = [
        name
        for name in MODULES
        if name.endswith((".settings", ".schema")) or name.split(".")[1:2] == ["model"]
    ]
    names = {
        name
        for source in ["onboarding.config", *sources]
        for name in defined(source) | used(source)
    }
    return frozenset(names | used("onboarding.cli.main"))


def exists(module: str, name: str) -> bool:
    """Tell whether a backticked name exists for a reader of this module."""
    first, *rest = name.removesuffix("()").split(".")
    if name in ALLOWED:
        return True
    if rest:
        return is_path(module, first, rest)
    places = [*room(module), *imported(module), "onboarding.errors"]
    return (
        first in used(module)
        or to_snake(first) in field_names()
        or first in words_of_the_package()
        or any(first in defined(place) for place in places)
        or hasattr(builtins, first)
        or first in sys.stdlib_module_names
        or first in settings_and_columns()
    )


def is_path(module: str, first: str, rest: list[str]) -> bool:
    """Whether a dotted path leads to a file, or through modules of the program or a library."""
    parts = [first, *rest]
    if (ROOT / ".".join(parts)).exists() or ".".join(parts) in used_texts(module):
        return True
    if any(leads_to_definition(parts, length) for length in range(1, len(parts) + 1)):
        return True
    if first in sys.stdlib_module_names or first in {
        source.split(".")[0] for source in libraries(module)
    }:
        return is_in_library(first, rest)
    return first not in words_of_the_package() and all(exists(module, part) for part in parts)


def leads_to_definition(parts: list[str], length: int) -> bool:
    """Tell whether the first parts end a module's name, and that module defines the others."""
    homes = [name for name in MODULES if name.split(".")[-length:] == parts[:length]]
    return any(set(parts[length:]) <= defined(home) for home in homes)


@cache
def used_texts(module: str) -> frozenset[str]:
    constants = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Constant))
    return frozenset(node.value for node in constants if isinstance(node.value, str))


@cache
def libraries(module: str) -> tuple[str, ...]:
    sources = [
        node.module or "" for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom)
    ]
    plain = [
        alias.name
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    return tuple(sources + plain)


def is_in_library(first: str, rest: list[str]) -> bool:
    value, path = importlib.import_module(first), first
    for part in rest:
        path = f"{path}.{part}"
        if not hasattr(value, part):
            try:
                importlib.import_module(path)
            except ImportError:
                return False
        value = getattr(value, part)
    return True


@pytest.mark.parametrize("module", MODULES)
def test_every_backticked_name_exists(module):
    missing = []
    for line, text in docstrings(module):
        for name in BACKTICKED.findall(str(text.value)):
            is_wrong_name = IDENTIFIER.fullmatch(name) and not exists(module, name)
            is_wrong_file = FILE.fullmatch(name) and not (ROOT / name).exists()
            if is_wrong_name or is_wrong_file:
                missing.append(f"{MODULES[module].relative_to(ROOT)}:{line} `{name}`")

    assert missing == []


@pytest.mark.parametrize(
    "name", ["places_of_links", "registrations.Standig", "onboarding.ledger.move", "intend()"]
)
def test_a_name_that_is_nowhere_is_found(name):
    assert not exists("onboarding.ledger.schema.sessions", name)


@pytest.mark.parametrize(
    "name", ["sqlalchemy.Table", "model.deliveries.State", "ledger.sql", "registrations", "len"]
)
def test_a_name_of_the_program_or_of_a_library_exists(name):
    assert exists("onboarding.ledger.schema.sessions", name)
