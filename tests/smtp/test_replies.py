"""What a refusal is about: one table, and the outcome or error that follows from it."""

import pytest

from onboarding.errors import Refused, TryLater
from onboarding.model.deliveries import Deferred, Rejected, Reply
from onboarding.model.known_secrets import Secrets
from onboarding.smtp.phases import Classification, ConnectionRefusal, Phase, RefusalScope
from onboarding.smtp.providers import (
    EVERYWHERE,
    PRESETS,
    SECONDS_PER_DAY,
    SECONDS_PER_HOUR,
    SECONDS_PER_MINUTE,
    KnownReply,
    Provider,
)
from onboarding.smtp.replies import (
    as_outcome,
    classify,
    classify_by,
    clean_reply,
    find_queue_id,
    may_be_worn,
    parse_reply,
)

OUTLOOK, GOOGLE, RELAY, AMAZON = (
    Provider.MICROSOFT365,
    Provider.GMAIL,
    Provider.WORKSPACE_RELAY,
    Provider.SES,
)
US, SENDER = RefusalScope.CONNECTION, RefusalScope.SENDER
PERSON, MESSAGE = RefusalScope.RECIPIENT, RefusalScope.MESSAGE
FOR_GOOD, FOR_NOW = True, False


def reply(line: str) -> Reply:
    """Read "550 5.1.1 unknown" as it comes over the wire."""
    code, _, text = line.partition(" ")
    return parse_reply(int(code), [text])


