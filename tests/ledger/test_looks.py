"""What runs have seen of each configured webinar, and how often `run --all` is started."""

from datetime import datetime, timedelta

from onboarding.ledger import looks
from onboarding.ledger.looks import LookKey
from onboarding.model.looks import Look
from tests.ledger.making import NOW, seen
from tests.samples import SERVER

KEY = LookKey(SERVER, "101", "")
HOUR = timedelta(hours=1)


def test_look_of_a_webinar_that_no_run_has_seen_is_empty(connection):
    assert looks.load_look(connection, KEY) == Look()


def test_run_that_is_killed_leaves_its_exit_code_open(connection):
    looks.record_run(connection, KEY, "digest", "roster", NOW)
    looks.record_end(connection, KEY, "inputs", 0)
    ended = Look("digest", NOW, None, "roster", "inputs", 0)
    assert looks.load_look(connection, KEY) == ended

    looks.record_run(connection, KEY, "another", "roster", NOW + HOUR)

    begun = Look("another", NOW + HOUR, None, "roster", "inputs", None)
    assert looks.load_look(connection, KEY) == begun
    assert looks.load_look(connection, KEY._replace(session_id="7")) == Look()


def test_session_that_is_gone_stays_gone_until_a_run_sees_it_again(connection):
    looks.record_asked(connection, KEY, NOW)
    looks.record_gone(connection, KEY, 2, NOW)
    gone = Look(asked_at=NOW, exit_code=2, gone_at=NOW)
    assert looks.load_look(connection, KEY) == gone

    looks.record_failure(connection, KEY, 75, "away", NOW)
    assert looks.load_look(connection, KEY).exit_code == 75
    looks.record_run(connection, KEY, "digest", "roster", NOW)
    assert looks.load_look(connection, KEY).gone_at is None


def test_refused_list_is_remembered_for_a_day_and_for_its_account(connection):
    assert not looks.is_list_refused(connection, "account", NOW)
    looks.record_refused_list(connection, "account", NOW)

    assert looks.is_list_refused(connection, "account", NOW + 23 * HOUR)
    assert not looks.is_list_refused(connection, "account", NOW + 24 * HOUR)
    assert not looks.is_list_refused(connection, "account", NOW - HOUR)
    assert not looks.is_list_refused(connection, "another", NOW)
    looks.record_refused_list(connection, "account", NOW + 24 * HOUR)
    assert looks.is_list_refused(connection, "account", NOW + 25 * HOUR)


def test_only_the_last_starts_of_run_all_are_kept(connection):
    starts = [NOW + number * timedelta(minutes=5) for number in range(12)]
    for start in (*starts, starts[-1]):
        looks.record_cron_run(connection, start)

    assert looks.list_cron_runs(connection) == starts[-looks.MOST_CRON_RUNS :]


def test_look_goes_with_the_last_session_of_its_webinar(connection):
    seen(connection)
    known, unknown = LookKey(SERVER, "webinar-1", ""), LookKey(SERVER, "999", "")
    for key in (known, unknown):
        looks.record_asked(connection, key, NOW)
    looks.remove_orphans(connection)

    assert looks.load_look(connection, known).asked_at == NOW
    assert looks.load_look(connection, unknown) == Look()


def test_an_error_is_said_once_then_once_a_day_and_again_after_a_run_that_went_on(connection):
    def fails(sentence: str, at: datetime) -> bool:
        return looks.record_failure(connection, KEY, 75, sentence, at)

    assert fails("no roster", NOW)
    assert not fails("no roster", NOW + HOUR)
    assert fails("no template", NOW + HOUR)
    assert not fails("no template", NOW + 24 * HOUR)
    assert fails("no template", NOW + 25 * HOUR)
    assert fails("no template", NOW)  # the clock was set back
    looks.record_end(connection, KEY, "inputs", 0)
    assert fails("no template", NOW + HOUR)


def test_what_only_a_person_can_correct_is_settled_until_something_changes(connection):
    looks.record_end(connection, KEY, "inputs", 1, is_settled=True)
    assert looks.load_look(connection, KEY).is_settled
    looks.record_run(connection, KEY, "digest", "roster", NOW)
    assert not looks.load_look(connection, KEY).is_settled
