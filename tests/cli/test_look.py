"""`plan`, `check`, `webinars`, `directory`: they show what is, and change nothing."""

import json
from dataclasses import replace

import pytest

from onboarding.simulator.limits import LimitGroup
from onboarding.simulator.records import Odd
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

ATTENDEE = {
    "first_name": "Tom",
    "last_name": "Baker",
    "email": "tom@example.com",
    "role": "Attendee",
}


async def test_plan_as_json_has_the_shape_that_stays(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, ATTENDEE], limits=ROOMY) as scene:
        seen = await on(scene, "plan", NAME, "--json")
        plan = json.loads(seen.out)
        assert seen.code == 1
        assert list(plan) == [
            "register",
            "mail",
            "as_told",
            "skip",
            "problems",
            "heavy_calls",
            "notes",
            "pause",
            "schedule",
            "cron_removals",
        ]
        assert list(plan["register"]) == ["add", "update", "remove", "keep"]
        (added,) = plan["register"]["add"]
        assert added == {
            "email": PANELIST["email"],
            "name": "Jörg Müller",
            "role": "Panelist",
            "reason": added["reason"],
            "roster": {
                "row": 3,
                "first_name": "Jörg",
                "last_name": "Müller",
                "role": "Panelist",
                "job_title": PANELIST.get("job_title", ""),
                "language": PANELIST.get("language", ""),
                "time_zone": PANELIST.get("time_zone", ""),
                "account_id": "",
                "user_id": "",
                "extra": {},
            },
        }
        assert [(mailed["email"], mailed["kind"]) for mailed in plan["mail"]] == [
            (HOST["email"], "invitation"),
            (PANELIST["email"], "invitation"),
        ]
        assert [
            (problem["row"], problem["column"], problem["email"]) for problem in plan["problems"]
        ] == [(4, "role", ATTENDEE["email"])]


