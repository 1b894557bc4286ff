"""A crowd of fictional people in webinars of 99, mailed by the pipeline, for `throughput.py`.

Everything between the plan and the recorded answer is the program's own: plan, queue, claim,
message, verification, transaction, ledger on the disk. Only RingCentral is missing: its answers are
made up here.
"""

import asyncio
import gc
import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from join_links import make_link
from pydantic import SecretStr

from onboarding.__main__ import NEW_OBJECTS, THREAD_TURN
from onboarding.cli.terminal import NoProgress, loop_factory
from onboarding.config import Config, load
from onboarding.ledger import deliveries, registrations, sessions
from onboarding.messages.composer import Composer
from onboarding.messages.request import MessageRequest, ProtectedValues
from onboarding.model.deliveries import Message
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Role, Roster
from onboarding.model.registrations import Standing
from onboarding.model.sessions import Registration, Session, SessionKey, SessionStatus, Webinar
from onboarding.pipeline.deliver import deliver, queue_messages
from onboarding.pipeline.delivery_run import prepare_delivery
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.mailer import load_templates
from onboarding.pipeline.refresh import RunState
from onboarding.pipeline.services import Services, open_services
from onboarding.pipeline.target import Target
from onboarding.plan import Options, Snapshot, make_plan

SEATS = 99
CONFIG = """
[smtp]
host = "127.0.0.1"
port = {port}
security = "none"
max_connections = {connections}
[ledger]
keep_messages = {days}
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
reply_to = "Brightwater Events Team <events@brightwater.example>"
"""


@dataclass(frozen=True)
class Measurement:
    """What a crowd cost: seconds on the clock and of the processor, and the most memory (MB)."""

    messages: int
    seconds: float
    processor: float
    memory: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def each(self) -> float:
        """Processor time of a message, in microseconds, all threads of the process together."""
        return self.processor / self.messages * 1e6


def make_config(folder: Path, port: int, connections: int, days: int = 90) -> Config:
    """Write a configuration as a user would, and read it."""
    file = folder / "config.toml"
    file.write_text(CONFIG.format(port=port, connections=connections, days=days), encoding="utf-8")
    return load(file, {})


async def mail_crowd(config: Config, people: int, seats: int = SEATS) -> Measurement:
    """Mail so many people, one webinar after the other, as `run --all` does."""
    seconds = processor = 0.0
    async with open_services(config, NoProgress()) as services:
        load_templates(config, _target(1))
        for number, first in enumerate(range(1, people + 1, seats), 1):
            state = await _register(services, number, range(first, min(first + seats, people + 1)))
            began, worked = time.perf_counter(), time.process_time()
            await _mail(services, _target(number), state)
            seconds += time.perf_counter() - began
            processor += time.process_time() - worked
            await _assert_sent(services, state)
    return Measurement(
        people, seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    )


async def _mail(services: Services, target: Target, state: RunState) -> None:
    async with webinar_lease(services, target) as holder:
        plan = make_plan(state.snapshot, Options())
        await queue_messages(services, state, plan)
        work = prepare_delivery(
            services, state, plan, load_templates(services.config, target), holder, rehearsal=False
        )
        await deliver(work, timedelta())


async def _assert_sent(services: Services, state: RunState) -> None:
    entries = await services.ledger.run(deliveries.list_deliveries, state.session_row)
    states = {entry.delivery.state for entry in entries}
    if states != {"sent"} or len(entries) != len(state.snapshot.roster.invitees):
        raise SystemExit(f"Not all were mailed ({states}): the figures would be worth nothing.")


async def _register(services: Services, number: int, who: range) -> RunState:
    """One webinar as the pipeline sees it after all were registered, before any was mailed."""
    session = _session(number)
    people = tuple(_person(number) for number in who)
    row = await services.ledger.run(sessions.upsert, session)
    now = services.clock.now()
    await services.ledger.run(registrations.set_standing, row, people, Standing.ADDED, now)
    known = await services.ledger.run(registrations.load_managed, row)
    snapshot = Snapshot(session, Roster(people, ()), tuple(map(_record, people)), now, known)
    return RunState(row, snapshot, Webinar(session.key.webinar_id, session.title), remembered=False)


def _target(number: int) -> Target:
    return Target(f"webinar-{number}", str(number))


def _session(number: int) -> Session:
    return Session(
        key=SessionKey("https://ringcentral.example", str(number), "1"),
        title="Robots in the warehouse",
        start=datetime.now(UTC).replace(microsecond=0) + timedelta(days=14),
        duration=timedelta(minutes=90),
        time_zone="Europe/Berlin",
        status=SessionStatus.SCHEDULED,
        join_offset=timedelta(minutes=15),
        locale="en_US",
    )


def _person(number: int) -> Invitee:
    return Invitee(
        number + 1,
        f"person{number}@example.com",
        Role.PANELIST,
        f"Zoë{number}",
        "Müller",
        "Engineer",
    )


def _record(person: Invitee) -> Registration:
    link = SecretStr(make_link(person.row))
    return Registration(
        f"{person.row}",
        person.role,
        person.email,
        None,
        person.first_name,
        person.last_name,
        person.job_title,
        send_invite=False,
        join_uri=link,
        phone_code="482 917",
    )


def make_sample(config: Config) -> bytes:
    """One person's message, for the other programs to send: so all carry the same bytes."""
    person = Invitee(2, "FORWHOM@example.com", Role.PANELIST, "FORWHOM", "Mueller", "Engineer")
    link = SecretStr("https://v.ringcentral.example/w/join/FORWHOM")
    record = Registration("1", Role.PANELIST, person.email, join_uri=link, phone_code="482 917")
    request = MessageRequest(
        kind=Kind.INVITATION,
        invitee=person,
        session=_session(1),
        registration=record,
        uid=f"{1:040x}@brightwater.example",
        message_id=f"<{1:040x}@brightwater.example>",
        date=datetime.now(UTC),
        recipient=person.email,
        panel=(person,),
    )
    message = Composer(
        load_templates(config, _target(1)), ProtectedValues.of([link], [person.email])
    ).compose(request)
    if not isinstance(message, Message):
        raise SystemExit(f"the message was rejected: {message.reason}")
    return message.body


def run(
    folder: Path, port: int, connections: int, people: int, seats: int = SEATS, days: int = 90
) -> Measurement:
    """Measure one crowd in this process, as the command line sets it up.

    Copies of messages are kept for so many `days`; 0 keeps none.
    """
    gc.set_threshold(NEW_OBJECTS)
    sys.setswitchinterval(THREAD_TURN)
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(mail_crowd(make_config(folder, port, connections, days), people, seats))