@pytest.mark.parametrize(
    ("phase", "line", "provider", "scope", "permanent"),
    [
        # Without an enhanced code the phase tells.
        (Phase.GREETING, "554 go away", None, US, FOR_GOOD),
        (Phase.GREETING, "421 busy", None, US, FOR_NOW),
        (Phase.EHLO, "550 who are you", None, US, FOR_GOOD),
        (Phase.STARTTLS, "454 not now", None, US, FOR_NOW),
        (Phase.LOGIN, "535 wrong", None, US, FOR_GOOD),
        (Phase.LOGIN, "454 not now", None, US, FOR_NOW),
        (Phase.MAIL, "550 no", None, SENDER, FOR_GOOD),
        (Phase.MAIL, "451 not now", None, SENDER, FOR_NOW),
        (Phase.MAIL, "421 closing", None, US, FOR_NOW),
        (Phase.RCPT, "550 unknown", None, PERSON, FOR_GOOD),
        (Phase.RCPT, "450 greylisted", None, PERSON, FOR_NOW),
        (Phase.RCPT, "421 closing", None, PERSON, FOR_NOW),
        (Phase.RCPT, "452 too many", None, PERSON, FOR_NOW),
        (Phase.RCPT, "552 mailbox full", None, PERSON, FOR_GOOD),
        (Phase.DATA, "554 no", None, MESSAGE, FOR_GOOD),
        (Phase.DATA, "451 not now", None, MESSAGE, FOR_NOW),
        (Phase.DOT, "554 spam", None, MESSAGE, FOR_GOOD),
        (Phase.DOT, "451 not now", None, MESSAGE, FOR_NOW),
        # Some codes mean us wherever they come.
        (Phase.RCPT, "530 log in first", None, SENDER, FOR_GOOD),
        (Phase.DOT, "535 log in again", None, SENDER, FOR_GOOD),
        (Phase.RCPT, "454 not now", None, US, FOR_NOW),
        # Size: the one refusal of a message at MAIL FROM (RFC 1870).
        (Phase.MAIL, "552 5.3.4 too big", None, MESSAGE, FOR_GOOD),
        (Phase.MAIL, "552 too big", None, MESSAGE, FOR_GOOD),
        (Phase.MAIL, "552 5.2.3 too long", None, MESSAGE, FOR_GOOD),
        (Phase.RCPT, "552 5.3.4 too big", None, MESSAGE, FOR_GOOD),
        (Phase.MAIL, "452 4.3.4 too big now", None, MESSAGE, FOR_NOW),
        (Phase.MAIL, "555 5.5.4 unsupported option", None, MESSAGE, FOR_GOOD),
        # An address that can't be carried is that person's, wherever it is refused.
        (Phase.MAIL, "550 5.6.7 no letters beyond ASCII", None, PERSON, FOR_GOOD),
        (Phase.RCPT, "553 5.6.7 no letters beyond ASCII", None, PERSON, FOR_GOOD),
        (Phase.DOT, "550 5.6.0 broken MIME", None, MESSAGE, FOR_GOOD),
        # Addresses and mailboxes: at MAIL the sender's, from RCPT on the person's.
        (Phase.MAIL, "550 5.1.0 rejected", None, SENDER, FOR_GOOD),
        (Phase.RCPT, "550 5.1.1 unknown user", None, PERSON, FOR_GOOD),
        (Phase.DOT, "550 5.1.1 unknown user", None, PERSON, FOR_GOOD),
        (Phase.RCPT, "452 4.2.2 over quota", None, PERSON, FOR_NOW),
        (Phase.DOT, "554 5.2.1 disabled", None, PERSON, FOR_GOOD),
        (Phase.RCPT, "450 4.4.1 no answer from host", None, PERSON, FOR_NOW),
        (Phase.RCPT, "450 4.7.1 greylisted", None, PERSON, FOR_NOW),
        (Phase.RCPT, "554 5.7.1 relay access denied", None, PERSON, FOR_GOOD),
        (Phase.DOT, "550 5.7.1 looks like spam", None, MESSAGE, FOR_GOOD),
        # The sender is us in any phase.
        (Phase.RCPT, "550 5.1.8 domain not found", None, SENDER, FOR_GOOD),
        (Phase.RCPT, "550 5.1.7 bad sender", None, SENDER, FOR_GOOD),
        (
            Phase.RCPT,
            "553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b",
            None,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.RCPT,
            "450 4.1.8 <a@example.com>: Sender address rejected: Domain not found",
            None,
            SENDER,
            FOR_NOW,
        ),
        (Phase.RCPT, "550 Sender verify failed", None, SENDER, FOR_GOOD),
        (Phase.DOT, "550 5.7.26 unauthenticated", None, SENDER, FOR_GOOD),
        (
            Phase.DOT,
            "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExc",
            None,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.DOT,
            "554 5.2.252 SendAsDenied; events@example.com not allowed to send as",
            OUTLOOK,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.DOT,
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            None,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.DOT,
            "554 Message rejected: Email address is not verified.",
            AMAZON,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.RCPT,
            "550 5.7.1 Invalid credentials for relay [192.0.2.1].",
            RELAY,
            SENDER,
            FOR_GOOD,
        ),
        # A full or closing server is ours to wait for, no person's fault.
        (Phase.MAIL, "452 4.3.1 Insufficient system storage", None, US, FOR_NOW),
        (Phase.RCPT, "452 4.3.1 Insufficient system storage", None, US, FOR_NOW),
        (Phase.DOT, "452 4.3.1 Insufficient system storage", None, US, FOR_NOW),
        (Phase.RCPT, "421 4.3.2 shutting down", None, US, FOR_NOW),
        (Phase.RCPT, "451 4.3.0 temporary lookup failure", None, PERSON, FOR_NOW),
        (Phase.DOT, "451 4.3.0 queue file write error", None, MESSAGE, FOR_NOW),
        # Quotas and speed are us in any phase, and they pass, whatever the code.
        (
            Phase.DOT,
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            OUTLOOK,
            US,
            FOR_NOW,
        ),
        (
            Phase.DOT,
            "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException",
            OUTLOOK,
            SENDER,
            FOR_NOW,
        ),
        (Phase.RCPT, "550 5.7.233 tenant exceeded its daily limit", OUTLOOK, SENDER, FOR_NOW),
        (Phase.RCPT, "550 5.4.5 Daily user sending limit exceeded", GOOGLE, SENDER, FOR_NOW),
        (Phase.DOT, "550 5.4.5 Daily SMTP relay limit exceeded", None, SENDER, FOR_NOW),
        (
            Phase.DOT,
            "550 5.7.1 Daily SMTP relay limit exceeded for customer",
            RELAY,
            SENDER,
            FOR_NOW,
        ),
        (Phase.RCPT, "421 4.7.0 Try again later, closing connection", GOOGLE, US, FOR_NOW),
        (Phase.RCPT, "421 4.7.0 too many errors", None, US, FOR_NOW),
        (Phase.RCPT, "421 4.7.28 unusual rate", GOOGLE, US, FOR_NOW),
        (Phase.DOT, "454 Throttling failure: Maximum sending rate exceeded.", AMAZON, US, FOR_NOW),
        (
            Phase.DOT,
            "454 Throttling failure: Daily message quota exceeded.",
            AMAZON,
            SENDER,
            FOR_NOW,
        ),
        (Phase.MAIL, "451 4.7.500 Server busy", OUTLOOK, US, FOR_NOW),
        (Phase.RCPT, "451 4.4.5 congestion", None, US, FOR_NOW),
        (Phase.GREETING, "554 5.7.0 too many connections", None, US, FOR_NOW),
        (
            Phase.RCPT,
            "451 4.7.650 temporarily rate limited due to IP reputation",
            None,
            US,
            FOR_NOW,
        ),
        # Log-ins.
        (Phase.LOGIN, "454 4.7.0 Too many login attempts", GOOGLE, US, FOR_NOW),
        (Phase.LOGIN, "432 4.7.12 a password transition is needed", None, US, FOR_NOW),
        (Phase.LOGIN, "534 5.7.9 Application-specific password required", GOOGLE, SENDER, FOR_GOOD),
        (Phase.LOGIN, "535 5.7.139 Authentication unsuccessful", OUTLOOK, SENDER, FOR_GOOD),
        (
            Phase.MAIL,
            "550 5.7.30 Basic authentication is not supported for Client Submission",
            None,
            SENDER,
            FOR_GOOD,
        ),
        (
            Phase.RCPT,
            "550 5.7.30 Basic authentication is not supported for Client Submission",
            None,
            SENDER,
            FOR_GOOD,
        ),
        (Phase.RCPT, "538 5.7.11 encryption needed", None, SENDER, FOR_GOOD),
    ],
)
def test_refusal_is_about_the_right_thing(phase, line, provider, scope, permanent):
    meaning = classify(phase, reply(line), provider)

    assert (meaning.scope, meaning.permanent) == (scope, permanent)


