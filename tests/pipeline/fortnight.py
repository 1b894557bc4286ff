"""Two weeks of a webinar's life, made from a seed and lived with the clock passed in.

The session moves twice, people come and go, and clocks change. Some come into the room in time,
some late, some never. Cron runs every five minutes while both servers have outages; runs are killed
by the kernel, and two of them overlap. Mail comes back in any order, late and twice: answers,
notices of absence, delays, full mailboxes, and an address that no server knows. Ticks at which
nothing is due and nothing happens are left out but for two a day. Each outage ends before the next
thing happens: so what mailboxes should hold does not depend on it (`expected`).
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from onboarding.config import Config
from onboarding.errors import EXIT_TRY_LATER
from onboarding.ledger import schema
from onboarding.model.deliveries import State
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.lease import AlreadyRunning
from onboarding.simulator.replies import build_answer, build_bounce
from onboarding.simulator.smtp_catcher import CaughtMail
from tests.pipeline.cron_at import CronProcesses, open_processes, run_at
from tests.pipeline.expected import (
    ARRIVAL,
    DURATION,
    MESSAGES,
    QUIET,
    SCHEDULE,
    Move,
    Reader,
    find_due,
    list_due,
)
from tests.pipeline.recording import Recorder, Trouble, recording
from tests.stage import HOST, ROOMY, SESSION, WEBINAR, Stage, as_email, panelist, stage

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = 5 * MINUTE
ZONES = ["Pacific/Auckland", "Pacific/Honolulu", "Europe/Berlin", "America/New_York"]
BEGINS = ["2027-03-05", "2027-03-21", "2027-09-16", "2027-10-25"]
"""In each of the fortnights that follow, clocks change in two of the zones, forth or back."""

MOVED_BY = [HOUR, -HOUR, 11 * HOUR, DAY, -DAY, 2 * DAY]
LEFT = [State.SENT, State.BOUNCED]
COMES = [-12, -8, -3, 25, 40, None]
"""Minutes after the start at which people come into the room; None: never."""

COMES_BACK = 0.1
"""How often something is in the mailbox when cron starts."""

APART = 2 * HOUR
"""What happens is so far from everything else that happens or falls due."""

NO_ADDRESS = ("5.1.1", "550 5.1.1 no such user")
FAULTS = ["500", "502", "503", "timeout-before", "timeout-after", "500-after", "expired-token"]
CALLS = ["GET", "PATCH", "POST /token", "GET /invitees", "GET /company/sessions"]


@dataclass(frozen=True)
class Outage:
    """A time in which a server has trouble: RingCentral with a fault, else the mail server."""

    begin: datetime
    end: datetime
    trouble: Trouble | None = None
    fault: str = ""

    def holds(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end


@dataclass(frozen=True)
class Script:
    """What happens. The first of `moves` is the start with which the fortnight begins."""

    begins: datetime
    moves: tuple[Move, ...]
    readers: tuple[Reader, ...]
    outages: tuple[Outage, ...] = ()

    @property
    def ends(self) -> datetime:
        return self.moves[-1].start + DURATION + 3 * DAY

    @property
    def changes(self) -> list[datetime]:
        """When the roster or the session changes."""
        moments = [
            (reader.joins, reader.leaves, reader.declines, reader.bounces)
            for reader in self.readers
        ]
        people = [moment for found in moments for moment in found if moment]
        return sorted({*people, *(move.at for move in self.moves)})

    @property
    def due_times(self) -> list[datetime]:
        """When anything may fall due for any reader."""
        starts = [(move.at, move.start) for move in self.moves]
        zones = {reader.zone for reader in self.readers}
        times = {
            find_due(line, start, zone, at)
            for line in SCHEDULE for at, start in starts for zone in zones
        }  # fmt: skip
        return sorted(times)

    def list_messages(self) -> set[datetime]:
        """When a message is due for any reader."""
        due = (list_due(reader, self.moves, self.ends) for reader in self.readers)
        return {message.at for messages in due for message in messages}

    @property
    def is_clear(self) -> bool:
        """Whether what happens is far enough from everything else."""
        changes = self.changes[1:]
        # What waits for the morning is due at none of these times.
        others = {*self.due_times, self.begins, *self.list_messages()} - {*changes}
        steps = pairwise(changes)
        if any(later - earlier < APART for earlier, later in steps):
            return False
        # What an outage moves from the evening into the night waits for the morning.
        if any(is_evening(change, zone) for change in changes for zone in ZONES):
            return False
        # Who has left is in no one's way any more.
        if any(
            reader.bounces and reader.leaves and reader.leaves < reader.bounces
            for reader in self.readers
        ):
            return False
        return all(abs(change - other) >= APART for change in changes for other in others)

    def readers_at(self, moment: datetime) -> list[Reader]:
        """The readers who are on the roster at a moment."""
        return [reader for reader in self.readers if reader.is_there(moment)]

    def roster_at(self, moment: datetime) -> list[dict[str, str]]:
        """The roster's rows at a moment."""
        return [HOST, *map(_row, self.readers_at(moment))]

    def is_near_start(self, moment: datetime) -> bool:
        """Whether a run that is killed now may make a message too late."""
        start = self.moves[-1].start
        return start - HOUR / 2 <= moment <= start + HOUR / 2

    def list_ticks(self, rng: random.Random) -> Iterator[tuple[datetime, bool]]:
        """List all ticks of cron, and whether it matters that it starts then."""
        points = [
            *((at - TICK, at + TICK) for at in self.list_messages()),
            # A person who leaves is removed by the second run that sees it.
            *((at, at + 3 * TICK) for at in self.changes),
            *((outage.begin, outage.end + 3 * TICK) for outage in self.outages),
        ]
        moment = self.begins
        while moment < self.ends:
            is_near = any(begin <= moment <= end for begin, end in points)
            yield moment, is_near or rng.random() < TICK / (12 * HOUR)
            moment += TICK


