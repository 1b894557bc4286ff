"""`approve`: one sentence for each page, and the right exit code."""

import json

import pytest

from tests.cli.command import on
from tests.pipeline.approving import approval_stage, see_page
from tests.samples import JOERG
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR

pytestmark = pytest.mark.anyio


async def test_a_page_is_approved_and_then_carried_out(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        digest = (await see_page(scene)).digest[:12]

        held = await on(scene, "run", NAME, "--yes", "--json")
        assert held.code == 1
        assert {person["code"] for person in json.loads(held.out)["skip"]} == {"not_approved"}
        first = await on(scene, "approve", NAME, digest, "--by", "Dana Brooks", "--note", "seen")
        again = await on(scene, "approve", NAME, digest, "--by", "Dana Brooks")
        assert (first.code, again.code) == (0, 0)
        assert f"The plan page {digest} of The Launch is approved." in first.out
        assert "was approved before by the same person" in again.out
        assert "is newer" not in again.out
        assert (await on(scene, "run", NAME, "--yes")).code == 0


async def test_history_of_a_webinar_says_who_approved_and_agreed_to_what(tmp_path):
    async with approval_stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        before = await on(scene, "history", NAME)
        digest = (await see_page(scene)).digest[:12]
        await on(scene, "approve", NAME, digest, "--by", "Dana Brooks", "--note", "seen with legal")
        await on(scene, "run", NAME, "--yes", "--by", "Mia Berg")
        await on(scene, "pause", NAME, "--by", "Mia Berg")
        seen = await on(scene, "history", NAME, "--json")
        by_ids = await on(scene, "history", f"{WEBINAR}/{SESSION}", "--json")
        other = await on(scene, "history", f"{WEBINAR}/1", "--json")
        unknown = await on(scene, "history", "lanch")

    assert (before.code, before.out) == (0, f"The ledger has nothing about {NAME}.\n")
    assert [(event["what"], event["detail"]) for event in json.loads(seen.out)] == [
        ("approve", f"by Dana Brooks: {digest}, seen with legal"),
        ("run", "by Mia Berg: Register 1, send 2 mails"),
        ("pause", "by Mia Berg"),
    ]
    assert (by_ids.out, json.loads(other.out)) == (seen.out, [])
    assert (unknown.code, "Did you mean launch?" in unknown.err) == (2, True)


@pytest.mark.parametrize("name", ["", "  "])
async def test_an_empty_name_is_no_approval_by_the_machines_user(tmp_path, name):
    async with approval_stage(tmp_path, [PANELIST]) as scene:
        refused = await on(scene, "approve", NAME, "0123456789ab", "--by", name)

        assert refused.code == 2
        assert "Give a name, or leave it out." in refused.all


async def test_who_is_held_back_is_shown_by_plan_and_status(tmp_path):
    async with approval_stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        plan = await on(scene, "plan", NAME)
        await on(scene, "run", NAME, "--yes")
        status = await on(scene, "status", NAME)

        assert plan.code == 1
        for seen in (plan, status):
            assert JOERG.email in seen.out
            assert "held back until it is approved" in " ".join(seen.out.split())
        step = "1 person is held back, since no approved page shows this."
        assert step in " ".join(plan.out.split())
        assert "`onboarding plan launch --page FILE` writes a page to approve." in " ".join(
            plan.out.split()
        )


async def test_programs_read_the_lines_that_have_changed(tmp_path):
    async with approval_stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        digest = (await see_page(scene)).digest
        await on(scene, "approve", NAME, digest)
        scene.write_roster([{**PANELIST, "first_name": "Georg"}])

        (problem,) = json.loads((await on(scene, "plan", NAME, "--json")).out)["problems"]

        assert "-Hello Jörg," in problem["message"].splitlines()
        assert "+Hello Georg," in problem["message"].splitlines()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("0123456789ab",), "No plan page of launch has the digest 0123456789ab."),
        (("not-a-digest",), "'not-a-digest' is not the digest of a plan page."),
        (("x" * 4000,), f"'{'x' * 64}' is not the digest of a plan page."),
        (("0123456789ab", "--note", "x" * 501), "A note has 500 characters at most."),
    ],
)
async def test_wrong_input_is_one_message(tmp_path, words, sentence):
    async with approval_stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        refused = await on(scene, "approve", NAME, *words)

        assert refused.code == 2
        assert sentence in " ".join(refused.all.replace("│", " ").split())


@pytest.mark.parametrize("value", ['"yes, please"', "1", '"required"', "[]"])
async def test_a_mode_that_is_none_is_refused(tmp_path, value):
    async with approval_stage(tmp_path, [PANELIST], value) as scene:
        refused = await on(scene, "approve", NAME, "0123456789ab")

        assert refused.code == 2
        assert 'approval: Write true, false or "strict".' in refused.all
