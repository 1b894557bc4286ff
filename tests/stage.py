"""A whole stage for the program: a folder, RingCentral, and a mail server on loopback.

The folder is as `onboarding init` makes it. Everything is real but the vendor: HTTP and SMTP over
sockets, a ledger in a file, the shipped templates.
"""

import asyncio
import csv
import email
import email.policy
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from itertools import chain
from pathlib import Path

from onboarding import roster
from onboarding.cli.run_all import run_all
from onboarding.cli.run_options import RunOptions
from onboarding.cli.terminal import NoProgress
from onboarding.config import Config, load
from onboarding.model.ports import Progress
from onboarding.pipeline import run, services
from onboarding.pipeline.by_hand import LockedWebinar, lock_webinar
from onboarding.pipeline.clock import Clock as RunClock
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.run_values import Result
from onboarding.pipeline.status import Status, read_status
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.limits import LimitGroup, Limits
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import RunningRingCentral, serve_ringcentral
from onboarding.simulator.smtp_catcher import MailRules, RunningMail, serve_mail
from tests.clock import Clock
from tests.samples import CARLOS, HANNA, JOERG

WEBINAR = "123456789012"
SESSION = "5550001"
NAME = "launch"

ROOMY = Limits(heavy=1000, medium=1000, light=1000, auth=1000)
"""For commands in a process of their own: by their real clock, a limit would take a real minute."""

Action = Callable[[LockedWebinar, list[str] | None], Awaitable[Sequence[str]]]

HOST = HANNA.as_row()
COHOST = CARLOS.as_row(account_id="800100200", user_id="800100202")
PANELIST = JOERG.as_row()

CONFIG = f"""
[smtp]
host = "127.0.0.1"
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
[webinars.{NAME}]
webinar = "{WEBINAR}"
session = "{SESSION}"
invitees = "invitees.csv"
"""


def panelist(number: int, **more: str) -> dict[str, str]:
    """The n-th made-up guest."""
    person = {
        "first_name": f"Guest{number}",
        "last_name": "Example",
        "email": f"guest{number}@example.com",
    }
    return {**person, "role": "Panelist", **more}


@dataclass
class Stage:
    """The folder and the servers, with what many tests do to them."""

    folder: Path
    ringcentral: RunningRingCentral
    mail: RunningMail
    clock: Clock
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return load(self.folder / "config.toml", self.variables)

    def write_roster(self, people: Iterable[Mapping[str, str]]) -> None:
        write_roster(self.folder / "invitees.csv", people)

    @asynccontextmanager
    async def rooms(
        self, stop: asyncio.Event | None = None, progress: Progress | None = None
    ) -> AsyncIterator[services.Services]:
        """The rooms as a command opens them, with the stage's clock."""
        clock = RunClock(self.clock.now, self.clock.sleep, lambda: 0.5, self.clock.linger)
        async with services.open_services(
            self.config, progress or NoProgress(), clock, stop or asyncio.Event()
        ) as opened:
            yield opened

    async def run(
        self,
        options: Options | None = None,
        *,
        name: str = NAME,
        to: str = "",
        patience: timedelta = timedelta(),
        stop: asyncio.Event | None = None,
        progress: Progress | None = None,
    ) -> Result:
        """One `onboarding run NAME --yes --wait 0`."""
        async with self.rooms(stop, progress) as opened:
            goal = find_target(opened.config, name)
            async with webinar_lease(opened, goal) as holder:
                ready = await run.prepare_run(opened, goal, options or Options())
                return await run.execute_plan(
                    opened, ready, holder, rehearsal_to=to, retry_window=patience
                )

    async def cron(self, *, linger: timedelta = timedelta(), as_json: bool = False) -> int:
        """One `onboarding run --all`; returns the exit code."""
        clock = RunClock(self.clock.now, self.clock.sleep, lambda: 0.5)
        options = RunOptions(patience=timedelta(), linger=linger, as_json=as_json)
        return await run_all(self.config, options, asyncio.Event(), clock)

    async def decide(self, action: Action, emails: list[str] | None = None) -> list[str]:
        """Do what `resolve`, `retry` or `cancel` does: `decide(LockedWebinar.retry)`."""
        async with (
            self.rooms() as opened,
            lock_webinar(opened, find_target(opened.config, NAME), "Mia") as webinar,
        ):
            return list(await action(webinar, emails))

    async def states(self) -> dict[str, str]:
        """Each person's latest delivery: address -> state."""
        records = (await self.status()).current
        return {record.delivery.email: record.delivery.state.value for record in records}

    async def status(self) -> Status:
        return await read_status(
            self.config, find_target(self.config, NAME), self.clock.now(), NoProgress()
        )

    def messages(self) -> list[EmailMessage]:
        """What the mail server took, parsed by the standard library."""
        return [as_email(message.content) for message in self.mail.messages()]

    def recipients(self) -> list[str]:
        return sorted(self.told())

    def heavy_calls(self) -> int:
        return self.ringcentral.requests.count_groups()[LimitGroup.HEAVY]

    def join_links(self) -> set[str]:
        """All people's join links at RingCentral, in the clear."""
        records = self.ringcentral.account.list_records(WEBINAR, SESSION)
        return {record.join_uri.get_secret_value() for record in records}

    def told(self) -> list[str]:
        """The recipients of all messages that the mail server accepted, in order."""
        messages = self.mail.messages()
        return list(chain.from_iterable(message.recipients for message in messages))


