"""Times the messages of whole panels, from a session's first on, in this checkout and in another.

    python benchmarks/panels.py TEMPLATES METHOD    prints times as JSON, once for each line read

Both versions render the templates of the other checkout, and publish the calendar entry, or they
would write different messages: the shipped templates grow too, and what older versions wrote was
published. Beside that ratio, as information, is the one with the templates of this checkout and its
entry, which asks its reader and travels twice. Each of the three has a process of its own, and they
take turns, so that all meet the same load of the machine. Of each message the best round counts.
Imports nothing of the program that an older checkout does not have.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from join_links import make_link
from pydantic import SecretStr

HERE = Path(__file__).parents[1]
PANELS = {
    "99 alike": (99, False),
    "99 mixed": (99, True),
    "10 alike": (10, False),
    "10 mixed": (10, True),
}
AT_MOST = {"99 mixed": 0.78, "10 mixed": 0.85}
"""Of the plain messages of ef5d948, which had moulds beside them."""

KINDS = [
    (role, language, zone)
    for role in ("PANELIST", "COHOST", "HOST")
    for language in ("en", "de")
    for zone in ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
]


class Version(NamedTuple):
    """A checkout of the program, the folder of the templates that it renders, and `METHOD`."""

    checkout: Path
    templates: Path
    calendar: str


def compare(rounds: int, baseline: Path | None) -> None:
    """Time all panels and print them, beside the baseline's where there is one."""
    if baseline is None:
        (today,) = time_versions([Version(HERE, HERE / "templates", "request")], rounds)
        print(f"{'panel':10}{'ours':>8}")
        for panel, taken in today.items():
            print(f"{panel:10}{taken:8.0f}")
        return
    other = baseline.resolve()
    versions = (
        Version(HERE, other / "templates", "publish"),
        Version(other, other / "templates", "publish"),
        Version(HERE, HERE / "templates", "request"),
    )
    same, before, today = time_versions(versions, rounds)
    print("both publish the baseline's templates; last, ours ask with our own")
    print(
        f"{'panel':10}{'ours':>8}{'baseline':>10}{'ratio':>8}"
        f"{'floor':>16}{'our own':>10}{'ratio':>8}"
    )
    for panel in PANELS:
        ratio = same[panel] / before[panel]
        print(
            f"{panel:10}{same[panel]:8.0f}{before[panel]:10.0f}{ratio:8.2f}"
            f"{verdict(panel, ratio):>16}{today[panel]:10.0f}{today[panel] / before[panel]:8.2f}"
        )


def time_versions(versions: Sequence[Version], rounds: int) -> list[dict[str, float]]:
    """Time all panels with each version, in turn: microseconds for a message of each panel."""
    best: list[dict[str, list[float]]] = [{} for _ in versions]
    with ExitStack() as stack:
        ask_each = [stack.enter_context(start_timer(version)) for version in versions]
        for _round in range(max(rounds, 1)):
            for known, ask in zip(best, ask_each, strict=True):
                for panel, taken in ask().items():
                    known[panel] = list(map(min, known.get(panel, taken), taken))
    return [
        {panel: sum(taken) / len(taken) * 1e6 for panel, taken in known.items()} for known in best
    ]


def verdict(panel: str, ratio: float) -> str:
    """Say whether a ratio is good enough; empty for a panel without a floor."""
    most = AT_MOST.get(panel)
    return f"{most} {'met' if ratio <= most else 'MISSED'}" if most else ""


