"""What came back by mail, over a whole stage: matched, recorded, and heeded by the next run."""

import os
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from onboarding.cli.terminal import NoProgress
from onboarding.ledger import bounces, events
from onboarding.pipeline.by_hand import LockedWebinar
from onboarding.pipeline.check import run_checks
from onboarding.pipeline.hand_off import read_report
from onboarding.pipeline.inbox import InboxReading, read_one, read_replies
from onboarding.pipeline.target import find_target
from onboarding.plan import Options
from onboarding.simulator.smtp_catcher import MailRules
from tests.clock import Clock
from tests.inbox import replies, reports
from tests.stage import HOST, NAME, PANELIST, ROOMY, SESSION, WEBINAR, Stage, panelist, stage

pytestmark = pytest.mark.anyio

GUEST = "guest1@example.com"


def mail(scene: Stage, recipient: str, *, latest: bool = False) -> str:
    """The Message-ID of the message that a person was sent."""
    sent = [message for message in scene.messages() if message["To"] and recipient in message["To"]]
    return sent[-1 if latest else 0]["Message-ID"]


def bounce(scene: Stage, recipient: str = GUEST, name: str = "POSTFIX", **changes: str) -> str:
    """A report about the message to a person."""
    text = getattr(reports, name)
    for old, new in {
        reports.MESSAGE_ID: mail(scene, recipient),
        reports.ENVELOPE_ID: "no-such-id",
        "4XkTq91Zz8": "NoSuchQueue",
        "ada@example.com": recipient,
        **changes,
    }.items():
        text = text.replace(old, new)
    return text


@pytest.fixture
async def scene(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1), panelist(2)]) as opened:
        make_maildir(opened)
        await opened.run()
        yield opened


def make_maildir(scene: Stage) -> None:
    for part in ("new", "cur", "tmp"):
        (scene.folder / "mail" / part).mkdir(parents=True)
    scene.variables["ONBOARDING_REPLIES__MAILDIR"] = str(scene.folder / "mail")


def deliver(scene: Stage, text: str, name: str = "1") -> Path:
    """Put a message into the mailbox, as a mail server does."""
    file = scene.folder / "mail" / "new" / f"{name}.example"
    file.write_bytes(text.encode())
    when = scene.clock.now().timestamp()
    os.utime(file, (when, when))
    return file


async def read(scene: Stage) -> InboxReading:
    async with scene.rooms() as opened:
        return await read_replies(opened)


async def take(scene: Stage, text: str) -> InboxReading:
    async with scene.rooms() as opened:
        return await read_one(opened, text.encode())


async def test_message_that_comes_back_is_bounced_with_code_and_words(scene):
    deliver(scene, bounce(scene))

    reading = await read(scene)

    [news] = reading.news
    assert (news.email, news.what, reading.handled, reading.unmatched) == (GUEST, "bounced", 1, 0)
    found = {record.delivery.email: record for record in (await scene.status()).records}[GUEST]
    assert found.delivery.state == "bounced"
    assert found.reply == (
        f"550 5.1.1 <{GUEST}>: Recipient address rejected: User unknown in virtual mailbox table"
    )


async def test_reading_twice_from_two_places_changes_nothing(scene):
    text = bounce(scene)
    deliver(scene, text, "1")
    first = await read(scene)
    again = await read(scene)
    deliver(scene, "Delivered-To: bounces@example.com\n" + text, "2")
    copy = await read(scene)
    piped = await take(scene, text)

    assert len(first.news) == 1
    assert [found.news for found in (again, copy, piped)] == [(), (), ()]
    assert (await scene.states())[GUEST] == "bounced"


async def test_message_that_is_made_to_do_harm_keeps_no_other_from_being_read(scene):
    deliver(scene, "From: " + "(" * 5000 + "\n\nhello", "1")
    deliver(scene, "From: a@example.com\n" + "Content-Type: message/rfc822\n\n" * 3000, "2")
    deliver(scene, bounce(scene), "3")

    reading = await read(scene)

    assert ([news.email for news in reading.news], reading.handled) == ([GUEST], 1)