async def test_plan_and_run_tell_attendees_and_odd_records_apart(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        world, key = scene.ringcentral.account, (WEBINAR, SESSION)
        records = world.invitees[key]
        roles = {PANELIST["email"]: "Moderator", "guest1@example.com": "Attendee"}
        world.invitees[key] = {
            id_: replace(one, odd=Odd(fields={"role": roles[one.email]})) if one.email else one
            for id_, one in records.items()
        }
        scene.write_roster([HOST, PANELIST])

        plan = await on(scene, "plan", NAME)
        as_json = await on(scene, "plan", NAME, "--json")
        run = await on(scene, "run", NAME, "--yes")
        status = await on(scene, "status", NAME)

    assert (plan.code, as_json.code, run.code, status.code) == (1, 1, 1, 0)
    attendee = "an attendee in RingCentral's list, left alone"
    odd = "RingCentral's record of this person is not understood (`role` is “Moderator”)"
    (problem,) = json.loads(as_json.out)["problems"]
    assert (problem["row"], problem["message"].startswith(odd)) == (3, True)
    skipped = json.loads(as_json.out)["skip"]
    assert [(skipped_person["email"], skipped_person["role"]) for skipped_person in skipped] == [
        (PANELIST["email"], "Panelist"),
        ("guest1@example.com", "Attendee"),
    ]
    for seen in (plan, run):
        text = " ".join(seen.out.split())
        assert attendee in text
        assert f"! row 3, {PANELIST['email']}: {odd}" in text
    assert PANELIST["email"] in status.out
    assert (
        "guest1@example.com" in status.out
    )  # their invitation was sent before they became an attendee


async def test_webinars_shows_the_others_where_a_session_is_odd(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY, more=1) as scene:
        scene.ringcentral.account.update_session(
            WEBINAR, SESSION, odd=Odd(fields={"scheduledDuration": "long"})
        )

        seen = await on(scene, "webinars", "--json")

    assert [one["configured"] for one in json.loads(seen.out)] == ["launch2"]
    assert seen.err == (
        f"A session in RingCentral's list is not understood (webinar {WEBINAR}, session {SESSION}):"
        " `scheduledDuration` has another form.\n"
    )
    assert seen.code == 0


async def test_plan_says_exactly_the_calls_that_run_makes(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        planned = json.loads((await on(scene, "plan", NAME, "--json")).out)
        done = json.loads((await on(scene, "run", NAME, "--yes", "--json")).out)
        nothing = json.loads((await on(scene, "plan", NAME, "--json")).out)
        assert planned["heavy_calls"] == done["heavy_calls"] == 4
        assert nothing["heavy_calls"] == 2
        assert nothing["register"]["add"] == nothing["mail"] == []


async def test_plan_shows_an_update_with_old_and_new(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes")
        scene.write_roster([HOST, {**PANELIST, "last_name": "Meyer"}])
        plan = json.loads((await on(scene, "plan", NAME, "--json")).out)
        (updated,) = plan["register"]["update"]
        assert updated["changes"] == {"last_name": ["Müller", "Meyer"]}


async def test_plan_changes_nothing(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "plan", NAME)
        assert seen.code == 0
        assert "A run makes 4 of RingCentral's webinar calls" in seen.out
        assert {request.method for request in scene.ringcentral.requests} == {"POST", "GET"}
        assert scene.recipients() == []
        assert (await scene.status()).counts == {}


async def test_check_says_ok_line_by_line_and_changes_nothing(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, PANELIST], limits=ROOMY) as scene:
        seen = await on(scene, "check", NAME)
        assert seen.code == 0, seen.all
        assert [line for line in seen.out.splitlines() if not line.startswith("ok ")] == []
        for subject in (
            "configuration",
            "log-in",
            "app permissions",
            "roster",
            "templates",
            "session",
            "sender",
        ):
            assert subject in seen.out
        assert {
            request.method for request in scene.ringcentral.requests if "oauth" not in request.path
        } == {"GET"}
        assert scene.recipients() == []


async def test_check_names_everything_that_is_wrong_at_once(tmp_path):
    rules = MailRules(refuse_sender="550 5.7.1 Not your address")
    async with stage(tmp_path, [HOST, ATTENDEE], limits=ROOMY, mail_rules=rules) as scene:
        scene.ringcentral.account.app_permissions.discard("EditWebinars")
        seen = await on(scene, "check", NAME)
        assert seen.code == 1
        wrong = [line for line in seen.out.splitlines() if line.startswith("NO ")]
        assert len(wrong) == 3, seen.out
        for word in ("EditWebinars", "row 3", "5.7.1"):
            assert word in seen.out


async def test_check_without_log_in_still_looks_at_the_rest(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "check", NAME, RC_USER_JWT=None)
        assert seen.code == 1
        assert "RC_USER_JWT" in seen.out
        assert "ok  launch: roster" in seen.out
        assert "ok  mail server: sender" in seen.out


async def test_check_says_what_would_keep_the_console_from_starting(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        local = await on(scene, "check", NAME, ONBOARDING_CONSOLE__PORT="8041")
        open_to_all = await on(scene, "check", NAME, ONBOARDING_CONSOLE__HOST="192.0.2.1")

        assert (local.code, "ok  console" in local.out) == (0, True), local.all
        assert (open_to_all.code, "NO  console" in open_to_all.out) == (1, True), open_to_all.all
        assert "tls_certificate and tls_key" in open_to_all.out


async def test_webinars_lists_ids_and_what_is_configured(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY, more=1) as scene:
        seen = json.loads((await on(scene, "webinars", "--json")).out)
        names = {
            (listed["webinar_id"], listed["session_id"]): listed["configured"] for listed in seen
        }
        assert names[WEBINAR, SESSION] == NAME
        assert set(names.values()) == {NAME, f"{NAME}2"}
        table = await on(scene, "webinars", "--company")
        assert f"{WEBINAR}/{SESSION}" in table.out


async def test_directory_shows_the_ids_of_a_colleague_by_a_medium_call(tmp_path):
    async with stage(tmp_path, [HOST, COHOST], limits=ROOMY) as scene:
        seen = await on(scene, "directory", COHOST["email"].upper(), "--json")
        (found,) = json.loads(seen.out)
        assert (found["account_id"], found["user_id"]) == (COHOST["account_id"], COHOST["user_id"])
        assert scene.ringcentral.requests.count_groups()[LimitGroup.HEAVY] == 0
        stranger = await on(scene, "directory", "nobody@example.com")
        assert stranger.code == 1


async def test_a_webinar_may_be_named_by_its_ids_without_touching_the_configuration(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        (tmp_path / "others.json").write_text(json.dumps([panelist(7)]))
        seen = await on(scene, "run", f"{WEBINAR}/{SESSION}", "--invitees", "others.json", "--yes")
        assert (seen.code, scene.recipients()) == (0, ["guest7@example.com"])
        unnamed = await on(scene, "plan", WEBINAR)
        assert unnamed.code == 2
        assert "--invitees" in unnamed.err


async def test_the_detailed_exit_code_says_whether_there_is_work(tmp_path):
    async with stage(tmp_path, [PANELIST], limits=ROOMY) as scene:
        words = ("plan", NAME, "--detailed-exitcode")
        work = await on(scene, *words)
        plain = await on(scene, "plan", NAME)
        await on(scene, "run", NAME, "--yes")
        done = await on(scene, *words, "--json")
        scene.write_roster([PANELIST, panelist(1), ATTENDEE])
        problem = await on(scene, *words)
        wrong = await on(scene, "plan", "unknown-webinar", "--detailed-exitcode")
        away = await on(scene, *words, RC_SERVER_URL="http://127.0.0.1:1")

    assert [seen.code for seen in (work, plain, done, problem, wrong, away)] == [3, 0, 0, 1, 2, 75]
