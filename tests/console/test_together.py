"""Two consoles, a command line and cron on one webinar: no person twice, no person lost, no lie.

Hypothesis chooses in which order they ask, say yes, run, and change the roster. The command line
has two steps, as a person who thinks before they say yes: it holds the lease in between. What a
console has started goes on beside the steps that follow, over real sockets.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from onboarding.cli.terminal import NoProgress
from onboarding.ledger.events import WHOLE_SESSION, list_events
from onboarding.ledger.read_only import read_ledger
from onboarding.ledger.settings import find_place
from onboarding.pipeline import run
from onboarding.pipeline.lease import AlreadyRunning, webinar_lease
from onboarding.pipeline.run_values import PreparedRun
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from tests.console.acting import ask, find_ending, find_token, read_answer, say_yes
from tests.console.serving import serve_on
from tests.stage import NAME, SESSION, WEBINAR, Stage, panelist, stage

NAMES = ("Dana", "Mia")
PEOPLE = [panelist(number) for number in range(1, 5)]
EMAILS = [person["email"] for person in PEOPLE]
FIRST = 2
"""People who are on the roster from the start; each step `row` adds one."""

SENT = re.compile(r"(\d+) mails? sent")
PROMISED = re.compile(r"send (\d+) mails?\.")

CONSOLE = st.sampled_from(NAMES)
STEPS = st.one_of(
    st.tuples(st.just("ask"), CONSOLE),
    st.tuples(st.just("ask again for"), CONSOLE, st.sampled_from(EMAILS[:FIRST])),
    st.tuples(st.just("yes"), CONSOLE),
    st.tuples(st.just("read"), CONSOLE),
    st.just(("command looks",)),
    st.just(("command runs",)),
    st.just(("cron",)),
    st.just(("row",)),
)

RACE = [("ask", "Dana"), ("ask", "Mia"), ("yes", "Dana"), ("yes", "Mia"), ("cron",)]
HELD = [("ask", "Dana"), ("command looks",), ("yes", "Dana"), ("cron",), ("command runs",)]
CHANGED = [("ask", "Dana"), ("row",), ("yes", "Dana"), ("read", "Dana"), ("cron",)]
SECOND_COPY = [
    ("cron",),
    ("ask again for", "Dana", EMAILS[0]),
    ("ask again for", "Mia", EMAILS[0]),
    ("yes", "Dana"),
    ("yes", "Mia"),
    ("row",),
    ("cron",),
]


@dataclass
class Person:
    """One person at a console: the question that is open, and whether they have said yes."""

    browser: httpx.AsyncClient
    question: httpx.Response | None = None
    kind: str = ""
    has_said_yes: bool = False


@dataclass
class Scene:
    """The stage, who acts on it, and what they were told."""

    stage: Stage
    stack: AsyncExitStack
    people: dict[str, Person] = field(default_factory=dict)
    rows: int = FIRST
    command: tuple[AsyncExitStack, object, PreparedRun, object] | None = None
    sent: int = 0
    copies: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    has_cron: bool = False


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
@example(steps=RACE)
@example(steps=HELD)
@example(steps=CHANGED)
@example(steps=SECOND_COPY)
def test_together_each_person_is_mailed_once_and_told_the_truth(tmp_path, steps):
    # One folder for all examples, so that its templates are compiled once.
    for file in tmp_path.glob("onboarding.db*"):
        file.unlink()
    asyncio.run(play(tmp_path, steps))


async def play(folder: Path, steps: Sequence[tuple]) -> None:
    async with AsyncExitStack() as stack:
        staged = await stack.enter_async_context(stage(folder, PEOPLE[:FIRST]))
        scene = Scene(staged, stack)
        for name in NAMES:
            served = await stack.enter_async_context(serve_on(staged))
            browser = await stack.enter_async_context(served.client(name=name))
            scene.people[name] = Person(browser)
        for step in steps:
            await take(scene, step)
        await finish(scene)
        check(scene)


async def take(scene: Scene, step: tuple) -> None:
    match step:
        case ("ask", name):
            await ask_for(scene, name, "send-now")
        case ("ask again for", name, email):
            await ask_for(scene, name, "resend", email=email)
        case ("yes", name):
            await agree(scene.people[name])
        case ("read", name):
            await read(scene, name)
        case ("command looks",):
            await look(scene)
        case ("command runs",):
            await finish_command(scene)
        case ("cron",):
            scene.has_cron = True
            await scene.stage.cron()
        case ("row",):
            scene.rows = min(scene.rows + 1, len(PEOPLE))
            scene.stage.write_roster(PEOPLE[: scene.rows])


async def ask_for(scene: Scene, name: str, act: str, **fields: str) -> None:
    """Ask at a console. A question that waited for its yes is left alone, as people do."""
    person = scene.people[name]
    if person.has_said_yes:
        await read(scene, name)
    answer = await ask(person.browser, act, **fields)
    if answer.status_code == 409:
        assert find_ending(answer) == "held by another run"
        assert scene.command or any(other.has_said_yes for other in scene.people.values())
    is_question = answer.status_code == 200 and bool(find_token(answer))
    person.question = answer if is_question else None
    person.kind = fields.get("email", "")


async def agree(person: Person) -> None:
    if person.question and not person.has_said_yes:
        person.has_said_yes = True
        assert (await say_yes(person.browser, person.question)).status_code == 303


async def read(scene: Scene, name: str) -> None:
    """Read what came of the yes, and note what the person was told."""
    person = scene.people[name]
    if not person.has_said_yes or person.question is None:
        return
    answer = await read_answer(person.browser, person.question)
    ending = find_ending(answer)
    if "It has changed since you were asked" in answer.text:
        ending = "changed"
    assert ending in {"done", "nothing to do", "held by another run", "changed"}
    if ending == "done" and person.kind:
        scene.copies[person.kind] += 1
    elif ending == "done":
        told = int(SENT.findall(answer.text)[0])
        # What the question promised, no more and no less.
        assert told == int(PROMISED.findall(person.question.text)[0])
        scene.sent += told
        scene.agreed[name] += 1
    person.question, person.has_said_yes = None, False


async def look(scene: Scene) -> None:
    """`run NAME`, up to its question: it holds the lease while the person thinks."""
    if scene.command:
        return
    stack = AsyncExitStack()
    opened = await stack.enter_async_context(scene.stage.rooms())
    target = find_target(opened.config, NAME)
    try:
        lease = await stack.enter_async_context(webinar_lease(opened, target))
    except AlreadyRunning:
        assert any(person.has_said_yes for person in scene.people.values())
        await stack.aclose()
        return
    scene.command = (stack, opened, await run.prepare_run(opened, target, Options()), lease)


async def finish_command(scene: Scene) -> None:
    """The yes on the command line."""
    if not scene.command:
        return
    stack, opened, prepared, lease = scene.command
    async with stack:
        result = await run.execute_plan(
            opened, prepared, lease, retry_window=timedelta(), by="Ravi"
        )
    scene.command = None
    scene.sent += result.sent
    scene.agreed["Ravi"] += bool(prepared.plan)


async def finish(scene: Scene) -> None:
    """All that is open ends, and cron does what is left."""
    await finish_command(scene)
    for name in NAMES:
        await read(scene, name)
    before = len(scene.stage.told())
    assert await scene.stage.cron() == 0
    scene.sent += len(scene.stage.told()) - before


def check(scene: Scene) -> None:
    told = Counter(scene.stage.told())
    expected = {email: 1 + scene.copies[email] for email in EMAILS[: scene.rows]}
    # Each person once, and once more for each copy that somebody was told of.
    assert told == expected
    records = scene.stage.ringcentral.account.list_records(WEBINAR, SESSION)
    on_board = Counter(record.email for record in records if record.email in EMAILS)
    assert on_board == dict.fromkeys(EMAILS[: scene.rows], 1)
    total = scene.sent + scene.copies.total()
    assert total <= told.total() if scene.has_cron else total == told.total()
    assert count_agreements(scene.stage) == scene.agreed


def count_agreements(scene: Stage) -> Counter[str]:
    """Who agreed to a run, by the history."""
    path = find_place(scene.config.ledger)
    found = read_ledger(path, lambda c: list_events(c, WHOLE_SESSION), NoProgress()) or []
    agreed = [event.detail for event in found if event.what == "run"]
    return Counter(detail.removeprefix("by ").partition(":")[0] for detail in agreed)