@pytest.mark.parametrize(
    ("phase", "line", "provider", "wait", "hint"),
    [
        (
            Phase.DOT,
            "432 4.3.2 sender thread limit exceeded",
            OUTLOOK,
            SECONDS_PER_MINUTE,
            "lower [smtp] max_connections",
        ),
        (
            Phase.RCPT,
            "550 5.4.5 Daily user sending limit exceeded",
            GOOGLE,
            SECONDS_PER_DAY,
            "run again tomorrow",
        ),
        (Phase.LOGIN, "454 4.7.0 Too many login attempts", GOOGLE, 3600.0, "in an hour"),
        (Phase.LOGIN, "535 5.7.139 Authentication unsuccessful", OUTLOOK, None, "use [smtp.m365]"),
        (Phase.MAIL, "530 5.7.0 Authentication required", None, None, "wants a log-in"),
        (Phase.RCPT, "450 4.7.1 greylisted", None, None, ""),
    ],
)
def test_known_answer_tells_how_long_to_wait_and_what_to_do(phase, line, provider, wait, hint):
    meaning = classify(phase, reply(line), provider)

    assert meaning.retry_after == wait
    assert hint in meaning.hint


@pytest.mark.parametrize("scope", list(RefusalScope))
@pytest.mark.parametrize("provider", [None, *Provider])
def test_one_row_says_what_a_providers_452_at_rcpt_means(scope, provider):
    """Added to any provider's replies it decides before codes and phases, in its own phase only."""
    line = reply("452 4.3.1 Mailbox store is busy")
    row = KnownReply(
        452,
        ("4.3.1",),
        "store is busy",
        Phase.RCPT,
        scope,
        retry_after=SECONDS_PER_HOUR,
        hint="Wait.",
    )
    rows = (row, *(PRESETS[provider].replies if provider else ()), *EVERYWHERE)

    meant = Classification(scope, False, SECONDS_PER_HOUR, "Wait.")  # noqa: FBT003
    assert classify_by(rows, Phase.RCPT, line) == meant
    for phase in set(Phase) - {Phase.RCPT}:
        assert classify_by(rows, phase, line) == classify(phase, line, provider)
    assert classify(Phase.RCPT, line, provider) == Classification(
        RefusalScope.CONNECTION, permanent=False
    )


