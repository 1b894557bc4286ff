"""`plan --page`: one private file, which the ledger remembers so that it can be approved."""

import json
import re
import sqlite3
import stat

import pytest
from selectolax.lexbor import LexborHTMLParser

from onboarding.simulator.limits import LimitGroup
from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio


def stored_digests(folder):
    with sqlite3.connect(folder / "onboarding.db") as ledger:
        found = [digest for (digest,) in ledger.execute("SELECT digest FROM reviews")]
    ledger.close()
    return found


async def test_page_is_private_and_stored_and_holds_each_message(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "plan", NAME, "--page", "review.html")
        links = scene.join_links()
        told = scene.told()

    page = (tmp_path / "review.html").read_text(encoding="utf-8")
    shown = LexborHTMLParser(page)
    (digest,) = stored_digests(tmp_path)
    assert seen.code == 0, seen.all
    assert stat.S_IMODE((tmp_path / "review.html").stat().st_mode) == 0o600
    assert [message.attributes["data-text"].split()[-6] for message in shown.css(".message[id]")]
    assert len(shown.css(".message[id]")) == 3
    assert f'onboarding approve {NAME} {digest[:12]} --by "Your name"' in seen.err
    assert shown.css_first("#command").text() in seen.err
    assert told == []
    assert links
    assert [link for link in links if link in page] == []


async def test_page_of_a_plan_that_sends_nothing_says_so(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, "plan", NAME, "--page", "review.html")

    page = LexborHTMLParser((tmp_path / "review.html").read_text(encoding="utf-8"))
    assert seen.code == 0
    assert page.css(".message[id]") == []
    assert "No message is due." in page.body.text()


async def test_page_and_json_go_together(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "plan", NAME, "--json", "--page", "review.html")

    assert len(json.loads(seen.out)["mail"]) == 2
    assert (tmp_path / "review.html").exists()


async def test_a_page_needs_no_further_calls(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], limits=ROOMY) as scene:
        await on(scene, "plan", NAME)
        without = scene.ringcentral.requests.count_groups()[LimitGroup.HEAVY]
        await on(scene, "plan", NAME, "--page", "review.html")
        both = scene.ringcentral.requests.count_groups()[LimitGroup.HEAVY]

    assert both - without <= without


@pytest.mark.parametrize("file", ["missing/review.html", "."])
async def test_a_page_that_can_not_be_written_is_one_message_and_not_stored(tmp_path, file):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "plan", NAME, "--page", file)

    assert seen.code == 2
    assert re.search(r"can't be written: .*\.", seen.err)
    assert "Traceback" not in seen.all
    assert stored_digests(tmp_path) == []


async def test_a_message_that_can_not_be_made_is_a_warning_and_exit_code_1(tmp_path):
    # The sample people's tables have long names, so only a real person's can be wrong.
    broken = (
        "<title>Welcome</title><p>{{ 1 // (invitee.extra.table | length - 3) }}</p>"
        '<a href="{{ join_link }}">{{ join_link }}</a>'
    )
    people = [{**HOST, "table": "4"}, panelist(1, table="bad")]
    async with stage(tmp_path, people, limits=ROOMY) as scene:
        templates = tmp_path / "templates"
        templates.mkdir(exist_ok=True)
        (templates / "invitation.html.j2").write_text(broken, encoding="utf-8")
        with (tmp_path / "config.toml").open("a", encoding="utf-8") as config:
            config.write('templates = "templates"\n')
        seen = await on(scene, "plan", NAME, "--page", "review.html")

    assert seen.code == 1, seen.all
    page = LexborHTMLParser((tmp_path / "review.html").read_text(encoding="utf-8"))
    assert "would get no invitation" in page.css_first(".warnings").text()
