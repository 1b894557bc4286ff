"""A systemd service and its timer that start `run --all`, shut off from what they do not need.

For the system (root installs them) with everything that systemd can shut off. For a user's own
systemd with what works without root's rights. Secrets are passed as credentials, which only the
service can read while it runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from onboarding.cron.program import MINUTES, Program, escape_path, quote_for_systemd

SERVICE, TIMER = "onboarding.service", "onboarding.timer"

DESCRIPTION = "Webinar onboarding"

HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What `ProtectHome=` shuts off (systemd.exec(5))."""


@dataclass(frozen=True, slots=True)
class Units:
    """The text of both units."""

    service: str
    timer: str


def render_system_units(program: Program, user: str, credentials: Mapping[str, Path]) -> Units:
    """Render units for the system. `user` runs the program.

    `credentials` has the file of each secret.
    """
    service = "\n".join(
        (
            render_unit_section(DESCRIPTION),
            _render_service_section(program, user),
            render_system_sections(program, credentials),
        )
    )
    return Units(service, _render_timer("timers.target"))


def render_system_sections(program: Program, credentials: Mapping[str, Path]) -> str:
    """Render what shuts any service of this program off, and gives it its secrets."""
    sections = (
        _render_credentials(credentials, "root's files, which only this service can read"),
        _render_file_limits(program),
        f"{_SYSTEM_LIMITS}{_LIMITS}",
    )
    return "\n".join(filter(None, sections))


def render_user_units(program: Program, credentials: Mapping[str, Path]) -> Units:
    """Render units for the user's own systemd, with what needs no right of root's."""
    sections = (
        render_unit_section(DESCRIPTION, network=False),
        _render_service_section(program, ""),
        _render_credentials(credentials, "passed on for the time of a run"),
        f"UMask=0077\n{_LIMITS}",
    )
    return Units("\n".join(filter(None, sections)), _render_timer("timers.target"))


def render_unit_section(description: str, *, network: bool = True) -> str:
    """Render the section `[Unit]`."""
    # A user's systemd knows nothing of the system's targets.
    wanted = "Wants=network-online.target\nAfter=network-online.target\n" if network else ""
    return f"[Unit]\nDescription={description}\n{wanted}"


def _render_service_section(program: Program, user: str) -> str:
    user_line = f"User={user}\n" if user else ""
    return (
        f"[Service]\nType=oneshot\n{user_line}"
        f"ExecStart={quote_for_systemd(program.words)}\n"
        # 75 is a condition that passes by itself. 1 and 2 make the unit fail.
        "SuccessExitStatus=75\nTimeoutStartSec=1h\nTimeoutStopSec=60\n"
    )


def _render_credentials(credentials: Mapping[str, Path], comment: str) -> str:
    if not credentials:
        return ""
    lines = [f"LoadCredential={name}:{path}\n" for name, path in credentials.items()]
    return f"# Secrets: {comment}.\n{''.join(lines)}"


def _render_file_limits(program: Program) -> str:
    files = filter(None, (program.config, program.ledger))
    folders = dict.fromkeys(file.parent for file in files)
    paths = " ".join(escape_path(folder) for folder in folders)
    used = (*folders, Path(program.command[0]))
    # With `yes` it could not even read what it works with.
    in_home = any(path.is_relative_to(home) for path in used for home in HOMES)
    return (
        "# It writes the ledger, and nothing else.\n"
        "ProtectSystem=strict\n"
        f"ReadWritePaths={paths}\n"
        f"ProtectHome={'read-only' if in_home else 'yes'}\n"
        "PrivateTmp=yes\nPrivateDevices=yes\nUMask=0077\n"
    )


def _render_timer(wanted_by: str) -> str:
    return (
        f"[Unit]\nDescription=Webinar onboarding, every {MINUTES} minutes\n\n"
        f"[Timer]\nOnCalendar=*:0/{MINUTES}\nPersistent=true\n\n"
        f"[Install]\nWantedBy={wanted_by}\n"
    )


# Neither ProtectProc= nor PrivatePIDs=: the program looks in /proc whether the run that holds a
# webinar is still alive, and one that it can't see would count as dead.
_SYSTEM_LIMITS = """\
# It speaks to RingCentral and the mail server, and needs no right beyond that.
CapabilityBoundingSet=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
"""

_LIMITS = """\
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
