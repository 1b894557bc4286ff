"""Pages that follow the ledger: what is sent, when, and how often."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from onboarding.console.live import digest_parts, find_news
from onboarding.console.live_parts import LiveParts
from onboarding.ledger.changes import NO_LEDGER, watch_changes
from onboarding.ledger.settings import find_place
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.ledger_watch import LedgerWatch
from tests.console.serving import serve_on
from tests.stage import HOST, NAME, panelist, stage

pytestmark = pytest.mark.anyio

OLD = {"now": "<p>1</p>", "person-a": "<tr>1</tr>"}


@pytest.mark.parametrize(
    ("shown", "parts", "seen", "news"),
    [
        (OLD, OLD, "", None),
        (OLD, {**OLD, "now": "<p>2</p>"}, "", {"parts": {"now": "<p>2</p>"}}),
        (OLD, {**OLD, "person-b": "<tr>1</tr>"}, "", {"whole": True}),
        (OLD, {"now": "<p>1</p>"}, "", {"whole": True}),
        ({}, OLD, digest_parts(OLD), None),
        ({}, OLD, "another", {"whole": True}),
        ({}, OLD, "", {"whole": True}),
    ],
    ids=["same", "changed", "come", "gone", "as the page", "not as the page", "unknown page"],
)
def test_only_what_has_changed_is_sent(shown, parts, seen, news):
    assert find_news(shown, parts, seen) == news


async def read_events(answer: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    name, lines = "", []
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name, lines = line.removeprefix("event: "), []
        elif line.startswith("data: "):
            lines.append(line.removeprefix("data: "))
        elif lines:
            yield name, "\n".join(lines)
            lines = []


async def test_stream_follows_a_run_of_another_process_and_holds_no_secret(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            page = (await browser.get(f"/webinars/{NAME}")).text
            stream = re.search(r'data-stream="([^"]+)" data-version="([^"]+)"', page)
            assert stream
            path = f"{stream[1]}&seen={stream[2]}"
            async with browser.stream("GET", path) as answer:
                events = read_events(answer)
                following = asyncio.ensure_future(anext(events))
                scene.write_roster([HOST, panelist(1), panelist(2)])
                # By connections of its own, as the run of another process has.
                await scene.run()
                seen = [await following]
                while json.loads(seen[-1][1]) != {"whole": True}:
                    seen.append(await anext(events))
            fresh = (await browser.get(f"/webinars/{NAME}")).text
            secrets = [*scene.join_links(), *scene.config.secrets.values]

    assert {name for name, _ in seen} == {"message"}
    assert "Guest2 Example" not in page
    assert "Guest2 Example" in fresh
    sent = "".join(text for _, text in seen)
    assert [secret for secret in secrets if secret in sent] == []


async def test_ledger_that_can_not_be_read_is_said_and_the_page_stays(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            file = find_place(scene.config.ledger)
            file.rename(file.with_suffix(".away"))
            file.mkdir()
            async with browser.stream("GET", "/stream?seen=old") as answer:
                events = read_events(answer)
                name, text = await anext(events)
                file.rmdir()
                file.with_suffix(".away").rename(file)
                # Readable again: the page is fetched whole, and no longer says that it is old.
                async for again in events:
                    if again != (name, text):
                        break

    assert name == "trouble"
    assert "is not a file" in text
    assert again == ("message", '{"whole": true}')


async def test_stream_of_a_person_who_is_gone_says_so_and_ends(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        async with serve_on(scene) as served, served.client() as browser:
            answer = await browser.get(f"/webinars/{NAME}/people/{'0' * 16}/stream?seen=old")

    assert answer.text.startswith(
        "event: trouble\ndata: There is no such person on this panel now."
    )
    assert answer.text.endswith("event: end\ndata: \n\n")


async def test_page_that_many_look_at_is_rendered_once_a_tick(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        live = LiveParts(LedgerWatch(scene.config), Clock())
        made = []

        def make() -> dict[str, str]:
            made.append(1)
            return OLD

        first = await asyncio.gather(*(live.find(1, "page", make) for _ in range(50)))
        await live.find(1, "another page", make)
        await live.find(2, "page", make)

    assert first == [OLD] * 50
    assert len(made) == 3


async def test_version_changes_with_each_write_of_another_connection(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        changes = watch_changes(find_place(scene.config.ledger))
        before = changes.find_version()
        await scene.run()
        first, again = changes.find_version(), changes.find_version()
        await scene.run()
        second = changes.find_version()
        changes.close()

    assert before == NO_LEDGER
    assert first == again
    assert first != second


async def test_version_changes_with_the_file(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        file = find_place(scene.config.ledger)
        changes = watch_changes(file)
        first = changes.find_version()
        copy = file.with_suffix(".copy")
        copy.write_bytes(file.read_bytes())
        copy.replace(file)
        second = changes.find_version()
        changes.close()

    assert first != second


async def test_watch_looks_less_often_when_pages_take_long(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        slept: list[float] = []
        go_on = asyncio.Event()

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) > 3:
                await go_on.wait()

        watch = LedgerWatch(scene.config, sleep)
        watch.add_time_spent(10.0)
        async with watch.follow():
            # By itself after a while: a countdown goes on without a write.
            assert await watch.wait_for_change(0) == 1
        go_on.set()

    assert slept[:2] == [40.0, 0.5]


async def test_watch_closes_the_ledger_without_followers(tmp_path):
    async with stage(tmp_path, [HOST]) as scene:
        await scene.run()
        file = find_place(scene.config.ledger)
        turns: asyncio.Queue[None] = asyncio.Queue()

        async def sleep(_seconds: float) -> None:
            await turns.get()

        watch = LedgerWatch(scene.config, sleep)
        async with watch.follow():
            turns.put_nowait(None)
        task = watch._task
        assert task
        turns.put_nowait(None)
        await task

        assert watch._changes._connection is None
        assert file.exists()
