"""Each kind of message is whole: its rules, its templates and its lines in the docs."""

from collections.abc import Iterator

import pytest

from onboarding.model.kinds import RULES, Kind, default_template
from tests.docs.pages import ROOT, read, table, tables, word, words

REFERENCE = read("docs/reference.md")
GUIDE = read("docs/guides/templates.md")
LANGUAGES = ("", ".de")
ENDINGS = (".mjml.j2", ".txt.j2")


def missing_parts(kind: str) -> Iterator[str]:
    """Say in a sentence what a kind lacks."""
    if kind not in RULES:
        yield f"The kind {kind} has no rules: add its row to RULES in onboarding/model/kinds.py."
    template = default_template(Kind(kind)) if kind in [*Kind] else kind
    for name in [f"{template}{language}{ending}" for language in LANGUAGES for ending in ENDINGS]:
        if not (ROOT / "templates" / name).is_file():
            yield f"The kind {kind} has no template templates/{name}: write it."
    if kind not in [word(row[0]) for row in table(REFERENCE, "kind", "sent to")]:
        yield f"The kind {kind} is not in docs/reference.md: add its row to the table of kinds."
    options = [row for rows in tables(REFERENCE) for row in rows if row[0] == "`--kind KIND`"]
    if not any(kind in words(row[-1]) for row in options):
        yield f"The kind {kind} is not in docs/reference.md: name it at the option --kind."
    if not any(template in file for row in table(GUIDE, "file") for file in words(row[0])):
        yield f"The kind {kind} is not in docs/guides/templates.md: add it to the table of files."
    if not any(kind in words(row[1]) for row in table(GUIDE, "name") if word(row[0]) == "kind"):
        yield f"The kind {kind} is not in docs/guides/templates.md: name it at the name `kind`."
    glossary = [row for row in table(read("docs/glossary.md"), "word") if "kind" in row[0]]
    if not any(kind in words(row[1]) for row in glossary):
        yield f"The kind {kind} is not in docs/glossary.md: name it at the word `kind`."


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_rules_templates_and_a_line_in_the_docs(kind: Kind):
    missing = list(missing_parts(kind))
    assert not missing, "\n".join(missing)


def test_a_kind_that_lacks_everything_is_said_to_lack_everything():
    sentences = list(missing_parts("postcard"))
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "The kind postcard has no rules",
        "The kind postcard has no template templates/postcard.mjml.j2",
        "The kind postcard has no template templates/postcard.txt.j2",
        "The kind postcard has no template templates/postcard.de.mjml.j2",
        "The kind postcard has no template templates/postcard.de.txt.j2",
        *["The kind postcard is not in docs/reference.md"] * 2,
        *["The kind postcard is not in docs/guides/templates.md"] * 2,
        "The kind postcard is not in docs/glossary.md",
    ]
