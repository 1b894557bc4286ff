"""Unknown names are found when templates load: by file, line and the nearest known name."""

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.names import check_names
from onboarding.messages.compiler.template import Environments


def names_in(folder, text, **parts):
    for name, content in {
        "a.txt.j2": text,
        **{key.replace("__", "."): value for key, value in parts.items()},
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
    folders = Folders.of([folder])
    check_names(folder / "a.txt.j2", folders, Environments.over(folders).text)


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("\n\n{{ joinlink }}", "line 3: there is no joinlink.", "Did you mean join_link?"),
        (
            "{{ session.strat }}",
            "line 1: there is no session.strat.",
            "Did you mean session.start?",
        ),
        (
            "\n{{ brand.colours.primry }}",
            "line 2: there is no brand.colours.primry.",
            "brand.colours.primary?",
        ),
        (
            "{% if previous.time_chnged %}{% endif %}",
            "there is no previous.time_chnged.",
            "previous.time_changed?",
        ),
        (
            "{% for one in panel %}\n{{ one.email }}{% endfor %}",
            "line 2: there is no one.email.",
            "one.job_title?",
        ),
        ("{{ join_link|uper }}", "line 1: there is no filter uper.", "Did you mean filter upper?"),
        ("{{ invitee.name|safe }}", "line 1: there is no filter safe.", "Did you mean filter"),
        (
            "\n{% autoescape false %}x{% endautoescape %}",
            "line 2: {% autoescape %} is not allowed.",
            "always escaped",
        ),
        ("\n{% if %}", "line 2: Expected an expression", "needs its {% endif %}"),
        ("x\n{% if join_link %}", "a.txt.j2, line 2: ", "needs its {% endif %}"),
        ('\n{% include "none.txt.j2" %}', "there is no file 'none.txt.j2'", "parts/top.mjml.j2"),
    ],
)
def test_an_unknown_name_is_told_with_line_and_nearest_known_one(tmp_path, text, unknown, nearest):
    with pytest.raises(ConfigurationError) as refusal:
        names_in(tmp_path, text)

    assert "a.txt.j2" in refusal.value.message
    assert unknown in refusal.value.message
    assert nearest in refusal.value.hint


def test_an_unknown_name_in_a_shared_part_is_told_by_the_parts_line(tmp_path):
    with pytest.raises(ConfigurationError, match=r"part\.txt\.j2, line 2: there is no nobody"):
        names_in(tmp_path, '{% include "part.txt.j2" %}', part__txt__j2="\n{{ nobody }}")


def test_names_that_a_template_makes_itself_are_known(tmp_path):
    text = (
        "{% set a = 1 %}{% macro m(b, c=2) %}{{ a }}{{ b }}{{ c }}{{ varargs }}{% endmacro %}"
        "{{ m(1) }}"
        "{% for d, e in [(1, 2)] %}{{ d }}{{ e }}{{ loop.index }}{% endfor %}"
        '{% from "part.txt.j2" import f as g %}{{ g() }}'
        '{% import "part.txt.j2" as h %}{{ h.f() }}{{ range(3) }}'
    )

    names_in(tmp_path, text, part__txt__j2="{% macro f() %}{% endmacro %}")


def test_a_rosters_further_columns_may_have_any_name(tmp_path):
    names_in(tmp_path, "{{ invitee.extra.company }}")
