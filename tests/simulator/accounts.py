"""Accounts for the simulator's tests: a company of a few people, and one webinar or several."""

from datetime import datetime, timedelta
from typing import Any

from onboarding.simulator.account import SimulatedAccount
from onboarding.simulator.state import AccountState
from tests import samples
from tests.samples import NOW

WEBINAR, SESSION = "1001", "2001"
SESSION_PATH = f"/webinar/configuration/v1/webinars/{WEBINAR}/sessions/{SESSION}"
INVITEES_PATH = f"{SESSION_PATH}/invitees"
API = "/webinar/configuration/v1"
DIRECTORY = "/restapi/v1.0/account/~/directory/entries"
SINCE = {"endTimeFrom": "2026-01-01T00:00:00Z"}
HOME = "900"

HANNA = samples.HANNA.as_entry(HOME, "11")
CARLOS = samples.CARLOS.as_entry(HOME, "12")
DORA = {
    "user_id": "13",
    "account_id": HOME,
    "email": "dora@brightwater.example",
    "status": "Disabled",
}
ROOM = {"user_id": "14", "account_id": HOME, "email": "room@brightwater.example", "type": "Room"}
FEDERATED = {
    "user_id": "15",
    "account_id": "901",
    "email": "ann@sister.example",
    "first_name": "Ann",
}

ADA = samples.ADA.as_request()
BOB = samples.BOB.as_request()
CARLOS_LINKED = {"accountId": HOME, "userId": "12", "domain": "pbx"}
CARLOS_COHOST = {"role": "CoHost", "linkedUser": CARLOS_LINKED, "sendInvite": False}


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def session(**changes: Any) -> dict[str, Any]:
    return {"id": SESSION, "start": "2026-09-15T14:00:00Z", **changes}


def webinar(**changes: Any) -> dict[str, Any]:
    return {"id": WEBINAR, "host": "11", "title": "Tides", "sessions": [session()], **changes}


def state(**changes: Any) -> AccountState:
    base = {
        "account_id": HOME,
        "directory": [HANNA, CARLOS, DORA, ROOM, FEDERATED],
        "webinars": [webinar()],
    }
    return AccountState.model_validate({**base, **changes})


def world(**changes: Any) -> SimulatedAccount:
    return SimulatedAccount(state(**changes), NOW)