@pytest.mark.parametrize(
    "line",
    [
        "421 4.7.0 mail.example.com Error: too many connections from 192.0.2.1",
        "421 Too many concurrent SMTP connections; please try again later.",
        "421 4.3.2 Too many open connections.",
        (
            "421 4.3.2 The maximum number of concurrent server connections "
            "has exceeded a limit per source"
        ),
        "421 4.3.2 Connection rate limit exceeded.",
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
        "432 4.3.2 Concurrent connections limit exceeded",
        "450 4.7.1 too many connections",
        "554 5.7.0 Too many connections",
        "454 4.7.0 Too many concurrent logins",
        "452 Too many simultaneous sessions",
        "421 4.7.0 Maximum number of connections from user+IP exceeded",
    ],
)
@pytest.mark.parametrize("phase", list(Phase))
def test_one_connection_too_many_is_seen_in_any_words_at_any_phase(phase, line):
    with pytest.raises(ConnectionRefusal) as raised:
        as_outcome(phase, reply(line), "mail.example.com:587")

    assert raised.value.crowded
    assert "lower [smtp] max_connections" in raised.value.hint


@pytest.mark.parametrize("phase", [Phase.RCPT, Phase.DATA, Phase.DOT])
@pytest.mark.parametrize("fresh", [True, False])
def test_closing_is_about_the_connection_and_names_what_it_may_mean_for_the_message(phase, fresh):
    with pytest.raises(ConnectionRefusal) as raised:
        as_outcome(phase, reply("421 closing"), "mail.example.com:587", fresh=fresh)

    assert raised.value.fresh is raised.value.crowded is fresh
    assert raised.value.deferred is not None
    assert raised.value.deferred.reply == reply("421 closing")


@pytest.mark.parametrize(
    ("phase", "line", "worn"),
    [
        (Phase.MAIL, "421 closing", True),
        (Phase.DOT, "421 closing", True),
        (Phase.RCPT, "452 4.5.3 Too many recipients", True),
        (Phase.MAIL, "550 5.7.1 Too many messages in this session", True),
        (Phase.MAIL, "451 4.3.0 enough", True),
        (Phase.MAIL, "451 4.7.500 Server busy", False),
        (Phase.MAIL, "550 5.7.1 not you", False),
        (Phase.RCPT, "450 4.7.1 greylisted", False),
        (Phase.RCPT, "550 5.1.1 unknown", False),
    ],
)
def test_refusal_that_a_new_connection_may_not_meet(phase, line, worn):
    assert may_be_worn(phase, reply(line)) is worn


def test_refused_recipient_is_rejected_with_the_reply():
    refused = reply("550 5.1.1 unknown")

    assert as_outcome(Phase.RCPT, refused, "mail.example.com:587") == Rejected(
        "the mail server refuses this address", refused
    )


def test_recipient_put_off_is_deferred_with_the_reply():
    refused = reply("450 4.7.1 greylisted")

    assert as_outcome(Phase.RCPT, refused, "mail.example.com:587") == Deferred(
        "the mail server does not take this address now", refused
    )


