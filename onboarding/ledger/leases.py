"""Leases: no two runs work on a webinar together, and what a dead run held can be taken at once.

A lease identifies its process for certain (machine, process id, start time of that process), so on
the same machine we know without waiting that a holder is dead. A holder on another machine is
believed until its lease ends; it renews the lease while it lives. When to take and renew one is
decided in `pipeline.lease`.

A holder lives as long as it has a lease that counts. So a lease is also its heartbeat: the messages
that carry the holder's name (`claims`) are its own until then.
"""

import os
import socket
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import sqlalchemy as sa

from onboarding.ledger import sql
from onboarding.ledger.schema import leases

TERM = timedelta(seconds=60)
"""How long a lease lasts without being renewed."""

HEARTBEAT = timedelta(seconds=10)
"""How often a lease is renewed: so often that a slow write or two do no harm."""

SENDER, WORKER = "sender", "worker"
"""How the names of leases begin that are heartbeats, and that no two holders want."""

ENDED_STATES = frozenset("ZX")
"""States of a process that has ended and that its parent has not yet collected (proc(5))."""

_STARTTIME = 18
"""The index of `starttime` after `state` in /proc/PID/stat (proc(5): fields 22 and 3)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A run: its unique name, and the process that it runs in."""

    name: str
    machine: str
    pid: int
    started: str

    @property
    def host(self) -> str:
        """The machine's name, as people know it."""
        return self.machine.partition(" ")[0]


class Lease(NamedTuple):
    """A lease: its holder, until when the holder is believed to live, and since when it is held.

    `taken_at` is None where an older version of this program took it.
    """

    holder: Holder
    until: datetime
    taken_at: datetime | None


def new_holder() -> Holder:
    """Make a holder for a run in this process."""
    pid = os.getpid()
    return Holder(uuid.uuid4().hex, _machine_name(), pid, _process_start(pid) or "")


def acquire(connection: sa.Connection, name: str, holder: Holder, now: datetime) -> Lease | None:
    """Take a lease, even a dead holder's. Returns None, or the lease of a holder that lives."""
    # Two that find no lease must not both insert one.
    sql.lock(connection, f"lease {name}")
    # And a holder that renews at the same time either comes first and is seen, or finds no row.
    current = _find_lease(connection, name, for_update=True)
    if current and current.holder != holder and is_alive(current.holder, current.until, now):
        # Refused. But a term that a wrong clock made too long now ends after one term of ours.
        _shorten(connection, name, current, now)
        return current
    # Deleted and not updated, so that nothing of a former holder stays.
    connection.execute(leases.delete().where(leases.c.name == name))
    connection.execute(
        leases.insert().values(
            name=name,
            holder=holder.name,
            machine=holder.machine,
            pid=holder.pid,
            started=holder.started,
            until=now + TERM,
            taken_at=now,
        )
    )
    return None


def _shorten(connection: sa.Connection, name: str, lease: Lease, now: datetime) -> None:
    """Believe a holder for one term by our own clock, even if its clock says longer.

    Otherwise a machine that died with its clock an hour ahead would hold the webinar for an hour.
    A living holder renews its lease long before the term ends.
    """
    if lease.until > now + TERM:
        connection.execute(
            leases.update()
            .where(leases.c.name == name, leases.c.holder == lease.holder.name)
            .values(until=now + TERM)
        )


def lock_leases(connection: sa.Connection) -> None:
    """Let no lease be taken or renewed until the transaction ends."""
    sql.lock_table(connection, leases)


def renew(connection: sa.Connection, name: str, holder: Holder, now: datetime) -> bool:
    """Renew a lease. False if it was taken over: the run must stop then."""
    # `until` is not asked: a lease past its term that no other run took is still ours. The name
    # alone is: it is random, so no other run has ever had it.
    renewed = connection.execute(
        leases.update()
        .where(leases.c.name == name, leases.c.holder == holder.name)
        .values(until=now + TERM)
    )
    return bool(renewed.rowcount)


