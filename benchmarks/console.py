"""What the console's pages cost: processor time and bytes, with 500 webinars of 99 people.

Run it by hand: `.venv/bin/python benchmarks/console.py`. The ledger is made up in a temporary
folder; each page goes through the whole application, without the socket. A page should take under
100 ms of one processor, and under 200 KB.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.config import Config, load
from onboarding.config.console import ConsoleRole
from onboarding.console.access import Viewer
from onboarding.console.app import make_app
from onboarding.console.console import Console, open_console
from onboarding.ledger import new_deliveries, registrations, roster_rows, sessions
from onboarding.ledger.new_deliveries import NewDelivery
from onboarding.model.kinds import Kind
from onboarding.model.people import Invitee, Role
from onboarding.model.registrations import Standing
from onboarding.model.sessions import Facts, Session, SessionKey, SessionStatus
from onboarding.pipeline.services import open_services
from onboarding.pipeline.target import find_target
from onboarding.pipeline.webinar_view import read_webinar

WEBINARS, SEATS, TIMES = 500, 99, 7
URL = "http://127.0.0.1:8040"
CONFIG = """
[smtp]
host = "127.0.0.1"
[brand]
name = "Brightwater"
sender = "Brightwater Events <events@brightwater.example>"
"""
NOW = datetime.now(UTC).replace(microsecond=0)

PEOPLE = tuple(
    Invitee(
        number,
        f"person{number}@example.com",
        Role.PANELIST,
        f"Zoë{number}",
        "Müller-Lüdenscheidt",
        "Head of Engineering",
        extra={"company": "Analytical Engines"},
    )
    for number in range(2, SEATS + 2)
)


def configure(folder: Path) -> Config:
    """Write a configuration with all webinars, and read it."""
    webinars = (
        f'[webinars.webinar-{number}]\nwebinar = "{number}"\ninvitees = "people.csv"\n'
        for number in range(1, WEBINARS + 1)
    )
    file = folder / "config.toml"
    file.write_text(CONFIG + "".join(webinars), encoding="utf-8")
    return load(file, {"RC_SERVER_URL": "https://ringcentral.example"})


def fill(connection: sa.Connection, number: int, server: str) -> None:
    """Store a webinar whose people have had an invitation and an update; some need a person."""
    start = NOW + timedelta(hours=number * 7 - 400)
    session = Session(
        key=SessionKey(server, str(number), "1"),
        title=f"Robots in the warehouse, part {number}",
        start=start,
        duration=timedelta(minutes=90),
        time_zone="Europe/Berlin",
        status=SessionStatus.SCHEDULED,
        join_offset=timedelta(minutes=15),
        locale="en_US",
    )
    row = sessions.upsert(connection, session)
    registrations.set_standing(connection, row, PEOPLE, Standing.ADDED, NOW)
    roster_rows.store_roster(connection, row, PEOPLE)
    for kind, count in ((Kind.INVITATION, 1), (Kind.UPDATE, 2)):
        new = [
            NewDelivery(
                email=person.email,
                name=person.name,
                kind=kind,
                number=count,
                message_id=f"<{row}.{person.row}.{count}@brightwater.example>",
                facts=Facts(f"{person.row:064x}", person.role, start, session.duration),
                due_at=NOW,
                expires_at=start + timedelta(days=1),
            )
            for person in PEOPLE
        ]
        new_deliveries.enqueue(connection, row, new, NOW)
        connection.exec_driver_sql(
            "UPDATE deliveries SET state = CASE WHEN id % 50 = 0 THEN 'rejected' ELSE 'sent' END,"
            " attempt = 1, reply = '250 2.0.0 Ok: queued as 4XyZ' WHERE session = ?",
            (row,),
        )
    sessions.record_run_end(connection, row, (), 4, NOW)


async def measure(console: Console, paths: Sequence[str]) -> None:
    """Print what each page costs."""
    transport = httpx.ASGITransport(make_app(console))
    token = console.log_ins.add(Viewer("Dana Reyes", ConsoleRole.APPROVER))
    cookies = {f"onboarding-{URL.rpartition(chr(58))[2]}": token}
    async with httpx.AsyncClient(transport=transport, base_url=URL, cookies=cookies) as browser:
        print(f"{'page':<46} {'processor':>12} {'size':>10}")
        for path in paths:
            await browser.get(path)  # the templates are compiled once
            costs = []
            for _ in range(TIMES):
                began = time.process_time()
                answer = await browser.get(path)
                costs.append(time.process_time() - began)
            answer.raise_for_status()
            milliseconds = statistics.median(costs) * 1000
            print(f"{path[:46]:<46} {milliseconds:>9.0f} ms {len(answer.content) / 1024:>7.0f} KB")


def list_paths(config: Config) -> list[str]:
    """List a page of each sort."""
    view = read_webinar(config, find_target(config, "webinar-300"), NOW, NoProgress())
    if view.report is None:
        raise SystemExit("The ledger is empty: the figures would be worth nothing.")
    person = view.code_of(view.report.people[0])
    return [
        "/",
        "/?page=12",
        "/?q=part+4",
        "/?show=attention",
        "/webinars/webinar-300",
        "/webinars/webinar-300?q=person42",
        f"/webinars/webinar-300/people/{person}",
        "/webinars/webinar-300/report",
        "/webinars/webinar-300/report/csv",
    ]


async def main() -> None:
    """Fill a ledger, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        config = configure(Path(folder))
        async with open_services(config, NoProgress()) as services:
            for number in range(1, WEBINARS + 1):
                await services.ledger.run(fill, number, config.ringcentral.server)
            console = open_console(services, "Dana Reyes")
            console.origins.add(URL)
            print(f"{WEBINARS} webinars of {SEATS} people, {WEBINARS * SEATS * 2} messages")
            await measure(console, list_paths(config))


if __name__ == "__main__":
    asyncio.run(main())
