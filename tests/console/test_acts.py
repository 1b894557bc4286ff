"""Acts from pages: asked once more, done once, and each person told the truth about it."""

import asyncio
import re

import httpx
import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.config.console import ConsoleRole
from onboarding.console.act_forms import ACT_FORMS
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.status import read_history
from onboarding.pipeline.target import find_target
from onboarding.simulator.smtp_catcher import MailRules
from tests.console.acting import Lines, ask, do, find_ending, find_token, read_answer, say_yes
from tests.console.serving import BY, console_stage, serve_on
from tests.pipeline.approving import approval_stage, see_page
from tests.stage import HOST, NAME, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

JOERG, HANNA, GUEST = PANELIST["email"], HOST["email"], panelist(1)["email"]
FORMS = {
    "approve": {"page": "0123456789ab"},
    "resend": {"email": JOERG},
    "copy-link": {"email": JOERG},
}
"""The fields that an act needs beside its name; else `all`."""


def history(scene: Stage, email: str) -> list[tuple[str, str]]:
    return [(event.what, event.detail) for event in read_history(scene.config, email, NoProgress())]


async def test_send_now_asks_who_and_how_long_and_runs_after_the_yes(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        question = await ask(browser, "send-now")
        assert question.status_code == 200
        for words in ("Register 1, send 2 mails.", "2 emails will be sent at once", "Hanna"):
            assert words in question.text
        assert scene.told() == []

        sent_off = await say_yes(browser, question)
        assert (sent_off.status_code, sent_off.headers["location"]) == (303, f"/webinars/{NAME}")
        answer = await read_answer(browser, question)
        assert find_ending(answer) == "done"
        assert "1 registered, 2 mails sent, no problems." in answer.text
        assert scene.recipients() == sorted([HANNA, JOERG])


async def test_a_second_click_and_a_replay_find_the_same_answer(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        await do(browser, "send-now")
        question = await ask(browser, "resend", email=JOERG)
        clicks = await asyncio.gather(*(say_yes(browser, question) for _ in range(3)))
        assert {click.headers["location"] for click in clicks} == {
            f"/webinars/{NAME}/answers/{find_token(question)}"
        }
        first = await read_answer(browser, question)
        await say_yes(browser, question)
        assert (await read_answer(browser, question)).text == first.text
        assert scene.told().count(JOERG) == 2


@pytest.mark.parametrize("act", ACT_FORMS)
async def test_viewer_is_refused_in_words_and_nothing_is_done(tmp_path, act):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        served.client(ConsoleRole.VIEWER) as browser,
    ):
        fields = FORMS.get(act, {"all": "yes"})
        for path in ("ask", "answer", "link"):
            refused = await browser.post(
                f"/webinars/{NAME}/{path}", data={"act": act, "token": "x", **fields}
            )
            assert refused.status_code == 403
            assert "Ask an approver" in refused.text
        assert scene.heavy_calls() == 0


@pytest.mark.parametrize("act", ACT_FORMS)
async def test_approver_of_another_webinar_learns_nothing_of_this_one(tmp_path, act):
    async with (
        stage(tmp_path, [HOST, PANELIST], more=1) as scene,
        serve_on(scene) as served,
        served.client(webinars=("launch2",)) as browser,
    ):
        refused = await ask(browser, act, **FORMS.get(act, {"all": "yes"}))
        assert refused.status_code == 404
        assert scene.heavy_calls() == 0


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000, "…"])
async def test_a_wrong_token_does_nothing_and_says_so(tmp_path, token):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        for path in ("answer", "link"):
            refused = await browser.post(f"/webinars/{NAME}/{path}", data={"token": token})
            assert refused.status_code == 409
            assert "Nothing was done" in refused.text
        assert scene.told() == []