async def test_only_what_is_ours_is_marked_as_seen(scene):
    ours = deliver(scene, bounce(scene), "ours")
    other = deliver(scene, reports.NEWSLETTER, "other")
    foreign = deliver(scene, reports.QMAIL, "foreign")

    reading = await read(scene)

    assert (reading.handled, reading.unmatched) == (1, 1)
    assert not ours.exists()
    assert (scene.folder / "mail" / "cur" / "ours.example:2,S").exists()
    assert other.exists()
    assert foreign.exists()


async def test_closed_address_gets_nothing_more_until_a_person_says_so(scene):
    await take(scene, bounce(scene))
    scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
    before = len(scene.told())

    moved = await scene.run()

    assert sorted(scene.told()[before:]) == ["guest2@example.com", HOST["email"]]
    assert [item.skip for item in moved.skipped if item.invitee.email == GUEST] == ["suppressed"]
    assert list((await scene.status()).suppressed) == [GUEST]

    await scene.decide(LockedWebinar.retry, [GUEST])
    await scene.run()

    assert scene.told()[before + 2 :] == [GUEST]
    assert (await scene.states())[GUEST] == "sent"


async def test_person_whose_message_came_back_and_who_is_removed_needs_no_one(scene):
    await take(scene, bounce(scene))
    before = len(scene.told())
    scene.write_roster([HOST, panelist(2)])

    removed = await scene.run(Options(remove=True))

    assert (await scene.states())[GUEST] == "cancelled"
    assert (removed.exit_code, len(scene.told())) == (0, before)


async def test_other_failures_stop_that_message_only(scene):
    await take(scene, bounce(scene, name="EXCHANGE_GERMAN"))
    scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))

    await scene.run()

    assert (await scene.states())[GUEST] == "sent"


async def test_person_can_stop_all_mail_to_an_address(scene):
    await scene.decide(LockedWebinar.suppress, [GUEST])
    scene.ringcentral.account.move_session(WEBINAR, SESSION, timedelta(hours=1))
    before = len(scene.told())

    await scene.run()

    assert GUEST not in scene.told()[before:]
    assert "by hand" in (await scene.status()).suppressed[GUEST]


async def test_report_that_is_read_again_does_not_return_the_second_copy(scene):
    text = bounce(scene)
    await take(scene, text)
    await scene.decide(LockedWebinar.retry, [GUEST])
    await scene.run()

    await take(scene, text)

    assert (await scene.states())[GUEST] == "sent"


async def test_full_mailbox_is_told_and_closes_no_address(scene):
    await take(scene, bounce(scene, name="EXCHANGE_GERMAN"))

    async with scene.rooms() as opened:
        assert await opened.ledger.run(bounces.load_suppressed, 1) == {}
    assert (await scene.states())[GUEST] == "bounced"


@pytest.mark.parametrize(
    ("name", "event"),
    [("POSTFIX_DELAYED", "delayed"), ("POSTFIX_RELAYED", "relayed"), ("VACATION", "auto_reply")],
)
async def test_what_is_no_failure_is_an_event_only(scene, name, event):
    reading = await take(scene, bounce(scene, name=name))

    assert (reading.news, reading.handled) == ((), 1)
    assert (await scene.states())[GUEST] == "sent"
    async with scene.rooms() as opened:
        history = await opened.ledger.run(events.list_events, GUEST)
    assert history[-1].what == event


async def test_bounce_of_a_rehearsal_is_an_event_only(tmp_path):
    async with stage(tmp_path, [HOST, PANELIST]) as scene:
        await scene.run(to="tester@example.com")
        text = bounce(scene, "tester@example.com")

        reading = await take(scene, text)

        assert (reading.news, reading.handled) == ((), 1)
        async with scene.rooms() as opened:
            assert await opened.ledger.run(bounces.load_suppressed, 1) == {}


