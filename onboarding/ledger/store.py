"""Opens the ledger's file and runs every statement on it, in one writer thread, many to a commit.

A statement is a plain function of a connection (`registrations`, `deliveries`, ...). Those that several tasks hand in
while a commit is on its way share the next one: a disk flush per group and not per message. What `run` has
returned from is on the disk (WAL, synchronous=FULL). A statement that runs for every message takes many items at once
(`moves`), so that a group costs hardly more than one. The store decides nothing and knows no subject.
"""

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from onboarding.errors import ConfigurationError, OnboardingError
from onboarding.ledger.errors import LOCKED, as_run_error, result_code
from onboarding.ledger.migrations import upgrade
from onboarding.ledger.sql import driver, is_one_statement

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

GROUP = 500
"""Statements that share one commit at the most, so that none waits long for the others."""

BUSY_SECONDS = 30.0
"""How long to wait for another process's commit before giving up."""

OPENED_AGAIN = 0.05
"""Seconds until a file is opened again that another process is just making."""

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
"""`secure_delete`: who is forgotten leaves no bytes behind in the file's free pages."""

Batch = Callable[[sa.Connection, Sequence[Item]], Sequence[T]]
"""A statement that takes many items at once and answers for each, in their order."""


class _Job(NamedTuple):
    statement: Batch[Any, Any]
    item: Any
    result: asyncio.Future[Any]
    depends_on: asyncio.Future[Any] | None = None


class _Failed(NamedTuple):
    error: BaseException


_Answered = tuple[_Job, Any]
"""A job with its statement's answer, or with `_Failed`."""


class Ledger:
    """The open ledger: `await ledger.run(statement, ...)` executes a statement and returns once it is durable.

    Use as `async with Ledger(path) as ledger`. Raises ConfigurationError where the file can't be used (damaged, no
    ledger, read-only), and TryLater where it can't be written just now (disk full, or locked for `patience` seconds):
    then nothing may be sent, because nothing could be recorded.
    """

    def __init__(self, path: Path, *, patience: float = BUSY_SECONDS) -> None:
        self.path = path
        self._engine = _engine(path, patience)
        self._patience = patience
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._failed: dict[asyncio.Future[Any] | None, _Failed] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        _create_private(self.path)
        await asyncio.to_thread(self._prepare)
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._jobs.put(None)
        # Not awaited: in a cancelled task an await would return at once, and what was handed in would be lost.
        self._thread.join()
        self._engine.dispose()

    async def run(
        self, statement: Callable[Concatenate[sa.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one statement in a transaction and return its result once that is committed.

        A statement once handed in is carried out even where the task that waits for it is cancelled. What it raises
        is raised here, with nothing of it written. It may be run a second time where another of its group failed, so
        its arguments are values: an iterator would be empty by then.
        """
        return await self.submit(lambda connection, _none: [statement(connection, *args, **kwargs)], None)

    def submit(
        self, statement: Batch[Item, T], item: Item, /, depends_on: asyncio.Future[Any] | None = None
    ) -> asyncio.Future[T]:
        """Hand in one item of a statement that takes many; await the result to know that it is committed.

        Items handed in first are written first or together, never later. `after` is the result of an earlier one:
        where that can't be written, this is not either. All else is as in `run`. Where a group fails, the statement
        gets each item alone.
        """
        if not self._open:
            raise RuntimeError("the ledger is not open")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(statement, item, future, depends_on))
        return future

    def _prepare(self) -> None:
        """Open the file and bring it up to date; again where another process is just doing so.

        SQLite waits for others by itself, but not where a new file becomes a WAL at the moment.
        """
        until = time.monotonic() + self._patience
        while True:
            try:
                with self._engine.begin() as connection:
                    return upgrade(connection)
            except (DBAPIError, sqlite3.Error, OnboardingError) as error:
                self._engine.dispose()
                if result_code(error) not in LOCKED or time.monotonic() > until:
                    raise as_run_error(self.path, error) from None
            time.sleep(OPENED_AGAIN)

    def _work(self) -> None:
        with self._engine.connect() as connection:
            while group := self._next_group():
                answers = self._carry_out(connection, group)
                self._loop.call_soon_threadsafe(self._answer, answers)

    def _next_group(self) -> list[_Job]:
        """Wait for a statement, then take along all that have come meanwhile. Empty: the ledger is being closed."""
        group = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP or self._jobs.empty():
                return group
            job = self._jobs.get()
        if group:
            self._jobs.put(None)  # carry out what came before the closing, then close
        return group

    def _carry_out(self, connection: sa.Connection, group: Sequence[_Job]) -> Sequence[_Answered]:
        """Run a group in one transaction; where it fails, each by itself, so that one's error is not the others'."""
        lost = [self._fail(job, self._failed[job.depends_on]) for job in group if job.depends_on in self._failed]
        jobs = [job for job in group if job.result not in self._failed]
        if not jobs:
            return lost
        try:
            with _transaction(connection, jobs):
                return [*lost, *(answered for batch in _batches(jobs) for answered in _answers(connection, batch))]
        except BaseException as error:  # noqa: BLE001 -- it is its caller's; here it would end the writer for everybody
            if len(jobs) == 1 or result_code(error) in LOCKED:
                return [*lost, *(self._fail(job, _Failed(error)) for job in jobs)]
        return [*lost, *(answered for job in jobs for answered in self._carry_out(connection, [job]))]

    def _fail(self, job: _Job, failed: _Failed) -> _Answered:
        self._failed[job.result] = failed
        return job, failed

    def _answer(self, answers: Sequence[_Answered]) -> None:
        for job, answer in answers:
            if job.result.cancelled():
                continue
            if isinstance(answer, _Failed):
                job.result.set_exception(as_run_error(self.path, answer.error))
            else:
                job.result.set_result(answer)


def _transaction(connection: sa.Connection, group: Sequence[_Job]) -> contextlib.AbstractContextManager[object]:
    """Begin a transaction where it is needed: to begin and to commit by themselves, the thread waits for Python."""
    first = group[0].statement
    is_one = is_one_statement(first) and all(job.statement is first for job in group)
    return contextlib.nullcontext() if is_one else connection.begin()


def _batches(group: Sequence[_Job]) -> Collection[Sequence[_Job]]:
    """Put the items of one statement together, where the first of them stood."""
    batches: dict[Batch[Any, Any], list[_Job]] = {}
    for job in group:
        batches.setdefault(job.statement, []).append(job)
    return batches.values()


def _answers(connection: sa.Connection, batch: Sequence[_Job]) -> Iterable[_Answered]:
    return zip(batch, batch[0].statement(connection, [job.item for job in batch]), strict=True)


def _engine(path: Path, patience: float) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # By the path itself: a URL would give a meaning to some of its characters.
        return sqlite3.connect(path, timeout=patience, check_same_thread=False, isolation_level=None)

    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=sa.pool.StaticPool,
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE: a guarded write must read and write under one lock, or two processes could both pass its guard.
        driver(connection).execute("BEGIN IMMEDIATE")

    return engine


def _create_private(path: Path) -> None:
    """Make the file before SQLite does, so that it is never readable by others, not even for a moment.

    A file that exists is not opened here: closing it again would drop the locks that this process holds on it
    (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        file = path.resolve()  # a link that leads to nothing yet: SQLite would make the file there
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if not path.is_file():
                raise ConfigurationError(
                    f"The ledger {path} is not a file.", hint="Check [ledger] database in config.toml."
                ) from None
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the ledger {path} can't be opened: {error.strerror}",
            hint="Check [ledger] database in config.toml, and that this user may write to its folder.",
        ) from None
