"""Opens the ledger and runs every statement on it, in one writer thread, many to a commit.

A statement is a plain function of a connection (`registrations`, `deliveries`, ...). Statements
that tasks submit during a commit share the next commit (group commit): one disk flush per group,
not per message. Once `run` returns, its result is on the disk. A statement that runs for every
message takes many items at once (`transitions`), so that a group costs hardly more than a single
item. The store decides nothing, knows no subject, and does not know which database it writes to.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar

import sqlalchemy as sa

from onboarding.ledger.databases import BUSY_SECONDS, find_database
from onboarding.ledger.places import LedgerPlace
from onboarding.ledger.sql import is_autocommit

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")

GROUP = 500
"""The most statements that share a commit, so that none waits long for the others."""

Batch = Callable[[sa.Connection, Sequence[Item]], Sequence[T]]
"""A statement that takes many items at once and returns a result for each, in their order."""


class _Job(NamedTuple):
    statement: Batch[Any, Any]
    item: Any
    result: asyncio.Future[Any]
    depends_on: asyncio.Future[Any] | None = None


class _Failed(NamedTuple):
    error: BaseException


_Result = tuple[_Job, Any]
"""A job with its statement's result, or with `_Failed`."""


class Ledger:
    """The open ledger: `await ledger.run(statement, ...)` returns once the statement is durable.

    Use as `async with Ledger(place) as ledger`. Raises ConfigurationError if it can't be used
    (damaged, no ledger, read-only, a wrong password), and TryLater if it can't be written just now
    (disk full, locked for `patience` seconds, server away): then nothing may be sent, because
    nothing could be recorded.
    """

    def __init__(self, place: LedgerPlace, *, patience: float = BUSY_SECONDS) -> None:
        self.place = place
        self._database = find_database(place, patience)
        self._engine = self._database.engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        # Daemon: a program that fails before `__aexit__` would wait for this thread for ever.
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        # Only the writer thread uses it, so it needs no lock. None is never a key in it: a job that
        # depends on nothing is found to depend on nothing that failed.
        self._failed: dict[asyncio.Future[Any] | None, _Failed] = {}
        self._open = False

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._database.prepare)
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Before the mark: a job that came after it would never be executed.
        self._open = False
        self._jobs.put(None)
        # Not awaited: in a cancelled task an await would return at once, and the statements that
        # were submitted would be lost.
        self._thread.join()
        self._engine.dispose()

    async def run(
        self,
        statement: Callable[Concatenate[sa.Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one statement in a transaction and return its result once that is committed.

        It is executed even if the task that waits for it is cancelled. What it raises is raised
        here, with nothing of it written. It may run a second time if another of its group failed,
        so its arguments must be values: an iterator would be empty by then.
        """
        return await self.submit(
            lambda connection, _none: [statement(connection, *args, **kwargs)], None
        )

    def submit(
        self,
        statement: Batch[Item, T],
        item: Item,
        /,
        depends_on: asyncio.Future[Any] | None = None,
    ) -> asyncio.Future[T]:
        """Submit one item of a statement that takes many. Its result is set once it is committed.

        Items submitted first are written first or together, never later. `depends_on` is the result
        of an earlier item: if that can't be written, this is not written either. If a group fails,
        the statement gets each item alone. All else is as in `run`.
        """
        if not self._open:
            raise RuntimeError("the ledger is not open")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(statement, item, future, depends_on))
        return future

    def _work(self) -> None:
        with self._engine.connect() as connection:
            while group := self._next_group():
                results = self._execute_group(connection, group)
                # Once for a group, not for each result: every call wakes the event loop.
                self._loop.call_soon_threadsafe(self._set_results, results)

    def _next_group(self) -> list[_Job]:
        """Wait for a job, then take all that have come meanwhile. Empty: the ledger is closing."""
        group = []
        job = self._jobs.get()
        while job is not None:
            group.append(job)
            if len(group) == GROUP or self._jobs.empty():
                return group
            job = self._jobs.get()
        if group:
            # Execute what came before; the next call finds the mark again, and closes.
            self._jobs.put(None)
        return group

    def _execute_group(self, connection: sa.Connection, group: Sequence[_Job]) -> Sequence[_Result]:
        """Execute a group in one transaction; if that fails, each job alone.

        So each job gets only its own error.
        """
        results = self._fail_dependants(group)
        jobs = [job for job in group if job.result not in self._failed]
        try:
            return [*results, *_execute_jobs(connection, jobs)]
        except BaseException as error:  # noqa: BLE001 -- the job's caller gets it
            # Raised here, it would end the thread, and every later job would wait for ever.
            if self._database.is_connection_lost(error):
                # Whether the group was committed is not known. No job of it is tried again: who
                # waits for it sends nothing, and the next run finds what was written. The next
                # group gets a new connection, because each of its guards holds for itself.
                connection.invalidate()
                return [*results, *(self._fail(job, _Failed(error)) for job in jobs)]
            # A lock is in the way of all jobs: alone, each would wait for it once more.
            if len(jobs) == 1 or self._database.is_in_the_way(error):
                return [*results, *(self._fail(job, _Failed(error)) for job in jobs)]
        # In their order: a job may depend on an earlier one of the same group.
        for job in jobs:
            results += self._execute_group(connection, [job])
        return results

    def _fail_dependants(self, group: Sequence[_Job]) -> list[_Result]:
        """Fail the jobs that depend on one that failed, and in turn those that depend on them."""
        return [
            self._fail(job, failed) for job in group if (failed := self._failed.get(job.depends_on))
        ]

    def _fail(self, job: _Job, failed: _Failed) -> _Result:
        # Remembered, so that jobs submitted later that depend on this one fail too.
        self._failed[job.result] = failed
        return job, failed

    def _set_results(self, results: Sequence[_Result]) -> None:
        for job, result in results:
            # Its task was cancelled meanwhile. The statement is committed all the same.
            if job.result.cancelled():
                continue
            if isinstance(result, _Failed):
                job.result.set_exception(self._database.as_write_error(result.error))
            else:
                job.result.set_result(result)


def _execute_jobs(connection: sa.Connection, jobs: Sequence[_Job]) -> list[_Result]:
    """Execute jobs in one transaction; nothing is written if any of them raises."""
    results: list[_Result] = []
    if not jobs:
        return results
    with _transaction(connection, jobs):
        for batch in _batches(jobs):
            items = [job.item for job in batch]
            results += zip(batch, batch[0].statement(connection, items), strict=True)
    return results


def _transaction(
    connection: sa.Connection, group: Sequence[_Job]
) -> contextlib.AbstractContextManager[object]:
    """Begin a transaction if one is needed.

    A single autocommit statement needs none. BEGIN and COMMIT would make the thread wait for the
    interpreter twice more, and the tasks that compose messages keep that busy.
    """
    first = group[0].statement
    is_single = is_autocommit(first) and all(job.statement is first for job in group)
    return contextlib.nullcontext() if is_single else connection.begin()


def _batches(group: Sequence[_Job]) -> Collection[Sequence[_Job]]:
    """Group jobs by their statement, in the order of each statement's first job."""
    # `run` submits a function of its own each time, so only `submit` ever has batches of many.
    batches: dict[Batch[Any, Any], list[_Job]] = {}
    for job in group:
        batches.setdefault(job.statement, []).append(job)
    return batches.values()