def is_evening(moment: datetime, zone: str) -> bool:
    """Whether quiet hours begin soon for the readers of a zone."""
    return moment.astimezone(ZoneInfo(zone)).hour == QUIET[0].hour - 1


def _row(reader: Reader) -> dict[str, str]:
    number = int("".join(filter(str.isdigit, reader.email)))
    return panelist(number, time_zone=reader.zone, language="en")


def make_script(rng: random.Random) -> Script:
    """Make a script whose happenings are far enough from each other."""
    begins = datetime.fromisoformat(rng.choice(BEGINS)).replace(tzinfo=UTC) + 10 * HOUR
    while True:
        script = _draw_script(rng, begins)
        if script.is_clear:
            return Script(script.begins, script.moves, script.readers, _draw_outages(rng, script))


def _draw_script(rng: random.Random, begins: datetime) -> Script:
    def moment() -> datetime:
        return begins + rng.randrange(6 * 12, 9 * 24 * 12) * TICK

    start = begins + 12 * DAY + rng.randrange(-3, 6) * HOUR
    moves = [Move(begins, start)]
    for at in sorted([moment(), moment()]):
        moves.append(Move(at, moves[-1].start + rng.choice(MOVED_BY)))
    first, second, decliner, bouncer = rng.sample(range(1, 7), 4)
    # In some, the person whose address is wrong is taken off the roster.
    leavers, joiners = {first, bouncer if rng.random() < 0.3 else second}, {7, 8}
    readers = [
        Reader(
            f"guest{number}@example.com",
            ZONES[number % len(ZONES)],
            moment() if number in joiners else begins,
            moment() if number in leavers else None,
            moment() if number == decliner else None,
            moment() if number == bouncer else None,
            rng.choice(COMES),
        )
        for number in range(1, 9)
    ]
    return Script(begins, tuple(moves), tuple(readers))


def _draw_outages(rng: random.Random, script: Script) -> tuple[Outage, ...]:
    """Draw outages around some of what happens: each ends before anything else does."""
    # Not in the last hours: what is late there is skipped, and not sent later.
    last = script.moves[-1].start - 3 * HOUR
    points = [at for at in (*script.changes, *script.due_times) if script.begins < at < last]
    outages = []
    for point in rng.sample(points, min(len(points), 6)):
        begin = point - rng.randrange(3) * TICK
        end = begin + rng.randrange(2, 8) * TICK
        if any(begin <= other.end and other.begin <= end for other in outages):
            continue
        if rng.random() < 0.5:
            outages.append(Outage(begin, end, rng.choice(list(Trouble))))
        else:
            fault = f"{rng.choice(CALLS)}:{rng.choice(FAULTS)}*all"
            outages.append(Outage(begin, end, fault=fault))
    return tuple(outages)


