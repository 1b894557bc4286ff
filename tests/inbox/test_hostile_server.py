"""A mailbox server that is odd, silent, or not a mailbox server at all."""

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count

import pytest

from onboarding.errors import Interrupted, OnboardingError, Refused, TryLater
from onboarding.inbox.imap import ImapFolder, open_imap
from onboarding.inbox.imap_client import AnswerLimits
from onboarding.inbox.parts import MAX_BYTES
from onboarding.inbox.settings import RepliesSettings

SECRET = "geheim-in-the-log-in"
GOOD = {
    "CAPABILITY": "* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n",
    "LOGIN": "{tag} OK in\r\n",
    "EXAMINE": "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n{tag} OK open\r\n",
    "UID SEARCH": "* SEARCH 1 2 3 99999\r\n{tag} OK done\r\n",
    "UID FETCH": "* 1 FETCH (UID 1 BODY[]<0> {{3}}\r\nA:b)\r\n{tag} OK done\r\n",
    "LOGOUT": "* BYE\r\n{tag} OK done\r\n",
}
PLAIN = "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n"


@contextmanager
def server(**changed: str | list[str]) -> Iterator[int]:
    """A server that answers each command by its script; of several answers, by the next."""
    script = {**GOOD, **{name.replace("_", " "): text for name, text in changed.items()}}
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line, line.makefile("rb") as commands:
            line.sendall(b"* OK ready\r\n")
            for command in commands:
                tag, _, rest = command.decode().strip().partition(" ")
                name = next((name for name in script if rest.upper().startswith(name)), "")
                answer = script.get(name, "{tag} BAD what\r\n")
                text = answer.pop(0) if isinstance(answer, list) else answer
                if text == "":
                    return
                line.sendall(text.format(tag=tag).encode())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(10)
        listener.close()


@contextmanager
def endless(words: bytes, after: str = "", pause: float = 0) -> Iterator[int]:
    """A server that says the same words for ever: at once, or in answer to a command."""
    listener = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()

    def serve() -> None:
        line, _ = listener.accept()
        with line, line.makefile("rb") as commands, suppress(OSError):
            if after:
                line.sendall(b"* OK ready\r\n")
            for command in commands if after else ():
                tag, _, rest = command.decode().strip().partition(" ")
                if rest.upper().startswith(after):
                    break
                name = next(name for name in GOOD if rest.upper().startswith(name))
                line.sendall(GOOD[name].format(tag=tag).encode())
            while not cut.wait(pause):
                line.sendall(words)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        cut.set()
        thread.join(10)
        listener.close()


def read(port: int, limits: AnswerLimits | None = None, secret: str = SECRET) -> list[bytes]:
    settings = RepliesSettings.model_validate(
        {"host": "127.0.0.1", "port": port, "security": "none", "username": "events"}
    )
    now = datetime(2027, 3, 1, tzinfo=UTC)
    folder = ImapFolder(settings, secret, "seen", now, limits=limits)
    try:
        return [message.content for batch in folder.read(None) for message in batch.messages]
    finally:
        folder.close()


def test_plain_server_is_read():
    with server() as port:
        assert read(port) == [b"A:b"]


def test_server_that_no_longer_says_what_it_can_is_read():
    with server(CAPABILITY=[GOOD["CAPABILITY"], "{tag} OK done\r\n"]) as port:
        assert read(port) == [b"A:b"]


def test_bytes_beyond_what_was_asked_for_are_cut_off():
    size = MAX_BYTES + 100
    huge = f"* 1 FETCH (UID 1 BODY[] {{{{{size}}}}}\r\n{'x' * size})\r\n{{tag}} OK done\r\n"
    with server(UID_FETCH=huge) as port:
        assert [len(content) for content in read(port)] == [MAX_BYTES]


def test_messages_that_were_not_asked_for_are_left_out():
    other = "* 9 FETCH (UID 77 BODY[] {{3}}\r\nC:d)\r\n" + GOOD["UID FETCH"]
    with server(UID_FETCH=other) as port:
        assert read(port) == [b"A:b"]


def test_uid_after_the_bytes_counts_too():
    after = "* 1 FETCH (BODY[]<0> {{3}}\r\nA:b UID 2)\r\n{tag} OK done\r\n"
    with server(UID_FETCH=after) as port:
        assert read(port) == [b"A:b"]