@asynccontextmanager
async def stage(
    folder: Path,
    people: Iterable[Mapping[str, str]],
    *,
    more: int = 0,
    limits: Limits | None = None,
    mail_rules: MailRules | None = None,
    faults: Iterable[str] = (),
) -> AsyncIterator[Stage]:
    """Set the stage for a webinar with this roster.

    `more` webinars (`launch2`, ...) have the same roster.
    """
    people = list(people)
    clock = Clock()
    others = {f"{NAME}{number}": str(int(WEBINAR) + number) for number in range(2, more + 2)}
    sections = [
        f'[webinars.{name}]\nwebinar = "{id_}"\ninvitees = "invitees.csv"\n'
        for name, id_ in others.items()
    ]
    (folder / "config.toml").write_text(CONFIG + "".join(sections), encoding="utf-8")
    write_roster(folder / "invitees.csv", people)
    invitees = roster.read((folder / "invitees.csv").read_bytes()).invitees
    staged = [
        WebinarSeed(WEBINAR, SESSION, invitees, "The Launch"),
        *(WebinarSeed(webinar_id, "", invitees) for webinar_id in others.values()),
    ]
    world = seed_account(staged, clock.now())
    async with (
        serve_ringcentral(world, limits=limits, faults=faults, clock=clock.now) as ringcentral,
        serve_mail(None, rules=mail_rules) as mail,
    ):
        yield Stage(folder, ringcentral, mail, clock, _variables(ringcentral.url, mail.port))


def write_roster(path: Path, people: Iterable[Mapping[str, str]]) -> None:
    """Write people as a spreadsheet would, further columns last."""
    rows = list(people)
    columns = [
        "first_name",
        "last_name",
        "email",
        "role",
        "job_title",
        "language",
        "time_zone",
        "account_id",
        "user_id",
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        further = {key for person in rows for key in person} - {*columns}
        writer = csv.DictWriter(file, [*columns, *sorted(further)], restval="")
        writer.writeheader()
        writer.writerows(rows)
    # As if saved a while ago: `run --all` leaves a file alone that has just been written.
    saved = path.stat().st_mtime - 60
    os.utime(path, (saved, saved))


def as_email(content: bytes) -> EmailMessage:
    """Read a message as a mail client would."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


class StageLedger:
    """Where the ledgers of stages are made from now on (the fixture `each_ledger`)."""

    def __init__(self) -> None:
        self.make_setting: Callable[[], str] | None = None
        """Makes a new ledger, and says what `[ledger] database` has to be; None: files."""

    def variables(self) -> dict[str, str]:
        """The variables that lead a stage to a ledger of its own."""
        return {"ONBOARDING_LEDGER__DATABASE": self.make_setting()} if self.make_setting else {}


STAGE_LEDGER = StageLedger()


def _variables(url: str, mail_port: int) -> dict[str, str]:
    return {
        **STAGE_LEDGER.variables(),
        "RC_SERVER_URL": url,
        "RC_APP_CLIENT_ID": "client",
        "RC_APP_CLIENT_SECRET": "s3cret-of-the-app",
        "RC_USER_JWT": "jwt-of-the-user",
        "ONBOARDING_SMTP__PORT": str(mail_port),
        "ONBOARDING_SMTP__SECURITY": "none",
    }
