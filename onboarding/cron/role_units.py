"""A systemd service for each role of a fleet, and for the console: it runs until it is stopped.

Shut off from what it does not need, as the service that a timer starts (`units`).
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from onboarding.cron.program import Program, quote_for_systemd
from onboarding.cron.units import DESCRIPTION, render_system_sections, render_unit_section


class UnitRole(StrEnum):
    """What a service is there for. A `worker` plans, sends and reads replies."""

    WORKER = "worker"
    PLAN = "plan"
    SEND = "send"
    REPLIES = "replies"
    CONSOLE = "console"


_COMMANDS: Mapping[UnitRole, tuple[str, ...]] = {
    UnitRole.WORKER: ("worker",),
    UnitRole.PLAN: ("worker", "--role", "plan"),
    UnitRole.SEND: ("worker", "--role", "send"),
    UnitRole.REPLIES: ("worker", "--role", "replies"),
    UnitRole.CONSOLE: ("serve",),
}

_TITLES: Mapping[UnitRole, str] = {
    UnitRole.WORKER: "a worker",
    UnitRole.PLAN: "a worker that plans",
    UnitRole.SEND: "a worker that sends",
    UnitRole.REPLIES: "a worker that reads replies",
    UnitRole.CONSOLE: "the console",
}


def name_unit(role: UnitRole) -> str:
    """Name the unit of a role."""
    return f"onboarding-{role}.service"


def render_role_unit(
    program: Program, role: UnitRole, user: str, credentials: Mapping[str, Path]
) -> str:
    """Render the unit of a role, for the system. `user` runs the program.

    `credentials` has the file of each secret.
    """
    words = program.make_words(*_COMMANDS[role])
    service = (
        f"[Service]\nType=exec\nUser={user}\n"
        f"ExecStart={quote_for_systemd(words)}\n"
        # 75 passes by itself: the database or another service is away. What is wrong with the
        # configuration (2) stays so until a person has seen to it.
        "Restart=on-failure\nRestartSec=10\nRestartPreventExitStatus=2\n"
        # More than the grace that a worker gives the messages in flight.
        "TimeoutStopSec=60\n"
    )
    sections = (
        render_unit_section(f"{DESCRIPTION}, {_TITLES[role]}"),
        service,
        render_system_sections(program, credentials),
        "[Install]\nWantedBy=multi-user.target\n",
    )
    return "\n".join(sections)