@pytest.mark.parametrize(
    "changed",
    [
        {"LOGIN": "{tag} NO [AUTHENTICATIONFAILED] wrong: geheim-in-the-log-in\r\n"},
        {"EXAMINE": "* 3 EXISTS\r\n{tag} OK open\r\n"},
        {"EXAMINE": "* OK [UIDVALIDITY x] x\r\n* OK [UIDNEXT 4] x\r\n{tag} OK open\r\n"},
        {"EXAMINE": "{tag} NO no such folder\r\n"},
        {"UID_SEARCH": "{tag} NO not now\r\n"},
        {"UID_SEARCH": ""},
        {"UID_FETCH": "{tag} BAD\r\n"},
        {"CAPABILITY": "* CAPABILITY IMAP4rev1 Ü\r\n{tag} OK done\r\n"},
        {"CAPABILITY": PLAIN, "AUTHENTICATE": "+ x\r\n{tag} OK in\r\n"},
        {"EXAMINE": GOOD["EXAMINE"].replace("UIDNEXT 4", f"UIDNEXT {'9' * 5000}")},
        {"EXAMINE": GOOD["EXAMINE"].replace("UIDVALIDITY 7", f"UIDVALIDITY {'9' * 30}")},
        {"LOGIN": "no IMAP at all\r\n"},
        {"LOGIN": ""},
    ],
)
def test_trouble_is_an_error_in_words_without_the_secret(changed):
    with server(**changed) as port, pytest.raises(OnboardingError) as raised:
        read(port)

    assert SECRET not in str(raised.value)
    assert raised.value.message[0].isupper()
    assert raised.value.message.endswith(".")


def test_password_that_a_server_can_not_take_is_told_and_not_quoted():
    with server() as port, pytest.raises(Refused) as raised:
        read(port, secret="geheim-ü")

    assert "in ASCII only" in raised.value.message
    assert "ü" not in str(raised.value)


def test_numbers_that_are_no_uids_are_left_out():
    digits = "9" * 5000
    search = f"* SEARCH 1 {digits}\r\n{{tag}} OK done\r\n"
    fetch = f"* 9 FETCH (UID {digits} BODY[]<0> {{{{3}}}}\r\nC:d)\r\n" + GOOD["UID FETCH"]
    with server(UID_SEARCH=search, UID_FETCH=fetch) as port:
        assert read(port) == [b"A:b"]


HUGE_LITERAL = "* 1 FETCH (UID 1 BODY[]<0> {{{size}}}\r\n"


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (b"*", ""),
        (b"* 1 EXISTS\r\n", "EXAMINE"),
        (b"x", "UID SEARCH"),
        (HUGE_LITERAL.format(size=3).encode() + b"A:b)\r\n", "UID FETCH"),
    ],
)
def test_answer_that_drips_is_given_up(words, after):
    limits = AnswerLimits(seconds=0.3)
    with endless(words, after, pause=0.01) as port, pytest.raises(TryLater) as raised:
        read(port, limits)

    assert raised.value.message.startswith(f"The mailbox server 127.0.0.1:{port} can't be reached")


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (b"* OK hello\r\n" * 1000, ""),
        (b"*" * 10_000, ""),
        (b"* 1 EXISTS\r\n" * 1000, "EXAMINE"),
        (HUGE_LITERAL.format(size=3).encode() + b"A:b)\r\n", "UID FETCH"),
        (HUGE_LITERAL.format(size=2 * 10**9).encode() + b"x" * 1000, "UID FETCH"),
        (HUGE_LITERAL.format(size=10**14).encode() + b"x" * 1000, "UID FETCH"),
        (HUGE_LITERAL.format(size="9" * 5000).encode() + b"x" * 1000, "UID FETCH"),
    ],
)
def test_answer_that_never_ends_fills_no_memory(words, after):
    with endless(words, after) as port, pytest.raises(OnboardingError) as raised:
        read(port, AnswerLimits(most_bytes=100_000))

    assert raised.value.message.endswith(".")


def test_stop_signal_ends_the_wait_for_an_answer():
    asked = count()
    limits = AnswerLimits(is_stopped=lambda: next(asked) > 20)
    with endless(b"* 1 EXISTS\r\n", "EXAMINE", pause=0.01) as port, pytest.raises(Interrupted):
        read(port, limits)


@pytest.mark.anyio
async def test_stop_signal_ends_the_wait_for_a_token():
    settings = RepliesSettings.model_validate(
        {
            "host": "127.0.0.1",
            "security": "none",
            "username": "events",
            "auth": "xoauth2",
            "token_command": [sys.executable, "-c", "import time; time.sleep(600)"],
        }
    )
    stop = asyncio.Event()
    stop.set()

    with pytest.raises(Interrupted):
        await open_imap(settings, "seen", datetime.now(UTC), stop)


def test_folder_with_a_million_messages_is_asked_for_in_windows():
    million = GOOD["EXAMINE"].replace("UIDNEXT 4", "UIDNEXT 1000001")
    with server(EXAMINE=million, UID_SEARCH="* SEARCH\r\n{tag} OK done\r\n") as port:
        assert read(port) == []


def test_reading_that_takes_long_leaves_the_rest_for_the_next_time():
    with server() as port:
        assert read(port, AnswerLimits(reading=0)) == []


def test_server_that_is_not_there_is_tried_later():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TryLater, match="can't be reached"):
        read(port)
