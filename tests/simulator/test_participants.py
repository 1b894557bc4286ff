"""Who has joined a simulated session: when, by which door, and who may ask for it."""

from datetime import timedelta

import pytest

from tests.simulator.accounts import SESSION, SESSION_PATH, WEBINAR, session, webinar, world
from tests.simulator.conftest import Served, code

pytestmark = pytest.mark.anyio

PARTICIPANTS = SESSION_PATH.replace("configuration", "history") + "/participants"


async def test_people_join_as_the_state_says(visit: Served):
    people = [
        {"email": "ada@example.com", "joins": -60},
        {"email": "bob@example.com", "joins": 120, "wrong_door": True},
        {"email": "eve@example.com"},
    ]
    held = world(
        webinars=[
            webinar(
                sessions=[
                    session(
                        status="Active",
                        invitees=people,
                        strangers=[{"email": "mallory@example.com", "role": "CoHost"}],
                        host_joins=-300,
                    )
                ]
            )
        ]
    )
    start = held.sessions[WEBINAR, SESSION].start
    async with visit(held) as there:
        seen = []
        for minutes in (-2, 0, 3):
            there.clock.now = start + timedelta(minutes=minutes)
            await there.log_in()
            answer = await there.get(f"{PARTICIPANTS}?originalRole=Host&originalRole=Panelist")
            names = ("originalRole", "role", "email")
            seen.append([tuple(map(record.get, names)) for record in answer.json()["records"]])
    host = ("Host", "Host", "hanna@brightwater.example")
    ada = ("Panelist", "Panelist", "ada@example.com")
    bob = ("Panelist", "Attendee", "bob@example.com")
    assert seen == [[host], [host, ada], [host, ada, bob]]


async def test_history_is_for_hosts_and_cohosts_of_a_session_that_began(visit: Served):
    async with visit() as there:
        assert code(await there.get(PARTICIPANTS)) == (404, "CMN-102")
        there.account.owner = there.account.directory.entries[1]
        assert code(await there.get(PARTICIPANTS)) == (403, "CMN-408")
