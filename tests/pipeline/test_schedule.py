"""A webinar whose clock is moved through its schedule, over real sockets."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from onboarding.cli.terminal import NoProgress
from onboarding.ledger.sqlite import open_engine
from onboarding.model.deliveries import State
from onboarding.model.kinds import Kind
from onboarding.model.sessions import SessionStatus
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.status import read_history
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules, serve_mail
from tests.ledger.making import migrate_to
from tests.pipeline.approving import approval_stage, approve_all
from tests.stage import PANELIST, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"
PEOPLE = [PANELIST, panelist(1)]
REMINDERS = 'reminder = ["-7d 09:00", "-1d 09:00", "-1h"]'


def write_schedule(scene: Stage, *lines: str) -> None:
    """Write `[messages]` in place of the one before."""
    file = scene.folder / "config.toml"
    written = file.read_text(encoding="utf-8").partition("\n[messages]\n")[0]
    file.write_text("\n".join([written, "[messages]", *lines, ""]), encoding="utf-8")


def start_of(scene: Stage) -> datetime:
    session = scene.ringcentral.account.sessions[WEBINAR, SESSION]
    return session.start


def go_to(scene: Stage, moment: datetime) -> None:
    scene.clock.time = moment


async def sent(scene: Stage, email: str = GUEST) -> list[str]:
    """The messages that left for a person, in order: the kind, or the entry."""
    records = (await scene.status()).records
    return [
        record.delivery.entry or record.delivery.kind.value
        for record in records
        if record.delivery.email == email and record.delivery.state is State.SENT
    ]


def history(scene: Stage, email: str = GUEST):
    return read_history(scene.config, email, NoProgress())


async def run_at(scene: Stage, *moments: datetime) -> list[int]:
    """Run at these moments; returns how many messages each run sent."""
    counts = []
    for moment in moments:
        go_to(scene, moment)
        counts.append((await scene.run()).sent)
    return counts


async def test_reminders_go_at_their_time_once_to_each_person(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        write_schedule(scene, REMINDERS)
        start = start_of(scene)
        moments = [start - timedelta(**ahead) for ahead in (
            {"days": 9}, {"days": 8}, {"days": 6, "hours": 12}, {"days": 6}, {"hours": 20},
            {"hours": 1}, {"minutes": 50}, {"minutes": -90},
        )]  # fmt: skip
        assert await run_at(scene, *moments) == [2, 0, 2, 0, 2, 2, 0, 0]
        expected = ["invitation", "reminder@-7d 09:00", "reminder@-1d 09:00", "reminder@-1h"]
        assert await sent(scene) == expected
        assert await sent(scene, PANELIST["email"]) == expected
        subjects = [str(message["Subject"]) for message in scene.messages()]
        assert sum(subject.startswith(("In ", "Tomorrow", "Morgen")) for subject in subjects) == 6


async def test_of_what_was_missed_the_latest_goes_and_history_names_the_others(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, REMINDERS)
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=9), start - timedelta(hours=2))
        assert await sent(scene) == ["invitation", "reminder@-1d 09:00"]
        (skipped,) = [event.detail for event in history(scene) if event.what == "skipped"]
        assert skipped == "reminder@-7d 09:00: a later one was due at the same time"
        # Said once, and past the arrival the last one is skipped, too.
        await run_at(scene, start - timedelta(minutes=5), start - timedelta(minutes=4))
        assert [event.detail for event in history(scene) if event.what == "skipped"] == [
            skipped,
            "reminder@-1h: too late",
        ]
        assert (await scene.status()).counts == {"sent": 2}


async def test_in_doubt_holds_back_its_own_entry_and_no_update(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, REMINDERS)
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=8))
        rules = MailRules(lose_reply=frozenset({GUEST}))
        usual = scene.variables["ONBOARDING_SMTP__PORT"]
        async with serve_mail(None, rules=rules) as losing:
            scene.variables["ONBOARDING_SMTP__PORT"] = str(losing.port)
            await run_at(scene, start - timedelta(days=6))
        scene.variables["ONBOARDING_SMTP__PORT"] = usual
        assert (await scene.status()).counts == {"sent": 1, "in_doubt": 1}

        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
        await run_at(scene, start - timedelta(days=5), start - timedelta(hours=20))
        assert await sent(scene) == ["invitation", "update", "reminder@-1d 09:00"]

        # A person decides about the message in doubt; its entry is not due again.
        await scene.decide(LockedWebinar.resolve_sent, None)
        assert await run_at(scene, start - timedelta(hours=19)) == [0]
        assert "reminder@-7d 09:00" in await sent(scene)


@pytest.mark.parametrize("ahead", [{"days": 60}, {"days": 8}])
async def test_a_run_by_a_clock_that_was_ahead_takes_no_entry_from_anyone(tmp_path, ahead):
    async with stage(tmp_path, PEOPLE) as scene:
        write_schedule(scene, REMINDERS, 'material = "-3d"')
        start = start_of(scene)
        begin = start - timedelta(days=7, hours=9)
        # The clock is set back after it has invited, seen the schedule, and missed some of it.
        go_to(scene, begin + timedelta(**ahead))
        await scene.cron()
        for moment in (
            begin,
            start - timedelta(days=3),
            start - timedelta(days=1),
            start - timedelta(hours=1),
        ):
            go_to(scene, moment)
            await scene.cron()

        entries = ["material", "reminder@-1d 09:00", "reminder@-1h"]
        assert sorted({*await sent(scene)} & {*entries}) == entries
        assert len(await sent(scene)) == len({*await sent(scene)})


async def test_a_moved_session_repeats_reminders_from_twelve_hours_on(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, 'reminder = "-1d"')
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=3), start - timedelta(hours=24))
        account = scene.ringcentral.account
        account.move_session(WEBINAR, SESSION, timedelta(hours=11))
        await run_at(scene, start - timedelta(hours=23), start - timedelta(hours=12))
        assert await sent(scene) == ["invitation", "reminder", "update"]
        account.move_session(WEBINAR, SESSION, timedelta(days=2))
        await run_at(scene, start - timedelta(hours=11), start + timedelta(hours=35))
        assert await sent(scene) == ["invitation", "reminder", "update", "update", "reminder"]


async def test_an_update_comes_before_the_entry_that_is_due_with_it(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, 'reminder = "-1d"')
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=3))
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=-1))
        go_to(scene, start - timedelta(hours=25))
        result = await scene.run(patience=timedelta(minutes=1))
        assert (result.sent, result.exit_code) == (2, 0)
        assert await sent(scene) == ["invitation", "update", "reminder"]
        subjects = [str(message["Subject"]).split(":")[0] for message in scene.messages()]
        assert subjects[2] == "Tomorrow"


async def test_send_after_holds_the_invitation_and_not_the_registering(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, 'send_after = "-2d"', REMINDERS)
        start = start_of(scene)
        go_to(scene, start - timedelta(days=5))
        held = await scene.run()
        assert (held.sent, held.registered, held.exit_code) == (0, 1, 0)
        (item,) = [item for item in held.skipped if item.invitee.email == GUEST]
        assert item.skip == "send_after"
        assert item.mail_reason.startswith("not before ")
        assert await run_at(scene, start - timedelta(days=3), start - timedelta(days=2)) == [0, 1]
        assert await sent(scene) == ["invitation"]


async def test_after_the_session_only_what_is_for_then_is_sent(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        after = 'reminder-after = { when = "end+1d 09:00", template = "reminder" }'
        write_schedule(scene, 'reminder = "-1h"', after)
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=3))
        scene.ringcentral.account.update_session(WEBINAR, SESSION, status=SessionStatus.FINISHED)
        scene.write_roster([panelist(1), panelist(2)])
        assert await run_at(scene, start + timedelta(hours=2)) == [0]
        go_to(scene, start + timedelta(days=2))
        assert await scene.cron() == 1  # the second person never had a message
        assert await sent(scene) == ["invitation", "reminder-after"]
        assert scene.told() == [GUEST, GUEST]


async def test_cron_sends_what_is_due_and_asks_for_nothing_else(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, REMINDERS)
        start = start_of(scene)
        go_to(scene, start - timedelta(days=8))
        assert await scene.cron() == 0
        go_to(scene, start - timedelta(days=7, hours=12))
        await scene.cron()
        idle = scene.heavy_calls()
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        assert scene.heavy_calls() == idle + 1
        go_to(scene, start - timedelta(days=6, hours=20))
        assert await scene.cron() == 0
        assert await sent(scene) == ["invitation", "reminder@-7d 09:00"]
        sent_by = scene.heavy_calls()
        scene.clock.pass_time(minutes=5)
        await scene.cron()
        assert scene.heavy_calls() == sent_by + 1


async def test_a_wrong_entry_is_said_and_the_others_go(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(
            scene,
            'reminder = "-1d"',
            'thanks = "-1h 09:00"',
            'extra = { when = "+1d", template = "reminder" }',
        )
        start = start_of(scene)
        go_to(scene, start - timedelta(days=3))
        first = await scene.run()
        assert (first.sent, first.exit_code) == (1, 1)
        wrong, misplaced = (problem.message for problem in first.problems)
        assert "[messages] thanks: '-1h 09:00' has a clock time without days." in wrong
        assert misplaced.startswith("extra: +1d is after the session's end. Write end+1d")
        assert await run_at(scene, start - timedelta(hours=24)) == [1]


async def test_kinds_keep_a_run_to_the_schedule(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, 'reminder = "-1d"')
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=3))
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=-1))
        go_to(scene, start - timedelta(hours=25))
        only = await scene.run(Options(kinds=frozenset({Kind.SCHEDULED})))
        assert only.sent == 1
        assert await sent(scene) == ["invitation", "reminder"]


async def test_a_rehearsal_takes_no_entry_from_the_real_people(tmp_path):
    async with stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, 'reminder = "-1d"')
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=3))
        go_to(scene, start - timedelta(hours=24))
        assert (await scene.run(to="me@example.com")).sent == 1
        assert (await scene.run()).sent == 1
        assert await sent(scene) == ["invitation", "reminder"]


async def test_entries_go_as_approved_and_hold_nothing_else_back(tmp_path):
    async with approval_stage(tmp_path, [panelist(1)]) as scene:
        write_schedule(scene, REMINDERS)
        start = start_of(scene)
        go_to(scene, start - timedelta(days=9))
        review = await approve_all(scene)
        shown = [message.entry for message in review.scheduled]
        assert shown == ["reminder@-7d 09:00", "reminder@-1d 09:00", "reminder@-1h"]
        assert await run_at(scene, start - timedelta(days=9), start - timedelta(days=6)) == [1, 1]

        # An hour's move lets the update pass, and the reminder, which says the new time, waits.
        scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
        go_to(scene, start - timedelta(hours=20))
        held = await scene.run()
        assert (held.sent, held.exit_code) == (1, 1)
        (problem,) = held.problems
        assert problem.code == "not_approved"
        assert "scheduled reminder@-1d 09:00, which has changed" in problem.message
        assert await sent(scene) == ["invitation", "reminder@-7d 09:00", "update"]
        await approve_all(scene)
        assert await run_at(scene, start - timedelta(hours=19)) == [1]


async def test_a_ledger_of_the_version_before_goes_on_without_a_double_or_an_update(tmp_path):
    async with stage(tmp_path, PEOPLE) as scene:
        start = start_of(scene)
        await run_at(scene, start - timedelta(days=9))
        make_older(Path(scene.config.ledger.database.removeprefix("sqlite:///")), "0004")
        assert await run_at(scene, start - timedelta(days=8)) == [0]
        write_schedule(scene, REMINDERS)
        assert await run_at(scene, start - timedelta(days=8), start - timedelta(days=6)) == [0, 2]
        assert await sent(scene) == ["invitation", "reminder@-7d 09:00"]


def make_older(ledger: Path, revision: str) -> None:
    """Turn a ledger into one of an older version, with all that it can hold."""
    newer = ledger.with_name("newer.db")
    ledger.rename(newer)
    engine = open_engine(ledger, 1.0)
    with engine.begin() as connection:
        migrate_to(connection, revision)
        names = sa.inspect(connection).get_table_names()
        columns = {
            name: [c["name"] for c in sa.inspect(connection).get_columns(name)] for name in names
        }
    engine.dispose()
    with closing(sqlite3.connect(ledger, isolation_level=None)) as old:
        old.execute("ATTACH ? AS newer", [str(newer)])
        # The copied history is the newer one's: the triggers would write it twice.
        old.execute("DROP TRIGGER tr_deliveries_queued")
        # Copies of messages were written in another form.
        for name in set(names) - {"alembic_version", "versions", "kept_messages", "kept_parts"}:
            listed = ", ".join(f'"{column}"' for column in columns[name])
            old.execute(f"INSERT INTO {name} ({listed}) SELECT {listed} FROM newer.{name}")
        (trigger,) = old.execute(
            "SELECT sql FROM newer.sqlite_master WHERE name = 'tr_deliveries_queued'"
        ).fetchone()
        old.execute(trigger)
