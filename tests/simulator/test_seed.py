"""A rehearsal's account: configured webinars, people from their rosters, and our samples."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.model.people import Invitee, LinkedUser, Role
from onboarding.simulator.parse import ChangeRequest, parse_value
from onboarding.simulator.seed import WebinarSeed, seed_account
from tests.simulator.accounts import NOW

ROOT = Path(__file__).parents[2]
SAMPLES = [ROOT / "onboarding" / "samples" / "demo.csv", ROOT / "invitees.csv"]
COLUMNS = [
    "first_name",
    "last_name",
    "email",
    "role",
    "job_title",
    "language",
    "time_zone",
    "account_id",
    "user_id",
]

HOST = Invitee(2, "hanna@brightwater.example", Role.HOST, "Hanna", "Holm")
LINKED = Invitee(3, "carlos@brightwater.example", Role.COHOST, linked_user=LinkedUser("800", "12"))
NAMELESS = Invitee(4, "", Role.PANELIST, linked_user=LinkedUser("801", "13"))
COHOST = Invitee(5, "ines@brightwater.example", Role.COHOST, "Ines")
GUEST = Invitee(6, "ada@example.com", Role.PANELIST, "Ada")


def rows(sample: Path) -> list[dict[str, str]]:
    with sample.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def invitees(sample: Path) -> tuple[Invitee, ...]:
    """Read a sample as far as these tests need it (the real reading is the roster's)."""
    return tuple(
        Invitee(
            row=number,
            email=row["email"],
            role=Role(row["role"]),
            first_name=row["first_name"],
            last_name=row["last_name"],
            linked_user=LinkedUser(row["account_id"], row["user_id"]) if row["user_id"] else None,
        )
        for number, row in enumerate(rows(sample), start=2)
        if row["role"] in list(Role)
    )


def test_hosts_of_the_rosters_host_their_webinars():
    other = Invitee(2, "olga@brightwater.example", Role.HOST, "Olga")

    held = seed_account(
        [WebinarSeed("1", invitees=(HOST, LINKED)), WebinarSeed("2", invitees=(other,))], NOW
    )

    hosts = [held.directory.find_user(held.webinars[number].host) for number in ("1", "2")]
    assert [host and host.email for host in hosts] == [
        "hanna@brightwater.example",
        "olga@brightwater.example",
    ]
    assert held.owner == hosts[0]


def test_webinar_without_a_host_on_its_roster_has_one_all_the_same():
    held = seed_account([WebinarSeed("1", invitees=(GUEST,))], NOW)

    host = held.directory.find_user(held.webinars["1"].host)
    assert host is not None
    assert host.email == "host@example.com"


def test_colleagues_of_the_rosters_stand_in_the_directory():
    held = seed_account([WebinarSeed("1", invitees=(HOST, LINKED, NAMELESS, COHOST, GUEST))], NOW)

    assert sorted(entry.email for entry in held.directory.entries) == [
        "carlos@brightwater.example",
        "colleague-13@example.com",
        "hanna@brightwater.example",
        "ines@brightwater.example",
    ]
    assert held.directory.find_user(LinkedUser("800", "12")) == held.directory.find_colleague(
        "CARLOS@brightwater.example"
    )


def test_colleague_of_several_rosters_stands_there_once_with_the_ids_that_are_given():
    by_address = Invitee(2, "Carlos@Brightwater.example", Role.HOST)

    held = seed_account(
        [WebinarSeed("1", invitees=(by_address,)), WebinarSeed("2", invitees=(HOST, LINKED))], NOW
    )

    carlos = held.directory.find_colleague("carlos@brightwater.example")
    assert carlos is not None
    assert carlos.linked_user == held.webinars["1"].host == LinkedUser("800", "12")
    assert len(held.directory.entries) == 2


def test_same_roster_makes_the_same_ids_on_another_day():
    worlds = [
        seed_account([WebinarSeed("1", invitees=(HOST, COHOST))], NOW + timedelta(days=day))
        for day in (0, 1)
    ]

    assert worlds[0].directory.entries == worlds[1].directory.entries
    assert list(worlds[0].sessions) == list(worlds[1].sessions)


@pytest.mark.parametrize(
    ("webinar_id", "session_id", "becomes"),
    [("123456789012", "", "12345678901201"), ("1" * 20, "", "1" * 18 + "01"), ("1", "7", "7")],
)
def test_session_has_the_id_of_the_configuration_or_a_made_up_one(webinar_id, session_id, becomes):
    held = seed_account([WebinarSeed(webinar_id, session_id)], NOW)

    assert list(held.sessions) == [(webinar_id, becomes)]


# Hypothesis takes bounds without a zone, and adds it.
FIRST_TIME, LAST_TIME = datetime(2020, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001


@given(now=st.datetimes(FIRST_TIME, LAST_TIME, timezones=st.just(UTC)))
def test_every_session_starts_on_a_thursday_afternoon_two_to_three_weeks_ahead(now):
    (session,) = seed_account([WebinarSeed("1")], now).sessions.values()

    assert session.start.strftime("%A %H:%M %Z") == "Thursday 14:00 UTC"
    assert 13 <= (session.start - now).days <= 21


def test_account_without_webinars_can_be_logged_in_to():
    held = seed_account([], NOW)

    assert (held.owner.email, held.webinars) == ("host@example.com", {})


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_sample_roster_has_the_columns_of_the_readme(sample):
    assert [list(row) for row in rows(sample)] == [COLUMNS] * len(rows(sample))


def test_demo_roster_holds_every_kind_of_row():
    people = rows(SAMPLES[0])
    addresses = [row["email"].casefold() for row in people]

    assert {row["role"] for row in people} == {"Host", "CoHost", "Panelist", "Attendee"}
    assert [row["role"] for row in people if row["user_id"]] == ["CoHost"]
    assert [name for name in ("Jörg", "美咲") if name in [row["first_name"] for row in people]] == [
        "Jörg",
        "美咲",
    ]
    assert [address for address in addresses if "@" not in address] == [
        "lena.fischer(at)example.com"
    ]
    assert len(addresses) - len(set(addresses)) == 1


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_sample_roster_can_be_invited_to_the_world_made_for_it(sample):
    people = {invitee.key: invitee for invitee in invitees(sample) if "@" in invitee.email}.values()
    held = seed_account([WebinarSeed("123456789012", invitees=tuple(people))], NOW)
    (key,) = held.sessions
    asked = [_asked(invitee) for invitee in people if invitee.role is not Role.HOST]

    applied = held.change_invitees(*key, parse_value(ChangeRequest, {"addedInvitees": asked}), NOW)

    host = held.directory.find_user(held.webinars["123456789012"].host)
    assert host is not None
    assert host.email == "hanna.holm@brightwater.example"
    assert len(applied.added) == len(asked) >= 4
    assert held.mailed == []


def _asked(invitee: Invitee) -> dict:
    if invitee.linked_user:
        ids = {
            "accountId": invitee.linked_user.account_id,
            "userId": invitee.linked_user.user_id,
            "domain": "pbx",
        }
        return {"role": invitee.role.value, "linkedUser": ids, "sendInvite": False}
    return {
        "role": invitee.role.value,
        "firstName": invitee.first_name,
        "lastName": invitee.last_name,
        "email": invitee.email,
        "sendInvite": False,
    }
