"""The pages of webinars and people: what they show, and what they never show."""

import re
from datetime import timedelta

import httpx
import pytest

from onboarding.config.console import ConsoleRole
from onboarding.simulator.smtp_catcher import MailRules
from tests.cli.command import on
from tests.console.serving import console_stage, serve_on
from tests.pipeline.test_schedule import write_schedule
from tests.stage import HOST, NAME, SESSION, WEBINAR, panelist, stage

pytestmark = pytest.mark.anyio

MARKUP = panelist(1, first_name='<b onclick="x()">', last_name="</td><script>alert(1)</script>")
REFUSED = MailRules(refuse={"guest2@example.com": "550 5.1.1 <img src=x onerror=alert(2)>"})
PERSON_LINK = re.compile(rf'href="(/webinars/{NAME}/people/[0-9a-f]{{16}})"')


def person_links(text: str) -> list[str]:
    return list(dict.fromkeys(PERSON_LINK.findall(text)))


async def open_message(browser: httpx.AsyncClient) -> tuple[str, httpx.Response]:
    """Walk from the first page to a message that was sent; gives its address and its page."""
    people = person_links((await browser.get(f"/webinars/{NAME}")).text)
    person = (await browser.get(people[-1])).text
    (path,) = re.findall(r'class="message-link" href="([^"]+)"', person)
    return path, await browser.get(path)


async def test_list_has_each_webinar_with_its_panel_and_what_needs_a_person(tmp_path):
    people = [HOST, panelist(1), panelist(2)]
    async with stage(tmp_path, people, more=1, mail_rules=REFUSED) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            shown = (await browser.get("/")).text
            found = (await browser.get("/?q=launch2")).text
            troubled = (await browser.get("/?show=attention")).text
            nothing = (await browser.get("/?q=%3Cnothing%3E")).text

    assert f'href="/webinars/{NAME}" dir="auto">The Launch</a>' in shown
    assert "<b>2</b> have it" in shown
    assert "<b>1</b> needs a person" in shown
    assert "No run has looked at it yet." in shown
    assert "launch2" in found
    assert "The Launch" not in found
    assert "launch2" not in troubled
    assert "No webinar matches “<bdi>&lt;nothing&gt;</bdi>”" in nothing


@pytest.mark.parametrize("query", ["?page=99", "?page=x", "?page=-1", f"?page={'9' * 5000}"])
async def test_page_that_makes_no_sense_is_the_nearest_one(tmp_path, query):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        assert "Webinars, soonest first" in (await browser.get(f"/{query}")).text


async def test_webinar_names_who_needs_a_person_first_and_says_why(tmp_path):
    people = [HOST, panelist(1), panelist(2), panelist(3, email="no address")]
    async with stage(tmp_path, people, mail_rules=REFUSED) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            shown = (await browser.get(f"/webinars/{NAME}")).text
            searched = (await browser.get(f"/webinars/{NAME}?q=guest1")).text
            only = (await browser.get(f"/webinars/{NAME}?show=attention")).text

    needs = shown[shown.index('id="needs"') : shown.index('id="people-heading"')]
    assert "Guest2 Example" in needs
    assert "550 5.1.1 &lt;img src=x onerror=alert(2)&gt;" in needs
    assert "Row 5 of the roster" in needs
    rows = re.findall(r'<tr role="row" id="person-[0-9a-f]{16}" class="(\w+)"', shown)
    assert rows == ["attention", "done", "done"]
    assert searched.count('id="person-') == 1
    assert "1 of 3 people" in searched
    assert only.count('id="person-') == 1