@contextmanager
def start_timer(version: Version) -> Iterator[Callable[[], dict[str, list[float]]]]:
    """Start a process that times a version's panels whenever it is asked."""
    environment = os.environ | {"PYTHONPATH": str(version.checkout)}
    process = subprocess.Popen(
        [sys.executable, __file__, str(version.templates), version.calendar],
        cwd=version.checkout,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    asked, answers = process.stdin, process.stdout

    def ask() -> dict[str, list[float]]:
        print(file=asked, flush=True)
        if not (answer := answers.readline()):
            raise SystemExit(f"the messages of {version.checkout} can't be timed")
        timed: dict[str, list[float]] = json.loads(answer)
        return timed

    try:
        yield ask
    finally:
        asked.close()
        process.wait()


def find(*places: str) -> Any:
    """Find the first of these that a checkout has: modules and classes had other names before."""
    for place in places:
        module, _, name = place.partition(":")
        with suppress(ImportError, AttributeError):
            return getattr(importlib.import_module(module), name)
    return None


class Messages:
    """The messages of this process's checkout, whatever its version."""

    def __init__(self, templates: Path, calendar: str) -> None:
        self.request = find(
            "onboarding.messages.request:MessageRequest", "onboarding.letters.letter:Letter"
        )
        self.protected = find(
            "onboarding.messages.request:ProtectedValues", "onboarding.letters.letter:Guarded"
        )
        self.composer = find(
            "onboarding.messages.composer:Composer", "onboarding.letters.stationery:Composer"
        )
        load = find("onboarding.messages.load:load_template_set")
        load = load or (
            find(
                "onboarding.messages.composer:TemplateSet",
                "onboarding.messages.templates:TemplateSet",
                "onboarding.letters.stationery:Stationery",
            ).load
        )
        settings = find(
            "onboarding.messages.settings:BrandSettings",
            "onboarding.letters.settings:BrandSettings",
        )
        self.people = importlib.import_module("onboarding.model.people")
        self.sessions = importlib.import_module("onboarding.model.sessions")
        self.kinds = find("onboarding.model.kinds:Kind", "onboarding.model.deliveries:Kind")
        brand = settings(
            name="Northwind",
            sender="Northwind <webinars@northwind.example>",
            reply_to="help@northwind.example",
            calendar=calendar,
        )
        self.templates = load([templates], brand)
        self.numbers = count(1)
        self.session = self.sessions.Session(
            key=self.sessions.SessionKey("https://platform.example", "101", "201"),
            title="Robots in the warehouse",
            start=datetime(2026, 5, 12, 13, 0, tzinfo=UTC),
            duration=timedelta(minutes=90),
            time_zone="Europe/Berlin",
            status=self.sessions.SessionStatus.SCHEDULED,
            join_offset=timedelta(minutes=15),
            locale="en_US",
        )

    def times(self, people: int, *, mixed: bool) -> list[float]:
        """Time each message of a new session, in seconds."""
        requests = [
            self.make_request(number, *(KINDS[number * 7 % len(KINDS)] if mixed else KINDS[0]))
            for number in range(people)
        ]
        protected = self.protected.of(
            [request.join_link for request in requests],
            [request.recipient for request in requests],
        )
        compose = self.composing(protected)
        taken = []
        for request in requests:
            began = time.perf_counter()
            message = compose(request)
            taken.append(time.perf_counter() - began)
            if not hasattr(message, "body"):
                raise SystemExit("a message was rejected: the figures would be worth nothing")
        return taken

    def composing(self, protected: object) -> Callable[[object], object]:
        """Give what composes a session's messages: in older checkouts the templates do."""
        if self.composer is None:
            return lambda request: self.templates.compose(request, protected)
        composing: Callable[[object], object] = self.composer(self.templates, protected).compose
        return composing

    def make_request(self, number: int, role: str, language: str, zone: str) -> Any:
        """Ask for a message to one of many people, with a link that no other session has."""
        row = number + 2
        person = self.people.Invitee(
            row=row,
            email=f"person{row}@example.com",
            role=self.people.Role[role],
            first_name=f"Zoë{row}",
            last_name="Müller",
            language=language,
            time_zone=zone,
        )
        link = SecretStr(make_link(next(self.numbers)))
        return self.request(
            kind=self.kinds.INVITATION,
            invitee=person,
            session=self.session,
            registration=self.sessions.Registration(
                "1", person.role, join_uri=link, phone_code="482 917"
            ),
            message_id=f"<{row:040x}@northwind.example>",
            date=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
            recipient=person.email,
            panel=(person,),
            **self.name_entry(row),
        )

    def name_entry(self, row: int) -> dict[str, Any]:
        """Name the calendar entry as the checkout's version does."""
        known = {field.name for field in fields(self.request)}
        return {"uid": f"{row:040x}@northwind.example"} if "uid" in known else {"number": 1}


if __name__ == "__main__":
    messages = Messages(Path(sys.argv[1]), sys.argv[2])
    for _asked in sys.stdin:
        timed = {
            name: messages.times(people, mixed=mixed) for name, (people, mixed) in PANELS.items()
        }
        print(json.dumps(timed), flush=True)
