"""Mailboxes in files: what is read, in which order, how far, and what is left alone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from onboarding.errors import ConfigurationError
from onboarding.inbox.files import Maildir, Mbox
from onboarding.inbox.mailboxes import MESSAGES_AT_ONCE, MOST
from onboarding.inbox.parts import MAX_BYTES

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path) -> Path:
    for part in ("new", "cur", "tmp"):
        (tmp_path / part).mkdir()
    return tmp_path


def put(folder: Path, name: str, content: bytes = b"x", *, ago: float = 0) -> Path:
    file = folder / "new" / name
    file.write_bytes(content)
    when = NOW.timestamp() - ago
    os.utime(file, (when, when))
    return file


def read(mailbox, position=None):
    batches = list(mailbox.read(position))
    contents = [message.content for batch in batches for message in batch.messages]
    return contents, (batches[-1].position if batches else position)


def test_maildir_is_read_from_the_oldest_new_file_on(folder):
    put(folder, "b", b"second", ago=60)
    put(folder, "a", b"first", ago=120)
    put(folder, "old", ago=86400 * 15)
    mailbox = Maildir(folder, "seen", NOW)

    contents, position = read(mailbox)
    put(folder, "c", b"third", ago=-600)
    more, _ = read(mailbox, position)

    assert contents == [b"first", b"second"]
    # What came within ten minutes is read once more: its file may have come late.
    assert more == [b"first", b"second", b"third"]


def test_maildir_in_batches_and_within_a_limit(folder):
    for number in range(MESSAGES_AT_ONCE + 2):
        put(folder, f"m{number:04}", b"%d" % number, ago=1000 - number)

    batches = list(Maildir(folder, "seen", NOW).read(None))

    assert [len(batch.messages) for batch in batches] == [MESSAGES_AT_ONCE, 2]
    assert MOST > MESSAGES_AT_ONCE


def test_more_messages_than_fit_into_the_overlap_are_all_read(folder):
    put(folder, "first")
    _, position = read(Maildir(folder, "seen", NOW))
    for number in range(MOST + 10):
        put(folder, f"m{number:05}", b"%d" % number, ago=-1 - number / 100)
    mailbox = Maildir(folder, "seen", NOW)

    contents, position = read(mailbox, position)
    more, _ = read(mailbox, position)

    assert {*contents, *more} >= {b"%d" % number for number in range(MOST + 10)}


def test_maildir_file_is_read_in_part(folder):
    put(folder, "huge", b"x" * (MAX_BYTES + 1000))

    [content], _ = read(Maildir(folder, "seen", NOW))

    assert len(content) == MAX_BYTES


@pytest.mark.parametrize(("done", "place"), [("seen", "cur/m:2,S"), ("keep", "new/m")])
def test_maildir_message_of_ours_is_marked_as_the_settings_say(folder, done, place):
    put(folder, "m")

    Maildir(folder, done, NOW).mark_done(["new/m", "new/gone"])

    assert (folder / place).exists()


def test_flags_of_a_message_stay(folder):
    (folder / "cur" / "m:2,FR").write_bytes(b"x")

    Maildir(folder, "seen", NOW).mark_done(["cur/m:2,FR"])

    assert (folder / "cur" / "m:2,FRS").exists()


def test_links_in_a_maildir_are_not_followed(folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (folder / "new" / "link").symlink_to(secret)

    assert read(Maildir(folder, "seen", NOW)) == ([], None)


def test_missing_maildir_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be read: No such file or directory"):
        read(Maildir(tmp_path / "gone", "seen", NOW))


def mbox(*messages: str) -> bytes:
    return "".join(
        f"From MAILER-DAEMON Mon Mar  1 12:00:00 2027\n{one}\n\n" for one in messages
    ).encode()


def test_mbox_is_read_from_where_the_last_reading_ended(tmp_path):
    file = tmp_path / "mbox"
    file.write_bytes(mbox("A: 1\n\nfirst", "A: 2\n\ntext\nFrom within\n>From here"))
    mailbox = Mbox(file)

    contents, position = read(mailbox)
    again, _ = read(mailbox, position)
    with file.open("ab") as appended:
        appended.write(mbox("A: 3\n\nthird"))
    more, _ = read(mailbox, position)

    assert [content.split(b"\n")[0] for content in contents] == [b"A: 1", b"A: 2"]
    assert again == []
    assert [content.split(b"\n")[0] for content in more] == [b"A: 3"]


def test_message_that_is_still_being_written_is_left(tmp_path):
    file = tmp_path / "mbox"
    file.write_bytes(mbox("A: 1\n\nfirst") + b"From x Mon\nA: 2\n\nhal")

    contents, position = read(Mbox(file))
    file.write_bytes(file.read_bytes() + b"f\n\n")
    more, _ = read(Mbox(file), position)

    assert len(contents) == 1
    assert more == [b"A: 2\n\nhalf\n\n"]


def test_mbox_that_was_replaced_is_read_anew(tmp_path):
    file = tmp_path / "mbox"
    file.write_bytes(mbox(*(f"A: {number}\n\ntext" for number in range(5))))
    _, position = read(Mbox(file))
    file.write_bytes(mbox("B: 1\n\nother"))

    contents, _ = read(Mbox(file), position)

    assert len(contents) == 1


def test_mbox_without_a_line_end_is_read_within_limits(tmp_path):
    file = tmp_path / "mbox"
    file.write_bytes(mbox("A: " + "x" * (MAX_BYTES * 3)))

    [content], _ = read(Mbox(file))

    assert len(content) <= MAX_BYTES * 2


def test_file_that_is_no_mbox_is_named(tmp_path):
    file = tmp_path / "report.xlsx"
    file.write_bytes(b"PK\x03\x04 and more")

    for look in (read, Mbox.check, Mbox.find_end):
        with pytest.raises(ConfigurationError, match="is no mbox"):
            look(Mbox(file))


def test_mbox_that_is_no_file_is_named(tmp_path):
    os.mkfifo(tmp_path / "mbox")

    with pytest.raises(ConfigurationError, match="can't be read"):
        read(Mbox(tmp_path / "mbox"))


def test_first_reading_looks_back_two_weeks(folder):
    put(folder, "young", b"young", ago=timedelta(days=13).total_seconds())
    put(folder, "old", b"old", ago=timedelta(days=15).total_seconds())

    assert read(Maildir(folder, "seen", NOW))[0] == [b"young"]


def test_from_the_end_of_a_maildir_only_what_is_recent_is_read(folder):
    put(folder, "old", b"old", ago=3600)
    mailbox = Maildir(folder, "seen", NOW, limit=4)
    end = mailbox.find_end()
    put(folder, "new", b"newer", ago=-1)
    assert read(mailbox, end)[0] == [b"newe"]


def test_from_the_end_of_an_mbox_only_what_is_appended_is_read(tmp_path):
    file = tmp_path / "mbox"
    file.write_bytes(b"From a\nold\n\n")
    mailbox = Mbox(file)
    end = mailbox.find_end()
    with file.open("ab") as appended:
        appended.write(b"From b\nnew\n\n")
    assert read(mailbox, end)[0] == [b"new\n\n"]


@pytest.mark.parametrize("mailbox", [Maildir(Path("/no"), "seen", NOW), Mbox(Path("/no"))])
def test_mailbox_that_is_not_there_has_no_end(mailbox):
    with pytest.raises(ConfigurationError):
        mailbox.find_end()
