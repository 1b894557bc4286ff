"""`onboarding run` as users and cron meet it: what it asks, what it prints, what it exits with."""

import json

import pytest

from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, panelist, stage

pytestmark = pytest.mark.anyio

BAD_ROW = {
    "first_name": "Tom",
    "last_name": "Baker",
    "email": "tom@example.com",
    "role": "Attendee",
}


async def test_run_mails_each_person_once_and_exits_0(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST], limits=ROOMY) as scene:
        first = await on(scene, "run", NAME, "--yes")
        again = await on(scene, "run", NAME, "--yes")
        assert (first.code, again.code) == (0, 0)
        assert scene.recipients() == sorted(one["email"] for one in (HOST, COHOST, PANELIST))
        assert f"RingCentral {scene.ringcentral.url}" in first.out
        assert "sent 3 now" in first.out
        assert "nothing to do" in again.out


async def test_run_without_terminal_and_without_yes_exits_2_and_does_nothing(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME)
        assert seen.code == 2
        assert "--yes" in seen.err
        assert scene.ringcentral.requests == []


async def test_run_exits_1_where_a_row_is_bad_and_serves_the_others(tmp_path):
    async with stage(tmp_path, [BAD_ROW, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME, "--yes")
        assert seen.code == 1
        assert "row 2, role, tom@example.com" in seen.out
        assert scene.recipients() == [PANELIST["email"]]


async def test_strict_does_nothing_where_a_row_is_bad(tmp_path):
    async with stage(tmp_path, [BAD_ROW, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME, "--yes", "--strict")
        assert seen.code == 2
        assert "row 2" in seen.err
        assert (scene.recipients(), scene.ringcentral.requests.select("PATCH")) == ([], [])


async def test_limit_serves_the_first_people_who_need_anything(tmp_path):
    async with stage(tmp_path, [panelist(number) for number in range(1, 6)], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes", "--limit", "2")
        assert scene.recipients() == ["guest1@example.com", "guest2@example.com"]
        await on(scene, "run", NAME, "--yes", "--limit", "2")
        assert scene.recipients() == [f"guest{number}@example.com" for number in range(1, 5)]


async def test_what_an_earlier_run_queued_is_shown_as_mail_and_counts_for_the_limit(tmp_path):
    people = [panelist(number) for number in range(1, 5)]
    async with stage(tmp_path, people, limits=ROOMY) as scene:
        away = await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__PORT="1")
        assert (away.code, scene.recipients()) == (75, [])
        planned = json.loads((await on(scene, "plan", NAME, "--json")).out)
        assert [mailed["email"] for mailed in planned["mail"]] == [
            person["email"] for person in people
        ]
        first = await on(scene, "run", NAME, "--yes", "--limit", "1")
        assert ("nothing to do" in first.out, scene.recipients()) == (False, ["guest1@example.com"])
        await on(scene, "run", NAME, "--yes")
        assert scene.recipients() == [person["email"] for person in people]
        assert len({message["Message-ID"] for message in scene.messages()}) == len(people)


async def test_a_missing_password_is_reported_before_a_person_is_registered(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__USERNAME="me")
        assert (seen.code, scene.ringcentral.requests.select("PATCH")) == (2, [])


async def test_a_rehearsal_registers_all_people_and_counts_none_as_mailed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        rehearsed = await on(scene, "run", NAME, "--yes", "--to", "me@example.com")
        assert rehearsed.code == 0
        assert scene.recipients() == ["me@example.com", "me@example.com"]
        assert (await scene.status()).counts == {}
        await on(scene, "run", NAME, "--yes")
        assert scene.recipients()[:2] == [HOST["email"], PANELIST["email"]]
        names = [message["Message-ID"] for message in scene.messages()]
        assert len(set(names)) == 4
        assert len(scene.ringcentral.requests.select("PATCH")) == 1


async def test_run_as_json_prints_json_alone(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME, "--yes", "--json")
        result = json.loads(seen.out)
        assert (result["webinar"], result["sent"], result["registered"], result["counts"]) == (
            NAME,
            2,
            1,
            {"sent": 2},
        )
        assert (result["problems"], result["heavy_calls"], result["exit_code"]) == ([], 4, 0)


async def test_the_roster_may_come_from_standard_input(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        csv = b"first_name,last_name,email,role\nAda,Lovelace,ada@example.com,Panelist\n"
        seen = await on(scene, "run", "123456789012/5550001", "--invitees", "-", "--yes", stdin=csv)
        assert seen.code == 0
        assert scene.recipients() == ["ada@example.com"]


async def test_all_is_silent_when_there_is_nothing_to_say(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        first = await on(scene, "run", "--all")
        again = await on(scene, "run", "--all")
        assert (first.code, again.code) == (0, 0)
        assert "sent 2 now" in first.out
        assert again.all == ""


async def test_all_tells_a_problem_once_and_keeps_exiting_1(tmp_path):
    async with stage(tmp_path, [BAD_ROW, PANELIST], limits=ROOMY) as scene:
        first = await on(scene, "run", "--all")
        again = await on(scene, "run", "--all")
        assert (first.code, again.code) == (1, 1)
        assert "tom@example.com" in first.out
        assert again.all == ""


async def test_all_never_mails_people_that_another_ledger_may_have_mailed(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes", ONBOARDING_LEDGER__DATABASE="sqlite:///another.db")
        held = await on(scene, "run", "--all")
        assert (held.code, scene.recipients()) == (1, [PANELIST["email"]])
        assert "--adopt" in held.out
        adopted = await on(scene, "run", NAME, "--yes", "--adopt")
        assert (adopted.code, scene.recipients()) == (0, [PANELIST["email"]] * 2)
        later = await on(scene, "run", "--all")
        assert (later.code, later.all) == (0, "")


async def test_all_takes_no_decision_of_a_person(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "run", "--all", "--adopt")
        assert seen.code == 2
        assert scene.ringcentral.requests == []


async def test_a_deferred_message_exits_75_and_goes_out_later(tmp_path):
    rules = MailRules(defer_once=frozenset({PANELIST["email"]}))
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        first = await on(scene, "run", NAME, "--yes", "--wait", "0")
        assert (first.code, scene.recipients()) == (75, [HOST["email"]])
        at_once = await on(scene, "run", NAME, "--yes", "--wait", "0")
        assert (at_once.code, scene.recipients()) == (75, [HOST["email"]])
        later = await scene.run()  # by the stage's clock, which is far ahead
        assert (later.exit_code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])
