"""`demo --fortnight`: two weeks of a webinar's life in less than a minute.

Cron's runs are the real ones, over real sockets, with the clock passed in: it goes to the next
moment at which something happens in the world (`fortnight_world`) or is due by the program's own
word. What came of each run is told from the ledger (`fortnight_story`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from onboarding import samples
from onboarding.cli.demo_folder import DEMO, make_demo_folder
from onboarding.cli.fortnight_story import Story
from onboarding.cli.fortnight_world import BEGIN, FIRST_START, HAPPENINGS, World
from onboarding.cli.rehearse import rehearsal_variables, simulate_configured_webinars
from onboarding.cli.streams import echo
from onboarding.cli.terminal import NoProgress
from onboarding.config import Config, load
from onboarding.errors import EXIT_DONE, EXIT_NEEDS_A_PERSON, ConfigurationError
from onboarding.model.deliveries import State
from onboarding.pipeline.all_webinars import AllOptions, list_passes, run_pass
from onboarding.pipeline.clock import Clock
from onboarding.pipeline.hand_off import read_report
from onboarding.pipeline.inbox import read_replies
from onboarding.pipeline.services import open_services
from onboarding.pipeline.status import Status, read_status
from onboarding.pipeline.target import find_target
from onboarding.reports.report_page import render_html
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import serve_mail

TICK = timedelta(minutes=5)
"""How often cron starts the program."""

STAY = timedelta(minutes=4)
"""How long a run stays for what falls due: as `onboarding schedule cron` prints it."""

LONGEST_SKIP = timedelta(hours=12)
"""The clock never goes further at once, even if nothing is due for longer."""

AT_ONCE = 2
"""Ticks that follow something that happens: who has left is removed by the second one."""

ADDED_SETTINGS = """
# Added by `onboarding demo --fortnight`: cron removes people who have left the roster.
remove = true

[messages]
quiet = "21:00-08:00"
material = "-7d 09:00"
reminder = ["-3d 09:00", "-1d 09:00", "-1h"]
missing = { when = "start-5m", to = "missing" }
thanks = { when = "end+1d 09:00", to = "joined" }

[replies]
maildir = "inbox"
"""


@dataclass(slots=True)
class PassedTime:
    """The fortnight's clock: time passes by a sleep, or when it is set."""

    now: datetime

    def read(self) -> datetime:
        """Return the time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Rehearsal:
    """What the fortnight's runs share."""

    config: Config
    clock: PassedTime
    world: World
    story: Story
    stop: asyncio.Event

    async def read_status(self) -> Status:
        """Read what the ledger knows now."""
        target = find_target(self.config, DEMO)
        return await read_status(self.config, target, self.clock.now, NoProgress())


async def run_fortnight(folder: Path | None, stop: asyncio.Event) -> int:
    """Live through two weeks against servers on loopback, tell what happens, write the report.

    Raises ConfigurationError if the folder can't be written, or was used before.
    """
    home = _make_folder(folder)
    clock = PassedTime(BEGIN)
    # As in `run_demo`: the account is made before its server has an address.
    config = load(home / "config.toml", rehearsal_variables("http://127.0.0.1:1", 1))
    account, *_ = await simulate_configured_webinars(config, clock.now, stop)
    async with (
        serve_ringcentral(account, clock=clock.read) as ringcentral,
        serve_mail(home / "mail") as mail,
    ):
        config = load(home / "config.toml", rehearsal_variables(ringcentral.url, mail.port))
        target = find_target(config, DEMO)
        world = World(account, mail, home, target.webinar_id)
        world.set_start(FIRST_START)
        rehearsal = Rehearsal(config, clock, world, Story(config, target, mail), stop)
        await _live(rehearsal)
    return await _print_outcome(rehearsal, home)


async def _print_outcome(rehearsal: Rehearsal, home: Path) -> int:
    """Write the report, and compare the ledger with the mailboxes. Returns the exit code."""
    status = await rehearsal.read_status()
    report = _write_report(rehearsal, home)
    caught = len(rehearsal.world.mail.messages())
    states = [record.delivery.state for record in status.records]
    sent, returned = states.count(State.SENT), states.count(State.CANCELLED)
    echo(f"\n{caught} messages were caught: {sent} are sent, {returned} came back.")
    echo(
        f"\nReport:           {report}\nMessages (.eml):  {home / 'mail'}\nIts folder:       {home}"
    )
    # Of the fortnight's messages only those are cancelled that bounced before their person left.
    is_good = not status.in_doubt and caught == sent + returned
    return EXIT_DONE if is_good else EXIT_NEEDS_A_PERSON


def _make_folder(folder: Path | None) -> Path:
    if folder and (folder / "config.toml").exists():
        raise ConfigurationError(
            f"{folder} has a config.toml already.",
            hint="Choose a new folder, or leave --dir out.",
        )
    home = make_demo_folder(folder, samples.find_fortnight_invitees())
    with (home / "config.toml").open("a", encoding="utf-8") as file:
        file.write(ADDED_SETTINGS)
    for part in ("new", "cur", "tmp"):
        (home / "inbox" / part).mkdir(parents=True)
    return home


async def _live(rehearsal: Rehearsal) -> None:
    """Go from moment to moment until nothing more is to come."""
    clock, waiting = rehearsal.clock, list(HAPPENINGS)
    moment, further = BEGIN, 0
    while True:
        # A run may have stayed past the next tick, which cron then leaves to it.
        clock.now = max(moment, clock.now)
        while waiting and waiting[0].at <= clock.now:
            sentence = waiting.pop(0).do(rehearsal.world, clock.now)
            rehearsal.story.tell_happening(clock.now, sentence)
            further = AT_ONCE
        coming = [await _run_cron(rehearsal), *(happening.at for happening in waiting[:1])]
        moments = [at for at in coming if at]
        if not (moments or further):
            return
        moment = _find_next(moment, moments, is_soon=further > 0)
        further = max(0, further - 1)


def _find_next(moment: datetime, moments: Sequence[datetime], *, is_soon: bool) -> datetime:
    """Find the tick at which something happens or is due next; at the latest after a while."""
    latest = moment + (TICK if is_soon else LONGEST_SKIP)
    return max(moment + TICK, min([*map(_find_tick, moments), latest]))


def _find_tick(moment: datetime) -> datetime:
    """Find the last start of cron's that is not after a moment; its run stays until then."""
    return moment - (moment - datetime.fromtimestamp(0, UTC)) % TICK


async def _run_cron(rehearsal: Rehearsal) -> datetime | None:
    """Do what one `run --all` does. Returns when something is due next; None: nothing is."""
    clock, config = rehearsal.clock, rehearsal.config
    passed = Clock(now=clock.read, sleep=clock.sleep)
    async with open_services(config, NoProgress(), passed, rehearsal.stop) as services:
        targets = [find_target(config, DEMO)]
        ends = []
        async for this in list_passes(services, targets, STAY):
            if error := (await read_replies(services)).error:
                raise error
            ends += [end async for end in run_pass(services, this, AllOptions())]
        errors = [str(end.error) for end in ends if end.error]
    status = await rehearsal.read_status()
    rehearsal.story.tell_run(status, errors)
    return status.upcoming.next_moment


def _write_report(rehearsal: Rehearsal, home: Path) -> Path:
    target = find_target(rehearsal.config, DEMO)
    report, _ = read_report(rehearsal.config, [target], rehearsal.clock.now, NoProgress())
    page = home / "report.html"
    page.write_text(render_html(report), encoding="utf-8")
    return page
