"""The plan in words: the JSON that programs read, and the lines that people read."""

import json
from datetime import UTC, datetime

from onboarding.cli.plan_json import plan_json
from onboarding.cli.plan_rows import plan_rows
from onboarding.model.pauses import Pause
from onboarding.model.people import Problem
from onboarding.model.registrations import Standing
from onboarding.plan import Options
from onboarding.plan.invitee_changes import NOT_THE_HOST
from onboarding.plan.selection import AS_TOLD
from tests.plan.people import (
    COHOST,
    HOST,
    MOVED,
    colleague,
    guest,
    holds,
    last_name,
    linked,
    make_snapshot,
    plan_of,
    row,
)

SEEN = make_snapshot(
    row("ada"),
    row("bob", COHOST),
    row("cleo", job_title="Poet"),
    row("dora"),
    row("eve"),
    row("finn", HOST),
    there=(
        guest("bob"),
        guest("cleo", job_title="Engineer"),
        guest("dora"),
        guest("eve", send_invite=True),
        guest("gus"),
        linked("hal"),
    ),
    known=dict.fromkeys(("bob", "cleo", "dora", "gus"), Standing.ADDED),
    boxes={
        "bob": holds("bob"),
        "cleo": holds("cleo", **MOVED),
        "dora": holds("dora"),
        "gus": holds("gus"),
    },
    colleagues=(colleague("bob"),),
    problems=(Problem(8, "role", "tom@example.com", "no attendees"),),
)
PLAN = plan_of(SEEN, Options(remove=True))


def test_the_json_shape_that_programs_read():
    assert json.loads(json.dumps(plan_json(PLAN))) == {
        "register": {
            "add": [
                _person("ada", "Panelist", "on the roster, not registered"),
                _person("bob", "CoHost", _BOB),
            ],
            "update": [
                {
                    **_person("cleo", "Panelist", "job title: Engineer -> Poet"),
                    "changes": {"job_title": ["Engineer", "Poet"]},
                }
            ],
            "remove": [
                _person("bob", "Panelist", _BOB),
                _person("gus", "Panelist", "not on the roster"),
            ],
            "keep": [
                _person("dora", "Panelist", "registered"),
                _person("eve", "Panelist", "registered"),
            ],
        },
        "mail": [
            {
                **_person("ada", "Panelist", "has no invitation yet"),
                "kind": "invitation",
                "entry": "",
            },
            {**_person("bob", "CoHost", "gets a new link"), "kind": "update", "entry": ""},
            {**_person("cleo", "Panelist", "new start"), "kind": "update", "entry": ""},
            {
                **_person("gus", "Panelist", "holds a link that no longer works"),
                "kind": "cancellation",
                "entry": "",
            },
        ],
        "as_told": [],
        "skip": [
            {
                **_person("eve", "Panelist", f"registered; {_MAILED}"),
                "code": "mailed_by_ringcentral",
            },
            {**_person("finn", "Host", NOT_THE_HOST), "code": "problem"},
            {
                "email": "",
                "name": "user hal",
                "role": "CoHost",
                "reason": _STRANGER,
                "roster": None,
                "code": "not_on_roster",
            },
        ],
        "problems": [
            {"row": 8, "column": "role", "email": "tom@example.com", "message": "no attendees"},
            {"row": 7, "column": "role", "email": "finn@example.com", "message": NOT_THE_HOST},
        ],
        "heavy_calls": 5,
        "notes": [],
        "schedule": [],
        "pause": None,
        "cron_removals": None,
    }


def test_an_empty_plan_has_the_same_shape():
    assert plan_json(plan_of(make_snapshot())) == {
        "register": {"add": [], "update": [], "remove": [], "keep": []},
        "mail": [],
        "as_told": [],
        "skip": [],
        "problems": [],
        "heavy_calls": 2,
        "notes": [],
        "schedule": [],
        "pause": None,
        "cron_removals": None,
    }


