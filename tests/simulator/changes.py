"""Changes to a session's invitees for the tests of the rules, without HTTP."""

from datetime import timedelta

import pytest

from onboarding.model.people import Role
from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.errors import RequestRefused
from onboarding.simulator.invitees import ChangeResult
from onboarding.simulator.parse import ChangeRequest, parse_value
from onboarding.simulator.records import SimulatedInvitee
from tests.simulator.accounts import NOW, SESSION, WEBINAR, session, webinar, world

LATER = NOW + timedelta(hours=1)
HOST_ID = "700000001"
EVE_ID = "700000002"
LINKED_ID = "700000003"
EVE = {"email": "eve@example.com", "first_name": "Eve", "last_name": "Ek", "send_invite": False}
LINKED = {
    "role": "CoHost",
    "linked_user": {"account_id": "900", "user_id": "12"},
    "send_invite": False,
}


def staged(*invitees: dict, **changes) -> SimulatedAccount:
    status = changes.pop("status", "Scheduled")
    pstn = changes.pop("pstn_enabled", False)
    return world(
        webinars=[webinar(pstn_enabled=pstn, sessions=[session(invitees=invitees, status=status)])],
        rules=changes,
    )


def patch(held: SimulatedAccount, **body) -> ChangeResult:
    return held.change_invitees(WEBINAR, SESSION, parse_value(ChangeRequest, body), LATER)


def people(held: SimulatedAccount) -> list[SimulatedInvitee]:
    return [
        record for record in held.list_records(WEBINAR, SESSION) if record.role is not Role.HOST
    ]


def refusal(held: SimulatedAccount, **body) -> tuple[int, str, str, str]:
    """Ask for what is refused; nothing may have changed by it."""
    before = held.list_records(WEBINAR, SESSION)
    with pytest.raises(RequestRefused) as refused:
        patch(held, **body)
    assert held.list_records(WEBINAR, SESSION) == before
    assert held.mailed == []
    return refused.value.status, refused.value.code, refused.value.parameter, refused.value.value
