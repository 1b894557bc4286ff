"""The mail catcher's maildir: what comes back is there, whole and private, and once."""

import stat
from datetime import UTC, datetime

import pytest

from onboarding.simulator.replying_store import ReplyingStore, ReplyRules
from onboarding.simulator.smtp_catcher import MemoryStore

AT = datetime(2027, 3, 1, 12, tzinfo=UTC)
PLAIN = b"From: events@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nNo entry here.\r\n"
SENDER = "events@example.com"


@pytest.fixture
def make_store(tmp_path):
    def make(rules: ReplyRules) -> ReplyingStore:
        return ReplyingStore(MemoryStore(), tmp_path / "replies", rules, lambda: AT)

    return make


def test_message_comes_back_to_its_sender(tmp_path, make_store):
    store = make_store(ReplyRules(bounce=frozenset({"Ada@example.com"})))

    caught = store.keep(SENDER, ("ada@EXAMPLE.com",), PLAIN)
    store.keep(SENDER, ("bob@example.com",), PLAIN)

    assert [message.number for message in store.messages()] == [caught.number, 2]
    (file,) = (tmp_path / "replies" / "new").iterdir()
    text = file.read_text()
    assert "Status: 5.1.1" in text
    assert "To: events@example.com" in text
    assert "<1@example.com>" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list((tmp_path / "replies" / "tmp").iterdir()) == []


def test_message_without_an_entry_is_not_answered(tmp_path, make_store):
    store = make_store(ReplyRules(answers={"ada@example.com": "accepted"}))

    store.keep(SENDER, ("ada@example.com",), PLAIN)

    assert list((tmp_path / "replies" / "new").iterdir()) == []
