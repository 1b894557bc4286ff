"""Microseconds per message: ours stage by stage, the plain way beside it, and panels of people.

    python benchmarks/letters.py [people] [rounds] [--baseline CHECKOUT]

The shipped templates, one session, different people. The plain way renders the same templates, and
lets `icalendar` build each calendar, `email` build each message and read it back for the same
questions. Best round of each stage counts.

Panels are timed from a session's first message on: people who are all alike, and people of three
roles, two languages and three time zones. `--baseline` times the plain messages of another checkout
beside them, in turn, with that checkout's templates and a published entry in both (`panels.py`).
"""

import argparse
import email
import email.policy
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import panels
from icalendar import Calendar, Event
from join_links import make_link
from pydantic import SecretStr

from onboarding.messages import calendar, verify
from onboarding.messages.composer import Composer
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import MessageParts, build_message
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.messages.settings import BrandSettings
from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Role
from onboarding.model.sessions import Registration, Session, SessionKey, SessionStatus

TEMPLATES = Path(__file__).parents[1] / "templates"
BRAND = BrandSettings(
    name="Northwind",
    sender="Northwind <webinars@northwind.example>",
    reply_to="help@northwind.example",
)
SESSION = Session(
    key=SessionKey("https://platform.example", "101", "201"),
    title="Robots in the warehouse",
    start=datetime(2026, 5, 12, 13, 0, tzinfo=UTC),
    duration=timedelta(minutes=90),
    time_zone="Europe/Berlin",
    status=SessionStatus.SCHEDULED,
    join_offset=timedelta(minutes=15),
    locale="en_US",
)
PANEL: tuple[Invitee, ...] = ()
TARGET = 400
"""Microseconds for a whole message of ours."""


def make_request(number: int) -> MessageRequest:
    """Ask for a message to one of many people."""
    person = Invitee(number, f"person{number}@example.com", Role.PANELIST, f"Zoë{number}", "Müller")
    link = SecretStr(make_link(number))
    return MessageRequest(
        kind=Kind.INVITATION,
        invitee=person,
        session=SESSION,
        registration=Registration("1", Role.PANELIST, join_uri=link, phone_code="482 917"),
        uid=f"{number:040x}@northwind.example",
        message_id=f"<{number:040x}@northwind.example>",
        date=datetime(2026, 5, 1, 9, 30, tzinfo=UTC),
        recipient=person.email,
        panel=PANEL,
    )


class Bench:
    """One set of requests, and each stage of ours and of the plain way over it."""

    def __init__(self, people: int) -> None:
        self.templates = load_template_set([TEMPLATES], BRAND)
        self.requests = [make_request(number) for number in range(1, people + 1)]
        links = [request.join_link for request in self.requests if request.join_link]
        self.protected = ProtectedValues.of(links, [request.recipient for request in self.requests])
        self.parts = [
            self.templates.render_parts(request, request.recipient) for request in self.requests
        ]
        self.finished = [self.templates.frames["REQUEST"].fill(parts) for parts in self.parts]

    def render(self) -> None:
        """Render HTML, text and subject, without the calendar entry, which `calendar` measures."""
        for request in self.requests:
            self.templates.render_parts(request, request.recipient)

    def calendar(self) -> None:
        """The calendar entry, from its session's skeleton."""
        for request in self.requests:
            calendar.calendar_entry(
                request,
                BRAND,
                SESSION.title,
                request.invitee.name,
                "Please be there by 2:45 PM.\n" * 6,
            )

    def assembly(self) -> None:
        """The message's bytes, from the template's skeleton."""
        for parts in self.parts:
            self.templates.frames["REQUEST"].fill(parts)

    def check(self) -> None:
        """The check on the finished bytes."""
        for request, body in zip(self.requests, self.finished, strict=True):
            verify.find_violation(
                body, request, request.recipient, self.protected, self.templates.configured
            )

    def compose(self) -> None:
        """All of it, from a session's first message on."""
        composer = Composer(self.templates, self.protected)
        for request in self.requests:
            if not isinstance(composer.compose(request), Message):
                raise SystemExit("a message was rejected: the figures would be worth nothing")

    def plain_calendar(self) -> None:
        """The calendar entry, built by `icalendar` each time."""
        for request in self.requests:
            plain_entry(request)

    def plain_assembly(self) -> None:
        """The message, built by `email` each time."""
        for parts in self.parts:
            build_message(BRAND, "REQUEST", None, parts).as_bytes()

    def plain_check(self) -> None:
        """The message, read back by `email`."""
        for request, body in zip(self.requests, self.finished, strict=True):
            plain_check(request, body)


