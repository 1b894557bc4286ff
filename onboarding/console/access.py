"""Who is asking: the person behind a request, and what they may see and do.

Decides nothing about passwords and keys (`log_in`). A route says what it needs (`Access`), and
`routes` has it checked before the page runs, so a page that forgets to ask is closed, not open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from starlette.exceptions import HTTPException
from starlette.requests import Request

from onboarding.config.console import ConsoleRole

NOT_YOURS = "There is no webinar of this name here that you may see."
ASK_AN_APPROVER = "You may look, but not act. Ask an approver to do this."


class Access(Enum):
    """What a route asks of the person who opens it."""

    OPEN = "open"
    VIEWER = "viewer"
    APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person who has logged in. Without `webinars` they may see all of them."""

    name: str
    role: ConsoleRole
    webinars: frozenset[str] = frozenset()

    @property
    def is_approver(self) -> bool:
        """Whether they may act, and not only look."""
        return self.role is ConsoleRole.APPROVER

    def may_see(self, webinar: str) -> bool:
        """Whether they may see a webinar, by its name in config.toml."""
        return not self.webinars or webinar in self.webinars


def find_viewer(request: Request) -> Viewer | None:
    """Find who has logged in; None for a stranger."""
    # Not there yet where the guard refuses a request: then it is a stranger's.
    found = request.scope.get("viewer")
    return found if isinstance(found, Viewer) else None


def require_viewer(request: Request) -> Viewer:
    """Give the person who asks. Raises HTTPException 401 for a stranger."""
    if viewer := find_viewer(request):
        return viewer
    raise HTTPException(401, "Log in first.")


def require_approver(request: Request) -> Viewer:
    """Give the person who acts. Raises HTTPException: 401 for a stranger, 403 for a viewer."""
    viewer = require_viewer(request)
    if viewer.is_approver:
        return viewer
    raise HTTPException(403, ASK_AN_APPROVER)


def require_webinar(viewer: Viewer, name: str, known: Iterable[str]) -> None:
    """Raise HTTPException 404 for a webinar that is not configured, or not theirs."""
    # The same words for both: who may not see a webinar may not learn that there is one, either.
    if name not in known or not viewer.may_see(name):
        raise HTTPException(404, NOT_YOURS)
