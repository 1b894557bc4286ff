"""Bad input and faults: one clear message, the right exit code, and the next run goes on."""

from collections.abc import Awaitable, Callable

import pytest
from pydantic import SecretStr

from onboarding.errors import TryLater
from onboarding.model.sessions import SessionStatus
from onboarding.simulator.smtp_catcher import MailRules
from onboarding.simulator.state import Credentials
from onboarding.simulator.tokens import IssuedTokens
from tests.cli.command import Seen, on
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, stage

pytestmark = pytest.mark.anyio


async def without_jwt(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", RC_USER_JWT=None)


async def wrong_jwt(scene: Stage) -> Seen:
    scene.ringcentral.account.tokens = IssuedTokens(
        Credentials(client_id="other", client_secret="other", jwt="other")
    )
    return await on(scene, "run", NAME, "--yes")


async def no_permission(scene: Stage) -> Seen:
    scene.ringcentral.account.app_permissions.discard("EditWebinars")
    return await on(scene, "run", NAME, "--yes")


async def unknown_name(scene: Stage) -> Seen:
    return await on(scene, "run", "lunch", "--yes")


async def unknown_webinar(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_WEBINARS__LAUNCH__WEBINAR="999")


async def unknown_session(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_WEBINARS__LAUNCH__SESSION="999")


async def missing_roster(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_WEBINARS__LAUNCH__INVITEES="gone.csv")


async def empty_roster(scene: Stage) -> Seen:
    (scene.folder / "empty.csv").write_text("first_name,last_name,email,role\n")
    return await on(scene, "run", NAME, "--yes", ONBOARDING_WEBINARS__LAUNCH__INVITEES="empty.csv")


async def unreadable_roster(scene: Stage) -> Seen:
    (scene.folder / "people.xlsx").write_bytes(b"PK\x03\x04 not a workbook")
    return await on(scene, "run", NAME, "--yes", "--invitees", "people.xlsx")


async def wrong_template(scene: Stage) -> Seen:
    (scene.folder / "templates").mkdir()
    (scene.folder / "templates" / "invitation.html.j2").write_text(
        "<html><head><title>Hi</title></head>\n<body><a href='{{ join_url }}'>x</a></body></html>"
    )
    return await on(scene, "run", NAME, "--yes")


async def missing_config(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", "--config", "nowhere.toml")


async def broken_ledger(scene: Stage) -> Seen:
    (scene.folder / "broken.db").write_bytes(b"this is no database" * 100)
    return await on(scene, "run", NAME, "--yes", ONBOARDING_LEDGER__DATABASE="sqlite:///broken.db")


async def smtp_away(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__PORT="1")


async def smtp_without_password(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__USERNAME="me")


async def certificate_missing(scene: Stage) -> Seen:
    return await on(scene, "run", NAME, "--yes", ONBOARDING_SMTP__SECURITY="starttls")


@pytest.mark.parametrize(
    ("weather", "code", "words"),
    [
        (without_jwt, 2, ["RC_USER_JWT"]),
        (wrong_jwt, 2, ["RC_APP_CLIENT_SECRET"]),
        (no_permission, 2, ["EditWebinars"]),
        (unknown_name, 2, ["lunch", "Did you mean launch?"]),
        (unknown_webinar, 2, ["999", "onboarding webinars"]),
        (unknown_session, 2, ["999"]),
        (missing_roster, 2, ["gone.csv"]),
        (empty_roster, 2, ["empty.csv"]),
        (unreadable_roster, 2, ["people.xlsx"]),
        (wrong_template, 2, ["invitation.html.j2", "join_url", "line 2"]),
        (missing_config, 2, ["nowhere.toml", "onboarding init"]),
        (broken_ledger, 2, ["broken.db", "[ledger] database"]),
        (smtp_away, 75, ["127.0.0.1:1"]),
        (smtp_without_password, 2, ["ONBOARDING_SMTP__PASSWORD"]),
        (certificate_missing, 2, ["STARTTLS"]),
    ],
)
async def test_a_fault_gets_one_clear_message_and_the_next_run_goes_on(
    tmp_path, weather: Callable[[Stage], Awaitable[Seen]], code: int, words: list[str]
):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        seen = await weather(scene)
        assert (seen.code, [word for word in words if word not in seen.err]) == (code, []), seen.err
        assert "Traceback" not in seen.all
        assert scene.recipients() == []

        scene.ringcentral.account.tokens = IssuedTokens()
        scene.ringcentral.account.app_permissions.add("EditWebinars")
        (scene.folder / "templates" / "invitation.html.j2").unlink(missing_ok=True)
        better = await on(scene, "run", NAME, "--yes")
        assert (better.code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]]), (
            better.all
        )


async def test_a_wrong_smtp_password_costs_no_person_anything(tmp_path):
    rules = MailRules(username="me", password=SecretStr("right-password"), needs_login=True)
    async with stage(tmp_path, [HOST, PANELIST], mail_rules=rules, limits=ROOMY) as scene:
        login = {"ONBOARDING_SMTP__USERNAME": "me", "ONBOARDING_SMTP__PASSWORD": "wrong-password"}
        refused = await on(scene, "run", NAME, "--yes", **login)
        assert refused.code == 2
        assert "ONBOARDING_SMTP__PASSWORD" in refused.err
        assert "wrong-password" not in refused.all
        right = await on(
            scene, "run", NAME, "--yes", **{**login, "ONBOARDING_SMTP__PASSWORD": "right-password"}
        )
        assert (right.code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])
        entries = (await scene.status()).records
        assert {entry.delivery.attempt for entry in entries} == {1}


async def test_a_finished_session_gets_nothing_and_says_so(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], limits=ROOMY) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)
        seen = await on(scene, "run", NAME, "--yes")
        assert seen.code == 1
        assert "the session is over, and 2 on the roster never had a message" in seen.out
        checked = await on(scene, "check", NAME)
        assert (checked.code, "It is over" in checked.out) == (1, True)
        assert (scene.recipients(), scene.ringcentral.requests.select("PATCH")) == ([], [])
        cron = await on(scene, "run", "--all")
        assert (cron.code, cron.all) == (0, "")


async def test_cron_finds_a_session_that_was_moved_after_it_was_over(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        world = scene.ringcentral.account
        world.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)
        assert await scene.cron() == 1
        world.update_session(WEBINAR, SESSION, status=SessionStatus.SCHEDULED)
        assert (await scene.cron(), scene.recipients()) == (0, [])
        scene.clock.pass_time(days=1, minutes=1)
        assert (await scene.cron(), scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])


async def test_cron_looks_at_a_session_that_was_over_by_a_clock_that_was_set_back_since(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        scene.clock.pass_time(days=40)
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)
        assert await scene.cron() == 1
        scene.clock.pass_time(days=-40)
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.SCHEDULED)
        assert (await scene.cron(), scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])


async def test_ringcentral_away_exits_75_and_the_next_run_goes_on(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST], faults=["GET:500*all"]) as scene:
        with pytest.raises(TryLater):
            await scene.run()
        scene.ringcentral.faults.clear()
        result = await scene.run()
        assert (result.exit_code, scene.recipients()) == (0, [HOST["email"], PANELIST["email"]])
