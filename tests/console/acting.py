"""What a person does on the console's question pages: asks, says yes, reads the answer."""

import html
import re
from collections.abc import Callable

import httpx

from onboarding.cli.terminal import NoProgress
from tests.stage import NAME

TOKEN = re.compile(r'name="token" value="([^"]+)"')
STANDING = re.compile(r'<span class="pill [^"]*"><i[^>]*>[^<]*</i>([^<]*)</span>')

RELOADS = 'http-equiv="refresh"'
"""In the page of an act that is still at work."""


class Lines(NoProgress):
    """What the console prints."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


def find_token(answer: httpx.Response) -> str:
    """The token of the question on a page; empty where it asks nothing."""
    found = TOKEN.search(answer.text)
    return found[1] if found else ""


def find_ending(answer: httpx.Response) -> str:
    """How an act ended, by the page that says so."""
    found = STANDING.search(answer.text)
    return html.unescape(found[1]) if found else ""


async def ask(browser: httpx.AsyncClient, act: str, **fields: str) -> httpx.Response:
    name = fields.pop("webinar", NAME)
    return await browser.post(f"/webinars/{name}/ask", data={"act": act, **fields})


async def say_yes(
    browser: httpx.AsyncClient, question: httpx.Response, **fields: str
) -> httpx.Response:
    """Say yes to a question; gives where the browser is sent."""
    path = question.request.url.path.replace("/ask", "/answer")
    return await browser.post(path, data={"token": find_token(question), **fields})


async def read_answer(browser: httpx.AsyncClient, question: httpx.Response) -> httpx.Response:
    """The page that says what came of a yes, once the act has ended."""
    path = question.request.url.path.replace("/ask", f"/answers/{find_token(question)}")
    return await poll(lambda: browser.get(path), lambda page: RELOADS not in page.text)


async def poll(
    get: Callable[[], object], is_enough: Callable[[httpx.Response], bool]
) -> httpx.Response:
    """Ask again until the answer is enough: each request lets the server go on."""
    while not is_enough(answer := await get()):
        pass
    return answer


async def do(browser: httpx.AsyncClient, act: str, **fields: str) -> httpx.Response:
    """Ask, say yes, and read the answer."""
    reason = {"reason": fields.pop("reason")} if "reason" in fields else {}
    question = await ask(browser, act, **fields)
    await say_yes(browser, question, **reason)
    return await read_answer(browser, question)
