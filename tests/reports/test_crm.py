"""The report in a CRM's shape: its headers, its words, a row for each person."""

from dataclasses import replace

import pytest

from onboarding.errors import ConfigurationError
from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.people import FORGOTTEN
from onboarding.reports.crm import CrmShape, build_crm_table
from onboarding.reports.report import STATUS_WORDS, person_status
from tests.reports.samples import ADA, BOB, IN_DOUBT, REPORT, SENT, report_on

COLUMNS = {"Email": "email", "Last Name": "last_name", "Status": "status", "Source": "=Webinar"}
SHAPE = CrmShape("salesforce", COLUMNS, {"sent": "Invited", "joined": "Attended"})


def test_crm_has_a_row_for_each_person_in_its_own_words():
    table = build_crm_table(REPORT, SHAPE)

    assert table.columns == ("Email", "Last Name", "Status", "Source")
    assert table.rows == (
        ("ada@example.com", "Lovelace", "Invited", "Webinar"),
        ("bob@example.com", "Bauer", "in_doubt", "Webinar"),
    )


def test_person_whose_data_was_removed_is_in_no_crm():
    table = build_crm_table(report_on(ADA, replace(BOB, email=FORGOTTEN, name="")), SHAPE)

    assert [row[0] for row in table.rows] == ["ada@example.com"]


def test_rosters_own_column_can_be_named():
    table = build_crm_table(REPORT, CrmShape("x", {"Phone": "x_phone"}, {}))

    assert table.rows == (("+49 30 123",), ("",))


def test_constant_may_be_empty_or_look_like_a_column():
    table = build_crm_table(report_on(ADA), CrmShape("x", {"A": "=", "B": "=email"}, {}))

    assert table.rows == (("", "email"),)


@pytest.mark.parametrize(
    ("person", "status"),
    [
        (ADA, "sent"),
        (BOB, "in_doubt"),
        (replace(ADA, messages=()), "no_message"),
        (replace(ADA, attendance="joined"), "joined"),
        (replace(BOB, messages=(), attendance="missing"), "missing"),
        (replace(ADA, messages=(SENT, replace(SENT, kind=Kind.CANCELLATION))), "removed"),
        (replace(ADA, messages=(IN_DOUBT, SENT)), "sent"),
    ],
)
def test_status_is_the_attendance_else_the_latest_message(person, status: str):
    assert person_status(person) == status
    assert status in STATUS_WORDS


@pytest.mark.parametrize("state", State)
def test_every_state_of_a_message_can_have_a_word(state: State):
    shape = CrmShape("x", {"Status": "status"}, {state.value: "their word"})
    person = replace(ADA, messages=(replace(SENT, state=state),))

    assert build_crm_table(report_on(person), shape).rows == (("their word",),)


@pytest.mark.parametrize(
    ("columns", "status", "words"),
    [
        ({"Email": "emial"}, {}, ("[reports.crm] columns", "“Email”", "“emial”", "email?")),
        ({"Phone": "x_phon"}, {}, ("“x_phon”", "x_phone?")),
        ({"Phone": "phone"}, {}, ("“phone”", "x_phone?")),
        ({"Email": "qqq"}, {}, ("“qqq”", "There are email, name")),
        ({"Email": "email"}, {"send": "x"}, ("[reports.crm] status", "“send”", "sent?")),
        ({}, {}, ("[reports.crm] has no columns",)),
    ],
)
def test_what_there_is_not_is_named_with_the_nearest(columns, status, words):
    with pytest.raises(ConfigurationError) as caught:
        build_crm_table(REPORT, CrmShape("crm", columns, status))

    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"
