"""`--only`, `--role`, `--kind`, `--adopt --as-told` and the fence, as users and cron meet them."""

import json
from datetime import timedelta

import pytest

from tests.cli.command import on
from tests.stage import COHOST, HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

ELSEWHERE = {"ONBOARDING_LEDGER__DATABASE": "sqlite:///another.db"}
OUTSIDE = panelist(9, email="guest9@customer.example")
FENCE = {"ONBOARDING_REHEARSAL__ALLOW_DOMAINS": '["example.com"]'}


async def test_only_the_people_that_are_named_are_served(tmp_path):
    async with stage(tmp_path, [HOST, COHOST, panelist(1), panelist(2)], limits=ROOMY) as scene:
        words = ("--only", "GUEST2@example.com", "--only", HOST["email"])
        seen = await on(scene, "run", NAME, "--yes", "--json", *words)
        assert (seen.code, scene.recipients()) == (0, sorted([HOST["email"], "guest2@example.com"]))
        assert [(left["email"], left["code"]) for left in json.loads(seen.out)["skip"]] == [
            (COHOST["email"], "not_selected"),
            ("guest1@example.com", "not_selected"),
        ]
        later = await on(scene, "run", NAME, "--yes", "--role", "cohost", "--kind", "invitation")
        assert (later.code, scene.recipients().count(COHOST["email"])) == (0, 1)
        assert "guest1@example.com" not in scene.recipients()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--only", "guest11@example.com"], "Did you mean guest1@example.com?"),
        (["--only", ""], "An empty address is neither on the roster nor registered."),
        (["--role", "panellist"], "Did you mean Panelist?"),
        (["--kind", "invite"], "Did you mean invitation?"),
        (["--role", "xyz"], "Choose one of Host, CoHost, Panelist."),
    ],
)
@pytest.mark.parametrize("command", [["plan", NAME], ["run", NAME, "--yes"]])
async def test_what_no_one_is_exits_2_with_the_nearest(tmp_path, command, words, said):
    async with stage(tmp_path, [panelist(1)], limits=ROOMY) as scene:
        seen = await on(scene, *command, *words)

        assert (seen.code, scene.recipients()) == (2, [])
        assert said in " ".join(seen.err.replace("│", " ").split())
        assert scene.ringcentral.requests.select("PATCH") == []


@pytest.mark.parametrize(
    "words", [["--only", "a@example.com"], ["--role", "Host"], ["--kind", "update"], ["--as-told"]]
)
async def test_all_refuses_a_selection(tmp_path, words):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "run", "--all", *words)
        assert (seen.code, scene.ringcentral.requests) == (2, [])


async def test_a_webinar_is_taken_over_without_mail_and_later_changes_are_mailed(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        await on(scene, "run", NAME, "--yes", **ELSEWHERE)
        before = scene.recipients()

        taken = await on(scene, "run", NAME, "--yes", "--adopt", "--as-told", "--by", "Grace")
        status = json.loads((await on(scene, "status", NAME, "--json")).out)
        history = json.loads((await on(scene, "history", PANELIST["email"], "--json")).out)
        again = await on(scene, "run", NAME, "--yes")

        assert (taken.code, again.code, scene.recipients()) == (0, 0, before)
        assert "2 mailboxes recorded as told; nothing was mailed" in taken.out
        assert "nothing to do" in again.out
        assert [(shown["state"], shown["message_id"]) for shown in status["deliveries"]] == [
            ("recorded", "")
        ] * 2
        assert [event["what"] for event in history] == ["adopted", "recorded"]
        assert history[-1]["detail"] == "invitation: as told, not sent from here (by Grace)"

        start = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.ringcentral.account.update_session(WEBINAR, SESSION, start=start + timedelta(days=1))
        moved = await on(scene, "run", NAME, "--yes")
        assert (moved.code, len(scene.recipients())) == (0, len(before) + 2)
        assert sorted(scene.told()[-2:]) == sorted({*before})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as-told"], "Add --adopt"),
        (["--as-told", "--adopt", "--to", "t@example.com"], "--to can't be used with --as-told"),
        (["--as-told", "--adopt", "--remove"], "--remove can't be used with --as-told"),
        (["--as-told", "--adopt", "--kind", "update"], "--kind can't be used with --as-told"),
    ],
)
async def test_as_told_says_what_it_needs_and_excludes(tmp_path, words, said):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        seen = await on(scene, "run", NAME, "--yes", *words)
        assert (seen.code, scene.ringcentral.requests) == (2, [])
        assert said in " ".join(seen.err.replace("│", " ").split())


async def test_the_fence_keeps_people_out_and_says_that_it_is_on(tmp_path):
    async with stage(tmp_path, [panelist(2), panelist(1), OUTSIDE], limits=ROOMY) as scene:
        plan = await on(scene, "plan", NAME, "--json", **FENCE)
        run = await on(scene, "run", "--all", "--json", **FENCE)
        check = await on(scene, "check", NAME, **FENCE)
        resend = await on(scene, "resend", NAME, "guest1@example.com", "--yes", **FENCE)

        assert (plan.code, run.code, check.code, resend.code) == (0, 0, 0, 0)
        for skipped in (json.loads(plan.out)["skip"], json.loads(run.out)[0]["skip"]):
            assert [left["email"] for left in skipped if left["code"] == "fenced"] == [
                OUTSIDE["email"]
            ]
        for seen in (plan, run, resend):
            assert "REHEARSAL: only people at example.com are registered and mailed" in seen.err
        assert "only people at example.com are registered and mailed" in check.out
        assert "Delete [rehearsal] allow_domains before the real run." in check.out
        guests = ["guest1@example.com", "guest2@example.com"]
        assert scene.recipients() == sorted(["guest1@example.com", *guests])
        registered = scene.ringcentral.account.list_records(WEBINAR, SESSION)
        assert OUTSIDE["email"] not in {record.email for record in registered}


async def test_what_was_queued_before_the_fence_came_stays_queued(tmp_path):
    async with stage(tmp_path, [OUTSIDE], limits=ROOMY) as scene:
        away = await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__PORT="1")
        fenced = await on(scene, "run", NAME, "--yes", **FENCE)
        assert (away.code, fenced.code, scene.recipients()) == (75, 75, [])


async def test_a_domain_that_can_be_none_exits_2(tmp_path):
    async with stage(tmp_path, [HOST], limits=ROOMY) as scene:
        wrong = {"ONBOARDING_REHEARSAL__ALLOW_DOMAINS": '["*.example.com"]'}
        seen = await on(scene, "plan", NAME, **wrong)
        assert seen.code == 2
        assert "A domain is written as example.com, without @ and *." in seen.err
