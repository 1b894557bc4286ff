"""A run has to stop in the middle: the ledger can't be written, or the grace after a signal ends.

Nothing is sent that can't be recorded, and at most one message for each connection is left in
doubt.
"""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.errors import ConfigurationError, Interrupted, OnboardingError, TryLater
from onboarding.ledger.schema import leases
from onboarding.ledger.store import Ledger
from onboarding.pipeline import run
from onboarding.pipeline.deliver import GRACE
from onboarding.pipeline.lease import webinar_lease
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from tests.postgresql import RunningServer
from tests.smtp.scripted import POLITE, Act, Say, Scripted, Stall, scripted
from tests.stage import NAME, Stage, as_email, panelist, stage

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("each_ledger")]

CONNECTIONS = 2
GUESTS = [panelist(number) for number in range(1, 61)]
AT = 7
"""Messages after which the trouble begins."""


class Trouble(NoProgress, ABC):
    """Makes the ledger unwritable after some messages, until sending ends; `Progress` says when."""

    ledger: Ledger
    path: Any
    """The ledger's place."""
    server: RunningServer
    done = 0

    def advance(self) -> None:
        self.done += 1
        if self.done == AT:
            self.begin_trouble()

    def end(self) -> None:
        if self.done >= AT:
            self.end_trouble()

    @abstractmethod
    def begin_trouble(self) -> None: ...

    @abstractmethod
    def end_trouble(self) -> None: ...

    def say_to_sqlite(self, pragma: str) -> None:
        def tell(connection: sa.Connection, _items: Any) -> list[None]:
            return [connection.exec_driver_sql(f"PRAGMA {pragma}").close()]

        # Under `query_only` even this fails where its group has to be tried again one by one.
        self.ledger.submit(tell, None).add_done_callback(lambda told: told.exception())


class Full(Trouble):
    """SQLite may take no further page, as on a full disk."""

    def begin_trouble(self) -> None:
        self.say_to_sqlite("max_page_count = 1")  # never less than there are

    def end_trouble(self) -> None:
        self.say_to_sqlite("max_page_count = 100000")


class ReadOnly(Trouble):
    """SQLite refuses every write, and goes on refusing."""

    def begin_trouble(self) -> None:
        self.say_to_sqlite("query_only = 1")

    def end_trouble(self) -> None:
        """There is no way back: even that would have to be written."""


class Away(Trouble):
    """The server ends every connection, and takes none."""

    def begin_trouble(self) -> None:
        self._allow_connections("false")
        self.server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self.path.url.database}'"
        )

    def end_trouble(self) -> None:
        self._allow_connections("true")

    def _allow_connections(self, answer: str) -> None:
        self.server.execute(f"ALTER DATABASE {self.path.url.database} ALLOW_CONNECTIONS {answer}")


class Locked(Trouble):
    """Somebody else's transaction goes on and on."""

    def begin_trouble(self) -> None:
        self.say_to_sqlite("busy_timeout = 20")
        self.other = sqlite3.connect(self.path, isolation_level=None)
        self.other.execute("BEGIN IMMEDIATE")

    def end_trouble(self) -> None:
        self.other.close()


async def troubled(scene: Stage, trouble: Trouble) -> None:
    async with scene.rooms(progress=trouble) as opened:
        trouble.ledger, trouble.path = opened.ledger, opened.ledger.place
        async with webinar_lease(opened, find_target(opened.config, NAME)) as holder:
            ready = await run.prepare_run(opened, find_target(opened.config, NAME), Options())
            await run.execute_plan(opened, ready, holder)


async def broken_off(scene: Stage, trouble: Trouble) -> OnboardingError:
    """A run that the fault stops, and its process is gone then: its lease counts no longer."""
    with pytest.raises(OnboardingError) as stopped:
        await troubled(scene, trouble)
    async with Ledger(trouble.path) as ledger:
        await ledger.run(lambda connection: connection.execute(leases.delete()).close())
    return stopped.value


