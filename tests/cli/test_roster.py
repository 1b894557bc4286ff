"""`roster` writes the panel that is registered, so that taking over needs no typing."""

import json
import os

import pytest

from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

ELSEWHERE = {"ONBOARDING_LEDGER__DATABASE": "sqlite:///another.db"}


@pytest.mark.parametrize("file", ["panel.csv", "panel.xlsx"])
async def test_a_webinar_is_taken_over_without_typing(tmp_path, file):
    formula = panelist(1, last_name="=HYPERLINK(1)", job_title="+1")
    async with stage(tmp_path, [HOST, COHOST, PANELIST, formula], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes", **ELSEWHERE)
        mailed = scene.recipients()
        (scene.folder / "invitees.csv").unlink()

        written = await on(scene, "roster", NAME, "-o", file)
        words = ("--invitees", file, "--adopt", "--as-told")
        plan = json.loads((await on(scene, "plan", NAME, *words, "--json")).out)
        taken = await on(scene, "run", NAME, "--yes", *words)
        again = await on(scene, "run", NAME, "--yes", "--invitees", file)

        assert (written.code, taken.code, again.code) == (0, 0, 0), taken.all
        assert f"wrote {file}: 4 people" in written.err
        assert [plan["register"][what] for what in ("add", "update", "remove")] == [[], [], []]
        assert len(plan["as_told"]) == 4
        assert "nothing to do" in again.out
        assert scene.recipients() == mailed


async def test_the_roster_goes_to_standard_output_without_a_file(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        empty = await on(scene, "roster", NAME, "-o", "none.csv", **ELSEWHERE)
        await on(scene, "run", NAME, "--yes")
        seen = await on(scene, "roster", NAME)

        assert (seen.code, empty.code) == (0, 0)
        header, *rows = seen.out.removeprefix("\ufeff").splitlines()
        assert header.split(",")[:4] == ["first_name", "last_name", "email", "role"]
        assert any(PANELIST["email"] in line for line in rows)


@pytest.mark.parametrize("file", ["panel.ods", "panel.json", "panel.XLS", "panel.txt"])
async def test_a_roster_is_not_written_under_the_name_of_another_format(tmp_path, file):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "roster", NAME, "-o", file)
        assert (seen.code, (tmp_path / file).exists()) == (2, False)
        said = " ".join(seen.err.split())
        assert "a roster is written as .csv or .xlsx only." in said
        assert scene.ringcentral.requests == []


async def test_no_file_is_overwritten_and_a_closed_folder_is_said(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        (scene.folder / "templates").mkdir()
        before = (scene.folder / "invitees.csv").read_bytes()
        there = await on(scene, "roster", NAME, "-o", "invitees.csv")
        nowhere = await on(scene, "roster", NAME, "-o", f"missing{os.sep}panel.csv")

        no_file = await on(scene, "roster", NAME, "-o", "-")
        template = await on(scene, "roster", NAME, "-o", f"templates{os.sep}panel.txt.j2")

        assert [seen.code for seen in (there, nowhere, no_file, template)] == [2, 2, 2, 2]
        assert "- stands for no file here" in no_file.err
        assert "is a file that this program reads" in template.err
        assert "is there already, and is not overwritten" in there.err
        assert "can't be written" in nowhere.err
        assert (scene.folder / "invitees.csv").read_bytes() == before
