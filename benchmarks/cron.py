"""What `run --all` costs for 1, 50 and 500 webinars: calls, processor and wall time.

    python benchmarks/cron.py [--webinars 1 50 500] [--people 10] [--days 1]

RingCentral and the mail server are simulated in a process of their own, so that the processor time
is the program's alone. Each row but the last is one `onboarding run --all` in a process of its own,
imports included: the first run, one with nothing to do (the best of three), one with a new person
in one roster. The last row is a day of 288 runs, all in one process and with the clock passed in,
so without the imports. The simulated limits are wide: no run waits for RingCentral.
"""

import argparse
import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from onboarding import roster
from onboarding.cli.run_all import run_all
from onboarding.cli.run_options import RunOptions
from onboarding.config import load
from onboarding.pipeline.clock import Clock
from onboarding.simulator.limits import Limits
from onboarding.simulator.seed import WebinarSeed, seed_account
from onboarding.simulator.server import serve_ringcentral
from onboarding.simulator.smtp_catcher import serve_mail

RUNS_A_DAY = 288
EVERY = timedelta(minutes=5)
WIDE = Limits(heavy=100_000, medium=100_000, light=100_000, auth=100_000)
LEDGER = "onboarding.db"
CONFIG = """
[smtp]
host = "127.0.0.1"
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
"""
SECTION = """
[webinars.webinar-{number}]
webinar = "{webinar}"
session = "{session}"
invitees = "{roster}"
"""


@dataclass(frozen=True)
class Cost:
    """What one run, or a day of runs, cost: Heavy calls, and seconds."""

    calls: int
    processor: float
    seconds: float


def write_folder(folder: Path, webinars: int, people: int) -> None:
    """Write a configuration with so many webinars, each with a roster of its own."""
    sections = []
    for number in range(webinars):
        name = f"roster-{number}.csv"
        section = SECTION.format(
            number=number, webinar=webinar_id(number), session=session_id(number), roster=name
        )
        sections.append(section)
        write_roster(folder / name, people)
    (folder / "config.toml").write_text(CONFIG + "".join(sections), encoding="utf-8")


def webinar_id(number: int) -> str:
    """Make up the id of a webinar."""
    return str(100_000_000_000 + number)


def session_id(number: int) -> str:
    """Make up the id of its session."""
    return str(5_000_000 + number)


def write_roster(path: Path, people: int) -> None:
    """Write a roster of guests, as if it had been saved a while ago."""
    rows = [f"Guest,Number {guest},guest{guest}@example.com,Panelist" for guest in range(people)]
    path.write_text("\n".join(["first_name,last_name,email,role", *rows]) + "\n", encoding="utf-8")
    saved = time.time() - 60
    os.utime(path, (saved, saved))


async def simulate(webinars: int) -> None:
    """Simulate both servers until standard input ends; prints their addresses as JSON."""
    people = roster.read(b"email,first_name,last_name,role\nhost@example.com,Hanna,Host,Host\n")
    seeds = [
        WebinarSeed(webinar_id(number), session_id(number), people.invitees, f"Webinar {number}")
        for number in range(webinars)
    ]
    account = seed_account(seeds, datetime.now(UTC))
    async with serve_ringcentral(account, limits=WIDE) as ringcentral, serve_mail(None) as mail:
        sys.stdout.write(json.dumps({"url": ringcentral.url, "port": mail.port}) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


@contextmanager
def servers(webinars: int) -> Iterator[Mapping[str, str]]:
    """Start both servers; gives the variables that lead the program to them."""
    words = [sys.executable, __file__, "--simulate", str(webinars)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as found:
        assert found.stdin
        assert found.stdout
        where = json.loads(found.stdout.readline())
        yield {
            "RC_SERVER_URL": where["url"],
            "RC_APP_CLIENT_ID": "client",
            "RC_APP_CLIENT_SECRET": "secret-of-the-app",
            "RC_USER_JWT": "jwt-of-the-user",
            "ONBOARDING_SMTP__PORT": str(where["port"]),
            "ONBOARDING_SMTP__SECURITY": "none",
        }
        found.stdin.close()


def count_calls(folder: Path) -> int:
    """Count the Heavy calls that were ever made with this ledger."""
    if not (folder / LEDGER).exists():
        return 0
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        query = "SELECT COALESCE(SUM(calls), 0) FROM limits WHERE name LIKE '% Heavy'"
        return int(ledger.execute(query).fetchone()[0])


def run_once(folder: Path, variables: Mapping[str, str]) -> Cost:
    """Run `onboarding run --all` in a process of its own."""
    calls, began = count_calls(folder), time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, "-m", "onboarding", "run", "--all", "--quiet"]
    subprocess.run(words, cwd=folder, env={**os.environ, **variables}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(count_calls(folder) - calls, used, time.perf_counter() - began)


class PassedClock:
    """A clock that starts now and moves only when it is told to."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        """Tell the time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds pass at once."""
        self.time += timedelta(seconds=seconds)


async def run_for_days(folder: Path, variables: Mapping[str, str], days: float) -> Cost:
    """Run `run --all` every five minutes for so many days, by a clock that is passed in."""
    config, clock = load(folder / "config.toml", variables), PassedClock()
    calls, began, used = count_calls(folder), time.perf_counter(), time.process_time()
    for _ in range(int(RUNS_A_DAY * days)):
        clock.time += EVERY
        code = await run_all(
            config, RunOptions(quiet=True), asyncio.Event(), Clock(clock.now, clock.sleep)
        )
        assert code == 0
    spent = time.process_time() - used
    return Cost(count_calls(folder) - calls, spent, time.perf_counter() - began)


def measure(webinars: int, people: int, days: float) -> Iterator[tuple[str, Cost]]:
    """Measure all rows for so many webinars."""
    with tempfile.TemporaryDirectory() as name, servers(webinars) as variables:
        folder = Path(name)
        write_folder(folder, webinars, people)
        yield "first run", run_once(folder, variables)
        idle = [run_once(folder, variables) for _ in range(3)]
        yield "nothing to do", min(idle, key=lambda cost: cost.processor)
        write_roster(folder / "roster-0.csv", people + 1)
        yield "one new person", run_once(folder, variables)
        yield (
            f"{int(RUNS_A_DAY * days)} runs, 5 min apart",
            asyncio.run(run_for_days(folder, variables, days)),
        )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--webinars", type=int, nargs="+", default=[1, 50, 500])
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--simulate", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.simulate:
        asyncio.run(simulate(given.simulate))
        return
    print(f"{'webinars':>8}  {'run':<24} {'calls':>7} {'processor':>10} {'wall':>9}")
    for webinars in given.webinars:
        for what, cost in measure(webinars, given.people, given.days):
            seconds = f"{cost.processor:>8.2f} s {cost.seconds:>7.2f} s"
            print(f"{webinars:>8}  {what:<24} {cost.calls:>7} {seconds}", flush=True)


if __name__ == "__main__":
    main()