async def test_token_in_the_return_address_names_the_message(tmp_path):
    async with stage(tmp_path, [HOST, panelist(1)]) as scene:
        sender = "bounces+{token}@brightwater.example"
        scene.variables["ONBOARDING_SMTP__ENVELOPE_SENDER"] = sender
        await scene.run()
        senders = {message.recipients[0]: message.sender for message in scene.mail.messages()}
        report = bounce(
            scene,
            GUEST,
            **{reports.VERP: senders[GUEST], mail(scene, GUEST): "<none@nowhere.example>"},
        )
        forged = report.replace("bounces+", "bounces+ffff")

        assert len(set(senders.values())) == 2
        assert (await take(scene, forged)).unmatched == 1
        assert (await take(scene, report)).handled == 1
        assert (await scene.states())[GUEST] == "bounced"


def answer(uid: str, participation: str, sequence: int = 0, **more: str) -> str:
    return replies.mail(
        replies.calendar(
            participation,
            uid=uid,
            sequence=f"SEQUENCE:{sequence}",
            attendee=more.pop("attendee", f"mailto:{GUEST}"),
            stamp=more.pop("stamp", "DTSTAMP:20270301T130000Z"),
            **more,
        ),
        sender=more.get("sender", GUEST),
        subject=participation,
    ).replace("reply-1", f"reply-{participation}-{more.get('stamp', '')}")


async def uid_of(scene: Stage, email: str = GUEST) -> str:
    records = {record.delivery.email: record for record in (await scene.status()).records}
    return records[email].delivery.uid


async def test_latest_answer_to_our_entry_holds(scene):
    uid = await uid_of(scene)

    accepted = await take(scene, answer(uid, "ACCEPTED"))
    declined = await take(scene, answer(uid, "DECLINED", stamp="DTSTAMP:20270301T140000Z"))
    late = await take(scene, answer(uid, "TENTATIVE", stamp="DTSTAMP:20270301T120000Z"))

    assert [news.what for news in (*accepted.news, *declined.news)] == ["accepted", "declined"]
    assert late.news == ()
    target = find_target(scene.config, NAME)
    report, _ = read_report(scene.config, [target], scene.clock.now(), NoProgress())
    assert {person.email: person.answer for person in report.webinars[0].people}[
        GUEST
    ] == "declined"
    assert {key: given.answer for key, given in (await scene.status()).answers.items()} == {
        GUEST: "declined"
    }


async def test_answer_without_our_uid_counts_for_nothing(scene):
    forged = await take(scene, answer("0" * 40 + "@brightwater.example", "DECLINED"))

    assert (forged.news, forged.handled, forged.unmatched) == ((), 0, 1)
    assert (await scene.status()).answers == {}


async def test_another_persons_answer_is_told_once_and_changes_no_answer(scene):
    uid = await uid_of(scene)
    other = {"attendee": "mailto:bob@example.com"}

    first = await take(scene, answer(uid, "ACCEPTED", **other).replace(GUEST, "bob@example.com"))
    second = await take(
        scene,
        answer(uid, "DECLINED", **other)
        .replace(GUEST, "bob@example.com")
        .replace("reply", "again"),
    )

    assert [news.what for news in first.news] == ["forwarded"]
    assert first.news[0].detail == "bob@example.com answered (accepted)"
    assert [news.what for news in second.news] == []
    assert (await scene.status()).answers == {}


async def test_cron_reads_first_and_says_once_what_is_new(scene, capsys):
    deliver(scene, bounce(scene))

    await scene.cron()
    first = capsys.readouterr().out
    await scene.cron()
    second = capsys.readouterr().out

    assert f"{NAME}: the message to Guest1 Example ({GUEST}) came back: 550 5.1.1" in first
    assert "came back" not in second


async def test_mailbox_that_can_not_be_read_is_said_once_and_stops_nothing(scene, capsys):
    scene.variables["ONBOARDING_REPLIES__MAILDIR"] = str(scene.folder / "gone")

    first_code = await scene.cron()
    first = capsys.readouterr().err
    second_code = await scene.cron()
    second = capsys.readouterr().err

    assert "The mailbox" in first
    assert "gone" in first
    assert "can't be read" not in second
    assert (first_code, second_code) == (2, 2)


