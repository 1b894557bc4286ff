"""A PostgreSQL server of our own: a private Unix socket, a folder that is gone afterwards.

`initdb` refuses to run as root, so root starts it as another user. Nothing is flushed to the disk,
unless asked for: no test cuts the machine's power.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from onboarding.fleet.engine import read_schema
from onboarding.ledger.places import ServerPlace
from onboarding.ledger.postgresql import upgrade_server

SUPERUSER = "tester"
TEMPLATE = "ledger_template"
BINARIES = "/usr/lib/postgresql/*/bin/initdb"

SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "lc_messages": "C",
}
UNFLUSHED = {"fsync": "off", "full_page_writes": "off"}


def find_missing() -> str:
    """Why no server can be started here; empty if one can."""
    try:
        import psycopg  # noqa: F401, PLC0415  -- whether it is there is the question
    except ImportError:
        return "psycopg is not installed"
    if not _folder_of_programs():
        return "PostgreSQL is not installed (Debian: postgresql)"
    if os.geteuid() == 0 and not _other_user():
        return "root can't run PostgreSQL, and there is no user postgres or nobody"
    return ""


@dataclass
class RunningServer:
    """A server, and the databases in it."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def place(self, database: str, user: str = SUPERUSER) -> ServerPlace:
        """The address of a database."""
        url = sa.URL.create(
            "postgresql+psycopg",
            username=user,
            database=database,
            query={"host": str(self.folder)},
        )
        return ServerPlace(url)

    def make_empty(self) -> ServerPlace:
        """Make a database without tables."""
        return self._make("template0")

    def make_ledger(self) -> ServerPlace:
        """Make a ledger, migrated and empty."""
        return self._make(TEMPLATE)

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Execute a statement as the server's owner."""
        import psycopg  # noqa: PLC0415  -- an extra

        url = self.place(database).url.set(drivername="postgresql").render_as_string()
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def control(self, *command: str) -> None:
        """Start or stop the server: `start`, or `stop` and `-m MODE`."""
        program = Path(_folder_of_programs(), "pg_ctl")
        _run(program, "-D", self.folder / "data", "-w", "-l", self.folder / "log", *command)

    def _make(self, template: str) -> ServerPlace:
        name = f"ledger_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.place(name)


@contextmanager
def run_server(*, flushes: bool = False) -> Iterator[RunningServer]:
    """Run a server with a ledger that can be copied."""
    # Not in pytest's folder: another user could not enter that.
    folder = Path(tempfile.mkdtemp(prefix="onboarding-postgresql-"))
    if user := _other_user():
        shutil.chown(folder, user)
    server = RunningServer(folder)
    try:
        _prepare(server, SETTINGS if flushes else SETTINGS | UNFLUSHED)
        server.control("start")
        try:
            (where,) = server.execute("SHOW data_directory")
            assert where == (str(folder / "data"),)
            server.execute(f"CREATE DATABASE {TEMPLATE}")
            upgrade_server(server.place(TEMPLATE), 1.0, read_schema())
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _prepare(server: RunningServer, settings: Mapping[str, str]) -> None:
    data = server.folder / "data"
    _run(
        Path(_folder_of_programs(), "initdb"),
        *("-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync"),
    )
    with (data / "postgresql.conf").open("a") as file:
        for name, value in settings.items():
            file.write(f"{name} = {value}\n")
        file.write(f"unix_socket_directories = '{server.folder}'\n")
    # A role whose password is asked for; all others are let in.
    rules = data / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())


def _run(*command: str | Path) -> None:
    user = _other_user()
    # The output goes nowhere: a server that is started would keep a pipe open for ever.
    subprocess.run(
        command,
        check=True,
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _folder_of_programs() -> str:
    found = sorted(Path("/").glob(BINARIES.removeprefix("/")))
    return str(found[-1].parent) if found else ""


def _other_user() -> str | None:
    """The user that root starts the server as; None for all who may start it themselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)
