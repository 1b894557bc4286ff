"""The guide to the messages names what templates may say, and the templates that ship."""

import re
from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from jinja2.runtime import BlockReference, LoopContext
from jinja2.utils import Cycler
from markupsafe import Markup

from onboarding import samples
from onboarding.messages.compiler.names import IN_MACROS
from onboarding.messages.context_types import SHOWN, TemplateContext
from onboarding.messages.sandbox import filters, limits
from onboarding.messages.sandbox.environment import FIELDS, GLOBALS, METHODS_OF, MOST_TAGS
from onboarding.messages.sandbox.guards import MAPPING_METHODS
from onboarding.messages.sandbox.limits import Group
from onboarding.messages.template_names import candidates
from onboarding.model.people import Role
from tests.docs.pages import read, table, word, words

GUIDE = read("docs/guides/templates.md")


def names_of(kind: Any, place: str = "") -> list[str]:
    """Every name below a type of the view, in its order."""
    names = []
    for name, hint in get_type_hints(kind).items():
        inner = [one for one in (hint, *get_args(hint)) if is_dataclass(one)]
        own = f"{place}{name}"
        is_always_there_and_has_fields = inner == [hint]
        names += [] if is_always_there_and_has_fields else [own]
        for one in inner:
            names += names_of(one, "person." if name == "panel" else f"{own}.")
    return names


def test_every_name_that_templates_may_use_is_documented():
    assert [word(name) for name, _ in table(GUIDE, "name")] == names_of(TemplateContext)


def test_template_that_a_person_gets_is_found_in_the_order_shown():
    shown = [word(line) for line in GUIDE.splitlines() if line[:1].isdigit()]
    assert shown == list(candidates("invitation", Role.COHOST, "de"))


def test_every_file_that_ships_is_in_the_table():
    documented = [
        name.replace("…", "") for first, _ in table(GUIDE, "file") for name in words(first)
    ]
    shipped = [
        str(file.relative_to(samples.find_templates()))
        for file in samples.find_templates().rglob("*.j2")
    ]
    assert [name for name in shipped if not any(one in name for one in documented)] == []
    assert [one for one in documented if not any(one in name for name in shipped)] == []


def test_attributes_that_templates_may_use_are_those_of_the_table():
    admitted = {kind: {*names} for kind, names in FIELDS.items() if kind not in SHOWN}
    for kind, names in METHODS_OF.items():
        admitted[kind] = admitted.get(kind, set()) | {f"{name}()" for name in names}
    assert admitted.pop(Markup) == admitted[str]
    order = [str, "mappings", LoopContext, Group, Cycler, BlockReference]
    admitted["mappings"] = {f"{name}()" for name in MAPPING_METHODS}

    documented = [set(words(names)) for _, names in table(GUIDE, "of", "admitted")]

    assert documented == [admitted[kind] for kind in order]
    assert set(admitted) == set(order)


def test_functions_filters_and_tests_that_templates_may_use_are_those_of_the_table():
    documented = {kind: words(names) for kind, names in table(GUIDE, "kind", "admitted")}

    assert {kind: sorted(names) for kind, names in documented.items()} == {
        "functions": sorted(GLOBALS),
        "names in macros, blocks and loops": sorted(IN_MACROS),
        "filters": sorted(filters.FILTERS),
        "tests": sorted(filters.TESTS),
    }


def test_limits_are_those_of_the_table():
    figures = [re.sub(r"[^\d]", "", most) for _, most in table(GUIDE, "what", "at most")]

    assert figures == [
        str(int(figure))
        for figure in (
            limits.LARGEST_VALUE,
            limits.MOST_MADE,
            limits.DEEPEST_VALUE,
            limits.MOST_DIGITS,
            limits.LONGEST_SLOW,
            limits.LARGEST_PART,
            limits.MOST_STEPS,
            limits.MOST_SECONDS,
            limits.MOST_SECONDS_FOR_SAMPLES,
            limits.LARGEST_VALUE,
            MOST_TAGS,
        )
    ]
