"""Odd records at RingCentral through a whole plan and run: one bad thing stops only itself."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from onboarding.errors import ConfigurationError, Refused
from onboarding.messages.request import ProtectedValues
from onboarding.model.people import Role
from onboarding.model.registrations import NO_LINK
from onboarding.model.sessions import SessionStatus
from onboarding.plan import Options
from onboarding.ringcentral.schemas.invitees import InviteeRecord
from onboarding.simulator.records import ATTENDEE_ROLE, Odd
from tests.stage import COHOST, HOST, PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

STRANGE = {"unheardOf": [1, {"deep": True}]}
ODD_FIELDS = [
    ({"role": "Moderator"}, (), "`role` is “Moderator”"),
    ({"type": "Robot"}, ("role",), "`role` is missing"),
    (
        {"linkedUser": {"accountId": "800100200", "userId": STRANGE}},
        (),
        "`linkedUser.userId` has another form",
    ),
]


def make_odd(
    scene: Stage, email: str, fields: dict[str, Any] | None = None, without: tuple[str, ...] = ()
) -> None:
    """Let RingCentral answer this person's record like this from now on."""
    odd = Odd(fields=fields or {}, without=without)
    records = scene.ringcentral.account.invitees[WEBINAR, SESSION]
    changed = {
        id_: replace(record, odd=odd) if record.email == email else record
        for id_, record in records.items()
    }
    scene.ringcentral.account.invitees[WEBINAR, SESSION] = changed


def make_attendee(scene: Stage, email: str) -> None:
    records = scene.ringcentral.account.invitees[WEBINAR, SESSION]
    changed = {
        id_: replace(record, role=ATTENDEE_ROLE) if record.email == email else record
        for id_, record in records.items()
    }
    scene.ringcentral.account.invitees[WEBINAR, SESSION] = changed


def message(fault: str) -> str:
    return (
        f"RingCentral's record of this person is not understood ({fault}), "
        "so they are left as they are."
        " Look at them in RingCentral, or for a newer version of this program."
    )


@pytest.mark.parametrize(("fields", "without", "fault"), ODD_FIELDS)
async def test_who_has_an_odd_record_is_left_alone_and_all_others_are_served(
    tmp_path, fields, without, fault
):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        make_odd(scene, PANELIST["email"], fields, without)
        scene.write_roster([HOST, {**PANELIST, "last_name": "Meyer"}, panelist(1)])

        result = await scene.run(Options(remove=True))

        assert result.exit_code == 1
        assert [(problem.row, problem.email, problem.message) for problem in result.problems] == [
            (3, PANELIST["email"], message(fault))
        ]
        assert scene.told()[2:] == ["guest1@example.com"]
        names = [
            record.last_name for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)
        ]
        assert sorted(names) == ["", "Example", "Müller"]
        again = await scene.run()
        assert (again.has_changes, again.heavy_calls, again.exit_code) == (False, 2, 1)


@pytest.mark.parametrize(
    "options", [Options(), Options(remove=True, remove_foreign=True, adopt=True)]
)
async def test_odd_record_of_a_person_off_the_roster_is_neither_removed_nor_mailed(
    tmp_path, options
):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        make_odd(scene, PANELIST["email"], {"role": "Moderator"})
        scene.write_roster([HOST, panelist(1)])

        result = await scene.run(options)

        assert [(problem.row, problem.email) for problem in result.problems] == [
            (None, PANELIST["email"])
        ]
        assert scene.told()[2:] == ["guest1@example.com"]
        assert len(scene.ringcentral.account.list_records(WEBINAR, SESSION)) == 3
        assert scene.ringcentral.account.mailed == []


