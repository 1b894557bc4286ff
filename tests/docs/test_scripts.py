"""The scripts beside the package import only what is there: no other test runs them."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

SCRIPTS = [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "docs").glob("*.py")]


def imports(script: Path) -> list[tuple[str, str]]:
    """Each name of ours that a script imports, with its module."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    # An import inside a try is for another version of the program: `--baseline` times one.
    optional = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.Try)
        for node in ast.walk(outer)
    }
    return [
        (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("onboarding")
        and id(node) not in optional
        for alias in node.names
    ]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script_imports_what_is_there(script):
    for module, name in imports(script):
        owner = import_module(module)
        assert hasattr(owner, name) or import_module(f"{module}.{name}"), f"{module} has no {name}"