def release(connection: sa.Connection, name: str, holder: Holder) -> None:
    """Release a lease, so that the next run need not wait."""
    connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder.name))


def is_held(connection: sa.Connection, name: str, now: datetime) -> bool:
    """Tell whether a living run holds this lease."""
    current = _find_lease(connection, name)
    return current is not None and is_alive(current.holder, current.until, now)


def list_held(connection: sa.Connection, now: datetime) -> dict[str, Lease]:
    """List the leases that living runs hold, by their names."""
    # Every row is read: whether a process lives is a question that SQL can't answer.
    found = {row.name: _build_lease(row) for row in connection.execute(sa.select(leases))}
    return {
        name: lease for name, lease in found.items() if is_alive(lease.holder, lease.until, now)
    }


def list_living(connection: sa.Connection, now: datetime) -> frozenset[str]:
    """List the names of the holders that live."""
    return frozenset(lease.holder.name for lease in list_held(connection, now).values())


def remove_dead(
    connection: sa.Connection, holders: Collection[str], now: datetime
) -> frozenset[str]:
    """Find which of these holders are dead, and remove their leases.

    One that only slept finds its lease gone when it renews it, and stops.
    """
    # Locked: one that is just being renewed is read as it is afterwards, or is gone for the holder.
    query = sa.select(leases).where(leases.c.holder.in_(holders)).with_for_update()
    found = [_build_lease(row) for row in connection.execute(query)]
    living = {lease.holder.name for lease in found if is_alive(lease.holder, lease.until, now)}
    dead = frozenset(holders) - living
    connection.execute(leases.delete().where(leases.c.holder.in_(dead)))
    return dead


def find_held(connection: sa.Connection, now: datetime) -> Lease | None:
    """Find a lease of any living run or sender, on any webinar; None if none is at work.

    A worker's own does not count: it may be waiting for something to do.
    """
    held = list_held(connection, now).items()
    return next((lease for name, lease in held if not name.startswith(f"{WORKER} ")), None)


def is_alive(holder: Holder, until: datetime, now: datetime) -> bool:
    """Tell whether a lease's holder still lives.

    That is known for certain on this machine; of another machine it is believed until `until`.
    """
    # The term does not count here: a suspended process lives, and may have half a body sent.
    if holder.machine == _machine_name():
        return _process_start(holder.pid) == holder.started
    return now < until


def _find_lease(connection: sa.Connection, name: str, *, for_update: bool = False) -> Lease | None:
    query = sa.select(leases).where(leases.c.name == name)
    row = connection.execute(query.with_for_update() if for_update else query).one_or_none()
    return _build_lease(row) if row else None


def _build_lease(row: sa.Row[Any]) -> Lease:
    holder = Holder(row.holder, row.machine, row.pid, row.started)
    return Lease(holder, row.until, row.taken_at)


def _process_start(pid: int) -> str | None:
    """Find when a process started; None if it has ended.

    That tells it from a later process with the same id. Linux counts from the machine's own start.
    psutil turns that into a time of day, which moves when the clock is set, and a living holder
    would look like another process. So psutil is asked only on systems without /proc.
    """
    try:
        # A process can end between opening the file and reading it: ProcessLookupError.
        if psutil.LINUX:
            # From the last bracket on: the program's name before it may hold spaces and brackets,
            # and any bytes, since the kernel cuts it off after 15.
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode()
            state, *others = fields.split()
            return None if state in ENDED_STATES else others[_STARTTIME]
        return f"{psutil.Process(pid).create_time():.2f}"
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return None


@cache
def _machine_name() -> str:
    """Name this machine since its last start, and this container.

    Process ids are unique only within both.
    """
    # A new boot id makes all holders from before a restart count as another machine's, so they
    # are believed until their term ends: at most a minute.
    boot = Path("/proc/sys/kernel/random/boot_id")
    names = Path("/proc/self/ns/pid")
    since = boot.read_text().strip() if boot.exists() else f"{psutil.boot_time():.0f}"
    container = names.readlink() if names.exists() else ""
    return f"{socket.gethostname()} {since} {container}".strip()
