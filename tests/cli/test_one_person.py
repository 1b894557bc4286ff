"""`resend` and `call-off` as a person meets them: what they ask, print and exit with."""

import asyncio
import json

import pytest

from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA = PANELIST["email"], HOST["email"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("resend", NAME, "--yes"), 2, "Name the addresses, or use --role."),
        (("resend", NAME, HANNA, "--role", "Host", "--yes"), 2, "Name the addresses, or use"),
        (("resend", NAME, "--role", "Speaker", "--yes"), 2, "Speaker"),
        (("resend", NAME, HANNA), 2, "No terminal to confirm on. Add --yes"),
        (("resend", NAME, HANNA, "--yes", "--by", "M" * 201), 2, "200 characters at most"),
        (("resend", NAME, HANNA, "--yes", "--reason", "x" * 501), 2, "500 characters at most"),
        (("resend", "lunch", HANNA, "--yes"), 2, "Did you mean launch?"),
        (("resend", NAME, "nobody@example.com", "--yes"), 1, "neither on the roster nor"),
        (("resend", NAME, "no address", "--yes"), 1, "neither on the roster nor"),
        (("resend", NAME, "--role", "CoHost", "--yes"), 1, "No CoHost is on the roster."),
        (("replace", NAME, HANNA, "--with", "Lin,lin@example.com", "--yes"), 2, "First,Last,EMAIL"),
        (
            ("replace", NAME, HANNA, "--with", 'Lin,"E,l@example.com', "--yes"),
            2,
            "First,Last,EMAIL",
        ),
        (("replace", NAME, HANNA, "--with", "L,,l@example.com", "--yes"), 2, "First,Last,EMAIL"),
        (("replace", NAME, HANNA, "--yes"), 2, "--with"),
        (("replace", NAME, HANNA, "--with", "L,E,l@example.com"), 2, "Add --yes"),
        (("replace", NAME, HANNA, "--with", "L,E,l@example.com", "--yes"), 1, "is the host"),
        (("replace", NAME, "x@example.com", "--with", "L,E,l@example.com", "--yes"), 2, "not on"),
        (
            ("replace", NAME, HANNA, "--with", "L,E,l@example.com", "--yes", "--invitees", "-"),
            2,
            "The roster standard input is empty.",
        ),
        (("call-off", NAME), 2, "No terminal to confirm on. Add --yes"),
        (("call-off", NAME, "--undo", "--yes"), 1, "launch is not called off."),
        (("call-off", NAME, "--undo", "--json", "--yes"), 2, "prints no JSON"),
        (("call-off", "lunch", "--yes"), 2, "Did you mean launch?"),
    ],
)
async def test_bad_input_is_explained_and_changes_nothing(tmp_path, words, code, message):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(scene, *words)
        assert (seen.code, message in seen.all) == (code, True), seen.all
        assert "Traceback" not in seen.all
        assert scene.told() == [HANNA]


async def test_resend_says_what_came_of_it_and_history_who_asked(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await scene.run()
        seen = await on(
            scene, "resend", NAME, JOERG, "--yes", "--by", "Mia", "--reason", "never arrived"
        )
        history = await on(scene, "history", JOERG, "--json")
        assert (seen.code, f"{JOERG}: invitation sent: 250" in seen.out) == (0, True), seen.all
        acts = [event for event in json.loads(history.out) if event["what"] == "resend"]
        assert [act["detail"] for act in acts] == ["by Mia: never arrived"]
        assert not [link for link in scene.join_links() if link in seen.all + history.all]


async def test_resend_before_the_first_run_says_that_a_run_comes_first(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "resend", NAME, JOERG, "--yes", "--json")
        (result,) = json.loads(seen.out)["results"]
        assert (seen.code, result["state"]) == (1, None)
        assert result["reason"].endswith("onboarding run registers them")


async def test_resend_twice_at_once_sends_a_copy_for_each_that_was_not_turned_away(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        await scene.run()
        both = await asyncio.gather(*(on(scene, "resend", NAME, JOERG, "--yes") for _ in range(2)))
        served = [seen for seen in both if seen.code == 0]
        turned_away = [seen for seen in both if seen.code == 75]
        assert len(served) + len(turned_away) == 2, [seen.all for seen in both]
        assert scene.told() == [JOERG] * (1 + len(served))
        assert all("Another run is at work" in seen.err for seen in turned_away)
        # A run sends no copies and calls nothing off, so it does not do what was asked for.
        assert all("Nothing was done. Type the command again" in seen.err for seen in turned_away)


@pytest.mark.parametrize("words", [("call-off", NAME), ("call-off", NAME, "--undo")])
async def test_call_off_during_a_run_says_that_nothing_was_done(tmp_path, words):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        await scene.run()
        async with scene.rooms() as opened, webinar_lease(opened, find_target(opened.config, NAME)):
            seen = await on(scene, *words, "--yes")
        assert (seen.code, "Nothing was done. Type the command again" in seen.err) == (75, True)
        assert scene.told() == [JOERG]


async def test_resend_beside_a_run_sends_no_message_that_no_person_asked_for(tmp_path):
    people = [PANELIST, *(panelist(number) for number in range(1, 4))]
    async with stage(tmp_path, people, limits=ROOMY) as scene:
        await scene.run()
        scene.write_roster([*people, panelist(9)])
        run, again = await asyncio.gather(
            on(scene, "run", NAME, "--yes"), on(scene, "resend", NAME, JOERG, "--yes")
        )
        assert {run.code, again.code} <= {0, 75}
        await on(scene, "run", NAME, "--yes")
        copies = {address: scene.told().count(address) for address in set(scene.told())}
        assert copies == {
            JOERG: 1 + (again.code == 0),
            **{f"guest{number}@example.com": 1 for number in (1, 2, 3, 9)},
        }


async def test_call_off_names_title_and_people_and_run_says_that_it_is_off(tmp_path):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        seen = await on(scene, "call-off", NAME, "--yes", "--by", "Mia")
        assert seen.code == 1, seen.all
        assert f"In doubt, so not told by this: {JOERG}." in seen.out
        assert "Called off by" not in seen.out
        assert "1 email will be sent at once." in seen.out
        assert "the panel joins" not in seen.out
        assert f"{NAME} is called off: no run sends anything but these cancellations." in seen.out

        run, status = await on(scene, "run", NAME, "--yes"), await on(scene, "status", NAME)
        assert [said.out.count("Called off by Mia at") for said in (run, status)] == [1, 1]
        assert f"`onboarding call-off {NAME} --undo` takes that back." in status.out
        found = json.loads((await on(scene, "status", NAME, "--json")).out)
        assert found["called_off"]["by"] == "Mia"
        assert not [said for said in found["problems"] if "Called off" in said["message"]]
        report = json.loads((await on(scene, "report", NAME, "--json")).out)
        (note,) = report["webinars"][0]["notes"]
        assert note.startswith("Called off by Mia at ")
        await on(scene, "call-off", NAME, "--undo", "--yes")
        assert "Called off" not in (await on(scene, "status", NAME)).out
        assert scene.told().count(HANNA) == 2


async def test_call_off_is_undone_with_its_name_in_the_history(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        await scene.run()
        await on(scene, "call-off", NAME, "--yes")
        seen = await on(scene, "call-off", NAME, "--yes", "--undo")
        assert (seen.code, "takes place" in seen.out) == (0, True), seen.all
        run = await on(scene, "run", NAME, "--yes")
        assert (run.code, "Called off" in run.all, len(scene.told())) == (0, False, 3)