def plain_entry(request: MessageRequest) -> bytes:
    """Build the calendar entry as the library's manual does."""
    event = Event()
    link = request.join_link.get_secret_value() if request.join_link else ""
    for name, value in {
        "uid": request.message_id,
        "sequence": request.sequence,
        "dtstamp": request.date,
        "dtstart": SESSION.start,
        "dtend": SESSION.end,
        "summary": SESSION.title,
        "description": "Please be there by 2:45 PM.\n" * 6,
        "location": link,
        "url": link,
        "organizer": f"mailto:{BRAND.sender_address}",
    }.items():
        event.add(name, value)
    whole = Calendar()
    whole.add("prodid", calendar.PRODUCT)
    whole.add("version", "2.0")
    whole.add("method", "REQUEST")
    whole.add_component(event)
    return bytes(whole.to_ical())


def plain_check(request: MessageRequest, body: bytes) -> None:
    """Read a message back by the `email` package and look for the link in each part."""
    message = email.message_from_bytes(body, policy=email.policy.default)
    link = request.join_link.get_secret_value() if request.join_link else ""
    for part in message.walk():
        if part.get_content_maintype() == "text" and link not in part.get_content().replace(
            "\r\n ", ""
        ):
            raise SystemExit("a message lacks its link: the figures would be worth nothing")


def microseconds(stage: Callable[[], None], messages: Sequence[MessageParts], rounds: int) -> float:
    """Time a stage per message in its best round: in the others the machine had more to do."""
    best = float("inf")
    for _round in range(rounds):
        started = time.perf_counter()
        stage()
        best = min(best, time.perf_counter() - started)
    return best / len(messages) * 1e6


def stages(people: int, rounds: int) -> None:
    """Measure ours and the plain way, stage by stage, and print them."""
    bench = Bench(people)
    ours = (bench.render, bench.calendar, bench.assembly, bench.check, bench.compose)
    plain = (bench.plain_calendar, bench.plain_assembly, bench.plain_check)
    taken = {stage.__name__: microseconds(stage, bench.parts, rounds) for stage in ours}
    taken |= {
        stage.__name__: microseconds(stage, bench.parts, max(2, rounds // 5)) for stage in plain
    }
    taken["render"] -= taken["calendar"]
    plainly = taken["render"] + sum(taken[stage.__name__] for stage in plain)
    html, body = len(bench.parts[0].html.encode()), len(bench.finished[0])
    print(
        f"microseconds per message ({people} people, HTML {html:,} bytes, message {body:,} bytes)\n"
    )
    print(f"{'':10}{'ours':>8}{'plain':>8}")
    print(f"{'render':10}{taken['render']:8.0f}{taken['render']:8.0f}")
    for name in ("calendar", "assembly", "check"):
        print(f"{name:10}{taken[name]:8.0f}{taken['plain_' + name]:8.0f}")
    print(f"{'together':10}{taken['compose']:8.0f}{plainly:8.0f}   target for ours: {TARGET}\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("people", type=int, nargs="?", default=200)
    parser.add_argument("rounds", type=int, nargs="?", default=15)
    parser.add_argument(
        "--baseline", type=Path, help="another checkout of this repository, timed in the same run"
    )
    given = parser.parse_args()
    stages(given.people, given.rounds)
    panels.compare(given.rounds, given.baseline)


if __name__ == "__main__":
    main()