async def test_a_token_is_good_for_its_person_and_its_webinar_alone(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST], more=1) as scene,
        serve_on(scene) as served,
        served.client() as browser,
        served.client(name="Mia") as other,
    ):
        question = await ask(browser, "send-now")
        data = {"token": find_token(question)}
        assert (await other.post(f"/webinars/{NAME}/answer", data=data)).status_code == 409
        assert (await browser.post("/webinars/launch2/answer", data=data)).status_code == 409
        path = f"/webinars/{NAME}/answers/{find_token(question)}"
        assert (await other.get(path)).status_code == 409
        assert scene.told() == []


async def test_an_old_question_is_not_open_any_more(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        question = await ask(browser, "send-now")
        scene.clock.pass_time(minutes=16)
        refused = await say_yes(browser, question)
        assert (refused.status_code, scene.told()) == (409, [])
        assert "too long ago" in refused.text


async def test_what_changed_meanwhile_is_asked_again(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, served, browser):
        question = await ask(browser, "send-now")
        scene.write_roster([HOST, PANELIST, panelist(1)])
        await say_yes(browser, question)

        again = await read_answer(browser, question)
        reloaded = await read_answer(browser, question)
        assert "It has changed since you were asked" in again.text
        assert "Register 2, send 3 mails." in again.text
        assert find_token(again) == find_token(reloaded)
        assert scene.told() == []
        data = {"token": find_token(again)}
        await browser.post(f"/webinars/{NAME}/answer", data=data)
        await served.wait_for_acts()
        assert len(scene.told()) == 3


@pytest.mark.parametrize("act", [act for act in ACT_FORMS if act not in {"approve", "copy-link"}])
async def test_a_run_of_another_process_is_named_and_nothing_is_done(tmp_path, act):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        target = find_target(scene.config, NAME)
        async with (
            serve_on(scene) as served,
            served.client() as browser,
            scene.rooms() as other,
            webinar_lease(other, target),
        ):
            refused = await ask(browser, act, **FORMS.get(act, {"all": "yes"}))
        assert (refused.status_code, find_ending(refused)) == (409, "held by another run")
        assert "Another run is at work on launch since 2027-03-01" in refused.text
        assert len(scene.told()) == 2


async def test_a_run_that_began_between_question_and_yes_is_named(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        target = find_target(scene.config, NAME)
        async with serve_on(scene) as served, served.client() as browser:
            question = await ask(browser, "send-now")
            async with scene.rooms() as other, webinar_lease(other, target):
                await say_yes(browser, question)
                answer = await read_answer(browser, question)
            assert find_ending(answer) == "held by another run"
            assert scene.told() == []


async def test_two_people_at_once_do_it_once_and_the_second_is_told_by_whom(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        served.client() as dana,
        served.client(name="Mia") as mia,
    ):
        first, second = await ask(dana, "send-now"), await ask(mia, "send-now")
        await asyncio.gather(say_yes(dana, first), say_yes(mia, second))
        answers = [await read_answer(dana, first), await read_answer(mia, second)]
        endings = [find_ending(answer) for answer in answers]
        assert min(endings) == "done"
        (refused,) = [answer for answer in answers if find_ending(answer) != "done"]
        assert "from this console" in refused.text
        assert scene.recipients() == sorted([HANNA, JOERG])


async def test_resend_keeps_the_reason_and_the_name(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        await do(browser, "send-now")
        answer = await do(browser, "resend", email=JOERG, reason="never arrived")
        assert find_ending(answer) == "done"
        assert ("resend", f"by {BY}: never arrived") in history(scene, JOERG)
        refused = await say_yes(
            browser, await ask(browser, "resend", email=JOERG), reason="x" * 501
        )
        assert refused.status_code == 400
        assert scene.told().count(JOERG) == 2


@pytest.mark.parametrize(("act", "state"), [("resolve-sent", "sent"), ("resolve-again", "queued")])
async def test_resolve_says_who_decided(tmp_path, act, state):
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with console_stage(tmp_path, [PANELIST], mail_rules=rules) as (scene, _, browser):
        assert find_ending(await do(browser, "send-now")) == "needs a person"
        answer = await do(browser, act, email=JOERG)
        assert find_ending(answer) == "done"
        assert await scene.states() == {JOERG: state}
        assert history(scene, JOERG)[-1][1].startswith(f"by {BY}: ")


async def test_retry_and_cancel_do_what_they_say(tmp_path):
    rules = MailRules(refuse={JOERG: "550 5.1.1 no such user"})
    async with console_stage(tmp_path, [PANELIST], mail_rules=rules) as (scene, _, browser):
        await do(browser, "send-now")
        assert find_ending(await do(browser, "retry", all="yes")) == "done"
        assert await scene.states() == {JOERG: "queued"}
        assert find_ending(await do(browser, "cancel", email=JOERG)) == "done"
        assert await scene.states() == {JOERG: "cancelled"}
        nothing = await ask(browser, "cancel", all="yes")
        assert find_token(nothing) == ""
        assert "No message is queued." in nothing.text


async def test_approve_is_possible_and_known_by_name(tmp_path):
    async with (
        approval_stage(tmp_path, [PANELIST]) as scene,
        serve_on(scene) as served,
        served.client() as browser,
    ):
        review = await see_page(scene)
        held = await ask(browser, "send-now")
        assert "held back" in held.text
        answer = await do(browser, "approve", page=review.digest[:12], reason="read it all")
        assert find_ending(answer) == "done"
        assert (await scene.run()).sent == 1
        unknown = await ask(browser, "approve", page="0123456789ab")
        assert (unknown.status_code, find_ending(unknown)) == (409, "refused")


async def test_a_link_is_the_answer_and_stands_nowhere_else(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, _, browser):
        await do(browser, "send-now")
        records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
        (uri,) = [record.join_uri for record in records if record.email == JOERG]
        link = uri.get_secret_value()
        before = scene.heavy_calls()
        question = await ask(browser, "copy-link", email=JOERG)
        assert scene.heavy_calls() == before

        data = {"token": find_token(question)}
        given = await browser.post(f"/webinars/{NAME}/link", data=data)
        again = await browser.post(f"/webinars/{NAME}/link", data=data)
        assert (given.status_code, given.text) == (200, link)
        assert given.headers["cache-control"] == "no-store"
        assert given.headers["content-type"].startswith("text/plain")
        assert again.status_code == 409
        assert scene.heavy_calls() == before + 1
        assert history(scene, JOERG)[-1] == ("links", f"by {BY}")
        pages = [question.text, again.text, (await browser.get("/")).text]
        assert [text for text in pages if link in text] == []


async def test_a_link_that_does_not_exist_is_refused_in_words(tmp_path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (_, _, browser):
        await do(browser, "send-now")
        question = await ask(browser, "copy-link", email="who@example.com")
        data = {"token": find_token(question)}
        refused = await browser.post(
            f"/webinars/{NAME}/link", data=data, headers={"Accept": "text/plain"}
        )
        assert refused.status_code == 409
        assert "who@example.com is not registered" in refused.text
        assert "<" not in refused.text


@pytest.mark.parametrize(
    "fields",
    [
        {"act": ""},
        {"act": "rm"},
        {"act": "resend"},
        {"act": "retry"},
        {"act": "cancel", "all": "no"},
        {"act": "copy-link", "email": "x" * 321},
    ],
)
async def test_a_form_that_names_nothing_is_refused(tmp_path, fields):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        refused = await browser.post(f"/webinars/{NAME}/ask", data=fields)
        assert refused.status_code == 400


async def test_acts_are_no_links(tmp_path):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        for path in ("ask", "answer", "link"):
            assert (await browser.get(f"/webinars/{NAME}/{path}")).status_code == 405


async def test_names_full_of_markup_are_only_text(tmp_path):
    wild = panelist(1, first_name="<script>alert(1)</script>", last_name="&lt;b&gt;")
    async with console_stage(tmp_path, [wild]) as (_, _, browser):
        question = await ask(browser, "send-now")
        assert "<script>alert" not in question.text
        assert "&lt;script&gt;alert(1)" in question.text


@pytest.mark.parametrize(
    ("code", "back"),
    [
        ("0123456789abcdef", f"/webinars/{NAME}/people/0123456789abcdef"),
        ("//elsewhere.example", f"/webinars/{NAME}"),
        ("0123456789abcdef/../..", f"/webinars/{NAME}"),
        ("", f"/webinars/{NAME}"),
    ],
)
async def test_the_way_back_leads_to_a_page_of_this_webinar(tmp_path, code, back):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        question = await ask(browser, "copy-link", email=HANNA, person=code)
        assert f'<a class="button" href="{back}">' in question.text


async def test_viewer_sees_no_button_and_an_approver_does(tmp_path):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene) as served,
        served.client() as approver,
        served.client(ConsoleRole.VIEWER) as viewer,
    ):
        await scene.run()
        here = f"/webinars/{NAME}"
        people = re.findall(rf"{here}/people/[0-9a-f]{{16}}", (await viewer.get(here)).text)
        for path in (here, people[0], f"{here}/plan"):
            assert f"{here}/ask" not in (await viewer.get(path)).text
        for path in (here, people[0]):
            assert f"{here}/ask" in (await approver.get(path)).text


@pytest.mark.parametrize("path", ["ask", "answer", "link"])
async def test_a_page_elsewhere_can_not_act(tmp_path, path):
    async with console_stage(tmp_path, [HOST, PANELIST]) as (scene, served, browser):
        token = find_token(await ask(browser, "send-now"))
        refused = await browser.post(
            f"/webinars/{NAME}/{path}",
            data={"act": "send-now", "token": token},
            headers={"Origin": "https://elsewhere.example"},
        )
        assert refused.status_code == 403
        await served.wait_for_acts()
        assert scene.told() == []


async def test_a_whole_session_of_acts_shows_no_link_token_or_password(tmp_path):
    lines = Lines()
    rules = MailRules(lose_reply=frozenset({JOERG}))
    async with (
        stage(tmp_path, [HOST, PANELIST, panelist(1)], mail_rules=rules) as scene,
        serve_on(scene, progress=lines) as served,
        served.client() as browser,
    ):
        shown: list[str] = []
        browser.event_hooks["response"].append(lambda answer: keep(answer, shown))
        await do(browser, "send-now")
        await do(browser, "resolve-sent", email=JOERG)
        await do(browser, "resend", email=GUEST, reason="asked by phone")
        question = await ask(browser, "copy-link", email=GUEST)
        await browser.post(f"/webinars/{NAME}/answer", data={"token": find_token(question)})
        here = f"/webinars/{NAME}"
        people = re.findall(rf"{here}/people/[0-9a-f]{{16}}", (await browser.get(here)).text)
        for path in {*people, f"{here}/plan", "/"}:
            await browser.get(path)
        secrets = [*scene.join_links(), "s3cret-of-the-app", "jwt-of-the-user"]
        texts = "\n".join([*shown, *lines.said])
        assert len(shown) > 12
        assert [secret for secret in secrets if secret in texts] == []


async def keep(answer: httpx.Response, shown: list[str]) -> None:
    shown.append((await answer.aread()).decode())


@pytest.mark.parametrize("act", ["send-now", "resend"])
async def test_a_question_that_takes_too_long_is_given_up_in_words(tmp_path, act):
    async with (
        stage(tmp_path, [HOST, PANELIST]) as scene,
        serve_on(scene, step_seconds=0) as served,
        served.client() as browser,
    ):
        late = await ask(browser, act, **FORMS.get(act, {}))
        assert (late.status_code, find_ending(late)) == (503, "try later")
        assert "It takes too long just now, so nothing was done." in late.text
        # It has given its lease back.
        assert (await scene.run()).sent == 2
