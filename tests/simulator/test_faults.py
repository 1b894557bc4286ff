"""Bad weather to order: its short form, and which call it strikes."""

import pytest

from onboarding.simulator.faults import (
    FAULT_MEANINGS,
    BadFault,
    FaultKind,
    FaultQueue,
    InjectedFault,
    corrupt,
    parse_fault,
)

LIST = "/webinar/configuration/v1/webinars/1/sessions/2/invitees"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("500", InjectedFault(FaultKind.ERROR_500)),
        ("PATCH:500", InjectedFault(FaultKind.ERROR_500, method="PATCH")),
        (
            "PATCH:timeout-after=1.5*3",
            InjectedFault(FaultKind.TIMEOUT_AFTER, "1.5", "PATCH", times=3),
        ),
        (
            "GET /invitees:shuffled*all",
            InjectedFault(FaultKind.SHUFFLED, method="GET", path="/invitees", times=None),
        ),
        ("/sessions/*:moved=-90", InjectedFault(FaultKind.MOVED, "-90", path="/sessions/*")),
        (":slow", InjectedFault(FaultKind.SLOW)),
        ("missing-field=joinUri", InjectedFault(FaultKind.MISSING_FIELD, "joinUri")),
        (
            "missing-join-uri=ada@example.com",
            InjectedFault(FaultKind.MISSING_JOIN_URI, "ada@example.com"),
        ),
    ],
)
def test_short_form_is_read(text, fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "timeout-after"),
        ("PATCH:", "timeout-after"),
        ("PATCH:catastrophe", "'PATCH:catastrophe' is no fault"),
        ("patch:500", "'patch:500' is no fault"),
        ("500*0", "'500\\*0' is no fault"),
        ("GET invitees:500", "is no fault"),
        ("missing-field", "missing-field=joinUri"),
        ("changed-field", "changed-field=joinUri"),
        ("slow=very", "slow=5"),
        ("moved=soon", "moved=5"),
    ],
)
def test_short_form_that_means_nothing_says_what_is_possible(text, message):
    with pytest.raises(BadFault, match=message):
        parse_fault(text)


def test_every_trouble_is_explained():
    assert list(FAULT_MEANINGS) == list(FaultKind)


@pytest.mark.parametrize(
    ("fault", "method", "path", "fits"),
    [
        ("500", "GET", LIST, True),
        ("GET:500", "GET", LIST, True),
        ("PATCH:500", "GET", LIST, False),
        ("/invitees:500", "GET", LIST, True),
        ("/invitees:500", "GET", f"{LIST}/7", False),
        ("/invitees/*:500", "GET", f"{LIST}/7", True),
        ("/sessions/*:500", "GET", LIST, False),
        ("/sessions/*:500", "GET", "/webinars/1/sessions/2", True),
        ("/a/b/c:500", "GET", "/b/c", False),
    ],
)
def test_fault_strikes_only_calls_that_fit(fault, method, path, fits):
    assert parse_fault(fault).matches(method, path) is fits


def test_faults_are_used_up_in_order():
    faults = FaultQueue(["PATCH:500", "GET:503*2", "429"])

    struck = [faults.take_due("GET", LIST) for _ in range(4)]

    assert [fault and fault.kind.value for fault in struck] == ["503", "503", "429", None]
    assert faults.waiting == [parse_fault("PATCH:500")]


def test_fault_for_all_calls_is_never_used_up():
    faults = FaultQueue(["500*all"])

    assert [faults.take_due("GET", LIST) for _ in range(3)] == [parse_fault("500*all")] * 3


def test_faults_can_be_called_off():
    faults = FaultQueue(["500*all"])
    faults.clear()

    assert faults.take_due("GET", LIST) is None


ADA = {"id": "1", "email": "ada@example.com", "joinUri": "https://webinar.example/1"}
BOB = {"id": "2", "email": "bob@example.com", "joinUri": "https://webinar.example/2"}
ADA_WITHOUT = {"id": "1", "email": "ada@example.com"}
BOB_WITHOUT = {"id": "2", "email": "bob@example.com"}
STRANGE = {"unheardOf": [1, {"deep": True}]}


@pytest.mark.parametrize(
    ("fault", "answer", "after"),
    [
        ("missing-join-uri", {"records": [ADA, BOB]}, {"records": [ADA, BOB_WITHOUT]}),
        (
            "missing-join-uri=ada@example.com",
            {"records": [ADA, BOB]},
            {"records": [ADA_WITHOUT, BOB]},
        ),
        ("missing-join-uri=1", {"records": [ADA, BOB]}, {"records": [ADA_WITHOUT, BOB]}),
        ("missing-join-uri=eve@example.com", {"records": [ADA]}, {"records": [ADA]}),
        ("missing-join-uri", {"records": []}, {"records": []}),
        (
            "broken-join-uri",
            {"records": [ADA]},
            {"records": [{**ADA, "joinUri": "https://[::1/join"}]},
        ),
        (
            "unknown-role=1",
            {"records": [ADA, BOB]},
            {"records": [{**ADA, "role": "Moderator"}, BOB]},
        ),
        ("missing-person=2", {"records": [ADA, {}]}, {"records": [ADA, {}]}),
        ("missing-person", {"records": [ADA, BOB]}, {"records": [ADA]}),
        ("missing-person=1", {"addedInvitees": [ADA, BOB]}, {"addedInvitees": [BOB]}),
        (
            "missing-person",
            {"addedInvitees": [ADA], "updatedInvitees": [BOB]},
            {"addedInvitees": [ADA], "updatedInvitees": []},
        ),
        (
            "shuffled",
            {"records": [ADA, BOB], "paging": [1, 2]},
            {"records": [BOB, ADA], "paging": [1, 2]},
        ),
        (
            "extra-fields",
            {"records": [{"id": "1"}]},
            {"records": [{"id": "1", "notYetAnnounced": STRANGE}], "notYetAnnounced": STRANGE},
        ),
        (
            "missing-field=email",
            {"records": [ADA], "email": "x"},
            {"records": [{"id": "1", "joinUri": ADA["joinUri"]}]},
        ),
        (
            "changed-field=id",
            {"records": [ADA_WITHOUT]},
            {"records": [{**ADA_WITHOUT, "id": STRANGE}]},
        ),
        ("timeout-after", {"records": [ADA]}, {"records": [ADA]}),
    ],
)
def test_answer_is_spoiled_as_ordered(fault, answer, after):
    assert corrupt(answer, parse_fault(fault)) == after
