"""A folder may be called anything: every path counts as written, and nothing lands elsewhere."""

import json
from pathlib import Path

import pytest

from onboarding import samples
from tests.cli.command import command, on
from tests.stage import HOST, NAME, ROOMY, stage

pytestmark = pytest.mark.anyio

NAMES = ("My%20Webinars", "wo?man=1&mode=ro #2", "50 % ü: x@y")
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


def everything_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", NAMES)
async def test_all_that_config_toml_names_is_found_in_a_folder_of_any_name(tmp_path, name):
    home = tmp_path / name
    home.mkdir()
    async with stage(home, [HOST], limits=ROOMY) as scene:
        text = (home / "config.toml").read_text(encoding="utf-8")
        own = f'templates = "{name}/own"\ninvitees = "{name}/people.csv"'
        text = text.replace('invitees = "invitees.csv"', own)
        text = text.replace("[brand]", f'[brand]\nlogo = "{name}/logo.png"')
        text += f'[ledger]\ndatabase = "sqlite:///{name}/{name}.db"\n'
        (home / "config.toml").write_text(text, encoding="utf-8")
        (home / name / "own").mkdir(parents=True)
        (home / "invitees.csv").rename(home / name / "people.csv")
        (home / name / "logo.png").write_bytes(PIXEL)
        words = samples.find_templates() / "invitation.txt.j2"
        (home / name / "own" / "invitation.txt.j2").write_bytes(words.read_bytes())
        html = (samples.find_templates() / "invitation.mjml.j2").read_bytes()
        (home / name / "own" / "invitation.mjml.j2").write_bytes(html)
        (home / name / "RC_USER_JWT").write_text("jwt-of-the-user", encoding="utf-8")
        before = everything_in(tmp_path)

        found = {"RC_USER_JWT": None, "ONBOARDING_SECRETS_DIR": str(home / name)}
        ran = await on(scene, "run", NAME, "--yes", **found)
        seen = await on(scene, "status", NAME, "--json", **found)
        page = await on(scene, "report", NAME, "--html", "-o", f"{name}.html", **found)
        shown = await on(scene, "preview", NAME, "--out", f"{name}.pages", **found)

        assert (ran.code, page.code, shown.code) == (0, 0, 0), ran.err + page.err + shown.err
        assert json.loads(seen.out)["counts"] == {"sent": 1}
        made = {one for one in everything_in(tmp_path) - before if ".pages/" not in one}
        assert made == {f"{name}/{name}/{name}.db", f"{name}/{name}.html"}
        assert (home / f"{name}.pages" / "index.html").is_file()


@pytest.mark.parametrize(
    "words", [("run", NAME, "--yes"), ("status", NAME), ("history", HOST["email"])]
)
async def test_ledger_where_older_versions_put_it_stops_every_command_that_opens_one(
    tmp_path, words
):
    home, former = tmp_path / "My%20Webinars", tmp_path / "My Webinars"
    home.mkdir()
    former.mkdir()
    async with stage(home, [HOST], limits=ROOMY) as scene:
        await scene.run()
        (home / "onboarding.db").rename(former / "onboarding.db")
        seen = await command(home, *words, variables=scene.variables)

        assert (seen.code, scene.recipients()) == (2, [HOST["email"]])
        assert [str(one / "onboarding.db") in seen.err for one in (home, former)] == [True, True]
        assert not (home / "onboarding.db").exists()
