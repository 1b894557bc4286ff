"""Which session is meant where only a webinar is named: the one that is not over. Pure."""

from collections.abc import Sequence
from typing import TypeVar

from onboarding.errors import ConfigurationError, Refused
from onboarding.model.sessions import OddSession, SessionStatus, Webinar
from onboarding.ringcentral.errors import NotThere
from onboarding.ringcentral.schemas.sessions import SessionEntry

E = TypeVar("E", SessionEntry, OddSession)


def select_entry(
    webinar: Webinar, found: Sequence[SessionEntry], odd: Sequence[OddSession]
) -> SessionEntry:
    """Choose a webinar's only session; a session that is over counts only if no other is left.

    `odd` are its sessions that aren't understood. Raises `ConfigurationError` where more than one
    lies ahead, `NotThere` where there is none at all, `Refused` where the only one is odd.
    """
    # With a session that is over, the run says that it is.
    ahead, odd_ahead = _select_ahead(found), _select_ahead(odd)
    if odd_ahead and not ahead:
        raise Refused(
            str(odd_ahead[0]), hint="Look at the session in RingCentral, or give another one's id."
        )
    if len(ahead) + len(odd_ahead) > 1:
        raise _many_sessions_error(webinar, ahead, odd_ahead)
    if not found:
        raise NotThere(
            f"Webinar {webinar.id} has no session that lies ahead.",
            hint="Schedule one at RingCentral, or give its id: `session = ...` in config.toml.",
        )
    # `ahead` holds one session at most here. Of several that are over, the latest is meant.
    return max(ahead or found, key=lambda entry: entry.scheduled_start_time)


def _select_ahead(entries: Sequence[E]) -> list[E]:
    return [entry for entry in entries if entry.status is not SessionStatus.FINISHED]


def _many_sessions_error(
    webinar: Webinar, entries: Sequence[SessionEntry], odd: Sequence[OddSession]
) -> ConfigurationError:
    # An odd session may have no id that can be read.
    ids = sorted([*(entry.id for entry in entries), *(entry.session_id or "?" for entry in odd)])
    return ConfigurationError(
        f"Webinar {webinar.id} has {len(ids)} sessions: {', '.join(ids)}.",
        hint="Say which one is meant: `session = ...` in config.toml, or WEBINAR_ID/SESSION_ID.",
    )