async def test_check_says_whether_mailbox_and_log_can_be_read(scene):
    (scene.folder / "mail.log").write_text("")
    scene.variables["ONBOARDING_SMTP__SENT__LOG"] = str(scene.folder / "mail.log")
    async with scene.rooms() as opened:
        good = [result async for result in run_checks(opened, []) if result.what in PLACES]
    (scene.folder / "mail.log").unlink()
    scene.variables["ONBOARDING_REPLIES__MAILDIR"] = "/no/such/folder"
    async with scene.rooms() as opened:
        bad = [result async for result in run_checks(opened, []) if result.what in PLACES]

    assert [(result.what, result.ok) for result in good] == [(what, True) for what in PLACES]
    assert [(result.what, result.ok) for result in bad] == [(what, False) for what in PLACES]


PLACES = ("replies", "sent messages")


async def test_order_in_which_things_come_back_makes_no_difference(tmp_path):
    """Six people, to whom the same three things happen, in each order."""
    orders = list(permutations(("bounce", "delay", "answer")))
    people = [panelist(number) for number in range(len(orders))]
    async with stage(tmp_path, [HOST, *people]) as scene:
        await scene.run()
        told = len(scene.told())
        for person, things in zip(people, orders, strict=True):
            email = person["email"]
            texts = {
                "bounce": bounce(scene, email),
                "delay": bounce(scene, email, "POSTFIX_DELAYED"),
                "answer": answer(await uid_of(scene, email), "ACCEPTED").replace(GUEST, email),
            }
            for number, thing in enumerate(things):
                # Each has an identity of its own, and comes twice.
                unique = texts[thing].replace("Message-I", f"X: {number}\nMessage-I", 1)
                await take(scene, unique)
                await take(scene, unique)
        await scene.run()

        status = await scene.status()
        assert {
            record.delivery.email for record in status.records if record.reply[:9] == "550 5.1.1"
        } == {person["email"] for person in people}
        assert {given.answer for given in status.answers.values()} == {"accepted"}
        assert len(status.answers) == len(people)
        assert len(scene.told()) == told


class ClockOfMail(Clock):
    """A clock whose first wait ends with the message to the guest in the mailbox again."""

    def __init__(self, scene: Stage) -> None:
        super().__init__(scene.clock.now())
        self._scene = scene

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        deliver(self._scene, bounce(self._scene))


async def test_run_that_lingers_reads_the_mailbox_again_before_it_sends(tmp_path, capsys):
    rules = MailRules(defer_once=frozenset({HOST["email"]}))
    async with stage(tmp_path, [HOST, panelist(1)], mail_rules=rules, limits=ROOMY) as scene:
        make_maildir(scene)
        scene.clock = ClockOfMail(scene)

        assert await scene.cron(linger=timedelta(minutes=4)) == 1

        assert scene.told() == [GUEST, HOST["email"]]
        assert await scene.states() == {HOST["email"]: "sent", GUEST: "bounced"}
        assert capsys.readouterr().out.count("came back") == 1


async def test_what_was_read_before_a_fault_is_told_all_the_same(scene, capsys):
    scene.variables["ONBOARDING_ALERTS__TO"] = "producer@example.com"
    deliver(scene, answer(await uid_of(scene), "DECLINED"))
    # What stands in the way of the flag for "seen".
    (scene.folder / "mail" / "cur" / "1.example:2,S" / "x").mkdir(parents=True)
    before = len(scene.told())

    assert await scene.cron() == 2
    first = capsys.readouterr()
    scene.clock.pass_time(minutes=5)
    assert await scene.cron() == 2
    again = capsys.readouterr()

    assert f"launch: Guest1 Example ({GUEST}) has declined." in first.out
    assert "can't be marked as seen" in first.err
    assert (again.out, again.err) == ("", "")
    assert scene.told()[before:] == ["producer@example.com"]
    text = scene.messages()[-1].get_content()
    assert "launch: 1 person has declined." in text
    assert "the mailbox of [replies] can't be read." in text
