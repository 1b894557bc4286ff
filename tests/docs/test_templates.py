"""The guide to the letters names what templates may say, and the templates that ship."""

from dataclasses import is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel

from onboarding import samples
from onboarding.letters.templates import candidates
from onboarding.letters.view import View
from onboarding.model.people import Role
from tests.docs.pages import read, table, word, words

GUIDE = read("docs/guides/templates.md")


def names_of(kind: Any, place: str = "") -> list[str]:
    """Every name below a type of the view, in its order."""
    names = []
    for name, hint in get_type_hints(kind).items():
        inner = [one for one in (hint, *get_args(hint)) if is_dataclass(one) or is_model(one)]
        own = f"{place}{name}"
        is_always_there_and_has_fields = inner == [hint]
        names += [] if is_always_there_and_has_fields else [own]
        for one in inner:
            names += names_of(one, "person." if name == "panel" else f"{own}.")
    return names


def is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_every_name_that_templates_may_use_is_documented():
    assert [word(name) for name, _ in table(GUIDE, "name")] == names_of(View)


def test_template_that_somebody_gets_is_found_in_the_order_shown():
    shown = [word(line) for line in GUIDE.splitlines() if line[:1].isdigit()]
    assert shown == list(candidates("invitation", Role.COHOST, "de"))


def test_every_file_that_ships_is_in_the_table():
    documented = [name.replace("…", "") for first, _ in table(GUIDE, "file") for name in words(first)]
    shipped = [str(file.relative_to(samples.templates())) for file in samples.templates().rglob("*.j2")]
    assert [name for name in shipped if not any(one in name for one in documented)] == []
    assert [one for one in documented if not any(one in name for name in shipped)] == []
