"""`[messages]`: how entries are written, what a webinar changes, and what is said of each fault."""

from datetime import datetime, time
from pathlib import Path

import pytest

from onboarding.config.schedule import build_schedule
from onboarding.errors import ConfigurationError
from onboarding.model.entries import Audience, QuietHours, parse_when
from onboarding.model.people import Role

NINE = datetime.fromisoformat("2026-12-01T09:00")
FILE = Path("/etc/onboarding/config.toml")


def build(shared, own=None):
    return build_schedule(FILE, shared, own or {}, "town-hall")


def fault(shared, own=None) -> str:
    schedule = build(shared, own)
    (sentence,) = schedule.faults
    return sentence


def test_an_entry_is_a_time_a_list_of_times_or_a_table():
    schedule = build(
        {
            "hello": "-3d 09:00",
            "reminder": ["-7d 09:00", "-60m"],
            "thanks": {"when": "end+1d 09:00", "to": "joined", "template": "thank-you"},
            "agenda": {"when": "-2d", "to": ["Host", "cohost"], "attach": ["a.pdf", "/b.pdf"]},
        }
    )
    assert schedule.faults == ()
    assert [(e.id, e.key, e.template, str(e.when)) for e in schedule.entries] == [
        ("hello", "hello", "hello", "-3d 09:00"),
        ("reminder@-7d 09:00", "reminder", "reminder", "-7d 09:00"),
        ("reminder@-1h", "reminder", "reminder", "-1h"),
        ("thanks", "thanks", "thank-you", "end+1d 09:00"),
        ("agenda", "agenda", "agenda", "-2d"),
    ]
    assert [entry.is_listed for entry in schedule.entries] == [False, True, True, False, False]
    assert schedule.find("thanks").to is Audience.JOINED
    assert schedule.find("agenda").to == frozenset({Role.HOST, Role.COHOST})
    assert schedule.find("agenda").attach == (FILE.parent / "a.pdf", Path("/b.pdf"))


def test_a_webinars_own_key_replaces_the_shared_one():
    shared = {"reminder": ["-1d"], "material": "-10d", "quiet": "21:00-08:00"}
    schedule = build(shared, {"reminder": "-2h", "material": [], "quiet": "", "extra": "-3h"})
    assert [entry.id for entry in schedule.entries] == ["reminder", "extra"]
    assert schedule.quiet is None


def test_quiet_hours_and_send_after():
    schedule = build({"quiet": "21:00-08:00", "send_after": "2026-12-01 09:00"})
    assert schedule.quiet == QuietHours(time(21), time(8))
    assert schedule.send_after == NINE
    assert build({"send_after": NINE}).send_after == NINE
    assert build({"send_after": "-14d 09:00"}).send_after == parse_when("-14d 09:00")


@pytest.mark.parametrize("written", ["soon", "2026-12-01T09:00+01:00", "+1d", "start+1d", 5])
def test_a_time_to_send_after_that_is_not_understood_stops_the_program(written):
    with pytest.raises(ConfigurationError, match=r"\[messages\] send_after: ") as caught:
        build({"send_after": written})
    assert "2026-12-01 09:00" in caught.value.hint


@pytest.mark.parametrize(
    ("shared", "says"),
    [
        ({"reminder": "-1h 09:00"}, "reminder: '-1h 09:00' has a clock time without days."),
        ({"reminder": ["-1d", "-24h"]}, "reminder: -1d is there twice. Delete one of them."),
        ({"reminder": 5}, "reminder: '5' has to be a text in quotes."),
        ({"reminder": {"to": "all"}}, 'reminder: It has no time. Add when = "-1d 09:00".'),
        (
            {"reminder": {"when": "-1d", "too": "all"}},
            "reminder: Unknown key too. Did you mean to?",
        ),
        (
            {"reminder": {"when": "-1d", "to": "jioned"}},
            "joined, missing, accepted, unanswered, or a list of roles. Did you mean joined?",
        ),
        ({"reminder": {"when": "-1d", "to": ["Hots"]}}, "reminder: 'Hots' is no role."),
        ({"reminder": {"when": "-1d", "template": "../x"}}, "is no name of a template"),
        ({"reminder": {"when": "-1d", "attach": 5}}, "reminder: '5' has to be a list of texts."),
        ({"quite": "21:00-08:00"}, "Did you mean quiet?"),
        ({"Reminder": "-1d"}, "Reminder: A key is of lower-case letters, digits, - and _."),
        ({"update": "-1d"}, "update: update is a kind of message"),
        (
            {"missing": {"when": "-1h", "to": "missing"}},
            'to = "missing" can be known from start-15m on',
        ),
        ({"quiet": "21:00-"}, "quiet: '21:00-' has no begin or no end."),
    ],
)
def test_a_wrong_entry_is_one_sentence_and_the_rest_goes_on(shared, says):
    sentence = fault({**shared, "thanks": "end+1h"})
    assert sentence.startswith(f"{FILE}: [messages] ")
    assert says in sentence
    assert sentence.endswith((".", "?"))
    kept = [entry.id for entry in build({**shared, "thanks": "end+1h"}).entries]
    # Without the quiet hours that were meant, no entry goes.
    assert kept == ([] if "quiet" in shared else ["thanks"])


def test_a_fault_of_a_webinar_names_its_own_section():
    assert fault({}, {"reminder": "soon"}).startswith(
        f"{FILE}: [webinars.town-hall.messages] reminder: 'soon' is no time of an entry."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"MZ", "list.pdf can't be attached: it is a program, or starts one. Attach .csv, "),
        (None, "list.pdf can't be attached: No such file or directory. Check attach in"),
        (b"%PDF-1.7", ""),
    ],
)
def test_entry_with_a_file_that_can_not_be_attached_is_left_out(tmp_path, content, said):
    (tmp_path / "material.html.j2").write_text("x")
    (tmp_path / "soon.html.j2").write_text("x")
    if content is not None:
        (tmp_path / "list.pdf").write_bytes(content)
    shared = {"material": {"when": ["-2d", "-1d"], "attach": ["list.pdf"]}, "soon": "-1h"}

    schedule = build_schedule(tmp_path / "config.toml", shared, {}, "town-hall", [tmp_path])

    kept = [entry.key for entry in schedule.entries]
    if not said:
        assert (kept, schedule.faults) == (["material", "material", "soon"], ())
        return
    [sentence] = schedule.faults
    assert kept == ["soon"]
    assert sentence.startswith(f"{tmp_path / 'config.toml'}: [messages] material: ")
    assert said in sentence