@pytest.mark.parametrize(
    ("phase", "line", "error", "hint"),
    [
        (
            Phase.MAIL,
            "550 5.7.1 no",
            Refused,
            "Check [brand] sender: the account must be allowed to send as it.",
        ),
        (
            Phase.MAIL,
            "451 4.3.2 later",
            ConnectionRefusal,
            "Nothing is lost: run again in a while.",
        ),
        (Phase.RCPT, "550 5.4.5 daily limit", TryLater, "A daily limit is reached"),
        (
            Phase.DOT,
            "535 log in",
            Refused,
            "Check [smtp] and [brand] sender, or ask the server's administrator",
        ),
    ],
)
def test_refusal_of_us_stops_the_run_with_the_servers_words_and_a_hint(phase, line, error, hint):
    with pytest.raises(error) as raised:
        as_outcome(phase, reply(line), "mail.example.com:587")

    assert type(raised.value) is error
    assert raised.value.message == f"The mail server mail.example.com:587 refuses {phase}: {line}"
    assert raised.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["5.1.1 unknown"], Reply(550, "unknown", "5.1.1")),
        (
            ["5.1.1 The account", "5.1.1 does not exist."],
            Reply(550, "The account does not exist.", "5.1.1"),
        ),
        (["5.1.1"], Reply(550, "", "5.1.1")),
        (["unknown"], Reply(550, "unknown")),
        ([""], Reply(550, "")),
        (["9.1.1 odd"], Reply(550, "9.1.1 odd")),
        (["see 5.1.1 below"], Reply(550, "see 5.1.1 below")),
        (["red \x1b[31malert\x07", "\u202egreen"], Reply(550, "red alert green")),
        (["see https://v.example/j/abc"], Reply(550, "see (link to v.example)")),
    ],
)
def test_reply_is_one_clean_line_with_its_enhanced_code_apart(lines, expected):
    assert clean_reply(parse_reply(550, lines)) == expected


def test_endless_reply_is_cut():
    assert len(clean_reply(parse_reply(550, ["x " * 100_000])).text) == 1000


def test_queue_id_is_read_before_the_reply_is_cleaned():
    name = "0100018e3a5b6c7d-1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d-000000"

    assert clean_reply(parse_reply(250, [f"Ok {name}"])).queue_id == name
    assert clean_reply(parse_reply(250, ["Ok: queued as 4XyZ1 https://v.example/j"])) == Reply(
        250, "Ok: queued as 4XyZ1 (link to v.example)", queue_id="4XyZ1"
    )


def test_queue_id_that_holds_a_secret_is_none():
    cleaned = clean_reply(
        parse_reply(250, ["Ok: queued as 8f3a9c0d1e2b4a5f6a7b"]), Secrets.of("8f3a9c0d1e2b4a5f6a7b")
    )

    assert cleaned == Reply(250, "Ok: queued as (removed)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ok: queued as 4XyZ1Bq2cFz9", "4XyZ1Bq2cFz9"),
        ("OK id=1sABCd-000000001Xy-2zQ9", "1sABCd-000000001Xy-2zQ9"),
        (
            "<1@example.com> [InternalId=81234567890, Hostname=A.example.com] 9 bytes Queued mail",
            "81234567890",
        ),
        ("48AB12cd012345 Message accepted for delivery", "48AB12cd012345"),
        ("OK 1754000000 a1b2c3d4-5e6f7a8b9c0.12 - gsmtp", "a1b2c3d4-5e6f7a8b9c0.12"),
        ("ok 1754000000 qp 12345", "12345"),
        ("Ok 0100019abcdef012-3456-000000", "0100019abcdef012-3456-000000"),
        ("OK", ""),
        ("Thanks", ""),
    ],
)
def test_queue_id_is_found_where_the_server_names_one(text, expected):
    assert find_queue_id(text) == expected
