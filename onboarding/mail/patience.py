"""How long to wait for the server at each step (RFC 5321 4.5.3.2), in seconds.

Data and one function. The ten minutes after the final dot are long on purpose: a server may scan and store a message
before it answers, and whoever gives up earlier can never know whether it was taken.
"""

from collections.abc import Mapping
from types import MappingProxyType

from onboarding.mail.verdicts import Phase

PATIENCE: Mapping[Phase, float] = MappingProxyType(
    {
        Phase.GREETING: 300.0,
        Phase.EHLO: 300.0,
        Phase.STARTTLS: 300.0,
        Phase.LOGIN: 300.0,
        Phase.MAIL: 300.0,
        Phase.RCPT: 300.0,
        Phase.DATA: 120.0,
        Phase.BODY: 180.0,
        Phase.DOT: 600.0,
    }
)
BRIEF = 5.0
"""For RSET, NOOP, QUIT and closing, when nothing is under way: giving up costs a new connection and nothing else."""


def patience(phase: Phase, timeout: float | None) -> float:
    """Seconds to wait at a phase; `timeout` is the user's own figure for all of them."""
    return timeout or PATIENCE[phase]


def brief(timeout: float | None) -> float:
    """Seconds to wait where nothing depends on the answer."""
    return min(BRIEF, timeout or BRIEF)