async def test_names_full_of_markup_are_escaped_everywhere(tmp_path):
    async with stage(tmp_path, [HOST, MARKUP]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            webinar = (await browser.get(f"/webinars/{NAME}")).text
            pages = [webinar, *[(await browser.get(at)).text for at in person_links(webinar)]]

    assert len(pages) == 3
    for page in pages:
        assert "<script>alert" not in page
        assert "<b onclick" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in webinar


async def test_webinar_without_a_run_says_so(tmp_path):
    async with console_stage(tmp_path, [HOST]) as (_, _, browser):
        answer = await browser.get(f"/webinars/{NAME}")

    assert answer.status_code == 200
    assert "No run has looked at this webinar yet" in answer.text


async def test_message_has_its_own_address_and_may_do_nothing(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            path, shown = await open_message(browser)
            frame = await browser.get(f"{path}/html")
            file = await browser.get(f"{path}/eml")

    assert shown.status_code == 200
    assert f'sandbox title="The message to Guest1 Example" src="{path}/html"' in shown.text
    assert "An invitation" in shown.text or "An entry to add" in shown.text
    policy = frame.headers["content-security-policy"]
    assert policy.startswith(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    assert frame.headers["cache-control"] == "no-store"
    assert file.headers["content-type"] == "message/rfc822"
    assert "X-Onboarding-Copy" in file.text


@pytest.mark.parametrize(
    "path",
    [
        "/webinars/nothing",
        f"/webinars/{NAME}/people/{'0' * 16}",
        f"/webinars/{NAME}/people/..%2f..%2fetc",
        f"/webinars/{NAME}/people/{'0' * 16}/messages/1",
        f"/webinars/{NAME}/people/{'0' * 16}/messages/{'9' * 400}",
        f"/webinars/{NAME}/people/{'0' * 16}/messages/x",
    ],
)
async def test_what_is_not_there_is_said_in_words(tmp_path, path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            answer = await browser.get(path)

    assert answer.status_code == 404
    assert 'class="verdict attention"' in answer.text


async def test_attached_files_are_named_with_the_message(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        (tmp_path / "list.txt").write_text("bring a pen\n", encoding="utf-8")
        write_schedule(scene, 'material = { when = "-1d", attach = ["list.txt"] }')
        await scene.run()
        scene.clock.time = scene.ringcentral.account.sessions[WEBINAR, SESSION].start
        scene.clock.time -= timedelta(days=1)
        assert (await scene.run()).sent == 1
        async with serve_on(scene) as served, served.client() as browser:
            first, *_ = person_links((await browser.get(f"/webinars/{NAME}")).text)
            person = (await browser.get(first)).text
            newest, *_ = re.findall(r'href="([^"]+/messages/[0-9]+)"', person)
            message = (await browser.get(newest)).text

    assert person.count("With list.txt") == 1
    assert re.search(r"<dt>Attached</dt><dd[^>]*>list\.txt, 1 KB</dd>", message)
    assert "bring a pen" not in message


async def test_message_of_another_person_is_not_found_under_this_one(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            path, _ = await open_message(browser)
            first, *_ = person_links((await browser.get(f"/webinars/{NAME}")).text)
            number = path.rpartition("/")[2]
            answer = await browser.get(f"{first}/messages/{number}")

    assert answer.status_code == 404


async def test_viewer_of_other_webinars_finds_nothing_of_this_one(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], more=1) as scene:
        await scene.run()
        async with serve_on(scene) as served:
            async with served.client() as browser:
                path, _ = await open_message(browser)
            person = path.partition("/messages")[0]
            webinar = f"/webinars/{NAME}"
            paths = [webinar, f"{webinar}/stream", person, f"{person}/stream", path, f"{path}/html"]
            async with served.client(ConsoleRole.VIEWER, ("launch2",)) as other:
                answers = [(await other.get(at)).status_code for at in paths]

    assert answers == [404] * len(paths)


async def test_person_has_messages_and_history(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=REFUSED) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            people = person_links((await browser.get(f"/webinars/{NAME}")).text)
            shown = (await browser.get(people[-1])).text

    assert "Guest1 Example" in shown
    assert 'class="what">sent</span>' in shown
    assert 'class="what">queued</span>' in shown
    assert "invitation" in shown


async def all_texts(browser: httpx.AsyncClient) -> list[str]:
    webinar = (await browser.get(f"/webinars/{NAME}")).text
    people = [await browser.get(at) for at in person_links(webinar)]
    path, message = await open_message(browser)
    frame, file = await browser.get(f"{path}/html"), await browser.get(f"{path}/eml")
    first = await browser.get("/")
    return [webinar, *(page.text for page in (*people, message, frame, file, first))]


async def test_webinar_has_the_latest_acts_about_it_as_a_whole(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            before = (await browser.get(f"/webinars/{NAME}")).text
            for number in range(3):
                await on(scene, "pause", NAME, "--by", f"Mia {number}")
                await on(scene, "resume", NAME, "--by", "<b>Kim</b>")
            shown = (await browser.get(f"/webinars/{NAME}")).text
            await on(scene, "call-off", NAME, "--yes")
            await scene.run()
            off = (await browser.get(f"/webinars/{NAME}")).text

    assert off.count("Called off by") == 1
    assert re.search(r'id="done"[^>]* hidden>', before)
    done = shown[shown.index('id="done"') :]
    assert re.findall(r'class="what">(\w+)<', done) == [
        "resume",
        "pause",
        "resume",
        "pause",
        "resume",
    ]
    details = re.findall(r'class="detail">([^<]+)<', done)
    assert details[:2] == ["by &lt;b&gt;Kim&lt;/b&gt;", "by Mia 2"]
    assert f"<code>onboarding history {NAME}</code> shows all." in done
    assert re.search(r'id="done"[^>]* hidden>', shown) is None


async def test_no_page_holds_a_join_link_or_a_secret(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            texts = await all_texts(browser)
            secrets = [*scene.join_links(), *scene.config.secrets.values]
            secrets += [cookie.value for cookie in browser.cookies.jar if cookie.value]

    assert len(secrets) > 4
    assert [secret for secret in secrets for text in texts if secret in text] == []


async def test_rehearsal_is_shown_beside_the_real_message(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run(to="dana@brightwater.example")
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            (person,) = person_links((await browser.get(f"/webinars/{NAME}")).text)
            shown = (await browser.get(person)).text
            (path,) = re.findall(r'<li><a href="([^"]+/messages/\d+)">Invitation</a>', shown)
            message = await browser.get(path)

    assert "sent to dana@brightwater.example on" in shown
    assert "rehearsal, sent to dana@brightwater.example" in message.text


async def test_what_is_on_the_schedule_comes_next(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)], mail_rules=REFUSED) as scene:
        write_schedule(scene, 'reminder = ["-7d 09:00", "-1d 09:00"]')
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            shown = (await browser.get(f"/webinars/{NAME}")).text
            person = (await browser.get(person_links(shown)[-1])).text

    coming = shown[shown.index('id="coming"') :]
    assert "Thu 11 Mar, 09:00 CET" in coming
    assert "<b>reminder@-7d 09:00</b> to <bdi>Hanna Holm, Guest1 Example" in coming
    assert "reminder@-7d 09:00" in person
    assert "reminder@-1d 09:00" in person


async def test_page_of_a_full_panel_is_small(tmp_path):
    people = [HOST, *(panelist(number, job_title="Engineer") for number in range(1, 99))]
    async with stage(tmp_path, people) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            await browser.post(f"/webinars/{NAME}/plan")
            paths = ("/", f"/webinars/{NAME}", f"/webinars/{NAME}/plan", f"/webinars/{NAME}/report")
            sizes = {path: len((await browser.get(path)).content) for path in paths}
            shown = (await browser.get(f"/webinars/{NAME}")).text

    assert shown.count('id="person-') == 99
    assert {path: size for path, size in sizes.items() if size > 200 * 1024} == {}
