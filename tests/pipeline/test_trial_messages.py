"""`check` tries the templates on the roster's own people: a column that is missing shows there."""

import shutil
from pathlib import Path

import pytest

from tests.cli.command import on
from tests.stage import HOST, NAME, ROOMY, Stage, panelist, stage

pytestmark = pytest.mark.anyio

SHIRT = "T-Shirt size"
SHIPPED = Path(__file__).parents[2] / "templates"


def ask_for_shirt(scene: Stage, words: str) -> None:
    """Let the panelists' invitation ask for a column of this company's own."""
    folder = scene.folder / "templates"
    shutil.copytree(SHIPPED, folder)
    with (folder / "invitation.txt.j2").open("a", encoding="utf-8") as file:
        file.write(words)


@pytest.mark.parametrize(
    ("words", "row", "code"),
    [
        ("{{ invitee.extra.t_shirt_size }}", {}, 1),
        ("{{ invitee.extra.t_shirt_size }}", {SHIRT: "L"}, 0),
        ("{% if invitee.extra.t_shirt_size is defined %}Shirt{% endif %}", {}, 0),
    ],
    ids=["the column is missing", "it is there", "the template does without it"],
)
async def test_check_finds_a_column_that_the_roster_does_not_have(tmp_path, words, row, code):
    people = [HOST | row, panelist(1, **row), panelist(2, **row)]
    async with stage(tmp_path, people, limits=ROOMY) as scene:
        ask_for_shirt(scene, words)
        seen = await on(scene, "check", NAME)

    found = f"NO  {NAME}: templates: invitation, for instance to guest1@example.com: "
    assert seen.code == code, seen.all
    # Once, and not for each person of this sort.
    assert seen.out.count(found) == code, seen.out
    assert ("'t_shirt_size', which this person's row doesn't have." in seen.out) == bool(code)
