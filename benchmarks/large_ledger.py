"""What a ledger costs once it is large: claiming, taking back, and the status of one webinar.

    python benchmarks/large_ledger.py [--messages 10000 1000000] [--postgresql]

Each line is a ledger with so many messages and their history, 99 to a session. All of them were
sent, but those of one session are still queued: that one is measured, in transactions that are
rolled back. The last column is what sending costs the ledger for each of 1,000 further messages:
claimed by 200, then `sending` and `sent` in groups of 50, each committed and flushed to the disk.
With `--postgresql` a server is started for it on a private socket, and stopped afterwards. Times
are the best of five, in milliseconds.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parents[1]))

from onboarding.config import Config, load
from onboarding.ledger import claims, deliveries, new_deliveries, sessions, transitions
from onboarding.ledger.databases import find_database
from onboarding.ledger.schema import deliveries as messages
from onboarding.ledger.schema import sessions as session_rows
from onboarding.model.deliveries import Delivery, State, Transition
from onboarding.model.sessions import SessionKey
from onboarding.pipeline.deliver import CHUNK
from onboarding.pipeline.status import load_status
from onboarding.pipeline.target import find_target
from tests.ledger.making import MINUTE, order, session
from tests.postgresql import run_server
from tests.samples import NOW
from tests.stage import CONFIG, NAME, SESSION, WEBINAR

PEOPLE = 99
MESSAGES = 1000
GROUP = 50
ROUNDS = 5
HOLDER = "benchmark"
Measured = Callable[[sa.Connection], object]


def fill(connection: sa.Connection, config: Config, number: int) -> int:
    """Add so many messages. Returns the session whose messages are still queued."""
    first = _add_session(connection, SessionKey(config.account.server, "webinar", "first"))
    connection.execute(messages.update().values(state="sent"))
    _copy_session(connection, first, number // PEOPLE)
    return _add_session(connection, SessionKey(config.account.server, WEBINAR, SESSION))


def _add_session(connection: sa.Connection, key: SessionKey, people: int = PEOPLE) -> int:
    """Add a session that had a run, with its messages queued."""
    row = sessions.upsert(connection, replace(session(), key=key))
    sessions.store_run_start(connection, row, 0, NOW)
    new = [order(f"guest{guest}@example.com") for guest in range(people)]
    new_deliveries.enqueue(connection, row, new, NOW)
    return row


def _copy_session(connection: sa.Connection, first: int, number: int) -> None:
    """Copy a session so many times, with all its messages."""
    columns: dict[str, sa.ColumnElement[object]] = {
        column.name: column for column in session_rows.c if column.name != "id"
    }
    numbers = sa.select(sa.literal(1).label("number")).cte("numbers", recursive=True)
    more = sa.select(numbers.c.number + 1).where(numbers.c.number < number)
    numbers = numbers.union_all(more)
    columns["session_id"] = sa.cast(numbers.c.number, sa.Text)
    from_first = session_rows.c.id == first
    copied = sa.select(*columns.values()).join_from(numbers, session_rows, from_first)
    connection.execute(session_rows.insert().from_select(list(columns), copied))
    names = [column.name for column in messages.c if column.name not in {"id", "session"}]
    values = [messages.c[name] for name in names]
    others = session_rows.c.id != first
    to_all = sa.select(session_rows.c.id, *values).join_from(messages, session_rows, others)
    to_all = to_all.where(messages.c.session == first)
    connection.execute(messages.insert().from_select(["session", *names], to_all))


def list_cases(config: Config, row: int) -> Mapping[str, Measured]:
    """List what is measured, by name."""
    target, later = find_target(config, NAME), NOW + MINUTE
    return {
        "claim": lambda c: claims.claim(c, row, HOLDER, later, 50),
        "next due": lambda c: deliveries.find_next_due(c, row),
        "take back": lambda c: claims.recover_dead(c, later),
        "status": partial(load_status, config=config, target=target, now=later),
    }


def measure(engine: sa.Engine, statement: Measured) -> float:
    """Measure a statement; returns the best of five, in milliseconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        with engine.connect() as connection, connection.begin() as transaction:
            began = time.perf_counter()
            statement(connection)
            best = min(best, time.perf_counter() - began)
            transaction.rollback()
    return 1000 * best


def measure_message(engine: sa.Engine) -> float:
    """Measure what sending costs the ledger; returns milliseconds for each message."""
    best = float("inf")
    for number in range(ROUNDS):
        with engine.begin() as connection:
            key = SessionKey("https://rc.example", WEBINAR, f"round {number}")
            row = _add_session(connection, key, MESSAGES)
        with engine.connect() as connection:
            began = time.perf_counter()
            _send_all(connection, row)
            best = min(best, time.perf_counter() - began)
    return 1000 * best / MESSAGES


def _send_all(connection: sa.Connection, row: int) -> None:
    """Claim all messages of a session, and record of each group that it leaves and has left."""
    while chunk := _claim_chunk(connection, row):
        for start in range(0, len(chunk), GROUP):
            group = chunk[start : start + GROUP]
            leaves = [transitions.start_sending(message, HOLDER, NOW) for message in group]
            sent = Transition(State.SENT)
            left = [transitions.record_outcome(message, HOLDER, sent, NOW) for message in group]
            for writes in (leaves, left):
                assert all(transitions.write_transitions(connection, writes))


def _claim_chunk(connection: sa.Connection, row: int) -> Sequence[Delivery]:
    with connection.begin():
        return claims.claim(connection, row, HOLDER, NOW + MINUTE, CHUNK)


@contextmanager
def open_empty(*, postgresql: bool) -> Iterator[sa.Engine]:
    """Open an empty ledger."""
    with tempfile.TemporaryDirectory() as folder:
        if not postgresql:
            database = find_database(Path(folder, "ledger.db"), 30.0)
            database.prepare()
            yield database.engine
            database.engine.dispose()
            return
        with run_server(flushes=True) as server:
            database = find_database(server.make_ledger(), 30.0)
            yield database.engine
            database.engine.dispose()


def load_config() -> Config:
    """Load a configuration with one webinar."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.toml")
        file.write_text(CONFIG, encoding="utf-8")
        return load(file, {"RC_SERVER_URL": "http://127.0.0.1:1"})


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--postgresql", action="store_true")
    asked = parser.parse_args()
    config = load_config()
    for number in asked.messages:
        with open_empty(postgresql=asked.postgresql) as engine:
            with engine.begin() as connection:
                row = fill(connection, config, number)
            if asked.postgresql:
                # As autovacuum does on a server at work.
                with engine.begin() as connection:
                    connection.exec_driver_sql("ANALYZE")
            times = {
                name: measure(engine, statement)
                for name, statement in list_cases(config, row).items()
            }
            times["a message"] = measure_message(engine)
        print(f"{number:>9,} messages", *(f"{name} {took:.2f}" for name, took in times.items()))


if __name__ == "__main__":
    main()
