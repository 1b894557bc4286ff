"""`links` prints join links on purpose, to a person who asked for them, and nowhere else."""

import json

import pytest

from onboarding.model.people import Role
from tests.cli.command import on
from tests.cli.test_question import answered
from tests.stage import (
    COHOST,
    HOST,
    NAME,
    PANELIST,
    ROOMY,
    SESSION,
    WEBINAR,
    Stage,
    panelist,
    stage,
)

pytestmark = pytest.mark.anyio


def links_of(scene: Stage, role: Role) -> set[str]:
    records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
    return {record.join_uri.get_secret_value() for record in records if record.role is role}


async def test_links_are_printed_with_one_heavy_call_and_history_says_who_asked(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        before = scene.heavy_calls()

        seen = await on(scene, "links", NAME, "--yes", "--by", "Grace")

        assert (seen.code, scene.heavy_calls() - before) == (0, 1)
        lines = [line.strip() for line in seen.out.splitlines()]
        assert {line for line in lines if line.startswith("http")} == scene.join_links()
        assert not any(link in seen.err for link in scene.join_links())
        place = lines.index(f"Jörg Müller <{PANELIST['email']}>, Panelist")
        assert {lines[place + 1]} == links_of(scene, Role.PANELIST)
        history = json.loads((await on(scene, "history", PANELIST["email"], "--json")).out)
        assert (history[-1]["what"], history[-1]["detail"]) == ("links", "by Grace")
        ledger = b"".join(path.read_bytes() for path in scene.folder.glob("onboarding.db*"))
        assert not any(link.encode() in ledger for link in scene.join_links())


async def test_only_the_links_that_are_asked_for_are_printed(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, panelist(1), panelist(2)], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        by_role = await on(scene, "links", NAME, "--yes", "--role", "cohost")
        by_address = await on(scene, "links", NAME, "--yes", "--only", "GUEST2@example.com")
        other = await on(scene, "history", "guest1@example.com", "--json")

        assert {line.strip() for line in by_role.out.splitlines() if "http" in line} == links_of(
            scene, Role.COHOST
        )
        assert by_address.out.count("http") == 1
        assert "guest2@example.com" in by_address.out
        assert "links" not in {event["what"] for event in json.loads(other.out)}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "Add --yes"),
        (["--yes", "--only", "guest11@example.com"], 2, "Did you mean guest1@example.com?"),
        (["--yes", "--role", "panellist"], 2, "Did you mean Panelist?"),
        (["--yes", "--role", "CoHost"], 1, "No such person is registered."),
    ],
)
async def test_without_a_terminal_or_such_a_person_nothing_is_printed(tmp_path, words, code, said):
    async with stage(tmp_path, [panelist(1)], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        seen = await on(scene, "links", NAME, *words)
        assert (seen.code, "http" in seen.out) == (code, False)
        assert said in " ".join(seen.err.replace("│", " ").split())


async def test_before_the_first_plan_the_session_is_not_known(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "links", NAME, "--yes")
        assert (seen.code, scene.ringcentral.requests) == (2, [])
        assert f"`onboarding plan {NAME}` finds it." in seen.err


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", 0), (b"n\n", 1)])
async def test_on_a_terminal_a_person_is_asked_first(tmp_path, answer, code):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        (link,) = links_of(scene, Role.PANELIST)

        ended, shown = await answered(scene, answer, "links", NAME, "--role", "Panelist")
        history = json.loads((await on(scene, "history", PANELIST["email"], "--json")).out)

        assert (ended, link in shown) == (code, code == 0), shown
        assert "Print 1 join link on this screen? [y/N]" in shown
        assert ("links" in {event["what"] for event in history}) == (code == 0)