def test_a_pause_is_shown_with_its_end():
    since, until = datetime(2026, 9, 1, 9, tzinfo=UTC), datetime(2026, 9, 2, 9, tzinfo=UTC)
    plan = plan_of(make_snapshot())

    assert [plan_json(plan, pause)["pause"] for pause in (Pause(since), Pause(since, until))] == [
        {"since": "2026-09-01T09:00:00+00:00", "until": None},
        {"since": "2026-09-01T09:00:00+00:00", "until": "2026-09-02T09:00:00+00:00"},
    ]


def test_who_is_recorded_as_told_is_shown_apart_from_mail():
    plan = plan_of(
        make_snapshot(row("dora"), there=(guest("dora"),)), Options(adopt=True, as_told=True)
    )

    recorded = {**_person("dora", "Panelist", AS_TOLD), "roster": _roster(2, "dora")}
    assert (plan_json(plan)["mail"], plan_json(plan)["skip"]) == ([], [])
    assert json.loads(json.dumps(plan_json(plan)["as_told"])) == [
        {**recorded, "kind": "invitation"}
    ]
    assert [cells[3] for cells in plan_rows(plan)] == ["as told"]


def test_a_line_for_each_person():
    assert plan_rows(PLAN) == [
        (
            "Ada Lovelace",
            "Panelist",
            "add",
            "invitation",
            "on the roster, not registered; has no invitation yet",
        ),
        ("Bob Bauer", "CoHost", "replace", "update", f"{_BOB}; gets a new link"),
        ("Cleo Example", "Panelist", "update", "update", "job title: Engineer -> Poet; new start"),
        ("Dora Example", "Panelist", "keep", "-", "registered"),
        ("Eve Ek", "Panelist", "keep", "-", f"registered; {_MAILED}"),
        ("Finn Example", "Host", "-", "-", NOT_THE_HOST),
        (
            "Gus Example",
            "Panelist",
            "remove",
            "cancellation",
            "not on the roster; holds a link that no longer works",
        ),
        ("user hal", "CoHost", "-", "-", _STRANGER),
    ]


def test_a_reason_comes_once():
    plan = plan_of(
        make_snapshot(
            row("ada"), there=(guest("ada", join_uri=None),), known={"ada": Standing.ADDED}
        )
    )
    held = plan_of(make_snapshot(row("ada"), there=(guest("ada"),)))

    assert plan_rows(plan)[0][-1].count("no join link") == 1
    assert plan_rows(held)[0][-1].count("--adopt") == 1


def test_no_line_holds_a_join_link():
    assert "https://" not in json.dumps(plan_json(PLAN)) + str(plan_rows(PLAN))
    assert "https://" not in repr(PLAN)


def _person(name: str, role: str, reason: str) -> dict[str, object]:
    return {
        "email": f"{name}@example.com",
        "name": f"{name.title()} {last_name(name)}",
        "role": role,
        "reason": reason,
        "roster": _ROWS[name],
    }


def _roster(number: int, name: str, **given: str) -> dict[str, object]:
    row_of_person = {
        "row": number,
        "first_name": name.title(),
        "last_name": last_name(name),
        "role": "Panelist",
        "job_title": "",
        "language": "",
        "time_zone": "",
        "account_id": "",
        "user_id": "",
        "extra": {},
    }
    return {**row_of_person, **given}


_ROWS: dict[str, dict[str, object] | None] = {
    "ada": _roster(2, "ada"),
    "bob": _roster(3, "bob", role="CoHost", account_id="company", user_id="bob"),
    "cleo": _roster(4, "cleo", job_title="Poet"),
    "dora": _roster(5, "dora"),
    "eve": _roster(6, "eve"),
    "finn": _roster(7, "finn", role="Host"),
    "gus": None,
}
_BOB = "linked user: guest -> bob, role: Panelist -> CoHost (removed and added: the link changes)"
_MAILED = "RingCentral has mailed them itself (--include-already-mailed mails them anyway)"
_STRANGER = "registered, but not on the roster (not added from here; --remove-foreign removes them)"
