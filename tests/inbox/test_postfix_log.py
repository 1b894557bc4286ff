"""What Postfix's log proves, line by line."""

import pytest

from onboarding.errors import ConfigurationError
from onboarding.inbox.postfix_log import find_logged

OURS = "<" + "1a" * 20 + "@brightwater.example>"
OTHER = "<" + "2b" * 20 + "@brightwater.example>"
HEAD = "Mar  1 12:00:00 mail postfix"
CLEANUP = f"{HEAD}/cleanup[11]: 4XkTq91Zz8: message-id={OURS}\n"
ACTIVE = (
    f"{HEAD}/qmgr[12]: 4XkTq91Zz8: from=<events@brightwater.example>, size=4711, nrcpt=1 "
    "(queue active)\n"
)
SENT = (
    f"{HEAD}/smtp[13]: 4XkTq91Zz8: to=<ada@example.com>, relay=mx[192.0.2.1]:25, delay=1, "
    "dsn=2.0.0, status=sent (250 ok)\n"
)
DEFERRED = SENT.replace("status=sent (250 ok)", "status=deferred (timed out)")
MODERN = "2027-03-01T12:00:00.123456+00:00 mail "


def find(tmp_path, text: str, *ids: str) -> set[str]:
    log = tmp_path / "mail.log"
    log.write_text(text)
    return find_logged(log, ids or (OURS,))


@pytest.mark.parametrize(
    "text",
    [
        CLEANUP + ACTIVE,
        CLEANUP + SENT,
        CLEANUP + DEFERRED,
        (CLEANUP + ACTIVE).replace("Mar  1 12:00:00 mail ", MODERN),
        (CLEANUP + ACTIVE).replace("postfix/", "postfix-out/submission/"),
        CLEANUP.replace("message-id", "resent-message-id") + ACTIVE,
    ],
)
def test_message_that_was_in_the_queue_is_found(tmp_path, text):
    assert find(tmp_path, text) == {OURS}


@pytest.mark.parametrize(
    "text",
    [
        "",
        # Written before the final dot: the message may never have come.
        CLEANUP,
        ACTIVE,
        CLEANUP + ACTIVE.replace("4XkTq91Zz8", "9AbCdEfGhI"),
        CLEANUP + ACTIVE.replace("queue active", "queue hold"),
        CLEANUP.replace(OURS, OTHER) + ACTIVE,
        # The Message-ID as a part of another one.
        CLEANUP.replace(OURS, f"<x{OURS[1:]}") + ACTIVE,
        # The queue id was used again by another message.
        CLEANUP + CLEANUP.replace(OURS, OTHER) + ACTIVE,
        # What a client says is no line of cleanup.
        f"{HEAD}/smtpd[9]: NOQUEUE: reject: helo=</cleanup[1]: 4XkTq91Zz8: message-id={OURS}\n"
        + ACTIVE,
        CLEANUP + f"{HEAD}/smtpd[9]: x: from=<a b/qmgr[12]: 4XkTq91Zz8: from=<> (queue active)\n",
    ],
)
def test_what_proves_nothing_is_not_found(tmp_path, text):
    assert find(tmp_path, text) == set()


def test_log_before_the_last_rotation_counts(tmp_path):
    (tmp_path / "mail.log.1").write_text(CLEANUP)

    assert find(tmp_path, ACTIVE) == {OURS}


def test_log_that_can_not_be_read_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"mail\.log can't be read"):
        find_logged(tmp_path / "mail.log", [OURS])


def test_bytes_that_are_no_text_are_passed_over(tmp_path):
    log = tmp_path / "mail.log"
    log.write_bytes(b"\xff\x00" * 9000 + b"\n" + (CLEANUP + ACTIVE).encode())

    assert find_logged(log, [OURS]) == {OURS}