@dataclass
class Fortnight:
    """A script on its stage. `log` says what was done, for a seed that fails."""

    scene: Stage
    config: Config
    server: Recorder
    script: Script
    rng: random.Random
    processes: Sequence[CronProcesses]
    code: int = 0
    codes: list[tuple[datetime, int]] = field(default_factory=list)
    kills: int = 0
    was_killed: bool = False
    log: list[str] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    module: ClassVar[str] = "tests.pipeline.cron_at"
    """What the processes are."""
    tells_each_code: ClassVar[bool] = True
    """Whether each run tells how the webinar stands: a tick that only adds a job does not."""

    async def live(self) -> None:
        """Live through the script."""
        free, has_more = self.script.begins, False
        for moment, matters in self.script.list_ticks(self.rng):
            # What a run has left, the next one does; and after an invitation more may be due.
            if not (matters or has_more):
                continue
            self.scene.clock.time = moment
            outage = self._set_stage(moment)
            self._answer(moment)
            # While a run is at work, the next one finds the webinar held, and leaves it.
            if moment >= free:
                received = len(self.server.received)
                free = await self._run(moment, outage)
                has_sent = len(self.server.received) > received
                has_more = self.was_killed or has_sent or self.code == EXIT_TRY_LATER
                if outage is None:
                    await self._decide_doubts()

    def _set_stage(self, moment: datetime) -> Outage | None:
        """Bring roster, session and servers to what they are at a moment."""
        scene, script = self.scene, self.script
        scene.write_roster(script.roster_at(moment))
        start = [move.start for move in script.moves if move.at <= moment][-1]
        session = scene.ringcentral.account.sessions[WEBINAR, SESSION]
        account = scene.ringcentral.account
        if session.start != start:
            account.update_session(WEBINAR, SESSION, start=start)
            self.log.append(f"{moment}: moved to {start}")
        if moment >= start + DURATION and session.status is not SessionStatus.FINISHED:
            account.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)
        elif moment >= start - ARRIVAL and session.status is SessionStatus.SCHEDULED:
            account.update_session(WEBINAR, SESSION, status=SessionStatus.ACTIVE)
            self._open_room(start)
        outage = next((outage for outage in script.outages if outage.holds(moment)), None)
        scene.ringcentral.faults.clear()
        self.server.trouble = outage.trouble if outage else None
        if outage and outage.fault:
            scene.ringcentral.faults.add(outage.fault)
        return outage

    def _open_room(self, start: datetime) -> None:
        """Let people come into the room, each when they do."""
        comes = {reader.email: reader.comes for reader in self.script.readers_at(start)}
        for email, minutes in {HOST["email"]: -10, **comes}.items():
            if minutes is not None:
                account = self.scene.ringcentral.account
                account.join(WEBINAR, SESSION, email, start + minutes * MINUTE)

    def _answer(self, moment: datetime) -> None:
        """Put what comes back into the mailbox that is read: what was due to, and more."""
        for reader in self.script.readers:
            at = reader.declines or reader.bounces
            if at and at <= moment and reader.email not in self.answered:
                self.answered.add(reader.email)
                self._put_back(self._build_reply(reader, moment))
        if self.server.received and self.rng.random() < COMES_BACK:
            self._put_back(self._draw_reply(moment))

    def _build_reply(self, reader: Reader, moment: datetime) -> bytes:
        """Build what comes back from a person, and changes what they are mailed."""
        if reader.declines:
            return build_answer(self._find_entry(reader.email), "DECLINED", moment)
        return build_bounce(self._find_entry(reader.email), *NO_ADDRESS, moment)

    def _draw_reply(self, moment: datetime) -> bytes:
        """Draw a reply that must not change what is mailed."""
        received = self.rng.choice(self.server.received)
        caught = CaughtMail(
            1, "events@brightwater.example", (received.recipient,), received.content
        )
        subject = as_email(received.content)["Subject"]
        decliners = {reader.email for reader in self.script.readers if reader.declines}
        choice = self.rng.random()
        if self.replies and choice < 0.3:
            return self.rng.choice(self.replies)
        if subject in {"invitation", "update"} and received.recipient not in decliners:
            return build_answer(caught, self.rng.choice(["ACCEPTED", "TENTATIVE"]), moment)
        if subject in {"reminder", "material", "missing", "thanks"} and choice < 0.4:
            return build_bounce(caught, "5.2.2", "552 5.2.2 mailbox full", moment)
        return build_bounce(caught, "4.2.2", "452 4.2.2 later", moment).replace(
            b"Action: failed", b"Action: delayed"
        )

    def _find_entry(self, address: str) -> CaughtMail:
        """Find the last message with a calendar entry that a person has."""
        content = [
            received.content
            for received in self.server.received
            if received.recipient == address
            and as_email(received.content)["Subject"] in {"invitation", "update"}
        ][-1]
        return CaughtMail(1, "events@brightwater.example", (address,), content)

    def _put_back(self, content: bytes) -> None:
        self.replies.append(content)
        file = self.scene.folder / "inbox" / "new" / f"{len(self.replies)}.example"
        file.write_bytes(content)
        now = self.scene.clock.now().timestamp()
        os.utime(file, (now, now))

    async def _run(self, moment: datetime, outage: Outage | None) -> datetime:
        """Run as cron does, alone, twice at once, or killed; returns when the run has ended."""
        chance = self.rng.random()
        self.log.append(f"{moment}: {outage or ''} {chance:.2f}")
        if chance < 0.2 and not self.script.is_near_start(moment):
            return await self._run_killed(moment)
        self.was_killed = False
        if chance < 0.35:
            return await self._run_twice(moment)
        self.code, ended = await run_at(moment, self.config)
        if outage is None:
            self.codes.append((moment, self.code))
        return ended

    async def _run_killed(self, moment: datetime) -> datetime:
        """Kill a run after some requests, or some moments of the mail server."""
        process = self.processes[0]
        known = len(self.scene.ringcentral.requests)
        victim = await process.start(moment)
        ended = await self._kill(victim, asyncio.create_task(process.end()), known)
        # It may have slept, by its own clock, until its last moment.
        return ended or moment + 3 * TICK

    async def _kill(
        self, victim: int, end: asyncio.Task[tuple[int, datetime | None]], known: int
    ) -> datetime | None:
        """Kill a process, unless it ends before; returns when it ended, by its own clock."""
        requests = self.scene.ringcentral.requests
        if self.rng.random() < 0.5:
            self.server.aim(victim, self.rng.randint(1, 60))
        else:
            await asyncio.wait(
                [end, asyncio.create_task(requests.wait_for(known + self.rng.randint(1, 6)))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not end.done():
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
        code, ended = await end
        self.server.victim = 0
        self.was_killed = code == -signal.SIGKILL
        self.kills += self.was_killed
        return ended

    async def _run_twice(self, moment: datetime) -> datetime:
        """Two crons at the same time."""
        for process in self.processes:
            await process.start(moment)
        ends = [await process.end() for process in self.processes]
        return max(ended for _, ended in ends if ended)

    async def _decide_doubts(self) -> None:
        """Send again what is in doubt and is in no mailbox, as a person does who has asked."""
        doubts = [record.delivery for record in (await self.scene.status()).in_doubt]
        lost = {doubt.email for doubt in doubts if doubt.message_id not in self.server.taken}
        kept = {doubt.email for doubt in doubts if doubt.message_id in self.server.taken}
        if lost - kept:
            self.log.append(f"{self.scene.clock.now()}: a person resolves {sorted(lost - kept)}")
            with suppress(AlreadyRunning):
                await self.scene.decide(LockedWebinar.resolve_resend, sorted(lost - kept))

    async def list_sent(self, email: str) -> list[tuple[str, str]]:
        """What the ledger says has left for a person, in order: kind or entry, and Message-ID."""
        async with self.scene.rooms() as opened:
            # By history: a message that came back is cancelled when its person is removed.
            left = await opened.ledger.run(lambda connection: set(connection.scalars(_LEFT)))
        return [
            (record.delivery.entry or record.delivery.kind.value, record.delivery.message_id)
            for record in (await self.scene.status()).records
            if record.delivery.email == email and record.delivery.id in left
        ]


_LEFT = sa.select(schema.events.c.delivery).where(schema.events.c.what.in_(LEFT))

TEMPLATE = """<html><head><title>{kind}</title></head><body>
<p>{kind} {{{{ session.own_date }}}} {{{{ session.own_start }}}}</p>{link}</body></html>
"""
LINK = '<p><a href="{{ join_link }}">Join</a></p>'


def write_templates(folder: Path) -> None:
    """Write templates that are compiled at once: a message's subject is what it is."""
    folder.mkdir()
    for kind in ("invitation", "invitation.host", "update", "reminder", "material", "missing"):
        text = TEMPLATE.format(kind=kind, link=LINK)
        (folder / f"{kind}.html.j2").write_text(text, encoding="utf-8")
    for kind in ("cancellation", "thanks"):
        text = TEMPLATE.format(kind=kind, link="")
        (folder / f"{kind}.html.j2").write_text(text, encoding="utf-8")


AnyFortnight = TypeVar("AnyFortnight", bound=Fortnight)


@asynccontextmanager
async def open_fortnight(
    kind: type[AnyFortnight], folder: Path, seed: int, certificates: Path
) -> AsyncIterator[AnyFortnight]:
    """Make a seed's script, and set its stage. `certificates` is a folder to trust."""
    rng = random.Random(seed)
    script = make_script(rng)
    people = [HOST, *map(_row, script.readers)]
    async with stage(folder, people, limits=ROOMY) as scene, recording() as server:
        config = folder / "config.toml"
        text = f"{config.read_text(encoding='utf-8')}remove = true\n{MESSAGES}"
        config.write_text(text, encoding="utf-8")
        write_templates(folder / "templates")
        for part in ("new", "cur", "tmp"):
            (folder / "inbox" / part).mkdir(parents=True)
        scene.variables["ONBOARDING_REPLIES__MAILDIR"] = str(folder / "inbox")
        server.log = folder / "mail.log"
        server.log.touch()
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__SENT__LOG"] = str(server.log)
        scene.clock.time = script.begins
        processes = [await open_processes(scene, certificates, kind.module) for _ in range(2)]
        try:
            yield kind(scene, scene.config, server, script, rng, processes)
        finally:
            for process in processes:
                await process.close()