def taken(server: Scripted) -> Counter[str]:
    """How often the server took a message for each address."""
    return Counter(str(as_email(body)["To"].addresses[0].addr_spec) for body in server.taken)


@pytest.mark.parametrize(
    ("each_ledger", "trouble", "kind", "words"),
    [
        ("sqlite", Full, TryLater, "full"),
        ("sqlite", ReadOnly, ConfigurationError, "readonly"),
        ("sqlite", Locked, TryLater, "locked"),
        ("postgresql", Away, TryLater, "can't be written"),
    ],
    indirect=["each_ledger"],
)
async def test_ledger_that_cannot_be_written_stops_the_run_and_nothing_leaves_unrecorded(
    request, tmp_path, each_ledger, trouble, kind, words
):
    async with stage(tmp_path, GUESTS) as scene, scripted() as server:
        if each_ledger == "postgresql":
            trouble.server = request.getfixturevalue("postgresql_server")
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = str(CONNECTIONS)
        stopped = await broken_off(scene, trouble())

        assert (type(stopped), words in stopped.message) == (kind, True)
        left, states = taken(server), await scene.states()
        doubtful = {email for email, state in states.items() if state == "in_doubt"}
        assert AT <= len(left) < len(GUESTS)
        assert {email for email, state in states.items() if state == "sent"} == set(left) - doubtful
        assert len(doubtful) <= CONNECTIONS

        await scene.run()
        assert {
            email for email, state in (await scene.states()).items() if state != "sent"
        } == doubtful
        assert set(taken(server).values()) == {1}
        assert set(taken(server)) | doubtful == {person["email"] for person in GUESTS}


async def stalled_and_interrupted(scene: Stage, server: Scripted) -> None:
    """A run that gets a signal while the server says nothing, until its grace ends."""
    stop, scene.clock.grace_runs_out = asyncio.Event(), True

    async def signal() -> None:
        await server.stalling.wait()
        stop.set()

    signalling = asyncio.create_task(signal())
    with pytest.raises(Interrupted):
        await scene.run(stop=stop)
    await signalling


@pytest.mark.parametrize(
    ("phase", "act", "state", "attempt"),
    [
        ("dot", Stall(), "in_doubt", 1),
        ("data", Stall(), "queued", 0),
        ("rcpt", Stall(), "queued", 0),
    ],
)
async def test_message_in_flight_when_the_grace_is_over(tmp_path, phase, act, state, attempt):
    people = GUESTS[:4]
    script: dict[str, list[Act]] = {phase: [Say(POLITE[phase]), act]}
    async with stage(tmp_path, people) as scene, scripted(script) as server:
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        scene.variables["ONBOARDING_SMTP__MAX_CONNECTIONS"] = "1"
        await stalled_and_interrupted(scene, server)

        assert scene.clock.lingered == [GRACE]
        entries = [
            (record.delivery.state.value, record.delivery.attempt)
            for record in (await scene.status()).records
        ]
        assert entries == [("sent", 1), (state, attempt), ("queued", 0), ("queued", 0)]

        await scene.run()
        expected = Counter({person["email"]: 1 for person in people})
        assert taken(server) == expected
        assert (await scene.status()).counts == (
            {"sent": 3, "in_doubt": 1} if state == "in_doubt" else {"sent": 4}
        )


async def test_doubt_of_a_run_out_of_grace_is_written_down_by_that_run(tmp_path):
    async with stage(tmp_path, GUESTS[:1]) as scene, scripted({"dot": [Stall()]}) as server:
        scene.variables["ONBOARDING_SMTP__PORT"] = str(server.port)
        await stalled_and_interrupted(scene, server)

        (entry,) = (await scene.status()).records
        assert entry.delivery.state == "in_doubt"
        assert entry.reason == "the run was stopped before the server had answered"