async def test_no_cancellation_is_sent_while_a_nameless_record_may_be_the_persons(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        make_odd(
            scene,
            PANELIST["email"],
            {"role": "Moderator"},
            ("email", "joinUri", "firstName", "lastName", "id"),
        )
        scene.write_roster([HOST])

        result = await scene.run(Options(remove=True))

        assert ([problem.email for problem in result.problems], result.sent) == (["an invitee"], 0)


async def test_a_record_that_becomes_clear_again_is_served_as_ever(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        make_odd(scene, PANELIST["email"], {"role": "Moderator"})
        await scene.run()
        make_odd(scene, PANELIST["email"])
        scene.write_roster([HOST, {**PANELIST, "last_name": "Meyer"}])

        result = await scene.run()

        assert (result.exit_code, result.sent, result.problems) == (0, 0, ())
        assert [
            record.last_name for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)
        ][1:] == ["Meyer"]


@pytest.mark.parametrize(
    "fault", ["PATCH:timeout-after", "PATCH:missing-person", "PATCH:500-after"]
)
async def test_who_is_added_with_an_odd_record_is_added_once_and_reported(tmp_path, fault):
    """The list read after a lost answer, or after one that lacks them, shows an unknown role."""
    email = "guest1@example.com"
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        scene.ringcentral.faults.add(
            f"{fault}", "PATCH:unknown-role*all", f"GET /invitees:unknown-role={email}*all"
        )

        result = await scene.run()

        assert [(problem.email, problem.message) for problem in result.problems] == [
            (email, message("`role` is “Moderator”"))
        ]
        assert sorted(scene.told()) == sorted([HOST["email"], PANELIST["email"]])
        records = scene.ringcentral.account.list_records(WEBINAR, SESSION)
        assert [record.email for record in records if record.email] == [PANELIST["email"], email]

        scene.ringcentral.faults.clear()
        assert ((await scene.run()).sent, scene.told()[2:]) == (1, [email])


@pytest.mark.parametrize("null", [True, False])
async def test_null_in_an_optional_field_is_absent(tmp_path, null):
    optional = ("jobTitle", "linkedUser", "type", "phoneParticipantCode")
    async with stage(tmp_path, [HOST, COHOST, PANELIST]) as scene:
        await scene.run()
        make_odd(
            scene,
            PANELIST["email"],
            dict.fromkeys(optional) if null else {},
            () if null else optional,
        )

        result = await scene.run()

        assert (result.has_changes, result.problems, result.exit_code) == (False, (), 0)


async def test_a_host_without_id_is_the_host(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        key = (WEBINAR, SESSION)
        records = scene.ringcentral.account.invitees[key]
        nameless = {
            id_: replace(record, odd=Odd(without=("id",))) for id_, record in records.items()
        }
        scene.ringcentral.account.invitees[key] = nameless

        result = await scene.run()

        assert (result.exit_code, result.problems) == (0, ())
        assert scene.recipients() == sorted([HOST["email"], PANELIST["email"]])


async def test_an_attendee_is_left_alone_and_nothing_is_wrong(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.write_roster([HOST, panelist(1)])
        make_attendee(scene, PANELIST["email"])

        result = await scene.run(Options(remove_foreign=True, adopt=True))

        assert (result.exit_code, result.problems) == (0, ())
        roles = [record.role for record in scene.ringcentral.account.list_records(WEBINAR, SESSION)]
        assert roles == [Role.HOST, ATTENDEE_ROLE, Role.PANELIST]


async def test_addresses_of_records_that_are_left_alone_stand_in_no_letter_to_others(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        await scene.run()
        make_odd(scene, PANELIST["email"], {"role": "Moderator"})
        make_attendee(scene, "guest1@example.com")
        scene.write_roster(
            [
                HOST,
                panelist(2, first_name=PANELIST["email"]),
                panelist(3, first_name="guest1@example.com"),
            ]
        )

        await scene.run()

        states = await scene.states()
        assert (states["guest2@example.com"], states["guest3@example.com"]) == (
            "rejected",
            "rejected",
        )


SESSION_FIELDS = [
    ({"status": "Postponed"}, "`status` is “Postponed”"),
    ({"panelJoinTimeOffset": 10**18}, "`panelJoinTimeOffset` has another form"),
    (dict.fromkeys(("status", "title", "localeCode", "panelJoinTimeOffset", "hostJoinUri")), ""),
]


@pytest.mark.parametrize(("fields", "fault"), SESSION_FIELDS)
async def test_odd_field_of_the_session_is_a_problem_and_all_people_are_served(
    tmp_path, fields, fault
):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        scene.ringcentral.account.update_session(WEBINAR, SESSION, odd=Odd(fields=fields))

        result = await scene.run()

        assert [fault in problem.message for problem in result.problems] == (
            [True] if fault else []
        )
        assert (result.sent, result.exit_code) == (2, 1 if fault else 0)


async def test_no_person_is_removed_from_a_session_of_unknown_status(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        scene.ringcentral.account.update_session(
            WEBINAR, SESSION, odd=Odd(fields={"status": "Postponed"})
        )
        scene.write_roster([HOST])

        result = await scene.run(Options(remove=True))

        assert len(scene.ringcentral.account.list_records(WEBINAR, SESSION)) == 2
        assert (result.sent, result.exit_code) == (0, 1)
        assert (await scene.status()).seen.status is SessionStatus.UNKNOWN


@pytest.mark.parametrize(
    "odd", [Odd(without=("id",)), Odd(fields={"id": None}), Odd(fields={"id": STRANGE})]
)
async def test_ids_that_we_asked_with_are_filled_in(tmp_path, odd):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        world = scene.ringcentral.account
        world.update_session(WEBINAR, SESSION, odd=odd)
        world.webinars[WEBINAR] = replace(world.webinars[WEBINAR], odd=odd)

        result = await scene.run()

        assert result.sent == 2
        key = (await scene.status()).seen.key
        assert (key.webinar_id, key.session_id) == (WEBINAR, SESSION)


@pytest.mark.parametrize(
    "fields",
    [
        {"settings": None, "title": None, "description": None},
        {"settings": {"panelistAuthentication": None, "pstnEnabled": None}},
    ],
)
async def test_nulls_in_a_webinars_facts_are_absent(tmp_path, fields):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        world = scene.ringcentral.account
        world.webinars[WEBINAR] = replace(world.webinars[WEBINAR], odd=Odd(fields=fields))

        assert (await scene.run()).exit_code == 0


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"settings": "none"}, "`settings` has another form"),
        (
            {"settings": {"panelistAuthentication": "Anybody"}},
            "`panelistAuthentication` is “Anybody”",
        ),
        ({"settings": {"pstnEnabled": STRANGE}}, "`pstnEnabled` has another form"),
        ({"host": "Hanna"}, "`host` has another form"),
        ({"host": {"linkedUser": {"userId": {}}}}, "`linkedUser.accountId` is missing"),
    ],
)
async def test_odd_facts_of_a_webinar_are_a_problem_until_they_are_understood(
    tmp_path, fields, fault
):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        world = scene.ringcentral.account
        world.webinars[WEBINAR] = replace(world.webinars[WEBINAR], odd=Odd(fields=fields))
        first = await scene.run()
        world.webinars[WEBINAR] = replace(world.webinars[WEBINAR], odd=Odd())
        again = await scene.run()

        assert [fault in problem.message for problem in first.problems] == [True]
        assert PANELIST["email"] in scene.told()
        assert (again.problems, again.exit_code) == ((), 0)


def without_session(scene: Stage) -> None:
    """Leave the session's id out of config.toml, so that it has to be found in the lists."""
    file = scene.folder / "config.toml"
    file.write_text(
        file.read_text(encoding="utf-8").replace(f'session = "{SESSION}"\n', "", 1),
        encoding="utf-8",
    )


OTHER = str(int(WEBINAR) + 2)
ODD_ENTRIES = [
    Odd(without=("id",)),
    Odd(fields={"webinar": {"id": None, "title": "Another"}}),
    Odd(fields={"scheduledStartTime": "soon", "status": "Postponed"}),
]


@pytest.mark.parametrize("odd", ODD_ENTRIES)
async def test_an_odd_session_of_another_webinar_harms_nothing(tmp_path, odd):
    async with stage(tmp_path, [HOST, PANELIST], more=1) as scene:
        without_session(scene)
        (session,) = [key[1] for key in scene.ringcentral.account.sessions if key[0] == OTHER]
        scene.ringcentral.account.update_session(OTHER, session, odd=odd)

        result = await scene.run()

        assert (result.exit_code, result.sent, result.problems) == (0, 2, ())


async def test_an_odd_session_of_the_webinar_itself_is_named(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        without_session(scene)
        scene.ringcentral.account.update_session(
            WEBINAR, SESSION, odd=Odd(fields={"scheduledStartTime": "soon"})
        )

        with pytest.raises(Refused) as caught:
            await scene.run()

        assert caught.value.message == (
            "A session in RingCentral's list is not understood "
            f"(webinar {WEBINAR}, session {SESSION}):"
            " `scheduledStartTime` has another form."
        )


async def test_which_of_two_sessions_is_meant_is_asked_though_one_is_odd(tmp_path):
    """It may be the next session; no person gets a link to the wrong one."""
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        without_session(scene)
        world = scene.ringcentral.account
        session = world.find_session(WEBINAR, SESSION)
        world.sessions[WEBINAR, "77"] = replace(
            session, id="77", odd=Odd(fields={"scheduledDuration": None})
        )

        with pytest.raises(ConfigurationError, match=f"has 2 sessions: {SESSION}, 77"):
            await scene.run()

        world.update_session(WEBINAR, "77", status=SessionStatus.FINISHED)
        assert (await scene.run()).sent == 2


@pytest.mark.parametrize(
    "odd",
    [
        Odd(without=("id",)),
        Odd(fields={"id": STRANGE, "type": None, "status": 7}),
        Odd(fields={"account": {"id": None}, "email": STRANGE}),
        Odd(
            fields=dict.fromkeys(
                ("email", "firstName", "lastName", "jobTitle", "type", "status", "account")
            )
        ),
    ],
)
async def test_odd_entry_of_the_directory_is_left_out_and_harms_no_person(tmp_path, odd):
    cohost = {**COHOST, "account_id": "", "user_id": ""}
    async with stage(tmp_path, [HOST, cohost]) as scene:
        directory = scene.ringcentral.account.directory
        stranger = replace(directory.entries[0], user_id="1", email="stranger@example.com", odd=odd)
        directory.entries = (stranger, *directory.entries)

        result = await scene.run()

        assert (result.exit_code, result.sent) == (0, 2)


@pytest.mark.parametrize("link", ["https://[::1/join", "https://%5B::1/x", STRANGE])
async def test_a_join_link_that_can_not_be_parsed_is_one_persons_problem(tmp_path, link):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run()
        make_odd(scene, PANELIST["email"], {"joinUri": link})
        scene.write_roster([HOST, PANELIST, panelist(1)])

        result = await scene.run()

        assert [(problem.row, problem.email, problem.message) for problem in result.problems] == [
            (3, PANELIST["email"], NO_LINK),
        ]
        assert (result.exit_code, scene.told()[2:]) == (1, ["guest1@example.com"])


async def test_link_that_is_broken_from_the_start_is_reported_after_registering(tmp_path):
    email = "guest1@example.com"
    async with stage(tmp_path, [HOST, PANELIST, panelist(1)]) as scene:
        scene.ringcentral.faults.add(
            f"PATCH:broken-join-uri={email}", f"GET /invitees:broken-join-uri={email}*all"
        )

        result = await scene.run()

        assert [problem.email for problem in result.problems] == [email]
        assert "join link" in result.problems[0].message
        assert sorted(scene.told()) == sorted([HOST["email"], PANELIST["email"]])
        scene.ringcentral.faults.clear()
        assert ((await scene.run()).sent, scene.told()[2:]) == (1, [email])


@given(st.text("[]:/@%?#\\.ab1-\u2100\uff0e\u200d5Bx ", max_size=20), st.text(max_size=20))
def test_every_link_that_counts_as_one_can_be_guarded(host, rest):
    """All messages are checked for each link of the session; none may stop them."""
    record = InviteeRecord.model_validate(
        {"id": "1", "role": "Panelist", "joinUri": f"https://{host}/{rest}"}
    )

    links = [
        SecretStr("https://v.example.com/w/join/abcdefghijkl"),
        *filter(None, [record.join_uri]),
    ]
    assert ProtectedValues.of(links, ["ada@example.com"]).addresses == {"ada@example.com"}
