"""Who is at work: keeps two runs of one webinar apart, and lets a dead one's place be taken at once.

A lease names its process for certain (machine, process id, and when that process started), so on the same machine a
dead holder is known to be dead without waiting. A holder on another machine is believed until its lease runs
out; it renews it while it lives.
"""

import os
import socket
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import sqlalchemy as sa

from onboarding.ledger.schema import leases

TERM = timedelta(seconds=60)
"""How long a lease lasts without being renewed; renewed every third of it."""

GONE = frozenset("ZX")
"""States of a process that has ended and is not yet cleared away (proc(5))."""

_STARTTIME = 18
"""The place of `starttime` after `state` in /proc/PID/stat (proc(5): fields 22 and 3)."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One run: a name of its own, and the process that it lives in."""

    name: str
    machine: str
    pid: int
    started: str

    @property
    def host(self) -> str:
        """The machine's name, as people know it."""
        return self.machine.partition(" ")[0]


class Lease(NamedTuple):
    """A lease as it stands: its holder, until when the holder is believed to live, and since when it is held.

    `taken_at` is None where an older version of this program took it.
    """

    holder: Holder
    until: datetime
    taken_at: datetime | None


def new_holder() -> Holder:
    """A new holder living in this process."""
    pid = os.getpid()
    return Holder(uuid.uuid4().hex, _machine(), pid, _start_of(pid) or "")


def acquire(connection: sa.Connection, name: str, holder: Holder, now: datetime) -> Lease | None:
    """Take a lease, also a dead holder's. Returns None on success, else the living holder's lease."""
    current = _current(connection, name)
    if current and current.holder != holder and is_alive(current.holder, current.until, now):
        _shorten(connection, name, current, now)
        return current
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
    """Believe a holder for one term by our own clock, whatever its clock says.

    Else a machine whose clock was an hour ahead when it died would hold the webinar for an hour. A holder that lives
    renews its lease long before the term is over.
    """
    if lease.until > now + TERM:
        connection.execute(
            leases.update().where(leases.c.name == name, leases.c.holder == lease.holder.name).values(until=now + TERM)
        )


def renew(connection: sa.Connection, name: str, holder: Holder, now: datetime) -> bool:
    """Keep a lease. False: it was taken over, the run has to stop."""
    kept = connection.execute(
        leases.update().where(leases.c.name == name, leases.c.holder == holder.name).values(until=now + TERM)
    )
    return bool(kept.rowcount)


def release(connection: sa.Connection, name: str, holder: Holder) -> None:
    """Give a lease back."""
    connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder.name))


def is_held(connection: sa.Connection, name: str, now: datetime) -> bool:
    """Whether a living run is at work on this."""
    current = _current(connection, name)
    return current is not None and is_alive(current.holder, current.until, now)


def is_alive(holder: Holder, until: datetime, now: datetime) -> bool:
    """Tell whether a lease's holder still lives: known for certain here, believed until `until` elsewhere."""
    if holder.machine == _machine():
        return _start_of(holder.pid) == holder.started
    return now < until


def _current(connection: sa.Connection, name: str) -> Lease | None:
    row = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    return Lease(Holder(row.holder, row.machine, row.pid, row.started), row.until, row.taken_at) if row else None


def _start_of(pid: int) -> str | None:
    """When a process started, None where it is no more: tells it from a later one with the same number.

    Linux counts it from the machine's own start. psutil makes a time of day of it, which moves when the clock is set,
    and a living holder would seem to be another process; so it is asked only where there is no /proc.
    """
    try:
        if psutil.LINUX:
            state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return None if state in GONE else others[_STARTTIME]
        return f"{psutil.Process(pid).create_time():.2f}"
    except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
        return None


@cache
def _machine() -> str:
    """This machine since its last start, and this container of it: process ids mean something only within both."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    names = Path("/proc/self/ns/pid")
    since = boot.read_text().strip() if boot.exists() else f"{psutil.boot_time():.0f}"
    container = names.readlink() if names.exists() else ""
    return f"{socket.gethostname()} {since} {container}".strip()
